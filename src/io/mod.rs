//! [`Pollable`] for pipes, terminals and other devices, standard input, and [`StreamReader`] for lines and
//! frames of any stream, with a limit.
//!
//! Sockets are in [`net`](crate::net), files in [`fs`](crate::fs).

mod pollable;
mod read_error;
mod stdin;
mod stream_reader;

pub use crate::error::is_cancelled::is_cancelled;
pub use pollable::Pollable;
pub use read_error::ReadError;
pub use stdin::{Stdin, stdin};
pub use stream_reader::StreamReader;
