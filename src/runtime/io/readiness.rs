//! [`Readiness`]: the wait for a change of a descriptor, among other waits. It transfers nothing.

use std::fmt;
use std::io;
use std::os::fd::BorrowedFd;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use super::registration::{Counted, socket_is_gone};
use super::{Registration, Side};
use crate::runtime::core::{Awaiting, WaitList};
use crate::runtime::first::{Arm, End, Wait, sealed::Sealed};
use crate::sys::wait_fd::{self, Direction};

/// What a [`Readiness`] waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    Readable,
    Writable,
    /// The peer has closed the connection, or shut down its side for writing.
    PeerClosed,
}

struct Readiness<'a> {
    registration: &'a Registration,
    fd: BorrowedFd<'a>,
    when: When,
    /// The side in the loop of the last attempt. Kept until the next one: the arm names the side's list until the arm is
    /// dropped.
    side: Option<Rc<Side>>,
    error: Option<io::Error>,
    counted: Option<Counted>,
}

impl Registration {
    /// The wait for a change of a descriptor.
    pub(crate) fn when<'a>(
        &'a self,
        fd: BorrowedFd<'a>,
        when: When,
    ) -> impl Wait<Output = io::Result<()>> {
        Readiness {
            registration: self,
            fd,
            when,
            side: None,
            error: None,
            counted: None,
        }
    }
}

impl When {
    fn direction(self) -> Direction {
        match self {
            Self::Readable | Self::PeerClosed => Direction::Read,
            Self::Writable => Direction::Write,
        }
    }

    fn list(self, side: &Side) -> &WaitList {
        match self {
            Self::Readable | Self::Writable => &side.waiters,
            Self::PeerClosed => side.closers(),
        }
    }

    /// Whether the side's last report says so. Only the system tells whether an error is the end of the peer.
    fn is_reported(self, side: &Side, fd: BorrowedFd<'_>) -> bool {
        match self {
            Self::Readable | Self::Writable => side.is_ready.get(),
            Self::PeerClosed => {
                side.is_closed.get()
                    || side.has_error.get() && wait_fd::is_peer_closed(fd).unwrap_or(true)
            }
        }
    }

    /// Whether a write fails at once. After a shutdown by this process the system does not report a full Unix stream as
    /// writable.
    fn is_over(self, side: &Side) -> bool {
        self == Self::Writable && side.is_closed.get()
    }

    /// Asks the system.
    fn is_now(self, fd: BorrowedFd<'_>) -> io::Result<bool> {
        match self {
            Self::Readable | Self::Writable => {
                wait_fd::wait_fd(fd, self.direction(), Some(Duration::ZERO))
            }
            Self::PeerClosed => wait_fd::is_peer_closed(fd),
        }
    }
}

impl Readiness<'_> {
    /// Registers the descriptor, and enters the list of the side.
    fn link(&mut self, arm: Pin<&Arm>) -> io::Result<()> {
        let direction = self.when.direction();
        let side = match self.registration.side(direction) {
            Some(side) => side,
            None => self.registration.claim(arm.here(), self.fd, direction)?,
        };
        if self.when != When::PeerClosed {
            // Not ready when the system was asked, and the poller reports any change since.
            side.set_drained();
        }
        if let Some(deadline) = arm.here().task.io_deadline() {
            arm.wait_until(deadline);
        }
        let side = self.side.insert(side);
        arm.wait_in(self.when.list(side), 0);
        self.counted = Some(Counted::new(arm.here()));
        Ok(())
    }
}

impl Sealed for Readiness<'_> {}

impl Wait for Readiness<'_> {
    type Output = io::Result<()>;

    fn try_now(&mut self) -> Option<io::Result<()>> {
        let side = self.registration.side(self.when.direction());
        // A side that is not ready has been asked before, and gets a report of each change.
        if side
            .as_ref()
            .is_some_and(|side| !self.when.is_reported(side, self.fd))
        {
            return None;
        }
        if side.as_ref().is_some_and(|side| self.when.is_over(side)) {
            return Some(Ok(()));
        }
        match self.when.is_now(self.fd) {
            Ok(false) => {
                if let Some(side) = side {
                    side.set_drained();
                }
                None
            }
            Ok(true) => Some(Ok(())),
            Err(error) => Some(Err(error)),
        }
    }

    fn start(&mut self, arm: Pin<&Arm>) -> bool {
        self.error = self.link(arm).err();
        let side = self.side.as_ref();
        self.error.is_some() || side.is_some_and(|side| self.when.is_over(side))
    }

    fn is_done(&mut self, arm: Pin<&Arm>) -> bool {
        if self.error.is_some() || arm.is_late() {
            return true;
        }
        let Some(side) = self.side.as_ref().filter(|_| arm.is_woken()) else {
            return false;
        };
        let is_done = self.when.is_reported(side, self.fd) || side.is_gone.get();
        if !is_done {
            // Another task has used the readiness meanwhile.
            arm.wait_in(self.when.list(side), 0);
        }
        is_done
    }

    fn leave(&mut self, _end: End) {
        self.counted = None;
    }

    fn finish(&mut self, end: End) -> io::Result<()> {
        self.counted = None;
        if let Some(error) = self.error.take() {
            return Err(error);
        }
        match &self.side {
            Some(side) if side.is_gone.get() => Err(socket_is_gone()),
            Some(side) if self.when.is_reported(side, self.fd) => Ok(()),
            _ if end.is_late => Err(io::ErrorKind::TimedOut.into()),
            _ => Ok(()),
        }
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.side, self.when) {
            (Some(side), When::Readable | When::Writable) => Awaiting::describe(&**side, f),
            _ => f.write_str("the peer of a socket to close the connection"),
        }
    }
}

/// Defines the waits of a socket or pollable, by their names. The closure returns what has the method `when`.
macro_rules! readiness_methods {
    (|$this:ident| $owner:expr; $($method:ident)+) => {
        $(crate::runtime::io::readiness_methods!(@$method |$this| $owner);)+
    };
    (@when_readable |$this:ident| $owner:expr) => {
        /// The wait until a read would not block, for [`select!`](crate::select) and
        /// [`first`](crate::task::first()). It transfers nothing.
        ///
        /// Another task that reads may be faster: then the next read waits. The error is that the object belongs to another
        /// loop or was closed, `TimedOut` at the [`deadline`](crate::time::deadline()) of the task's I/O, or one of the
        /// system's.
        pub fn when_readable(&self) -> impl crate::runtime::first::Wait<Output = std::io::Result<()>> {
            let $this = self;
            $owner.when(crate::runtime::io::When::Readable)
        }
    };
    (@when_writable |$this:ident| $owner:expr) => {
        /// As [`when_readable`](Self::when_readable), for a write.
        pub fn when_writable(&self) -> impl crate::runtime::first::Wait<Output = std::io::Result<()>> {
            let $this = self;
            $owner.when(crate::runtime::io::When::Writable)
        }
    };
    (@when_peer_closed |$this:ident| $owner:expr) => {
        /// As [`when_readable`](Self::when_readable), until the peer has closed the connection or shut down its side for
        /// writing. Bytes that the peer has sent before may still be unread, and do not end the wait.
        ///
        /// ```
        /// use selvedge::net::{TcpListener, TcpStream};
        /// use selvedge::{select, spawn};
        /// use std::io::Write;
        ///
        /// selvedge::run(|| {
        ///     let listener = TcpListener::bind("127.0.0.1:0")?;
        ///     let mut client = TcpStream::connect(listener.local_addr()?)?;
        ///     let (server, _) = listener.accept()?;
        ///     // A request that the server does not read, and the end of the client's side.
        ///     client.write_all(b"wait for it")?;
        ///     spawn(move || drop(client)).detach();
        ///     select! { closed = server.when_peer_closed() => closed }
        /// })?;
        /// # Ok::<(), std::io::Error>(())
        /// ```
        pub fn when_peer_closed(&self) -> impl crate::runtime::first::Wait<Output = std::io::Result<()>> {
            let $this = self;
            $owner.when(crate::runtime::io::When::PeerClosed)
        }
    };
}

pub(crate) use readiness_methods;
