//! [`Chunks`]: the lines between the chunks of a body, rewritten where ureq would refuse them.
//!
//! ureq accepts lines that end with a carriage return and a line feed, and at most 20 bytes at the start of a
//! chunk. It waits for more bytes where a line feed is alone, and reads trailers without a limit.

use std::mem;
use std::str;

use super::error::{Error, Kind};

/// The most bytes of the line at the start of a chunk, and of all trailers together.
const MAX_LINE_BYTES: usize = 64 * 1024;

/// The most bytes that ureq accepts in a line at the start of a chunk.
const MAX_UREQ_LINE_BYTES: usize = 20;

/// The state of a chunked body.
#[derive(Debug)]
pub(super) struct Chunks {
    part: Part,
    /// The part of a line that has arrived. ureq does not see the line before it is complete.
    line: Vec<u8>,
    /// The number of bytes of this line, or of the trailers.
    n_line_bytes: usize,
}

/// What the next byte belongs to.
#[derive(Debug)]
enum Part {
    /// The line at the start of a chunk.
    Size,
    /// A chunk, of which this number of bytes is missing.
    Data(usize),
    /// The line break after a chunk.
    DataEnd,
    /// The lines after the last chunk.
    Trailers,
    /// Bytes after the body, or after an error.
    Rest,
}

impl Chunks {
    /// The state at the start of a body.
    pub(super) fn new() -> Self {
        Self {
            part: Part::Size,
            line: Vec::new(),
            n_line_bytes: 0,
        }
    }

    /// Examines the next bytes. Returns the bytes that ureq sees instead; `None` if these are the same.
    ///
    /// Trailers are dropped.
    ///
    /// # Errors
    /// If a line or the trailers are too long.
    pub(super) fn rewrite(&mut self, bytes: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        let mut rewritten: Option<Vec<u8>> = None;
        let mut at = 0;
        while at < bytes.len() {
            let rest = &bytes[at..];
            let n_data = match self.part {
                Part::Data(n) => n.min(rest.len()),
                Part::Rest => rest.len(),
                _ => 0,
            };
            if n_data > 0 {
                if let Some(out) = &mut rewritten {
                    out.extend_from_slice(&rest[..n_data]);
                }
                match &mut self.part {
                    Part::Data(n) if *n > n_data => *n -= n_data,
                    Part::Data(_) => self.part = Part::DataEnd,
                    _ => {}
                }
                at += n_data;
                continue;
            }
            let end = rest.iter().position(|&byte| byte == b'\n');
            let n = end.map_or(rest.len(), |end| end + 1);
            self.add_to_line(&rest[..n])?;
            // Bytes in the place of a line break are an error at once.
            let is_complete =
                end.is_some() || matches!(self.part, Part::DataEnd) && self.line.len() > 1;
            if is_complete {
                self.end_line();
            }
            if !is_complete || rewritten.is_some() || self.line != rest[..n] {
                let out = rewritten.get_or_insert_with(|| bytes[..at].to_vec());
                if is_complete {
                    out.extend_from_slice(&self.line);
                }
            }
            if is_complete {
                self.line.clear();
            }
            at += n;
        }
        Ok(rewritten)
    }

    fn add_to_line(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.n_line_bytes += bytes.len();
        if self.n_line_bytes > MAX_LINE_BYTES {
            return Err(Error::new(Kind::TooLong(match self.part {
                Part::Trailers => "the trailers of the response are larger than 64 KiB",
                _ => "the line at the start of a chunk is larger than 64 KiB",
            })));
        }
        self.line.extend_from_slice(bytes);
        Ok(())
    }

    /// Rewrites the line, which is complete, and goes on to the next part.
    fn end_line(&mut self) {
        let line = self.line.strip_suffix(b"\n").unwrap_or(&self.line);
        let text = line.strip_suffix(b"\r").unwrap_or(line);
        let is_whole = text.len() + 2 == self.line.len() && !text.contains(&b'\r');
        let rewritten: Option<Vec<u8>> = match mem::replace(&mut self.part, Part::Rest) {
            Part::Size => {
                let size = size(text);
                self.part = match size {
                    Some(0) => Part::Trailers,
                    Some(n) => Part::Data(n),
                    None => Part::Rest,
                };
                match size {
                    _ if is_whole && text.len() <= MAX_UREQ_LINE_BYTES => None,
                    Some(n) => Some(format!("{n:x}\r\n").into_bytes()),
                    // ureq reports the error.
                    None => Some(b"invalid\r\n".to_vec()),
                }
            }
            Part::DataEnd if text.is_empty() => {
                self.part = Part::Size;
                (!is_whole).then(|| b"\r\n".to_vec())
            }
            Part::Trailers if text.is_empty() => (!is_whole).then(|| b"\r\n".to_vec()),
            Part::Trailers => {
                self.part = Part::Trailers;
                Some(Vec::new())
            }
            _ => Some(b"invalid\r\n".to_vec()),
        };
        if let Some(rewritten) = rewritten {
            self.line = rewritten;
        }
        if !matches!(self.part, Part::Trailers) {
            self.n_line_bytes = 0;
        }
    }
}

/// The size of a chunk, as ureq reads it from the line at its start.
fn size(line: &[u8]) -> Option<usize> {
    let digits = line.split(|&byte| byte == b';').next()?;
    usize::from_str_radix(str::from_utf8(digits).ok()?.trim(), 16).ok()
}
