//! [`Decoder`]: the bytes of a response's body, decompressed.

use std::io::{self, BufRead, BufReader, Read};
use std::mem;

use flate2::bufread::GzDecoder;
use ureq::http::HeaderMap;
use ureq::http::header::CONTENT_ENCODING;

use super::error::{Error, Kind, from_io};

/// Whether a body with these headers is compressed by gzip.
pub(super) fn is_gzip(headers: &HeaderMap) -> bool {
    let encoding = headers.get(CONTENT_ENCODING);
    let encoding = encoding.map_or(&b""[..], |value| value.as_bytes().trim_ascii());
    encoding.eq_ignore_ascii_case(b"gzip") || encoding.eq_ignore_ascii_case(b"x-gzip")
}

/// A reader for a body. Its errors are [`Error`]s, wrapped in `io::Error`.
pub(super) enum Decoder {
    Plain(Received),
    /// At the start of a compressed body.
    Start(BufReader<Received>),
    Member(Box<GzDecoder<BufReader<Received>>>),
    /// After a member of a compressed body.
    Between(BufReader<Received>),
    /// Used only while the state changes.
    Nothing,
}

impl Decoder {
    pub(super) fn new(body: ureq::Body, is_gzip: bool) -> Self {
        let received = Received(body.into_with_config().reader());
        match is_gzip {
            true => Self::Start(BufReader::new(received)),
            false => Self::Plain(received),
        }
    }

    fn begin_member(&mut self) {
        *self = match mem::replace(self, Self::Nothing) {
            Self::Start(received) | Self::Between(received) => {
                Self::Member(Box::new(GzDecoder::new(received)))
            }
            other => other,
        };
    }

    fn end_member(&mut self) {
        *self = match mem::replace(self, Self::Nothing) {
            Self::Member(decoder) => Self::Between(decoder.into_inner()),
            other => other,
        };
    }
}

/// Each method may suspend.
impl Read for Decoder {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        loop {
            match self {
                Self::Plain(received) => return received.read(buf),
                Self::Start(received) => match received.fill_buf()? {
                    // A response without a body: to HEAD, or of length 0.
                    [] => return Ok(0),
                    _ => self.begin_member(),
                },
                Self::Member(decoder) => match decoder.read(buf).map_err(decode_error)? {
                    0 => self.end_member(),
                    n => return Ok(n),
                },
                Self::Between(received) => match received.fill_buf()? {
                    [] => return Ok(0),
                    [0x1f, ..] => self.begin_member(),
                    // The rest is padding. Reading it to the end makes the connection reusable.
                    padding => {
                        let n = padding.len();
                        received.consume(n);
                    }
                },
                Self::Nothing => return Ok(0),
            }
        }
    }
}

/// The body as it was received.
pub(super) struct Received(ureq::BodyReader<'static>);

impl Read for Received {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.read(buf).map_err(|error| from_io(error).into())
    }
}

/// Converts an error of the decoder itself. Errors of the connection are [`Error`]s already.
fn decode_error(error: io::Error) -> io::Error {
    if error.get_ref().is_some_and(|inner| inner.is::<Error>()) {
        return error;
    }
    let what = "valid for its content-encoding";
    Error::new(Kind::Decode(what)).with_source(error).into()
}
