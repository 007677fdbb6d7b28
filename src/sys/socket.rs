//! Sockets: single attempts at a transfer.
//!
//! Every transfer passes `MSG_DONTWAIT`: non-blocking mode belongs to the open file description, which other
//! descriptors share and may change at any time, but a flag applies to its call only. `MSG_NOSIGNAL` makes
//! a closed peer an error and never a signal.
//!
//! Nothing here waits. Interrupted calls return `Interrupted`.

#![allow(unsafe_code)]

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::slice;

use socket2::{SockAddr, SockRef};

use super::{check, count};

#[cfg(not(target_vendor = "apple"))]
const FLAGS: libc::c_int = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
/// These systems have no such flag; [`silence`] suppresses the signal.
#[cfg(target_vendor = "apple")]
const FLAGS: libc::c_int = libc::MSG_DONTWAIT;

/// The maximum number of buffers of one call. POSIX promises 16, every known system takes these. More
/// buffers make a short transfer, which callers expect anyway.
const MAX_BUFFERS: usize = 1024;

/// The maximum number of bytes of one call. Only Apple's systems have a limit.
#[cfg(target_vendor = "apple")]
const MAX_LEN: usize = libc::c_int::MAX as usize - 1;
#[cfg(not(target_vendor = "apple"))]
const MAX_LEN: usize = isize::MAX as usize;

/// Whether received bytes stay in the socket.
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
    // SAFETY: recv writes at most `len` bytes to the buffer.
    count(unsafe { libc::recv(fd.as_raw_fd(), at, len, take.flags()) })
}

/// Receives once; also returns the sender's address.
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
    // SAFETY: an IoSliceMut has the layout of an iovec, and the buffers are writable during the call. The
    // message refers to nothing else.
    count(unsafe { libc::recvmsg(fd.as_raw_fd(), &mut message, FLAGS) })
}

/// Sends once.
#[inline]
pub(crate) fn send(fd: BorrowedFd<'_>, bytes: &[u8]) -> io::Result<usize> {
    let (at, len) = (bytes.as_ptr().cast(), bytes.len().min(MAX_LEN));
    // SAFETY: send reads from the buffer.
    count(unsafe { libc::send(fd.as_raw_fd(), at, len, FLAGS) })
}

/// Sends once, to an address.
pub(crate) fn send_to(fd: BorrowedFd<'_>, bytes: &[u8], to: &SockAddr) -> io::Result<usize> {
    SockRef::from(&fd).send_to_with_flags(bytes, to, FLAGS)
}

/// Sends once, from several buffers.
pub(crate) fn send_vectored(fd: BorrowedFd<'_>, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
    let mut message = empty_message();
    message.msg_iov = buffers.as_ptr().cast_mut().cast();
    message.msg_iovlen = buffers.len().min(MAX_BUFFERS) as _;
    // SAFETY: an IoSlice has the layout of an iovec; sendmsg reads from the buffers and changes neither them
    // nor the list. The message refers to nothing else.
    count(unsafe { libc::sendmsg(fd.as_raw_fd(), &message, FLAGS) })
}

/// Accepts a connection from a listener that does not block. The new socket does not block either, and is
/// closed on exec.
#[cfg(not(target_vendor = "apple"))]
pub(crate) fn accept(fd: BorrowedFd<'_>) -> io::Result<(OwnedFd, SockAddr)> {
    use std::os::fd::FromRawFd;

    let flags = libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
    // SAFETY: the address and its length are writable for accept4.
    let (accepted, address) = unsafe {
        SockAddr::try_init(|address, length| {
            check(libc::accept4(fd.as_raw_fd(), address.cast(), length, flags))
        })?
    };
    // SAFETY: accept4 succeeded, so the descriptor is open and not owned elsewhere.
    Ok((unsafe { OwnedFd::from_raw_fd(accepted) }, address))
}

/// The same without `accept4`, which Apple's systems lack.
#[cfg(target_vendor = "apple")]
pub(crate) fn accept(fd: BorrowedFd<'_>) -> io::Result<(OwnedFd, SockAddr)> {
    let (accepted, address) = SockRef::from(&fd).accept()?;
    accepted.set_nonblocking(true)?;
    Ok((accepted.into(), address))
}

/// Whether a connect has returned this error because it continues in the background.
pub(crate) fn is_in_progress(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::EINPROGRESS)
}

/// Sets non-blocking mode on the open file description, by one system call.
pub(crate) fn set_nonblocking(fd: BorrowedFd<'_>) -> io::Result<()> {
    let mut yes: libc::c_int = 1;
    // SAFETY: FIONBIO reads an int.
    check(unsafe { libc::ioctl(fd.as_raw_fd(), libc::FIONBIO, &mut yes) }).map(drop)
}

/// Suppresses the signal of writing to a closed socket, where no flag of the call does that.
#[cfg(target_vendor = "apple")]
pub(crate) fn silence(fd: BorrowedFd<'_>) -> io::Result<()> {
    let yes: libc::c_int = 1;
    // SAFETY: the option is an int, which is passed with its size.
    let result = unsafe {
        libc::setsockopt(
            fd.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_NOSIGPIPE,
            (&raw const yes).cast(),
            size_of::<libc::c_int>() as libc::socklen_t,
        )
    };
    check(result).map(drop)
}

/// A message without address, buffers or control data.
fn empty_message() -> libc::msghdr {
    // SAFETY: null pointers, zero lengths and no flags make an empty message.
    unsafe { std::mem::zeroed() }
}

/// A buffer in the form that receiving calls take. They only write initialised bytes to it.
fn as_uninit(buffer: &mut [u8]) -> &mut [MaybeUninit<u8>] {
    let start = buffer.as_mut_ptr().cast();
    // SAFETY: the same memory, borrowed for the same time; a byte and its MaybeUninit have the same layout.
    // No caller uninitialises it: each passes it to a system call.
    unsafe { slice::from_raw_parts_mut(start, buffer.len()) }
}
