//! Descriptors that can be waited for: pipes, terminals and other devices, and standard input.
//!
//! Sockets are in [`net`](crate::net), files in [`fs`](crate::fs).

mod pollable;
mod stdin;

pub use pollable::Pollable;
pub use stdin::{Stdin, stdin};
