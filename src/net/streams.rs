//! Reading and writing: the two kinds of stream, each as itself and as a shared reference.

use std::io::{self, IoSlice, IoSliceMut, Read, Write};

use super::{TcpStream, UnixStream};
use crate::runtime::io::side::Direction;
use crate::sys::socket::{self, Take};

impl TcpStream {
    /// May suspend. Looks at what a read would bring, and leaves it there.
    ///
    /// # Errors
    /// As a read.
    ///
    /// # Cancellation
    /// Nothing is lost.
    pub fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        // Whatever was seen is still there: a short answer does not mean an empty socket.
        self.0.wait(Direction::Read, self.0.read_timeout(), |fd| {
            socket::receive(fd, buf, Take::Peek)
        })
    }

    /// A read that brings less than asked for has emptied the socket: the loop then waits for
    /// news before it tries again.
    fn receive(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.stream(Direction::Read, buf.len(), |fd| {
            socket::receive(fd, buf, Take::Remove)
        })
    }

    fn receive_vectored(&self, bufs: &mut [IoSliceMut<'_>], wanted: usize) -> io::Result<usize> {
        self.0.stream(Direction::Read, wanted, |fd| {
            socket::receive_vectored(fd, bufs)
        })
    }
}

impl UnixStream {
    /// May suspend. Looks at what a read would bring, and leaves it there.
    ///
    /// # Errors
    /// As a read.
    ///
    /// # Cancellation
    /// Nothing is lost.
    pub fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.wait(Direction::Read, self.0.read_timeout(), |fd| {
            socket::receive(fd, buf, Take::Peek)
        })
    }

    /// Here a short read says nothing: where a peer has sent descriptors along, a read ends
    /// there although there is more.
    fn receive(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.wait(Direction::Read, self.0.read_timeout(), |fd| {
            socket::receive(fd, buf, Take::Remove)
        })
    }

    fn receive_vectored(&self, bufs: &mut [IoSliceMut<'_>], _wanted: usize) -> io::Result<usize> {
        self.0.wait(Direction::Read, self.0.read_timeout(), |fd| {
            socket::receive_vectored(fd, bufs)
        })
    }
}

macro_rules! streams {
    ($($name:ident)*) => {$(
        /// Each method may suspend.
        ///
        /// # Cancellation
        /// A cancelled `read` has taken nothing from the socket.
        impl Read for &$name {
            fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
                if buf.is_empty() {
                    return Ok(0);
                }
                self.receive(buf)
            }

            fn read_vectored(&mut self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
                match bufs.iter().map(|buf| buf.len()).sum() {
                    0 => Ok(0),
                    wanted => self.receive_vectored(bufs, wanted),
                }
            }
        }

        /// Each method may suspend, except for `flush`, which does nothing: nothing is buffered
        /// here. To write to what the peer has closed is the error
        /// [`BrokenPipe`](io::ErrorKind::BrokenPipe) and raises no signal.
        ///
        /// # Cancellation
        /// A cancelled `write` has sent nothing; a cancelled `write_all` may have sent a part.
        impl Write for &$name {
            fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
                self.0.stream(Direction::Write, buf.len(), |fd| socket::send(fd, buf))
            }

            fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
                let wanted = bufs.iter().map(|buf| buf.len()).sum();
                self.0.stream(Direction::Write, wanted, |fd| socket::send_vectored(fd, bufs))
            }

            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }

        /// As for a shared reference.
        impl Read for $name {
            fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
                (&*self).read(buf)
            }

            fn read_vectored(&mut self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
                (&*self).read_vectored(bufs)
            }
        }

        /// As for a shared reference.
        impl Write for $name {
            fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
                (&*self).write(buf)
            }

            fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
                (&*self).write_vectored(bufs)
            }

            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
    )*};
}

streams! { TcpStream UnixStream }
