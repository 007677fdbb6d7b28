//! [`ReadError`]: how a read of a `StreamReader` failed.

use std::error::Error;
use std::fmt;
use std::io;

/// Why a [`StreamReader`](super::StreamReader) could not read what it was asked for. Nothing of what has
/// arrived is lost: it is in the reader's buffer still, or in the error.
///
/// It turns into an `io::Error`, in which it can be found again.
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
    /// The stream has ended before. asyncio's IncompleteReadError.
    Incomplete {
        /// What there was. It is not in the reader any more.
        partial: Vec<u8>,
        /// How many bytes were asked for; `None` where it was a separator.
        expected: Option<usize>,
    },
    /// There was no separator within the limit. asyncio's LimitOverrunError.
    LimitOverrun {
        /// How many bytes there are before the separator, or certainly do not belong to one. They are in
        /// the reader still: [`read_exactly`](super::StreamReader::read_exactly) takes them.
        consumed: usize,
    },
    /// The stream has failed.
    Io(io::Error),
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Incomplete { partial, expected } => {
                let n = partial.len();
                match expected {
                    Some(expected) => {
                        write!(f, "the stream has ended after {n} of {expected} bytes")
                    }
                    None => write!(
                        f,
                        "the stream has ended after {n} bytes, without the separator"
                    ),
                }
            }
            Self::LimitOverrun { consumed } => write!(
                f,
                "{consumed} bytes have come without a separator, and that is beyond the reader's limit; take them \
                 by read_exactly, or give the reader a higher limit"
            ),
            Self::Io(error) => error.fmt(f),
        }
    }
}

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

/// `UnexpectedEof` for what is incomplete, `InvalidData` for what is too long.
impl From<ReadError> for io::Error {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Io(error) => error,
            ReadError::Incomplete { .. } => Self::new(io::ErrorKind::UnexpectedEof, error),
            ReadError::LimitOverrun { .. } => Self::new(io::ErrorKind::InvalidData, error),
        }
    }
}
