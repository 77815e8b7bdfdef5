//! Links over loopback: between two tasks of a core, and against whoever else may come.

mod support;

mod agreeing;
mod disagreeing;
mod flow;

use super::*;
use support::*;
