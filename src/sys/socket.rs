//! Sockets: one try at a transfer, and one look at whether a try would be worth it.
//!
//! Every transfer passes `MSG_DONTWAIT`. That a socket does not block is a property of its open
//! file description, which other descriptors share and may change at any time; a flag on the
//! call is ours alone. `MSG_NOSIGNAL` makes a closed peer an error and never a signal.
//!
//! Nothing here waits, except for [`wait`], which blocks the thread. Interrupted calls answer so.

#![allow(unsafe_code)]

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::slice;

use socket2::{SockAddr, SockRef};

#[cfg(not(target_vendor = "apple"))]
const FLAGS: libc::c_int = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
/// No flag here keeps the signal away; [`silence`] does.
#[cfg(target_vendor = "apple")]
const FLAGS: libc::c_int = libc::MSG_DONTWAIT;

/// The most buffers that one call takes. POSIX promises 16, every system that we know takes
/// these; what is left over is a short transfer, as callers expect anyway.
const MAX_BUFFERS: usize = 1024;

/// The most bytes that one call takes: elsewhere a buffer can't be too large.
#[cfg(target_vendor = "apple")]
const MAX_LEN: usize = libc::c_int::MAX as usize - 1;
#[cfg(not(target_vendor = "apple"))]
const MAX_LEN: usize = isize::MAX as usize;

/// Whether what is received stays in the socket.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Take {
    Remove,
    Peek,
}

impl Take {
    fn flags(self) -> libc::c_int {
        match self {
            Take::Remove => FLAGS,
            Take::Peek => FLAGS | libc::MSG_PEEK,
        }
    }
}

/// Receives once.
#[inline]
pub(crate) fn receive(fd: BorrowedFd<'_>, buffer: &mut [u8], take: Take) -> io::Result<usize> {
    let (at, len) = (buffer.as_mut_ptr().cast(), buffer.len().min(MAX_LEN));
    // SAFETY: recv writes to the buffer, and no more than fits.
    length(unsafe { libc::recv(fd.as_raw_fd(), at, len, take.flags()) })
}

/// Receives once; also says from whom.
pub(crate) fn receive_from(
    fd: BorrowedFd<'_>,
    buffer: &mut [u8],
    take: Take,
) -> io::Result<(usize, SockAddr)> {
    SockRef::from(&fd).recv_from_with_flags(as_uninit(buffer), take.flags())
}

/// Receives once, into several buffers.
pub(crate) fn receive_vectored(
    fd: BorrowedFd<'_>,
    buffers: &mut [IoSliceMut<'_>],
) -> io::Result<usize> {
    let mut message = empty_message();
    message.msg_iov = buffers.as_mut_ptr().cast();
    message.msg_iovlen = buffers.len().min(MAX_BUFFERS) as _;
    // SAFETY: an IoSliceMut is laid out as an iovec, and the buffers are ours to fill for the
    // time of the call. The message names nothing else.
    length(unsafe { libc::recvmsg(fd.as_raw_fd(), &mut message, FLAGS) })
}

/// Sends once.
#[inline]
pub(crate) fn send(fd: BorrowedFd<'_>, bytes: &[u8]) -> io::Result<usize> {
    let (at, len) = (bytes.as_ptr().cast(), bytes.len().min(MAX_LEN));
    // SAFETY: send reads from the buffer.
    length(unsafe { libc::send(fd.as_raw_fd(), at, len, FLAGS) })
}

/// Sends once, to this address.
pub(crate) fn send_to(fd: BorrowedFd<'_>, bytes: &[u8], to: &SockAddr) -> io::Result<usize> {
    SockRef::from(&fd).send_to_with_flags(bytes, to, FLAGS)
}

/// Sends once, from several buffers.
pub(crate) fn send_vectored(fd: BorrowedFd<'_>, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
    let mut message = empty_message();
    message.msg_iov = buffers.as_ptr().cast_mut().cast();
    message.msg_iovlen = buffers.len().min(MAX_BUFFERS) as _;
    // SAFETY: an IoSlice is laid out as an iovec; sendmsg reads from the buffers and changes
    // neither them nor the list. The message names nothing else.
    length(unsafe { libc::sendmsg(fd.as_raw_fd(), &message, FLAGS) })
}

/// Takes a connection from a listener that does not block. The new socket does not either, and
/// is closed on exec.
#[cfg(any(
    target_os = "android",
    target_os = "dragonfly",
    target_os = "freebsd",
    target_os = "linux",
    target_os = "netbsd",
    target_os = "openbsd",
))]
pub(crate) fn accept(fd: BorrowedFd<'_>) -> io::Result<(OwnedFd, SockAddr)> {
    use std::os::fd::FromRawFd;

    let flags = libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
    // SAFETY: the address and its length are where accept4 may write both.
    let (accepted, address) = unsafe {
        SockAddr::try_init(|address, length| {
            match libc::accept4(fd.as_raw_fd(), address.cast(), length, flags) {
                -1 => Err(io::Error::last_os_error()),
                accepted => Ok(accepted),
            }
        })?
    };
    // SAFETY: accept4 succeeded, so the descriptor is open and nobody else's.
    Ok((unsafe { OwnedFd::from_raw_fd(accepted) }, address))
}

/// The same where the flags can't be passed along.
#[cfg(not(any(
    target_os = "android",
    target_os = "dragonfly",
    target_os = "freebsd",
    target_os = "linux",
    target_os = "netbsd",
    target_os = "openbsd",
)))]
pub(crate) fn accept(fd: BorrowedFd<'_>) -> io::Result<(OwnedFd, SockAddr)> {
    let (accepted, address) = SockRef::from(&fd).accept()?;
    accepted.set_nonblocking(true)?;
    Ok((accepted.into(), address))
}

/// Whether this is how a connect answers that goes on by itself.
pub(crate) fn is_in_progress(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::EINPROGRESS)
}

/// Makes the open file description one that does not block: one system call, whatever it was.
pub(crate) fn set_nonblocking(fd: BorrowedFd<'_>) -> io::Result<()> {
    let mut yes: libc::c_int = 1;
    // SAFETY: FIONBIO reads an int, which is what it is given.
    match unsafe { libc::ioctl(fd.as_raw_fd(), libc::FIONBIO, &mut yes) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

/// Sees to it that writing to this socket raises no signal, where no flag of the call does.
#[cfg(target_vendor = "apple")]
pub(crate) fn silence(fd: BorrowedFd<'_>) -> io::Result<()> {
    let yes: libc::c_int = 1;
    // SAFETY: the option is an int, which is what is passed, with its size.
    let result = unsafe {
        libc::setsockopt(
            fd.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_NOSIGPIPE,
            (&raw const yes).cast(),
            size_of::<libc::c_int>() as libc::socklen_t,
        )
    };
    if result == -1 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// A message without address, buffers or control data.
fn empty_message() -> libc::msghdr {
    // SAFETY: null pointers, zero lengths and no flags are what an empty message is made of.
    unsafe { std::mem::zeroed() }
}

/// The answer of a transfer.
fn length(answer: isize) -> io::Result<usize> {
    usize::try_from(answer).map_err(|_| io::Error::last_os_error())
}

/// A buffer as what receiving calls take. They only ever write initialised bytes to it.
fn as_uninit(buffer: &mut [u8]) -> &mut [MaybeUninit<u8>] {
    let start = buffer.as_mut_ptr().cast();
    // SAFETY: the same memory, borrowed for as long; a byte and a MaybeUninit of it are laid out
    // alike. No caller is ever to uninitialise it: each hands it to a system call.
    unsafe { slice::from_raw_parts_mut(start, buffer.len()) }
}
