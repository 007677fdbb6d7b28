//! [`Pollable`].

use std::fmt;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use crate::runtime::io::registration::Registration;
use crate::runtime::io::side::Direction;
use crate::sys::file::{self, Kind};

/// Something with a descriptor that can be waited for, such as an end of a pipe, a terminal, or an
/// `inotify`: reading and writing it parks the task, and blocks a thread that has no loop.
///
/// ```
/// use std::io::{Read, Write};
/// use selvedge::io::Pollable;
///
/// let text = selvedge::run(|| {
///     let (reader, writer) = std::io::pipe()?;
///     let (mut reader, mut writer) = (Pollable::new(reader)?, Pollable::new(writer)?);
///     selvedge::spawn_fallible(move || writer.write_all(b"through the reed")).detach();
///     let mut text = String::new();
///     reader.read_to_string(&mut text)?;
///     Ok::<_, std::io::Error>(text)
/// });
/// assert_eq!(text?, "through the reed");
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Blocking mode
/// The open file description is switched to not blocking, and back when this is dropped or gives the
/// descriptor away. Everybody who shares the description sees that: clones, the parent process, and for
/// a terminal whoever has inherited it from the same shell. For standard input there is
/// [`stdin`](super::stdin), which avoids it.
///
/// # Cancellation
/// A cancelled `read` has taken nothing, a cancelled `write` has written nothing.
pub struct Pollable<T: AsFd> {
    /// Taken only by whoever takes it away from us.
    inner: Option<T>,
    registration: Registration,
    /// Whether the description blocked before.
    was_blocking: bool,
}

impl<T: AsFd> Pollable<T> {
    /// Takes over something with a descriptor.
    ///
    /// # Errors
    /// That it is a file on a disk or a directory, which nothing can wait for:
    /// [`fs::File`](crate::fs::File) is for those.
    pub fn new(inner: T) -> io::Result<Self> {
        let fd = inner.as_fd();
        if file::kind(fd)? == Kind::Stored {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "a regular file, a directory or a disk always counts as ready, so there is no waiting \
                 for it; use `selvedge::fs::File`, whose operations run on the loop's pool",
            ));
        }
        let was_blocking = !file::is_nonblocking(fd)?;
        if was_blocking {
            file::set_nonblocking(fd, true)?;
        }
        Ok(Self {
            inner: Some(inner),
            registration: Registration::new(),
            was_blocking,
        })
    }

    /// Gives back what was taken over: no loop knows of it any more, and it blocks if it did before.
    #[must_use]
    pub fn into_inner(mut self) -> T {
        self.let_go();
        let inner = self.inner.take();
        inner.expect("it is only taken out as it is given away")
    }

    /// What was taken over.
    pub fn get_ref(&self) -> &T {
        let inner = self.inner.as_ref();
        inner.expect("it is only taken out as it is given away")
    }

    /// May suspend. Calls a function, and again each time that the descriptor may have become readable,
    /// until it answers something else than `WouldBlock`.
    ///
    /// For descriptors that are read by calls of their own. The function must not block.
    ///
    /// # Errors
    /// What the function answers; that nothing can wait here, in a callback, while panicking, or because
    /// another loop has waited for the descriptor before.
    ///
    /// # Cancellation
    /// Arrives between two calls of the function.
    pub fn read_with<R>(&self, mut f: impl FnMut(&T) -> io::Result<R>) -> io::Result<R> {
        self.io_of_user(Direction::Read, || f(self.get_ref()))
    }

    /// May suspend. As [`read_with`](Self::read_with), until the descriptor is writable.
    ///
    /// # Errors
    /// As [`read_with`](Self::read_with).
    pub fn write_with<R>(&self, mut f: impl FnMut(&T) -> io::Result<R>) -> io::Result<R> {
        self.io_of_user(Direction::Write, || f(self.get_ref()))
    }

    /// That a transfer fell short says nothing here: a terminal gives out a line at a time.
    fn io<R>(&self, direction: Direction, f: impl FnMut() -> io::Result<R>) -> io::Result<R> {
        self.registration.io(self.as_fd(), direction, None, f)
    }

    /// A panic of the function ends the operation as a result does, so that whoever is next in line is
    /// woken; then it goes on.
    fn io_of_user<R>(
        &self,
        direction: Direction,
        mut f: impl FnMut() -> io::Result<R>,
    ) -> io::Result<R> {
        let result = self.io(direction, || match catch_unwind(AssertUnwindSafe(&mut f)) {
            Ok(result) => result.map(Ok),
            Err(payload) => Ok(Err(payload)),
        });
        result?.map_or_else(|payload| resume_unwind(payload), Ok)
    }

    fn let_go(&self) {
        if let Some(inner) = &self.inner {
            let fd = inner.as_fd();
            self.registration.deregister(fd);
            if self.was_blocking {
                // Nothing of this fails on a descriptor that has let itself be switched before.
                drop(file::set_nonblocking(fd, false));
            }
        }
    }
}

impl<T: AsFd> Drop for Pollable<T> {
    fn drop(&mut self) {
        self.let_go();
    }
}

/// May suspend.
impl<T: AsFd> Read for &Pollable<T> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        self.io(Direction::Read, || file::read(self.as_fd(), buf))
    }
}

/// `write` may suspend; `flush` does nothing, because nothing is buffered here.
impl<T: AsFd> Write for &Pollable<T> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.io(Direction::Write, || file::write(self.as_fd(), buf))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// As for a shared reference.
impl<T: AsFd> Read for Pollable<T> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        (&*self).read(buf)
    }
}

/// As for a shared reference.
impl<T: AsFd> Write for Pollable<T> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        (&*self).write(buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<T: AsFd> AsFd for Pollable<T> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.get_ref().as_fd()
    }
}

impl<T: AsFd> AsRawFd for Pollable<T> {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}

impl<T: AsFd + fmt::Debug> fmt::Debug for Pollable<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Pollable").field(self.get_ref()).finish()
    }
}
