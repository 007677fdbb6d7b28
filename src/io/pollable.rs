//! [`Pollable`]: waiting for a descriptor.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::OnceLock;
use std::time::Duration;

use crate::net::linger::drop_socket;
use crate::runtime::first::Wait;
use crate::runtime::io::{Registration, When, readiness_methods};
use crate::sys::file::{self, Kind};
use crate::sys::fork::Generation;
use crate::sys::socket::{self, Mode};
use crate::sys::wait_fd::{Direction, wait_fd};
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
/// An open file description and its blocking mode are shared with clones, with the parent process, and, for a terminal,
/// with every process of the same shell. `read` and `write` neither change the mode nor depend on it, so that a
/// `println!` to the same terminal does not fail. On a socket or a pipe they use system calls that never wait; on a
/// FIFO or a terminal they use their own open file description. For other descriptors (an `inotify`, the controlling
/// side of a pseudoterminal, a pipe on systems other than Linux) they do what [`read_with`](Self::read_with) does: the
/// description becomes nonblocking, and blocking again when the `Pollable` is dropped or gives the descriptor away.
///
/// # Cancellation
/// A cancelled `read` has taken nothing, a cancelled `write` has written nothing.
pub struct Pollable<T: AsFd> {
    /// `None` only once [`into_inner`](Self::into_inner) has taken it.
    inner: Option<T>,
    registration: Registration,
    is_socket: bool,
    /// How `read` and `write` avoid waiting, once the kernel has refused a call that never waits. Empty
    /// for sockets.
    instead: OnceLock<Instead>,
    /// The process in which this object has made the description nonblocking.
    made_nonblocking_in: OnceLock<Generation>,
}

/// How `read` and `write` avoid waiting if the kernel has no call that never waits for the file.
#[derive(Debug)]
enum Instead {
    /// By this object's own open file description, which is nonblocking.
    Own(OwnedFd),
    /// By asking first whether the descriptor is ready: a terminal that can't be opened again. The
    /// description is probably shared with standard output, which must not become nonblocking.
    Ask,
    /// By making the description nonblocking.
    Nonblocking,
}

/// The call for one transfer.
#[derive(Clone, Copy)]
enum Call {
    Socket,
    Nowait,
    Plain,
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
    /// [`fs::File`](crate::fs::File).
    pub fn new(inner: T) -> io::Result<Self> {
        let kind = file::kind(inner.as_fd())?;
        if kind == Kind::Stored {
            return Err(invalid_input(
                "a regular file, a directory or a disk can't be polled, because it is always ready; \
                 use `selvedge::fs::File`, whose operations run on the loop's pool",
            ));
        }
        Ok(Self {
            is_socket: kind == Kind::Socket,
            inner: Some(inner),
            registration: Registration::new(),
            instead: OnceLock::new(),
            made_nonblocking_in: OnceLock::new(),
        })
    }

    /// Returns the wrapped value: ends the registration with the loop, and restores the blocking mode if this
    /// object has changed it.
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
    /// This is for descriptors that are read by special system calls. The function must not block: before each call
    /// the open file description is made nonblocking, if it is not. It becomes blocking again when the `Pollable`
    /// is dropped or gives the descriptor away.
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

    readiness_methods!(|pollable| pollable; when_readable when_writable when_peer_closed);

    fn when(&self, when: When) -> impl Wait<Output = io::Result<()>> {
        self.registration.when(self.as_fd(), when)
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
        let result = self.io(direction, || {
            self.make_nonblocking()?;
            match catch_unwind(AssertUnwindSafe(&mut f)) {
                Ok(result) => result.map(Ok),
                Err(payload) => Ok(Err(payload)),
            }
        });
        result?.map_or_else(|payload| resume_unwind(payload), Ok)
    }

    /// May suspend. Transfers once, by a call that never waits in any mode of the description.
    fn transfer(
        &self,
        direction: Direction,
        mut call: impl FnMut(BorrowedFd<'_>, Call) -> io::Result<usize>,
    ) -> io::Result<usize> {
        self.io(direction, || {
            let fd = self.as_fd();
            if self.is_socket {
                return call(fd, Call::Socket);
            }
            let instead = match self.instead.get() {
                Some(instead) => instead,
                None => match call(fd, Call::Nowait) {
                    Err(error) if file::is_unsupported(&error) => {
                        self.instead
                            .get_or_init(|| match file::reopen_nonblocking(fd) {
                                Ok(own) => Instead::Own(own),
                                Err(_) if file::is_terminal(fd) => Instead::Ask,
                                Err(_) => Instead::Nonblocking,
                            })
                    }
                    result => return result,
                },
            };
            match instead {
                Instead::Own(own) => return call(own.as_fd(), Call::Plain),
                Instead::Ask if !wait_fd(fd, direction, Some(Duration::ZERO))? => {
                    return Err(io::ErrorKind::WouldBlock.into());
                }
                Instead::Ask => {}
                Instead::Nonblocking => self.make_nonblocking()?,
            }
            call(fd, Call::Plain)
        })
    }

    /// At each use: another owner of the description may have made it blocking again.
    fn make_nonblocking(&self) -> io::Result<()> {
        if file::set_nonblocking(self.as_fd(), true)? {
            self.made_nonblocking_in.get_or_init(Generation::now);
        }
        Ok(())
    }

    fn release(&self) {
        self.registration.deregister();
        // A forked child must not change what its parent uses.
        if let Some(generation) = self.made_nonblocking_in.get()
            && generation.is_this()
            && let Some(inner) = &self.inner
        {
            // This does not fail: the same call has succeeded before.
            drop(file::set_nonblocking(inner.as_fd(), false));
        }
    }
}

impl<T: AsFd> Drop for Pollable<T> {
    fn drop(&mut self) {
        self.release();
        if let Some(inner) = self.inner.take()
            && self.is_socket
        {
            drop_socket(inner, false);
        }
    }
}

/// May suspend.
impl<T: AsFd> Read for &Pollable<T> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        self.transfer(Direction::Read, |fd, call| match call {
            Call::Socket => socket::receive(fd, buf, Mode::Remove),
            Call::Nowait => file::read_nowait(fd, buf),
            Call::Plain => file::read(fd, buf),
        })
    }
}

/// `write` may suspend. `flush` does nothing, because nothing is buffered here.
impl<T: AsFd> Write for &Pollable<T> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        if buf.is_empty() && !self.is_socket {
            // No bytes need no room, so this call never waits.
            return file::write(self.as_fd(), buf);
        }
        self.transfer(Direction::Write, |fd, call| match call {
            Call::Socket => socket::send(fd, buf),
            Call::Nowait => file::write_nowait(fd, buf),
            Call::Plain => file::write(fd, buf),
        })
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
