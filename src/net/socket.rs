//! [`Socket`]: what the six public sockets have in common.
//!
//! Everything that may wait goes through [`Socket::io_within`] or [`Socket::stream_io`], and from there
//! to the registration. What never waits (options, addresses) is asked of std's type, which owns the
//! descriptor.

use std::io;
use std::net::Shutdown;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use socket2::{SockAddr, SockRef};

use super::linger::drop_socket;
use super::settings::Settings;
use crate::runtime::first::Wait;
use crate::runtime::io::{Registration, When};
use crate::sys;
use crate::sys::file::retry_interrupted;
use crate::sys::socket::Mode;
use crate::sys::wait_fd::Direction;
use crate::util::fmt::impl_fmt;

/// A socket: `S` is std's type, to which a registration with a loop and settings are added.
pub(super) struct Socket<S: AsFd> {
    /// `None` only once [`into_std`](Self::into_std) has taken it.
    std: Option<S>,
    registration: Registration,
    /// Empty until a setting is changed or a clone made.
    settings: OnceLock<Arc<Settings>>,
}

impl<S: AsFd> Socket<S> {
    /// Owns a socket that has no timeouts.
    pub(super) fn new(std: S) -> Self {
        Self {
            std: Some(std),
            registration: Registration::new(),
            settings: OnceLock::new(),
        }
    }

    /// Owns a socket of std, and takes over its timeouts. The socket may be blocking: other owners of the open
    /// file description may rely on the blocking mode, and no call here depends on it.
    ///
    /// None of this fails on a socket; a descriptor of another kind fails at each use.
    pub(super) fn from_std(std: S) -> Self {
        let socket = Self::new(std);
        let fd = socket.as_fd();
        #[cfg(target_vendor = "apple")]
        let _ = sys::socket::disable_sigpipe(fd);
        let options = SockRef::from(&fd);
        let _ = socket.set_timeout(Direction::Read, options.read_timeout().ok().flatten());
        let _ = socket.set_timeout(Direction::Write, options.write_timeout().ok().flatten());
        socket
    }

    /// Owns a socket of std that has no other owner, and makes the socket nonblocking.
    pub(super) fn created(std: S) -> Self {
        let socket = Self::from_std(std);
        // This does not fail on a socket.
        let _ = sys::socket::set_nonblocking(socket.as_fd());
        socket
    }

    /// std's type.
    pub(super) fn std(&self) -> &S {
        self.std.as_ref().expect("only `into_std` takes the socket")
    }

    /// Another descriptor of the same socket, with the same settings.
    pub(super) fn try_clone(&self) -> io::Result<Self>
    where
        S: From<OwnedFd>,
    {
        let fd = self.as_fd().try_clone_to_owned()?;
        let clone = self.beside(fd.into());
        let _ = clone.settings.set(Arc::clone(self.shared_settings()));
        Ok(clone)
    }

    /// Owns another descriptor of this socket. Its waits end when this socket is shut down.
    pub(super) fn beside(&self, std: S) -> Self {
        Self {
            std: Some(std),
            registration: self.registration.for_clone(),
            settings: OnceLock::new(),
        }
    }

    /// Gives the socket away in std's form: blocking, unless the user chose otherwise, and with the
    /// timeouts in its options.
    ///
    /// None of this fails on a socket; a descriptor of another kind is given away unchanged.
    pub(super) fn into_std(mut self) -> S {
        let fd = self.as_fd();
        self.registration.deregister();
        let options = SockRef::from(&fd);
        let _ = options.set_nonblocking(self.is_nonblocking());
        // The option counts microseconds, and zero of them would mean no timeout.
        let at_least_1_us = |timeout: Duration| timeout.max(Duration::from_micros(1));
        let timeout = |direction| self.timeout(direction).map(at_least_1_us);
        let _ = options.set_read_timeout(timeout(Direction::Read));
        let _ = options.set_write_timeout(timeout(Direction::Write));
        let std = self.std.take();
        std.expect("only `into_std` takes the socket")
    }

    /// May suspend. Calls `op` until its result is not `WouldBlock`, and waits in between: at most for
    /// the socket's timeout in all.
    pub(super) fn io<T>(
        &self,
        direction: Direction,
        op: impl FnMut(BorrowedFd<'_>) -> io::Result<T>,
    ) -> io::Result<T> {
        self.io_within(direction, self.timeout(direction), op)
    }

    /// May suspend. As [`io`](Self::io), with a timeout of its own.
    pub(super) fn io_within<T>(
        &self,
        direction: Direction,
        timeout: Option<Duration>,
        mut op: impl FnMut(BorrowedFd<'_>) -> io::Result<T>,
    ) -> io::Result<T> {
        let fd = self.as_fd();
        if self.is_nonblocking() {
            return retry_interrupted(|| op(fd));
        }
        self.registration.io(fd, direction, timeout, || op(fd))
    }

    /// May suspend. As [`io`](Self::io) for byte streams: a transfer of fewer bytes than the kernel was given
    /// shows that the direction is drained.
    pub(super) fn stream_io(
        &self,
        direction: Direction,
        n_given: usize,
        mut op: impl FnMut(BorrowedFd<'_>) -> io::Result<usize>,
    ) -> io::Result<usize> {
        let fd = self.as_fd();
        if self.is_nonblocking() {
            return retry_interrupted(|| op(fd));
        }
        let timeout = self.timeout(direction);
        self.registration
            .stream_io(fd, direction, n_given, timeout, || op(fd))
    }

    /// The wait for a change of the socket, among other waits.
    pub(super) fn when(&self, when: When) -> impl Wait<Output = io::Result<()>> {
        self.registration.when(self.as_fd(), when)
    }

    /// Shuts down one direction, or both, and wakes the tasks that wait for it, also through a clone.
    pub(super) fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        SockRef::from(self).shutdown(how)?;
        if how != Shutdown::Write {
            self.registration.shut(Direction::Read);
        }
        if how != Shutdown::Read {
            self.registration.shut(Direction::Write);
        }
        Ok(())
    }

    /// Writes no bytes to a stream, as std does: an error if the stream is closed. This needs no room, so it never waits.
    #[cold]
    pub(super) fn write_nothing(&self) -> io::Result<usize> {
        let written = retry_interrupted(|| sys::socket::send(self.as_fd(), &[]));
        match written {
            // Some systems return this error from a full socket.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
            written => written,
        }
    }

    /// May suspend. Writes bytes. Returns `None` if the socket may be readable before it accepts
    /// any byte.
    #[cfg(feature = "http")]
    pub(super) fn write_unless_readable(
        &self,
        buf: &[u8],
        timeout: Option<Duration>,
    ) -> io::Result<Option<usize>> {
        let fd = self.as_fd();
        let n_given = sys::socket::n_given([buf.len()].into_iter());
        self.registration
            .write_unless_readable(fd, n_given, timeout, || sys::socket::send(fd, buf))
    }

    /// May suspend. Receives bytes that are available, or one datagram.
    pub(super) fn receive(&self, buf: &mut [u8], mode: Mode) -> io::Result<usize> {
        self.receive_with(|fd| sys::socket::receive(fd, buf, mode), || Ok(0))
    }

    /// May suspend. Receives one datagram, and returns the sender's address.
    pub(super) fn receive_from(&self, buf: &mut [u8], mode: Mode) -> io::Result<(usize, SockAddr)> {
        let receive = |fd: BorrowedFd<'_>| sys::socket::receive_from(fd, buf, mode);
        self.receive_with(receive, || Ok((0, SockAddr::unix("")?)))
    }

    /// May suspend. As [`io`](Self::io). The result is `end` where the socket is shut down for reading.
    fn receive_with<T>(
        &self,
        mut receive: impl FnMut(BorrowedFd<'_>) -> io::Result<T>,
        end: impl Fn() -> io::Result<T>,
    ) -> io::Result<T> {
        let would_block = |result: &io::Result<T>| {
            let error = result.as_ref().err();
            error.is_some_and(|error| error.kind() == io::ErrorKind::WouldBlock)
        };
        self.io(Direction::Read, |fd| {
            let result = receive(fd);
            if !would_block(&result) || self.is_nonblocking() {
                return result;
            }
            if !sys::socket::is_shut_for_reading(fd) {
                return result;
            }
            // Bytes that arrived before the shutdown are returned first.
            let result = receive(fd);
            if would_block(&result) { end() } else { result }
        })
    }

    /// May suspend. Accepts a connection of a listener.
    pub(super) fn accept<T: AsFd + From<OwnedFd>>(&self) -> io::Result<(Socket<T>, SockAddr)> {
        let (fd, address) = self.io_within(Direction::Read, None, |fd| {
            // `accept` has no flag against blocking: it depends on the open file description, which the
            // owner of another descriptor may have made blocking again.
            sys::socket::set_nonblocking(fd)?;
            sys::socket::accept(fd)
        })?;
        Ok((Socket::new(fd.into()), address))
    }

    /// The settings, to change or to share them.
    fn shared_settings(&self) -> &Arc<Settings> {
        self.settings.get_or_init(Arc::default)
    }

    pub(super) fn timeout(&self, direction: Direction) -> Option<Duration> {
        self.settings.get()?.timeout(direction)
    }

    pub(super) fn set_timeout(
        &self,
        direction: Direction,
        timeout: Option<Duration>,
    ) -> io::Result<()> {
        if timeout.is_none() && self.settings.get().is_none() {
            return Ok(());
        }
        self.shared_settings().set_timeout(direction, timeout)
    }

    pub(super) fn is_nonblocking(&self) -> bool {
        let settings = self.settings.get();
        settings.is_some_and(|settings| settings.is_nonblocking())
    }

    pub(super) fn set_nonblocking(&self, is_nonblocking: bool) {
        self.shared_settings().set_nonblocking(is_nonblocking);
    }
}

impl<S: AsFd> AsFd for Socket<S> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.std().as_fd()
    }
}

impl<S: AsFd> Drop for Socket<S> {
    fn drop(&mut self) {
        if let Some(std) = self.std.take() {
            // This precedes the close of the descriptor: afterwards another file may have its
            // number.
            self.registration.deregister();
            drop_socket(std, !self.registration.has_clones());
        }
    }
}

impl_fmt!([S: AsFd + std::fmt::Debug] Debug for Socket<S>, |this, f| this.std().fmt(f));

#[cfg(test)]
mod tests {
    use std::io::{ErrorKind, Read, Write};
    use std::os::unix::net::UnixStream;
    use std::panic::Location;
    use std::rc::Rc;
    use std::thread;

    use super::*;
    use crate::runtime::api::builder;
    use crate::runtime::task::spawn as runtime_spawn;
    use crate::runtime::task::spawn::SpawnOptions;
    use crate::runtime::wait::park;
    use crate::runtime::wait::task_context::task_context;

    /// A waiting operation borrows its socket, which therefore can't be dropped meanwhile. Deregistering
    /// directly shows what a drop would do.
    #[test]
    fn deregistering_ends_waits_with_an_error() {
        builder::run(|| {
            let here = task_context().unwrap();
            let (near, _far) = UnixStream::pair().unwrap();
            near.set_nonblocking(true).unwrap();
            let socket = Rc::new(Socket::new(near));
            let waiters = [None, Some(Duration::from_secs(3600))].map(|timeout| {
                let socket = Rc::clone(&socket);
                let read = move || {
                    let mut near = socket.std();
                    Ok(socket.io_within(Direction::Read, timeout, |_| near.read(&mut [0])))
                };
                runtime_spawn::spawn_on(&here.core, SpawnOptions::new(Location::caller()), read)
            });
            park::yield_now(here);
            socket.registration.deregister();
            for waiter in waiters {
                let error = waiter.join().unwrap().unwrap_err();
                assert_eq!(error.kind(), ErrorKind::NotConnected);
                assert!(error.to_string().contains("closed"), "{error}");
            }
        });
    }

    /// Writes to a full socket by a function that gets the attempt, after which another thread shuts the socket down.
    fn write_to_end<T>(
        write: impl FnOnce(&Socket<UnixStream>, &dyn Fn() -> io::Result<usize>) -> io::Result<T>,
    ) {
        builder::run(|| {
            let (near, _far) = UnixStream::pair().unwrap();
            near.set_nonblocking(true).unwrap();
            while { &near }.write(&[0; 10_000]).is_ok() {}
            let socket = Socket::new(near);
            let attempt = || {
                let result = { socket.std() }.write(b"more");
                let shutdown = || socket.shutdown(Shutdown::Write).unwrap();
                thread::scope(|threads| threads.spawn(shutdown).join().unwrap());
                result
            };
            let error = write(&socket, &attempt).err().expect("it is shut down");
            assert_eq!(error.kind(), ErrorKind::BrokenPipe);
        });
    }

    #[test]
    fn a_shutdown_between_attempt_and_registration_ends_the_wait() {
        write_to_end(|socket, attempt| socket.io(Direction::Write, |_| attempt()));
        #[cfg(feature = "http")]
        write_to_end(|socket, attempt| {
            let fd = socket.as_fd();
            socket
                .registration
                .write_unless_readable(fd, 4, None, attempt)
        });
    }
}
