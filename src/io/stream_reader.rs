//! [`StreamReader`]: lines, frames and exact lengths from a stream, with a limit.
//!
//! Bytes leave the buffer only when a read returns them, in its result or its error. An unwind in the
//! middle of a read, by a cancel or a timeout, therefore loses none.

use std::io::{self, BufRead, Read};

use super::read_error::ReadError;
use crate::runtime::wait::consume_io_budget;
use crate::sys::file::retry_interrupted;
use crate::util::byte_buffer::{ByteBuffer, SHARED_SIZE};
use crate::util::fmt::impl_debug;

/// The least space that a read of the stream gets.
const CHUNK: usize = SHARED_SIZE;

/// The space of a read that is likely to wait. It is in the frame of the read, on a page of the stack that is in use anyway.
/// Messages often have the length of a power of two, which is not to fill it.
const FIRST: usize = 513;

/// The limit of asyncio's streams, in bytes.
const DEFAULT_LIMIT: usize = 64 * 1024;

/// Reads lines, frames and exact lengths from a socket or any other `Read`: asyncio's StreamReader.
///
/// Unlike with std's `BufRead`, a peer that never sends the end of a line can't exhaust the memory: beyond
/// the limit the read fails. A read that is cancelled in the middle loses nothing.
///
/// ```
/// use std::io::Write;
/// use selvedge::io::{ReadError, StreamReader};
/// use selvedge::net::{TcpListener, TcpStream};
///
/// selvedge::run(|| {
///     let listener = TcpListener::bind("127.0.0.1:0")?;
///     let mut client = TcpStream::connect(listener.local_addr()?)?;
///     selvedge::spawn(move || client.write_all(b"PUT thread\r\n4\r\nwarpwe")).detach();
///
///     let (server, _) = listener.accept()?;
///     let mut reader = StreamReader::new(&server);
///     assert_eq!(reader.read_until("\r\n")?, b"PUT thread\r\n");
///     assert_eq!(reader.read_line()?, b"4\r\n");
///     assert_eq!(reader.read_exactly(4)?, b"warp");
///     match reader.read_exactly(4) {
///         Err(ReadError::Incomplete { partial, .. }) => assert_eq!(partial, b"we"),
///         other => panic!("{other:?}"),
///     }
///     assert!(reader.is_at_end());
///     Ok::<_, std::io::Error>(())
/// })?;
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// To write, use the socket itself: the reader may have a reference to it, as here.
///
/// The reader also implements `Read` and `BufRead`, which return the buffered bytes first.
///
/// # Memory
/// While a read waits and no bytes are buffered, the reader has no buffer: the first bytes that arrive, up to 512, arrive in
/// the frame of the read. After a read that filled its space, the next one has a buffer of 8 KiB also while it waits. [The page about tokio](crate::docs::tokio) has a recipe for many idle connections.
///
/// # Panics
/// A read panics if the stream claims to have read more bytes than there was space for.
///
/// # Cancellation
/// Received bytes stay in the buffer for the next read.
pub struct StreamReader<R> {
    inner: R,
    /// In bytes.
    limit: usize,
    /// Bytes that were received and not returned yet.
    buffer: ByteBuffer,
    /// Whether the stream has reported its end.
    has_ended: bool,
    /// Whether the last read left room, so that the next one is likely to wait.
    is_drained: bool,
}

impl<R: Read> StreamReader<R> {
    /// Creates a reader with a limit of 64 KiB.
    pub fn new(inner: R) -> Self {
        Self::with_limit_bytes(DEFAULT_LIMIT, inner)
    }

    /// Creates a reader with a limit: the most bytes before a separator.
    ///
    /// # Panics
    /// If the limit is 0.
    #[track_caller]
    pub fn with_limit_bytes(limit: usize, inner: R) -> Self {
        assert!(
            limit > 0,
            "selvedge: with a limit of 0 a reader could read nothing; pass the length of the longest line"
        );
        Self {
            inner,
            limit,
            buffer: ByteBuffer::default(),
            has_ended: false,
            is_drained: true,
        }
    }

    /// May suspend. Reads up to a separator, and returns the bytes with the separator.
    ///
    /// ```
    /// use selvedge::io::{ReadError, StreamReader};
    ///
    /// let mut reader = StreamReader::with_limit_bytes(8, &b"warp--a long weft--"[..]);
    /// assert_eq!(reader.read_until("--")?, b"warp--");
    /// // Too long, and still in the buffer.
    /// let ReadError::LimitOverrun { consumed } = reader.read_until("--").unwrap_err() else {
    ///     unreachable!()
    /// };
    /// assert_eq!(reader.read_exactly(consumed)?, b"a long weft");
    /// assert_eq!(reader.read_until("--")?, b"--");
    /// # Ok::<(), ReadError>(())
    /// ```
    ///
    /// # Errors
    /// [`LimitOverrun`](ReadError::LimitOverrun) if the limit contains no separator: all bytes stay in the
    /// buffer. [`Incomplete`](ReadError::Incomplete), with the bytes, if the stream ends first. The
    /// stream's error: the bytes received before stay in the buffer.
    ///
    /// # Panics
    /// If the separator is empty.
    ///
    /// # Cancellation
    /// Received bytes stay in the buffer.
    #[track_caller]
    pub fn read_until(&mut self, separator: impl AsRef<[u8]>) -> Result<Vec<u8>, ReadError> {
        consume_io_budget(1)?;
        let separator = separator.as_ref();
        assert!(
            !separator.is_empty(),
            "selvedge: a separator has at least one byte, or it would be found everywhere"
        );
        // No separator begins before this index.
        let mut searched = 0;
        loop {
            let unsearched = &self.buffer()[searched..];
            if let Some(offset) = find(unsearched, separator) {
                let length = searched + offset;
                return match length > self.limit {
                    true => Err(ReadError::LimitOverrun { consumed: length }),
                    false => Ok(self.take(length + separator.len())),
                };
            }
            searched = searched.max((self.buffer().len() + 1).saturating_sub(separator.len()));
            if searched > self.limit {
                return Err(ReadError::LimitOverrun { consumed: searched });
            }
            if !self.read_more()? {
                return Err(self.incomplete(None));
            }
        }
    }

    /// May suspend. Reads a line, and returns it with its `\n`. The last line of a stream may have none.
    /// After the last line, the result is empty.
    ///
    /// ```
    /// let mut reader = selvedge::io::StreamReader::new(&b"warp\nweft"[..]);
    /// assert_eq!(reader.read_line()?, b"warp\n");
    /// assert_eq!(reader.read_line()?, b"weft");
    /// assert_eq!(reader.read_line()?, b"");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`read_until`](Self::read_until), except that the end of the stream is no error.
    ///
    /// # Cancellation
    /// Received bytes stay in the buffer.
    pub fn read_line(&mut self) -> Result<Vec<u8>, ReadError> {
        match self.read_until("\n") {
            Err(ReadError::Incomplete { partial, .. }) => Ok(partial),
            result => result,
        }
    }

    /// May suspend. Reads exactly `n` bytes, regardless of the limit.
    ///
    /// The buffer grows as bytes arrive: a peer that announces more bytes than it sends causes no larger
    /// buffer.
    ///
    /// # Errors
    /// [`Incomplete`](ReadError::Incomplete), with the bytes, if the stream ends first. The stream's error:
    /// the bytes received before stay in the buffer.
    ///
    /// # Cancellation
    /// Received bytes stay in the buffer.
    pub fn read_exactly(&mut self, n: usize) -> Result<Vec<u8>, ReadError> {
        consume_io_budget(1)?;
        while self.buffer().len() < n {
            if !self.read_more()? {
                return Err(self.incomplete(Some(n)));
            }
        }
        Ok(self.take(n))
    }

    /// Whether the stream has ended and the buffer is empty. Only a read discovers the end, so this is
    /// false until a read has met it.
    #[must_use]
    pub fn is_at_end(&self) -> bool {
        self.has_ended && self.buffer().is_empty()
    }

    /// May suspend. Reads once, and adds the bytes to the [`buffer`](Self::buffer); false at the end of the stream. For
    /// parsers that say of the buffered bytes that they need more.
    ///
    /// ```
    /// use std::io::BufRead;
    /// use selvedge::io::StreamReader;
    ///
    /// let mut reader = StreamReader::new(&b"GET / HTTP/1.1\r\n\r\n"[..]);
    /// let length = loop {
    ///     let mut headers = [httparse::EMPTY_HEADER; 16];
    ///     match httparse::Request::new(&mut headers).parse(reader.buffer())? {
    ///         httparse::Status::Complete(length) => break length,
    ///         httparse::Status::Partial => assert!(reader.fill()?, "the stream ends in a head"),
    ///     }
    /// };
    /// reader.consume(length);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`LimitOverrun`](ReadError::LimitOverrun) if the buffer has more bytes than the limit allows before a separator: the
    /// bytes stay there. The stream's error.
    ///
    /// # Cancellation
    /// Received bytes stay in the buffer.
    pub fn fill(&mut self) -> Result<bool, ReadError> {
        consume_io_budget(1)?;
        let consumed = self.buffer().len();
        if consumed > self.limit {
            return Err(ReadError::LimitOverrun { consumed });
        }
        Ok(self.read_more()?)
    }

    /// May suspend. Reads more bytes into the buffer; false at the end of the stream.
    fn read_more(&mut self) -> io::Result<bool> {
        if self.has_ended {
            return Ok(false);
        }
        if self.buffer().is_empty() && self.is_drained {
            return self.read_first();
        }
        let space = self.buffer.space(CHUNK);
        let n_space = space.len();
        let n = read_some(&mut self.inner, space)?;
        self.buffer.appended(n);
        self.is_drained = n < n_space;
        self.has_ended = n == 0;
        Ok(n > 0)
    }

    /// May suspend. As [`read_more`](Self::read_more), with an empty buffer, which has no memory while the stream waits.
    #[inline(never)]
    fn read_first(&mut self) -> io::Result<bool> {
        self.buffer.give_back();
        let mut first = [0; FIRST];
        let n = read_some(&mut self.inner, &mut first)?;
        self.has_ended = n == 0;
        self.is_drained = n < FIRST;
        if n > 0 {
            self.buffer.space(CHUNK)[..n].copy_from_slice(&first[..n]);
            self.buffer.appended(n);
        }
        Ok(n > 0)
    }

    /// Removes the first `n` bytes of the buffer, which has as many.
    fn incomplete(&mut self, expected: Option<usize>) -> ReadError {
        let partial = self.take(self.buffer().len());
        ReadError::Incomplete { partial, expected }
    }

    fn take(&mut self, n: usize) -> Vec<u8> {
        let taken = self.buffer()[..n].to_vec();
        self.remove(n);
        taken
    }

    fn remove(&mut self, n: usize) {
        self.buffer.consume(n);
        // Memory beyond this is from one long `read_exactly`, which may be the only one.
        self.buffer.shrink(self.limit.max(CHUNK).saturating_mul(4));
    }
}

impl<R> StreamReader<R> {
    /// The bytes that were received and not returned yet.
    #[must_use]
    pub fn buffer(&self) -> &[u8] {
        self.buffer.bytes()
    }

    /// The most bytes before a separator.
    #[must_use]
    pub fn limit_bytes(&self) -> usize {
        self.limit
    }

    /// The stream.
    pub fn get_ref(&self) -> &R {
        &self.inner
    }

    /// The stream. Reading from it directly bypasses the buffer.
    pub fn get_mut(&mut self) -> &mut R {
        &mut self.inner
    }

    /// Returns the stream. The bytes in the [`buffer`](Self::buffer) are dropped.
    #[must_use]
    pub fn into_inner(self) -> R {
        self.inner
    }
}

/// May suspend. Returns the buffered bytes first.
///
/// `BufRead`'s own `read_line` and `read_until` have no limit.
impl<R: Read> BufRead for StreamReader<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        consume_io_budget(1)?;
        if self.buffer().is_empty() {
            self.read_more()?;
        }
        Ok(self.buffer())
    }

    /// # Panics
    /// If the buffer has fewer bytes.
    fn consume(&mut self, n: usize) {
        self.remove(n);
    }
}

/// May suspend. Returns the buffered bytes first.
impl<R: Read> Read for StreamReader<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        consume_io_budget(1)?;
        if self.buffer().is_empty() && !buf.is_empty() {
            if self.has_ended {
                return Ok(0);
            }
            if buf.len() >= CHUNK {
                let n = read_some(&mut self.inner, buf)?;
                self.is_drained = n < buf.len();
                self.has_ended = n == 0;
                return Ok(n);
            }
            self.read_more()?;
        }
        let n = self.buffer().len().min(buf.len());
        buf[..n].copy_from_slice(&self.buffer()[..n]);
        self.remove(n);
        Ok(n)
    }
}

impl_debug!([R: std::fmt::Debug] StreamReader<R>, |this| {
    inner: this.inner,
    n_buffered: this.buffer().len(),
    limit: this.limit,
    has_ended: this.has_ended
});

/// May suspend. Reads once.
fn read_some(inner: &mut impl Read, buf: &mut [u8]) -> io::Result<usize> {
    let n = retry_interrupted(|| inner.read(buf))?;
    assert!(
        n <= buf.len(),
        "selvedge: a stream claims to have read {n} bytes into {}",
        buf.len()
    );
    Ok(n)
}

/// The index at which a separator begins.
fn find(bytes: &[u8], separator: &[u8]) -> Option<usize> {
    let (first, rest) = separator.split_first()?;
    let mut from = 0;
    while let Some(offset) = bytes[from..].iter().position(|byte| byte == first) {
        let at = from + offset;
        from = at + 1;
        if bytes[from..].starts_with(rest) {
            return Some(at);
        }
    }
    None
}
