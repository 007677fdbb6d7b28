//! Sockets: system calls that transfer or accept once and never wait.
//!
//! Every transfer passes `MSG_DONTWAIT`. The flag `O_NONBLOCK` belongs to the open file description,
//! which other descriptors share and may change at any time; a flag on the call can't be changed by
//! others. `MSG_NOSIGNAL` makes writing to a closed peer an error instead of a signal.
//!
//! A call that a signal interrupts returns `Interrupted`.

#![allow(unsafe_code)]

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::slice;

use socket2::{SockAddr, SockRef};

use super::{check, count};

#[cfg(not(target_vendor = "apple"))]
const FLAGS: libc::c_int = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
/// These systems have no flag against the signal; [`disable_sigpipe`] is used instead.
#[cfg(target_vendor = "apple")]
const FLAGS: libc::c_int = libc::MSG_DONTWAIT;

/// The most buffers passed to one call. POSIX guarantees 16, all supported systems accept 1,024; further
/// buffers make the transfer short, which callers handle anyway.
const MAX_BUFFERS: usize = 1024;

/// The maximum number of bytes passed to one call. Linux transfers at most `i32::MAX` bytes, rounded down to whole
/// pages, and pages have at most 64 KiB. Apple's systems reject lengths beyond `i32::MAX`.
const MAX_LEN: usize = 0x7fff_0000;

/// The number of bytes that are passed to the kernel for buffers with these lengths. A transfer is short only if
/// it moves fewer bytes.
pub(crate) fn n_given(lengths: impl Iterator<Item = usize>) -> usize {
    let lengths = lengths.take(MAX_BUFFERS);
    lengths.fold(0, usize::saturating_add).min(MAX_LEN)
}

/// Whether received bytes are removed from the socket's queue.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Mode {
    Remove,
    Peek,
}

impl Mode {
    fn flags(self) -> libc::c_int {
        match self {
            Self::Remove => FLAGS,
            Self::Peek => FLAGS | libc::MSG_PEEK,
        }
    }
}

/// Receives once.
#[inline]
pub(crate) fn receive(fd: BorrowedFd<'_>, buffer: &mut [u8], mode: Mode) -> io::Result<usize> {
    let (at, len) = (buffer.as_mut_ptr().cast(), buffer.len().min(MAX_LEN));
    // SAFETY: recv writes at most `len` bytes, and the buffer has at least as many.
    count(unsafe { libc::recv(fd.as_raw_fd(), at, len, mode.flags()) })
}

/// Receives once, and returns the sender's address.
pub(crate) fn receive_from(
    fd: BorrowedFd<'_>,
    buffer: &mut [u8],
    mode: Mode,
) -> io::Result<(usize, SockAddr)> {
    SockRef::from(&fd).recv_from_with_flags(as_uninit(buffer), mode.flags())
}

/// Receives once, into several buffers.
pub(crate) fn receive_vectored(
    fd: BorrowedFd<'_>,
    buffers: &mut [IoSliceMut<'_>],
) -> io::Result<usize> {
    let mut message = empty_message();
    message.msg_iov = buffers.as_mut_ptr().cast();
    message.msg_iovlen = buffers.len().min(MAX_BUFFERS) as _;
    // SAFETY: an IoSliceMut has the layout of an iovec, and the buffers are borrowed mutably until the
    // call returns. The message holds no other pointer.
    count(unsafe { libc::recvmsg(fd.as_raw_fd(), &mut message, FLAGS) })
}

/// Sends once.
#[inline]
pub(crate) fn send(fd: BorrowedFd<'_>, bytes: &[u8]) -> io::Result<usize> {
    let (at, len) = (bytes.as_ptr().cast(), bytes.len().min(MAX_LEN));
    // SAFETY: send reads at most `len` bytes, and the buffer has at least as many.
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
    // SAFETY: an IoSlice has the layout of an iovec; sendmsg reads the buffers and modifies neither
    // them nor the list. The message holds no other pointer.
    count(unsafe { libc::sendmsg(fd.as_raw_fd(), &message, FLAGS) })
}

/// Accepts once, from a nonblocking listener. The new socket is nonblocking, and closed on exec.
#[cfg(not(target_vendor = "apple"))]
pub(crate) fn accept(fd: BorrowedFd<'_>) -> io::Result<(OwnedFd, SockAddr)> {
    use std::os::fd::FromRawFd;

    let flags = libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
    // SAFETY: accept4 writes the address and its length, to which both pointers are valid for writes.
    let result = unsafe {
        SockAddr::try_init(|address, length| {
            check(libc::accept4(fd.as_raw_fd(), address.cast(), length, flags))
        })
    };
    let (accepted, address) = result.map_err(|error| {
        // On Linux a nonblocking Unix listener does not report that it is shut down.
        match error.kind() == io::ErrorKind::WouldBlock && is_shut_for_reading(fd) {
            true => io::Error::from_raw_os_error(libc::EINVAL),
            false => error,
        }
    })?;
    // SAFETY: accept4 succeeded, so the descriptor is open and has no other owner.
    Ok((unsafe { OwnedFd::from_raw_fd(accepted) }, address))
}

/// The same without `accept4`, by separate calls.
#[cfg(target_vendor = "apple")]
pub(crate) fn accept(fd: BorrowedFd<'_>) -> io::Result<(OwnedFd, SockAddr)> {
    let (accepted, address) = SockRef::from(&fd).accept()?;
    accepted.set_nonblocking(true)?;
    Ok((accepted.into(), address))
}

/// Whether this is a TCP socket.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) fn is_tcp(fd: BorrowedFd<'_>) -> bool {
    let mut protocol: libc::c_int = 0;
    let mut length = size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: the option is an int; `protocol` is one, and its size is passed along.
    let result = unsafe {
        libc::getsockopt(
            fd.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_PROTOCOL,
            (&raw mut protocol).cast(),
            &mut length,
        )
    };
    result == 0 && protocol == libc::IPPROTO_TCP
}

/// The protocol is unknown, because these systems have no such option.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(crate) fn is_tcp(_fd: BorrowedFd<'_>) -> bool {
    false
}

/// Whether the socket is shut down for reading. On Linux, a receiving call that must not wait does not report
/// this for a datagram socket.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) fn is_shut_for_reading(fd: BorrowedFd<'_>) -> bool {
    let mut entry = libc::pollfd {
        fd: fd.as_raw_fd(),
        events: libc::POLLRDHUP,
        revents: 0,
    };
    // SAFETY: poll reads and writes one entry, which `entry` is.
    let n_ready = unsafe { libc::poll(&mut entry, 1, 0) };
    n_ready == 1 && entry.revents & libc::POLLRDHUP != 0
}

/// On these systems the receiving call returns the end.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(crate) fn is_shut_for_reading(_fd: BorrowedFd<'_>) -> bool {
    false
}

/// Whether the process or the system has no descriptor or no memory left: the attempt may succeed later.
pub(crate) fn is_out_of_resources(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM)
    )
}

/// Whether the error of an `accept` may concern one connection only, or says that there is none.
pub(crate) fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::WouldBlock
    )
}

/// Whether the system continues this connection attempt in the background.
pub(crate) fn is_in_progress(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::EINPROGRESS)
}

/// Makes the open file description nonblocking, in one system call: `fcntl` would need two.
pub(crate) fn set_nonblocking(fd: BorrowedFd<'_>) -> io::Result<()> {
    let mut yes: libc::c_int = 1;
    // SAFETY: FIONBIO reads an int, and `yes` is one.
    check(unsafe { libc::ioctl(fd.as_raw_fd(), libc::FIONBIO, &mut yes) }).map(drop)
}

/// Disables SIGPIPE for this socket, where the calls have no flag for that.
#[cfg(target_vendor = "apple")]
pub(crate) fn disable_sigpipe(fd: BorrowedFd<'_>) -> io::Result<()> {
    let yes: libc::c_int = 1;
    // SAFETY: the option is an int; `yes` is one, and its size is passed along.
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
    // SAFETY: msghdr consists of pointers and integers, for which zero is a valid value.
    unsafe { std::mem::zeroed() }
}

/// The buffer in the form that socket2's receiving calls take. They only write initialised bytes to it.
fn as_uninit(buffer: &mut [u8]) -> &mut [MaybeUninit<u8>] {
    let start = buffer.as_mut_ptr().cast();
    // SAFETY: the same memory with the same lifetime; `u8` and `MaybeUninit<u8>` have the same layout.
    // No caller may write uninitialised bytes: each passes the slice to a system call.
    unsafe { slice::from_raw_parts_mut(start, buffer.len()) }
}
