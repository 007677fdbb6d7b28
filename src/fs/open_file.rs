//! [`OpenFile`]: reading and writing in place, on the pool, or from the page cache.
//!
//! | called | how an operation runs |
//! |---|---|
//! | in a task | a read takes what the page cache has; anything else is an operation of the loop's io_uring, or a job for the pool |
//! | on a thread without a loop | the system call, which blocks the thread |
//! | while panicking | the system call; on a stream only if the stream is ready |
//! | in a callback | a read takes what the page cache has; on a stream the system call, if the stream is ready; anything else is an error |
//!
//! A job has buffers of its own and shares ownership of the file. It never accesses the caller's memory,
//! because the caller may have been cancelled before the job ends. An operation of io_uring uses the caller's buffer: there
//! the task waits until the kernel has finished (`runtime::io::files`).

use std::fs::File as StdFile;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::time::Duration;

use super::cursor::{Cursor, CursorGuard};
use super::offload::{RunOn, offload, run_on};
use crate::error::WaitError;
use crate::runtime::io::files;
use crate::runtime::threads::{AtClose, JobKind, Label, off_loop, off_loop_to_end};
use crate::runtime::wait::{consume_io_budget, task_context};
use crate::sys::file::{self, Kind, retry_interrupted};
use crate::sys::wait_fd::{Direction, wait_fd};
use crate::util::io_error::invalid_input;

/// The most bytes that one job transfers: the loop's thread copies them.
const MAX_JOB_BYTES: usize = 256 * 1024;

/// The most bytes that are read in place, which copies them, too.
const MAX_CACHED_BYTES: usize = 64 * 1024;

/// How many bytes read in place count as one operation of the task's budget.
const BYTES_PER_OPERATION: usize = 2048;

/// An open file. Its handle and running jobs share the ownership.
#[derive(Debug)]
pub(super) struct OpenFile {
    pub(super) file: StdFile,
    pub(super) cursor: Arc<Cursor>,
    /// Orders the writes of a stream, which don't wait for its reads: a peer may answer only what was written.
    pub(super) stream_writes: Option<Arc<Cursor>>,
    /// The file has no positions, or the position of the open file description is used: see
    /// [`OpenFile::shared`].
    pub(super) is_stream: bool,
    appends: bool,
    /// A read that does not wait for the disk would not be one: the page cache has nothing.
    is_direct: bool,
}

impl OpenFile {
    /// Owns a file whose next operation begins at a position.
    pub(super) fn new(file: StdFile, position: u64) -> Arc<Self> {
        let fd = file.as_fd();
        // A descriptor for which these calls fail is no file, and fails at each use.
        let is_stream = file::kind(fd).is_ok_and(|kind| kind != Kind::Stored);
        let appends = file::appends(fd).unwrap_or(false);
        let is_direct = file::is_direct(fd).unwrap_or(false);
        Arc::new(Self {
            file,
            cursor: Cursor::new(position),
            stream_writes: is_stream.then(|| Cursor::new(0)),
            is_stream,
            appends,
            is_direct,
        })
    }

    /// Another descriptor of the same file, with the same cursor.
    pub(super) fn try_clone(&self) -> io::Result<Arc<Self>> {
        Ok(Arc::new(Self {
            file: self.file.try_clone()?,
            cursor: Arc::clone(&self.cursor),
            stream_writes: self.stream_writes.clone(),
            is_stream: self.is_stream,
            appends: self.appends,
            is_direct: self.is_direct,
        }))
    }

    /// Owns a file whose position is shared with other owners of the description, in this process or
    /// another: the file is read like a stream, at the description's position.
    pub(super) fn shared(file: StdFile) -> Arc<Self> {
        Arc::new(Self {
            file,
            cursor: Cursor::new(0),
            stream_writes: Some(Cursor::new(0)),
            is_stream: true,
            appends: false,
            is_direct: false,
        })
    }

    /// May suspend. Reads at the cursor, and advances it.
    pub(super) fn read(self: &Arc<Self>, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let cursor = self.cursor.acquire()?;
        if self.is_stream {
            return self.read_stream(cursor, buffer);
        }
        let n = self.read_at(buffer, cursor.position())?;
        cursor.advance(n);
        Ok(n)
    }

    /// May suspend. Reads at an offset.
    pub(super) fn read_at(self: &Arc<Self>, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let run_on = run_on();
        if let Ok(RunOn::ThisThread) = run_on {
            return self.file.read_at(buffer, offset);
        }
        let n_cached = buffer.len().min(MAX_CACHED_BYTES);
        consume_io_budget(1 + (n_cached / BYTES_PER_OPERATION) as u8)?;
        if !(self.is_direct && files::is_used()) {
            let cached = file::read_cached(self.file.as_fd(), &mut buffer[..n_cached], offset);
            if let Some(result) = cached {
                return result;
            }
        }
        run_on?;
        if self.has_offset(offset) {
            let n_wanted = buffer.len().min(MAX_JOB_BYTES);
            if let Some(n) = files::read(self.as_fd(), &mut buffer[..n_wanted], offset)? {
                return Ok(n);
            }
        }
        let (this, n_wanted) = (Arc::clone(self), buffer.len().min(MAX_JOB_BYTES));
        let bytes = off_loop(job(AtClose::Detached, "a read of a file"), move || {
            let mut bytes = vec![0; n_wanted];
            let n = retry_interrupted(|| this.file.read_at(&mut bytes, offset))?;
            bytes.truncate(n);
            Ok::<_, io::Error>(bytes)
        })??;
        buffer[..bytes.len()].copy_from_slice(&bytes);
        Ok(bytes.len())
    }

    /// May suspend. Reads from a stream. A job stores its bytes in the cursor, where the next read finds
    /// them if this one is cancelled.
    fn read_stream(self: &Arc<Self>, cursor: CursorGuard, buffer: &mut [u8]) -> io::Result<usize> {
        let n_stored = cursor.read_stored(buffer);
        if n_stored > 0 {
            return Ok(n_stored);
        }
        if self.run_on(Direction::Read)? == RunOn::ThisThread {
            return (&self.file).read(buffer);
        }
        let (this, n_wanted) = (Arc::clone(self), buffer.len().min(MAX_JOB_BYTES));
        let cursor = off_loop(job(AtClose::Detached, "a read of a stream"), move || {
            let mut bytes = vec![0; n_wanted];
            let n = retry_interrupted(|| (&this.file).read(&mut bytes))?;
            cursor.store(&bytes[..n]);
            Ok::<_, io::Error>(cursor)
        })??;
        Ok(cursor.read_stored(buffer))
    }

    /// May suspend. Writes at the cursor, and advances it.
    pub(super) fn write(self: &Arc<Self>, bytes: &[u8]) -> io::Result<usize> {
        let cursor = self.stream_writes.as_ref().unwrap_or(&self.cursor);
        let cursor = cursor.acquire()?;
        if self.run_on(Direction::Write)? == RunOn::ThisThread {
            return self.write_now(&cursor, bytes);
        }
        if !self.is_stream
            && let Some(n) = self.write_by_ring(&cursor, bytes)?
        {
            return Ok(n);
        }
        let this = Arc::clone(self);
        let bytes = bytes[..bytes.len().min(MAX_JOB_BYTES)].to_vec();
        // The job owns the cursor, which is released once the bytes are written, even if the task has been
        // cancelled.
        let write = move || retry_interrupted(|| this.write_now(&cursor, &bytes));
        // A write to a stream can block without limit if the peer does not read.
        if self.is_stream {
            return off_loop(job(AtClose::Detached, "a write to a stream"), write)?;
        }
        off_loop_to_end(WRITE, write)?
    }

    /// May suspend. Writes by io_uring; `None` if that does not do it.
    fn write_by_ring(&self, cursor: &CursorGuard, bytes: &[u8]) -> io::Result<Option<usize>> {
        let offset = match self.appends {
            true => files::AT_END,
            false if self.has_offset(cursor.position()) => cursor.position(),
            false => return Ok(None),
        };
        let bytes = &bytes[..bytes.len().min(MAX_JOB_BYTES)];
        let written = files::write(self.as_fd(), bytes, offset)?;
        if let Some(n) = written {
            self.has_written(cursor, n)?;
        }
        Ok(written)
    }

    /// Moves the cursor behind written bytes.
    fn has_written(&self, cursor: &CursorGuard, n: usize) -> io::Result<()> {
        if self.appends {
            // The write has left the description's position at the new end.
            cursor.set_position((&self.file).stream_position()?);
        } else {
            cursor.advance(n);
        }
        Ok(())
    }

    /// Whether the file has positions, and this is one. The system's offsets are signed.
    fn has_offset(&self, offset: u64) -> bool {
        !self.is_stream && i64::try_from(offset).is_ok()
    }

    /// Writes on this thread.
    fn write_now(&self, cursor: &CursorGuard, bytes: &[u8]) -> io::Result<usize> {
        if self.is_stream {
            return (&self.file).write(bytes);
        }
        let n = match self.appends {
            // One call finds the end and writes there.
            true => (&self.file).write(bytes)?,
            false => self.file.write_at(bytes, cursor.position())?,
        };
        self.has_written(cursor, n)?;
        Ok(n)
    }

    /// May suspend. Writes at an offset.
    pub(super) fn write_at(self: &Arc<Self>, bytes: &[u8], offset: u64) -> io::Result<usize> {
        if run_on()? == RunOn::ThisThread {
            return self.file.write_at(bytes, offset);
        }
        if self.has_offset(offset) {
            let bytes = &bytes[..bytes.len().min(MAX_JOB_BYTES)];
            if let Some(n) = files::write(self.as_fd(), bytes, offset)? {
                return Ok(n);
            }
        }
        let this = Arc::clone(self);
        let bytes = bytes[..bytes.len().min(MAX_JOB_BYTES)].to_vec();
        off_loop_to_end(WRITE, move || {
            retry_interrupted(|| this.file.write_at(&bytes, offset))
        })?
    }

    /// May suspend. Moves the cursor.
    pub(super) fn seek(self: &Arc<Self>, to: SeekFrom) -> io::Result<u64> {
        consume_io_budget(1)?;
        let mut cursor = self.cursor.acquire()?;
        if self.is_stream {
            // An error for most streams.
            return (&self.file).seek(to);
        }
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::Current(distance) => cursor.position().checked_add_signed(distance),
            SeekFrom::End(_) => {
                let this = Arc::clone(self);
                let label = Label::Operation("a seek in a file");
                // The job moves the description's position, which other operations use as well: the job has the
                // cursor until its end, even if the task has been cancelled.
                let (position, held) = offload(AtClose::Detached, label, move || {
                    Ok(((&this.file).seek(to)?, cursor))
                })?;
                cursor = held;
                Some(position)
            }
        };
        // The system's offsets are signed.
        let Some(position) = position.filter(|position| i64::try_from(*position).is_ok()) else {
            return Err(invalid_input(
                "invalid seek to a negative or overflowing position",
            ));
        };
        cursor.set_position(position);
        Ok(position)
    }

    /// Where a transfer at the cursor has to run. A stream is never blocked on where a task can't park:
    /// its peer may need this thread.
    fn run_on(&self, direction: Direction) -> io::Result<RunOn> {
        match task_context() {
            Err(why @ (WaitError::Panicking | WaitError::NoTask)) if self.is_stream => {
                if wait_fd(self.as_fd(), direction, Some(Duration::ZERO))? {
                    return Ok(RunOn::ThisThread);
                }
                Err(io::Error::new(io::ErrorKind::WouldBlock, why.sentence()))
            }
            _ => run_on(),
        }
    }
}

/// An error of a write tells its caller, for example a `BufWriter`, that no byte was written. So the task waits for a
/// write that has begun.
const WRITE: JobKind = job(AtClose::Awaited, "a write to a file");

const fn job(at_close: AtClose, what: &'static str) -> JobKind {
    JobKind::file(at_close, Label::Operation(what))
}

impl AsFd for OpenFile {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}
