//! What a file is made of, and how it is read and written: in place, on the pool, or from memory.
//!
//! | where | what is done |
//! |---|---|
//! | in a task | a read takes what the page cache has; the rest is a job for the pool |
//! | on a thread without a loop | the call itself, which blocks the thread |
//! | while panicking | the call itself, if the file is stored; a stream only if it is ready |
//! | in a callback | what the page cache has; else an error |
//!
//! A job has buffers of its own and a share in the file, and never sees the caller's memory: the
//! caller may be gone when it ends.

use std::fs::File as StdFile;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::time::Duration;

use super::cursor::{Cursor, Taken};
use crate::runtime::core::context::WaitError;
use crate::runtime::threads::blocking::off_loop;
use crate::runtime::threads::pool::AtClose;
use crate::runtime::wait::budget::consume_budget;
use crate::runtime::wait::here::task_context;
use crate::sys::file::{self, Kind};
use crate::sys::wait_fd::wait_fd;

/// The most bytes that one job transfers: they are copied on the loop's thread.
const LARGE: usize = 256 * 1024;

/// The most bytes that are read in place: that is a copy, too.
const CACHED: usize = 64 * 1024;

/// As many bytes count as one operation, for the turns that tasks take.
const A_TURN: usize = 2048;

/// A file that jobs have a share in.
#[derive(Debug)]
pub(super) struct Inner {
    pub(super) file: StdFile,
    pub(super) cursor: Arc<Cursor>,
    /// It has no positions, or those of the open file description are used: see [`Inner::shared`].
    pub(super) is_stream: bool,
    appends: bool,
}

/// Does something with the file system that takes a while: on the pool where a task asks, else in place.
pub(super) fn perform<T: Send + 'static>(
    at_close: AtClose,
    f: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    match task_context() {
        Ok(_) => off_loop(at_close, f)?,
        // While panicking nothing may wait but the thread: a destructor still gets its bytes out.
        Err(WaitError::NoLoop | WaitError::Panicking) => f(),
        Err(why @ WaitError::NoTask) => Err(io::Error::other(why.sentence())),
    }
}

impl Inner {
    /// Owns a file that begins at a position.
    pub(super) fn new(file: StdFile, position: u64) -> Arc<Self> {
        let cursor = Cursor::new(position);
        Self::with_cursor(file, cursor)
    }

    pub(super) fn with_cursor(file: StdFile, cursor: Arc<Cursor>) -> Arc<Self> {
        let fd = file.as_fd();
        // What can't even be asked is no file, and errs at each use.
        let is_stream = file::kind(fd).is_ok_and(|kind| kind != Kind::Stored);
        let appends = file::appends(fd).unwrap_or(false);
        Arc::new(Self {
            file,
            cursor,
            is_stream,
            appends,
        })
    }

    /// Owns a file whose position others use as well, in this process or another: it is read as a
    /// stream.
    pub(super) fn shared(file: StdFile) -> Arc<Self> {
        Arc::new(Self {
            file,
            cursor: Cursor::new(0),
            is_stream: true,
            appends: false,
        })
    }

    /// Reads at the cursor, and moves it.
    pub(super) fn read(self: &Arc<Self>, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let taken = self.cursor.take()?;
        if self.is_stream {
            return self.read_stream(taken, buffer);
        }
        let n = self.read_at(buffer, taken.position())?;
        taken.advance(n);
        Ok(n)
    }

    /// Reads at an offset.
    pub(super) fn read_at(self: &Arc<Self>, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let here = task_context();
        match here {
            Err(WaitError::NoLoop | WaitError::Panicking) => {
                return self.file.read_at(buffer, offset);
            }
            Ok(_) | Err(WaitError::NoTask) => {}
        }
        let n_cached = buffer.len().min(CACHED);
        consume_budget(1 + (n_cached / A_TURN) as u32);
        let cached = file::read_cached(self.file.as_fd(), &mut buffer[..n_cached], offset);
        if let Some(result) = cached {
            return result;
        }
        let (this, n_wanted) = (Arc::clone(self), buffer.len().min(LARGE));
        let bytes = perform(AtClose::LeftBehind, move || {
            let mut bytes = vec![0; n_wanted];
            let n = uninterrupted(|| this.file.read_at(&mut bytes, offset))?;
            bytes.truncate(n);
            Ok(bytes)
        })?;
        buffer[..bytes.len()].copy_from_slice(&bytes);
        Ok(bytes.len())
    }

    /// Reads from a stream. What a job has read goes through the cursor, so that it is there for the
    /// next read if this one is cancelled.
    fn read_stream(self: &Arc<Self>, taken: Taken, buffer: &mut [u8]) -> io::Result<usize> {
        let n_kept = taken.give_out(buffer);
        if n_kept > 0 {
            return Ok(n_kept);
        }
        match task_context() {
            Ok(_) => {}
            Err(WaitError::NoLoop) => return (&self.file).read(buffer),
            Err(why) => {
                self.assert_ready(false, why)?;
                return (&self.file).read(buffer);
            }
        }
        let (this, n_wanted) = (Arc::clone(self), buffer.len().min(LARGE));
        let taken = off_loop(AtClose::LeftBehind, move || {
            let mut bytes = vec![0; n_wanted];
            let n = uninterrupted(|| (&this.file).read(&mut bytes))?;
            taken.keep(&bytes[..n]);
            Ok::<_, io::Error>(taken)
        })??;
        Ok(taken.give_out(buffer))
    }

    /// Writes at the cursor, and moves it.
    pub(super) fn write(self: &Arc<Self>, bytes: &[u8]) -> io::Result<usize> {
        let taken = self.cursor.take()?;
        match task_context() {
            Ok(_) => {}
            Err(WaitError::NoLoop) => return self.write_now(&taken, bytes),
            Err(why) if self.is_stream => {
                self.assert_ready(true, why)?;
                return self.write_now(&taken, bytes);
            }
            Err(WaitError::Panicking) => return self.write_now(&taken, bytes),
            Err(why @ WaitError::NoTask) => return Err(io::Error::other(why.sentence())),
        }
        let this = Arc::clone(self);
        let bytes = bytes[..bytes.len().min(LARGE)].to_vec();
        // Nobody knows when a stream's other end takes what is written to it.
        let at_close = if self.is_stream {
            AtClose::LeftBehind
        } else {
            AtClose::Awaited
        };
        off_loop(at_close, move || {
            // The cursor is free when the bytes are in the file, whoever still waits for that.
            uninterrupted(|| this.write_now(&taken, &bytes))
        })?
    }

    fn write_now(&self, taken: &Taken, bytes: &[u8]) -> io::Result<usize> {
        if self.is_stream {
            return (&self.file).write(bytes);
        }
        if self.appends {
            // The end is looked up and written to in one step; afterwards the description stands there.
            let n = (&self.file).write(bytes)?;
            taken.set_position((&self.file).stream_position()?);
            return Ok(n);
        }
        let n = self.file.write_at(bytes, taken.position())?;
        taken.advance(n);
        Ok(n)
    }

    /// Writes at an offset.
    pub(super) fn write_at(self: &Arc<Self>, bytes: &[u8], offset: u64) -> io::Result<usize> {
        if let Err(WaitError::NoLoop | WaitError::Panicking) = task_context() {
            return self.file.write_at(bytes, offset);
        }
        let this = Arc::clone(self);
        let bytes = bytes[..bytes.len().min(LARGE)].to_vec();
        perform(AtClose::Awaited, move || {
            uninterrupted(|| this.file.write_at(&bytes, offset))
        })
    }

    pub(super) fn seek(self: &Arc<Self>, to: SeekFrom) -> io::Result<u64> {
        let taken = self.cursor.take()?;
        if self.is_stream {
            // Of most streams, an error.
            return (&self.file).seek(to);
        }
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::Current(distance) => taken.position().checked_add_signed(distance),
            SeekFrom::End(_) => {
                let this = Arc::clone(self);
                Some(perform(AtClose::LeftBehind, move || (&this.file).seek(to))?)
            }
        };
        // The system's offsets are signed.
        let Some(position) = position.filter(|position| i64::try_from(*position).is_ok()) else {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "invalid seek to a negative or overflowing position",
            ));
        };
        taken.set_position(position);
        Ok(position)
    }

    /// Whether a stream can be read or written without waiting, where nothing can wait.
    fn assert_ready(&self, for_writing: bool, why: WaitError) -> io::Result<()> {
        if wait_fd(self.file.as_fd(), for_writing, Some(Duration::ZERO))? {
            return Ok(());
        }
        let kind = io::ErrorKind::WouldBlock;
        Err(io::Error::new(kind, why.sentence()))
    }
}

/// Tries until a signal does not get in between.
fn uninterrupted(mut attempt: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
    loop {
        match attempt() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}
