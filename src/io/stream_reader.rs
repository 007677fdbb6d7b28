//! [`StreamReader`]: lines, frames and exact lengths from a stream, with a limit.
//!
//! The buffer is the reader's own, and bytes leave it only as they are returned, in the error or as the
//! result. So what unwinds a read in the middle, a cancel or a timeout, takes nothing along.

use std::fmt;
use std::io::{self, Read};

use super::ReadError;

/// How much is read at once, at least.
const CHUNK: usize = 8 * 1024;

/// The limit of asyncio's streams.
const DEFAULT_LIMIT: usize = 64 * 1024;

/// Reads lines, frames and exact lengths from a socket, or whatever else is `Read`: asyncio's
/// StreamReader.
///
/// Other than with std's `BufRead`, a peer that never sends the end of a line can't fill the memory: from
/// the limit on there is an error. And a read that is cancelled in the middle loses nothing.
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
/// What is written goes to the socket itself, of which the reader may have a reference, as here.
///
/// It is `Read`, too, for whoever takes that: what is buffered comes first.
///
/// # Cancellation
/// What has arrived stays in the buffer for the next read.
pub struct StreamReader<R> {
    inner: R,
    limit: usize,
    /// As much memory as there is, of which `start..end` is what nobody has taken yet.
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// The stream has answered that no more comes.
    has_ended: bool,
}

impl<R: Read> StreamReader<R> {
    /// A reader with a limit of 64 KiB.
    pub fn new(inner: R) -> Self {
        Self::with_limit(DEFAULT_LIMIT, inner)
    }

    /// A reader with a limit: how many bytes may come before a separator.
    ///
    /// # Panics
    /// If that is none.
    #[track_caller]
    pub fn with_limit(limit: usize, inner: R) -> Self {
        assert!(
            limit > 0,
            "selvedge: with a limit of 0 a reader could read nothing; give it what the longest line may have"
        );
        Self {
            inner,
            limit,
            buffer: Vec::new(),
            start: 0,
            end: 0,
            has_ended: false,
        }
    }

    /// May suspend: reads up to a separator, and returns it and what is before it.
    ///
    /// ```
    /// use selvedge::io::{ReadError, StreamReader};
    ///
    /// let mut reader = StreamReader::with_limit(8, &b"warp--a long weft--"[..]);
    /// assert_eq!(reader.read_until("--")?, b"warp--");
    /// // Too long, and still there.
    /// let ReadError::LimitOverrun { consumed } = reader.read_until("--").unwrap_err() else {
    ///     unreachable!()
    /// };
    /// assert_eq!(reader.read_exactly(consumed)?, b"a long weft");
    /// assert_eq!(reader.read_until("--")?, b"--");
    /// # Ok::<(), ReadError>(())
    /// ```
    ///
    /// # Errors
    /// [`LimitOverrun`](ReadError::LimitOverrun), if it does not come within the limit: everything stays
    /// in the buffer. [`Incomplete`](ReadError::Incomplete), if the stream ends before: with what there
    /// was. What the stream answers: what came before stays in the buffer.
    ///
    /// # Panics
    /// If the separator is empty.
    ///
    /// # Cancellation
    /// What has arrived stays in the buffer.
    #[track_caller]
    pub fn read_until(&mut self, separator: impl AsRef<[u8]>) -> Result<Vec<u8>, ReadError> {
        let separator = separator.as_ref();
        assert!(
            !separator.is_empty(),
            "selvedge: a separator has at least one byte, or it would be found everywhere"
        );
        // Nothing begins before it that is a separator.
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
            if !self.fill()? {
                let partial = self.take(self.buffer().len());
                return Err(ReadError::Incomplete {
                    partial,
                    expected: None,
                });
            }
        }
    }

    /// May suspend: reads a line, and returns it with its `\n`. The last one of a stream may have none, and
    /// after the last one comes an empty one.
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
    /// As [`read_until`](Self::read_until), but for the end.
    ///
    /// # Cancellation
    /// What has arrived stays in the buffer.
    pub fn read_line(&mut self) -> Result<Vec<u8>, ReadError> {
        match self.read_until("\n") {
            Err(ReadError::Incomplete { partial, .. }) => Ok(partial),
            result => result,
        }
    }

    /// May suspend: reads so many bytes, whatever the limit is.
    ///
    /// Memory is taken as they come: a peer that announces more than it sends takes no more than that.
    ///
    /// # Errors
    /// [`Incomplete`](ReadError::Incomplete), if the stream ends before: with what there was. What the
    /// stream answers: what came before stays in the buffer.
    ///
    /// # Cancellation
    /// What has arrived stays in the buffer.
    pub fn read_exactly(&mut self, n: usize) -> Result<Vec<u8>, ReadError> {
        while self.buffer().len() < n {
            if !self.fill()? {
                let partial = self.take(self.buffer().len());
                let expected = Some(n);
                return Err(ReadError::Incomplete { partial, expected });
            }
        }
        Ok(self.take(n))
    }

    /// Whether the stream has ended, and everything was taken. It ends when it is read, so before there
    /// was a read that had to find that out this is false.
    #[must_use]
    pub fn is_at_end(&self) -> bool {
        self.has_ended && self.buffer().is_empty()
    }

    /// Reads more into the buffer; false if no more comes.
    fn fill(&mut self) -> io::Result<bool> {
        if self.has_ended {
            return Ok(false);
        }
        self.make_room();
        let n = read_some(&mut self.inner, &mut self.buffer[self.end..])?;
        self.end += n;
        self.has_ended = n == 0;
        Ok(n > 0)
    }

    /// Has memory behind what is in the buffer. It is moved to the front when that makes up for the effort,
    /// else there will be twice as much.
    fn make_room(&mut self) {
        if self.end < self.buffer.len() {
            return;
        }
        if self.start > 0 && self.start >= self.buffer.len() / 2 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        } else {
            let n_bytes = self.buffer.len().saturating_mul(2).max(CHUNK);
            self.buffer.resize(n_bytes, 0);
        }
    }

    /// Takes bytes out of the buffer, which has as many.
    fn take(&mut self, n: usize) -> Vec<u8> {
        let taken = self.buffer()[..n].to_vec();
        self.consume(n);
        taken
    }

    fn consume(&mut self, n: usize) {
        self.start += n;
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
            if self.buffer.len() / 4 > self.limit.max(CHUNK) {
                // That was one long read. There may be no other.
                self.buffer = Vec::new();
            }
        }
    }
}

impl<R> StreamReader<R> {
    /// What has arrived and was not taken.
    #[must_use]
    pub fn buffer(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// How many bytes may come before a separator.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// The stream.
    pub fn get_ref(&self) -> &R {
        &self.inner
    }

    /// The stream. What is read from it here does not pass by the buffer.
    pub fn get_mut(&mut self) -> &mut R {
        &mut self.inner
    }

    /// Gives the stream back. What is in the [`buffer`](Self::buffer) is dropped.
    #[must_use]
    pub fn into_inner(self) -> R {
        self.inner
    }
}

/// May suspend. What is buffered comes first.
impl<R: Read> Read for StreamReader<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.buffer().is_empty() && !buf.is_empty() {
            if self.has_ended {
                return Ok(0);
            }
            if buf.len() >= CHUNK {
                let n = read_some(&mut self.inner, buf)?;
                self.has_ended = n == 0;
                return Ok(n);
            }
            self.fill()?;
        }
        let n = self.buffer().len().min(buf.len());
        buf[..n].copy_from_slice(&self.buffer()[..n]);
        self.consume(n);
        Ok(n)
    }
}

impl<R: fmt::Debug> fmt::Debug for StreamReader<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamReader")
            .field("inner", &self.inner)
            .field("n_buffered", &self.buffer().len())
            .field("limit", &self.limit)
            .field("has_ended", &self.has_ended)
            .finish_non_exhaustive()
    }
}

fn read_some(inner: &mut impl Read, buf: &mut [u8]) -> io::Result<usize> {
    loop {
        match inner.read(buf) {
            Ok(n) if n > buf.len() => {
                panic!(
                    "selvedge: a stream claims to have read {n} bytes into {}",
                    buf.len()
                )
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => (),
            result => return result,
        }
    }
}

/// Where a separator begins.
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
