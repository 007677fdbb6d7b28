//! [`Decoder`]: the bytes of a response's body, decompressed.

use std::io::{self, BufRead, BufReader, Read};
use std::mem;

use flate2::bufread::GzDecoder;
use ureq::http::HeaderMap;
use ureq::http::header::CONTENT_ENCODING;

use super::error::{Error, Kind, from_io, is_bare_timeout, is_request_to_end};
use crate::runtime::wait::consume_io_budget;

/// The most times that a body may be compressed. With each, a received byte can expand a thousandfold.
const MAX_GZIPS: usize = 2;

/// The most bytes that one read decompresses, so that many reads share the time with other tasks.
const MAX_READ_SIZE: usize = 16 * 1024;

/// How many times a body with these headers is compressed by gzip; 0 if it has another encoding as well.
pub(super) fn n_gzips(headers: &HeaderMap) -> usize {
    let values = headers.get_all(CONTENT_ENCODING).iter();
    let mut n = 0;
    for encoding in values.flat_map(|value| value.as_bytes().split(|&byte| byte == b',')) {
        match &*encoding.trim_ascii().to_ascii_lowercase() {
            b"gzip" | b"x-gzip" if n < MAX_GZIPS => n += 1,
            b"identity" | b"" => {}
            _ => return 0,
        }
    }
    n
}

/// A reader for a body. Its errors are [`Error`]s, wrapped in `io::Error`.
pub(super) enum Decoder {
    Plain(Received),
    /// At the start of a compressed body.
    Start(Compressed),
    Member(Box<GzDecoder<Compressed>>),
    /// After a member of a compressed body.
    Between(Compressed),
    /// Used only while the state changes.
    Nothing,
}

/// A compressed body: the received one, or what another decoder has made of it.
type Compressed = BufReader<Box<Decoder>>;

impl Decoder {
    /// A reader for a body that is compressed `n_gzips` times.
    pub(super) fn new(body: ureq::Body, n_gzips: usize) -> Self {
        let received = Self::Plain(Received(body.into_with_config().reader()));
        (0..n_gzips).fold(received, |decoder, _| {
            Self::Start(BufReader::new(Box::new(decoder)))
        })
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
            // A few received bytes may decompress to gigabytes, or to millions of empty members, without a wait.
            consume_io_budget(1)?;
            match self {
                Self::Plain(received) => return received.read(buf),
                Self::Start(received) => match received.fill_buf()? {
                    // A response without a body: to HEAD, or of length 0.
                    [] => return Ok(0),
                    _ => self.begin_member(),
                },
                Self::Member(decoder) => {
                    let n = buf.len().min(MAX_READ_SIZE);
                    match decoder.read(&mut buf[..n]).map_err(decode_error)? {
                        0 => self.end_member(),
                        n => return Ok(n),
                    }
                }
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

/// Converts an error of the decoder itself. Errors of the connection, of a cancel and of a deadline stay as they are.
fn decode_error(error: io::Error) -> io::Error {
    let is_own = error.get_ref().is_some_and(|inner| inner.is::<Error>());
    if is_own || is_request_to_end(&error) || is_bare_timeout(&error) {
        return error;
    }
    let what = "valid for its content-encoding";
    Error::new(Kind::Decode(what)).with_source(error).into()
}
