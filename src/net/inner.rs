//! What the six sockets have in common: a descriptor, its registration with a loop, settings.
//!
//! Everything that may wait goes through [`Inner::wait`] or [`Inner::stream`]. What can't wait
//! (options, addresses) the sockets ask std's type for, which owns the descriptor.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use socket2::SockRef;

use crate::runtime::io::registration::Registration;
use crate::runtime::io::side::Direction;
use crate::sys;

/// A socket of ours: `S` is std's type for it.
pub(super) struct Inner<S: AsFd> {
    /// Taken only by whoever takes the socket away from us.
    socket: Option<S>,
    registration: Registration,
    /// None until somebody sets one, or makes a clone.
    settings: OnceLock<Arc<Settings>>,
}

/// What std keeps in the open file description, and so shares between the clones of a socket.
/// Here the description never blocks and its timeouts are not used, hence this beside it.
#[derive(Debug, Default)]
struct Settings {
    read_timeout: Timeout,
    write_timeout: Timeout,
    /// Whether an operation that would have to wait answers `WouldBlock` instead.
    is_nonblocking: AtomicBool,
}

/// A timeout in nanoseconds; zero stands for none.
#[derive(Debug, Default)]
struct Timeout(AtomicU64);

impl Timeout {
    fn get(&self) -> Option<Duration> {
        match self.0.load(Relaxed) {
            0 => None,
            ns => Some(Duration::from_nanos(ns)),
        }
    }

    fn set(&self, timeout: Option<Duration>) -> io::Result<()> {
        let ns = match timeout {
            None => 0,
            Some(Duration::ZERO) => return Err(zero_timeout()),
            Some(timeout) => u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX),
        };
        self.0.store(ns, Relaxed);
        Ok(())
    }
}

/// std's answer to a timeout of no duration, which the system's calls take for none at all.
pub(super) fn zero_timeout() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidInput,
        "cannot set a 0 duration timeout",
    )
}

impl<S: AsFd> Inner<S> {
    /// Owns a socket that nobody else has and that does not block.
    pub(super) fn fresh(socket: S) -> Self {
        Self::new(socket, OnceLock::new())
    }

    /// Owns a socket from elsewhere: it no longer blocks, and its timeouts become ours.
    ///
    /// Nothing of this fails on a socket; what is no socket will err at each use.
    pub(super) fn adopt(socket: S) -> Self {
        let adopted = Self::fresh(socket);
        let fd = adopted.as_fd();
        let _ = sys::socket::set_nonblocking(fd);
        #[cfg(target_vendor = "apple")]
        let _ = sys::socket::silence(fd);
        let options = SockRef::from(&fd);
        let _ = adopted.set_read_timeout(options.read_timeout().ok().flatten());
        let _ = adopted.set_write_timeout(options.write_timeout().ok().flatten());
        adopted
    }

    fn new(socket: S, settings: OnceLock<Arc<Settings>>) -> Self {
        Self {
            socket: Some(socket),
            registration: Registration::new(),
            settings,
        }
    }

    /// std's type.
    pub(super) fn socket(&self) -> &S {
        let socket = self.socket.as_ref();
        socket.expect("a socket is only taken out as it is given away")
    }

    /// Another descriptor of the same socket, with the same settings.
    pub(super) fn try_clone(&self) -> io::Result<Self>
    where
        S: From<OwnedFd>,
    {
        let fd = self.as_fd().try_clone_to_owned()?;
        let settings = Arc::clone(self.own_settings());
        Ok(Self::new(fd.into(), OnceLock::from(settings)))
    }

    /// Gives the socket away as std has them: blocking, unless the user chose otherwise, and
    /// with the timeouts in its options.
    ///
    /// Nothing of this fails on a socket, and one that is none is given away as it is.
    pub(super) fn release(mut self) -> S {
        let fd = self.as_fd();
        self.registration.deregister(fd);
        let options = SockRef::from(&fd);
        let _ = options.set_nonblocking(self.is_nonblocking());
        // The option counts microseconds, and none of them would mean no timeout.
        let at_least = |timeout: Duration| timeout.max(Duration::from_micros(1));
        let _ = options.set_read_timeout(self.read_timeout().map(at_least));
        let _ = options.set_write_timeout(self.write_timeout().map(at_least));
        let socket = self.socket.take();
        socket.expect("a socket is only taken out as it is given away")
    }

    /// May suspend. Tries until the answer is another than that it would block, and waits in
    /// between; `timeout` is for the whole of it.
    pub(super) fn wait<T>(
        &self,
        direction: Direction,
        timeout: Option<Duration>,
        mut attempt: impl FnMut(BorrowedFd<'_>) -> io::Result<T>,
    ) -> io::Result<T> {
        let fd = self.as_fd();
        if self.is_nonblocking() {
            return once(|| attempt(fd));
        }
        self.registration.io(fd, direction, timeout, || attempt(fd))
    }

    /// May suspend. As [`wait`](Self::wait) for the transfers of a stream of bytes: one that is
    /// shorter than `wanted` says that the socket has no more.
    pub(super) fn stream(
        &self,
        direction: Direction,
        wanted: usize,
        mut attempt: impl FnMut(BorrowedFd<'_>) -> io::Result<usize>,
    ) -> io::Result<usize> {
        let fd = self.as_fd();
        if self.is_nonblocking() {
            return once(|| attempt(fd));
        }
        let timeout = self.timeout(direction);
        self.registration
            .stream_io(fd, direction, wanted, timeout, || attempt(fd))
    }

    /// The settings, to change them or to share them.
    fn own_settings(&self) -> &Arc<Settings> {
        self.settings.get_or_init(Arc::default)
    }

    /// The timeout that the user set for this direction.
    pub(super) fn timeout(&self, direction: Direction) -> Option<Duration> {
        match direction {
            Direction::Read => self.read_timeout(),
            Direction::Write => self.write_timeout(),
        }
    }

    pub(super) fn read_timeout(&self) -> Option<Duration> {
        self.settings.get()?.read_timeout.get()
    }

    pub(super) fn write_timeout(&self) -> Option<Duration> {
        self.settings.get()?.write_timeout.get()
    }

    pub(super) fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.set_timeout(timeout, |settings| &settings.read_timeout)
    }

    pub(super) fn set_write_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.set_timeout(timeout, |settings| &settings.write_timeout)
    }

    fn set_timeout(
        &self,
        timeout: Option<Duration>,
        of: impl FnOnce(&Settings) -> &Timeout,
    ) -> io::Result<()> {
        if timeout.is_none() && self.settings.get().is_none() {
            return Ok(());
        }
        of(self.own_settings()).set(timeout)
    }

    pub(super) fn is_nonblocking(&self) -> bool {
        let settings = self.settings.get();
        settings.is_some_and(|settings| settings.is_nonblocking.load(Relaxed))
    }

    pub(super) fn set_nonblocking(&self, is_nonblocking: bool) {
        let settings = self.own_settings();
        settings.is_nonblocking.store(is_nonblocking, Relaxed);
    }
}

/// Tries once; being interrupted is no answer.
fn once<T>(mut attempt: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match attempt() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

impl<S: AsFd> AsFd for Inner<S> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket().as_fd()
    }
}

impl<S: AsFd> Drop for Inner<S> {
    fn drop(&mut self) {
        // Before the descriptor's number can be somebody else's.
        if let Some(socket) = &self.socket {
            self.registration.deregister(socket.as_fd());
        }
    }
}

impl<S: AsFd + fmt::Debug> fmt::Debug for Inner<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.socket().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{ErrorKind, Read};
    use std::os::unix::net::UnixStream;
    use std::panic::Location;
    use std::rc::Rc;

    use super::*;
    use crate::runtime::api::builder;
    use crate::runtime::task::spawn as runtime_spawn;
    use crate::runtime::task::spawn::SpawnOptions;
    use crate::runtime::wait::here::task_context;
    use crate::runtime::wait::park;

    /// A handle that is borrowed by who waits can't be dropped; this is what would happen.
    #[test]
    fn deregistering_wakes_the_waiters_with_an_error() {
        builder::run(|| {
            let here = task_context().unwrap();
            let (near, _far) = UnixStream::pair().unwrap();
            near.set_nonblocking(true).unwrap();
            let socket = Rc::new(Inner::fresh(near));
            let waiters = [None, Some(Duration::from_secs(3600))].map(|timeout| {
                let socket = Rc::clone(&socket);
                let read = move || {
                    let mut near = socket.socket();
                    Ok(socket.wait(Direction::Read, timeout, |_| near.read(&mut [0])))
                };
                runtime_spawn::spawn_on(&here.core, SpawnOptions::new(Location::caller()), read)
            });
            park::yield_now(here);
            socket.registration.deregister(socket.as_fd());
            for waiter in waiters {
                let error = waiter.join().unwrap().unwrap_err();
                assert_eq!(error.kind(), ErrorKind::NotConnected);
                assert!(error.to_string().contains("closed"), "{error}");
            }
        });
    }
}
