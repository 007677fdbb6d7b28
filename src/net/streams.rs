//! Reading and writing: the methods and traits that the two stream sockets share.

use std::io::{self, IoSlice, IoSliceMut, Read, Write};

use super::tcp_stream::TcpStream;
use super::unix::UnixStream;
use crate::sys::socket::{self, Mode};
use crate::sys::wait_fd::Direction;
use crate::util::descriptor::{read_by_reference, write_by_reference};

macro_rules! streams {
    ($($name:ident)*) => {$(
        impl $name {
            /// May suspend. Reads bytes without removing them from the socket's queue.
            ///
            /// # Errors
            /// As `read`: `TimedOut` after the read timeout, or the system's error.
            ///
            /// # Cancellation
            /// Nothing is lost.
            pub fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
                self.0.receive(buf, Mode::Peek)
            }
        }

        /// Each method may suspend. `TimedOut` after the read timeout.
        ///
        /// # Cancellation
        /// A cancelled `read` has taken nothing from the socket.
        impl Read for &$name {
            fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
                if buf.is_empty() {
                    return Ok(0);
                }
                let n_given = socket::n_given([buf.len()].into_iter());
                self.0.stream_io(Direction::Read, n_given, |fd| {
                    socket::receive(fd, buf, Mode::Remove)
                })
            }

            fn read_vectored(&mut self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
                // If all buffers are empty, the call's result of 0 would look like the end of the
                // stream.
                let Some(first) = bufs.iter().position(|buf| !buf.is_empty()) else {
                    return Ok(0);
                };
                let bufs = &mut bufs[first..];
                let n_given = socket::n_given(bufs.iter().map(|buf| buf.len()));
                self.0.stream_io(Direction::Read, n_given, |fd| {
                    socket::receive_vectored(fd, bufs)
                })
            }
        }

        /// Each method may suspend, except for `flush`, which does nothing because nothing is buffered
        /// here. Writing to a connection that the peer has closed fails with
        /// [`BrokenPipe`](io::ErrorKind::BrokenPipe) and raises no signal; `TimedOut` after the write
        /// timeout.
        ///
        /// # Cancellation
        /// A cancelled `write` has sent nothing; a cancelled `write_all` may have sent a part.
        impl Write for &$name {
            fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
                if buf.is_empty() {
                    return self.0.write_nothing();
                }
                let n_given = socket::n_given([buf.len()].into_iter());
                self.0.stream_io(Direction::Write, n_given, |fd| socket::send(fd, buf))
            }

            fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
                let Some(first) = bufs.iter().position(|buf| !buf.is_empty()) else {
                    return self.0.write_nothing();
                };
                let bufs = &bufs[first..];
                let n_given = socket::n_given(bufs.iter().map(|buf| buf.len()));
                self.0.stream_io(Direction::Write, n_given, |fd| socket::send_vectored(fd, bufs))
            }

            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }

        read_by_reference!($name);
        write_by_reference!($name);
    )*};
}

streams! { TcpStream UnixStream }
