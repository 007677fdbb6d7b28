//! [`Pollable`]: waiting for a descriptor.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use crate::runtime::io::Registration;
use crate::sys::file::{self, Kind};
use crate::sys::wait_fd::Direction;
use crate::util::descriptor::{read_by_reference, write_by_reference};
use crate::util::fmt::impl_fmt;
use crate::util::io_error::invalid_input;

/// A value with a descriptor that can be polled, such as an end of a pipe, a terminal, or an `inotify`.
/// Reading and writing park the task, and block a thread that has no loop.
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
/// The open file description becomes nonblocking, and blocking again when the `Pollable` is dropped or
/// gives the descriptor away. This affects all owners of the description: clones, the parent process, and
/// for a terminal every process that inherited it from the same shell. [`stdin`](super::stdin) avoids this
/// for standard input.
///
/// # Cancellation
/// A cancelled `read` has taken nothing, a cancelled `write` has written nothing.
pub struct Pollable<T: AsFd> {
    /// `None` only once [`into_inner`](Self::into_inner) has taken it.
    inner: Option<T>,
    registration: Registration,
    /// Whether the description was blocking before.
    was_blocking: bool,
}

impl<T: AsFd> Pollable<T> {
    /// Takes over a value with a descriptor.
    ///
    /// ```
    /// use selvedge::io::Pollable;
    ///
    /// // A file on a disk can't be polled.
    /// let file = std::fs::File::open("Cargo.toml")?;
    /// assert!(Pollable::new(file).unwrap_err().to_string().contains("fs::File"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    /// `InvalidInput` for a regular file, a directory or a disk, which can't be polled: use
    /// [`fs::File`](crate::fs::File). The system's error if the blocking mode can't be changed.
    pub fn new(inner: T) -> io::Result<Self> {
        let fd = inner.as_fd();
        if file::kind(fd)? == Kind::Stored {
            return Err(invalid_input(
                "a regular file, a directory or a disk can't be polled, because it is always ready; \
                 use `selvedge::fs::File`, whose operations run on the loop's pool",
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

    /// Returns the wrapped value: ends the registration with the loop, and restores the blocking mode.
    #[must_use]
    pub fn into_inner(mut self) -> T {
        self.release();
        let inner = self.inner.take();
        inner.expect("only `into_inner` takes the value")
    }

    /// The wrapped value.
    pub fn get_ref(&self) -> &T {
        let inner = self.inner.as_ref();
        inner.expect("only `into_inner` takes the value")
    }

    /// May suspend. Calls a function until its result is not `WouldBlock`, and waits in between until the
    /// descriptor may be readable.
    ///
    /// This is for descriptors that have system calls of their own for reading. The function must not block.
    ///
    /// # Errors
    /// The function's error; an error where nothing can wait: in a callback, while panicking, or because
    /// another loop has waited for the descriptor before.
    ///
    /// # Cancellation
    /// A cancel arrives between two calls of the function.
    pub fn read_with<R>(&self, mut f: impl FnMut(&T) -> io::Result<R>) -> io::Result<R> {
        self.io_with_user_code(Direction::Read, || f(self.get_ref()))
    }

    /// May suspend. As [`read_with`](Self::read_with), until the descriptor is writable.
    ///
    /// # Errors
    /// As [`read_with`](Self::read_with).
    ///
    /// # Cancellation
    /// As [`read_with`](Self::read_with).
    pub fn write_with<R>(&self, mut f: impl FnMut(&T) -> io::Result<R>) -> io::Result<R> {
        self.io_with_user_code(Direction::Write, || f(self.get_ref()))
    }

    /// May suspend. A short transfer does not show that the descriptor is drained: a terminal returns one
    /// line at a time.
    fn io<R>(&self, direction: Direction, f: impl FnMut() -> io::Result<R>) -> io::Result<R> {
        self.registration.io(self.as_fd(), direction, None, f)
    }

    /// May suspend. A panic of the function first ends the operation as a result does, which wakes the next
    /// waiting task; then the panic continues.
    fn io_with_user_code<R>(
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

    fn release(&self) {
        if let Some(inner) = &self.inner {
            let fd = inner.as_fd();
            self.registration.deregister(fd);
            if self.was_blocking {
                // Does not fail: the same call has succeeded before.
                drop(file::set_nonblocking(fd, false));
            }
        }
    }
}

impl<T: AsFd> Drop for Pollable<T> {
    fn drop(&mut self) {
        self.release();
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

/// `write` may suspend. `flush` does nothing, because nothing is buffered here.
impl<T: AsFd> Write for &Pollable<T> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.io(Direction::Write, || file::write(self.as_fd(), buf))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

read_by_reference!(Pollable<T>, T: AsFd);
write_by_reference!(Pollable<T>, T: AsFd);

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

impl_fmt!([T: AsFd + std::fmt::Debug] Debug for Pollable<T>, |this, f| {
    f.debug_tuple("Pollable").field(this.get_ref()).finish()
});
