//! Errors of `std::io` that several modules return.

use std::io;

/// `InvalidInput` with a text.
pub(crate) fn invalid_input(text: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, text)
}
