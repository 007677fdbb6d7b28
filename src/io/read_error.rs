//! [`ReadError`]: why a read of a `StreamReader` failed.

use std::error::Error;
use std::io;

use crate::util::fmt::impl_fmt;

/// Why a read of a [`StreamReader`](super::StreamReader) failed. No received bytes are lost: they are still
/// in the reader's buffer, or in the error.
///
/// It converts into an `io::Error`, from which it can be downcast again.
///
/// ```
/// use std::io::{self, ErrorKind};
/// use selvedge::io::{ReadError, StreamReader};
///
/// fn greeting() -> io::Result<Vec<u8>> {
///     Ok(StreamReader::new(&b"hel"[..]).read_exactly(5)?)
/// }
///
/// let error = greeting().unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
/// assert_eq!(error.to_string(), "the stream has ended after 3 of 5 bytes");
/// let Some(ReadError::Incomplete { partial, .. }) = error.get_ref().unwrap().downcast_ref() else {
///     unreachable!()
/// };
/// assert_eq!(partial, b"hel");
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum ReadError {
    /// The stream ended early. asyncio's IncompleteReadError.
    Incomplete {
        /// The bytes before the end. They are removed from the reader.
        partial: Vec<u8>,
        /// How many bytes were requested; `None` for a read up to a separator.
        expected: Option<usize>,
    },
    /// The limit contains no separator. asyncio's LimitOverrunError.
    LimitOverrun {
        /// The number of bytes before the separator, or that can't be part of one. They are still in the
        /// reader: [`read_exactly`](super::StreamReader::read_exactly) takes them.
        consumed: usize,
    },
    /// The stream returned an error.
    Io(io::Error),
}

impl_fmt!(Display for ReadError, |this, f| match this {
    Self::Incomplete { partial, expected } => {
        write!(f, "the stream has ended after {}", partial.len())?;
        match expected {
            Some(expected) => write!(f, " of {expected} bytes"),
            None => f.write_str(" bytes, without the separator"),
        }
    }
    Self::LimitOverrun { consumed } => write!(
        f,
        "{consumed} bytes without a separator exceed the reader's limit; take them by \
         `read_exactly`, or use a higher limit"
    ),
    Self::Io(error) => error.fmt(f),
});

impl Error for ReadError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Io(error) => error.source(),
            _ => None,
        }
    }
}

impl From<io::Error> for ReadError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// `UnexpectedEof` for `Incomplete`, `InvalidData` for `LimitOverrun`.
impl From<ReadError> for io::Error {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Io(error) => error,
            ReadError::Incomplete { .. } => Self::new(io::ErrorKind::UnexpectedEof, error),
            ReadError::LimitOverrun { .. } => Self::new(io::ErrorKind::InvalidData, error),
        }
    }
}
