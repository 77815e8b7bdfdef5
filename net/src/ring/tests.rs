//! The ring against the kernel, over loopback. Clients are plain blocking sockets on threads of their own.

mod support;

mod echo;

use support::*;
