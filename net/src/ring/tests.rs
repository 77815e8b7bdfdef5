//! The ring against the kernel, over loopback. Clients are plain blocking sockets on threads of their own.

mod support;

mod buffers;
mod closing;
mod connecting;
mod datagrams;
mod descriptors;
mod echo;
mod outside;
mod timers;
mod transfer;
mod wakes;

use support::*;
