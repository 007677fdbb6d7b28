//! Files and other descriptors: reads from the page cache, transfers by `read` and `write`, and the kind of
//! a descriptor.

#![allow(unsafe_code)]

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

use super::{check, count};

/// The kind of a descriptor, as far as it matters for waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A regular file, a directory or a disk: always ready, and it has positions.
    Stored,
    /// A pipe, a terminal or another device.
    Stream,
    Socket,
}

/// The kind of a descriptor.
pub(crate) fn kind(fd: BorrowedFd<'_>) -> io::Result<Kind> {
    let mut status = MaybeUninit::<libc::stat>::uninit();
    // SAFETY: fstat fills the status if it succeeds.
    let mode = unsafe {
        check(libc::fstat(fd.as_raw_fd(), status.as_mut_ptr()))?;
        status.assume_init().st_mode
    };
    Ok(match mode & libc::S_IFMT {
        libc::S_IFREG | libc::S_IFDIR | libc::S_IFBLK => Kind::Stored,
        libc::S_IFSOCK => Kind::Socket,
        _ => Kind::Stream,
    })
}

/// Whether every write appends to the file.
pub(crate) fn appends(fd: BorrowedFd<'_>) -> io::Result<bool> {
    Ok(flags(fd)? & libc::O_APPEND != 0)
}

/// Whether transfers that would have to wait fail with `WouldBlock`.
pub(crate) fn is_nonblocking(fd: BorrowedFd<'_>) -> io::Result<bool> {
    Ok(flags(fd)? & libc::O_NONBLOCK != 0)
}

/// Sets [`is_nonblocking`], for all descriptors of the same open file description.
pub(crate) fn set_nonblocking(fd: BorrowedFd<'_>, is_nonblocking: bool) -> io::Result<()> {
    let before = flags(fd)?;
    let after = if is_nonblocking {
        before | libc::O_NONBLOCK
    } else {
        before & !libc::O_NONBLOCK
    };
    if before != after {
        // SAFETY: F_SETFL takes an int.
        check(unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_SETFL, after) })?;
    }
    Ok(())
}

fn flags(fd: BorrowedFd<'_>) -> io::Result<libc::c_int> {
    // SAFETY: F_GETFL takes no argument.
    check(unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_GETFL) })
}

/// Reads once, at the descriptor's position.
pub(crate) fn read(fd: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<usize> {
    // SAFETY: the buffer is writable for its length.
    count(unsafe { libc::read(fd.as_raw_fd(), buffer.as_mut_ptr().cast(), buffer.len()) })
}

/// Writes once, at the descriptor's position.
pub(crate) fn write(fd: BorrowedFd<'_>, bytes: &[u8]) -> io::Result<usize> {
    // SAFETY: the bytes are readable for their length.
    count(unsafe { libc::write(fd.as_raw_fd(), bytes.as_ptr().cast(), bytes.len()) })
}

/// Reads once at an offset, from the page cache only, and never waits for a disk. `None` if that is not
/// supported here, and if a blocking read may return something else: also at the end of the file, because
/// some kernels report the end for an empty cache.
#[cfg(target_os = "linux")]
pub(crate) fn read_cached(
    fd: BorrowedFd<'_>,
    buffer: &mut [u8],
    offset: u64,
) -> Option<io::Result<usize>> {
    if i64::try_from(offset).is_err() {
        // For this call, -1 means the descriptor's position.
        return None;
    }
    let buffer = libc::iovec {
        iov_base: buffer.as_mut_ptr().cast(),
        iov_len: buffer.len(),
    };
    // The kernel takes the offset in two words; with 64-bit words the first is enough.
    let (low, high) = (offset as libc::c_ulong, (offset >> 32) as libc::c_ulong);
    // Called by its number, because not every C library has the function.
    // SAFETY: the one buffer is writable for its length.
    let n = unsafe {
        libc::syscall(
            libc::SYS_preadv2,
            libc::c_long::from(fd.as_raw_fd()),
            &raw const buffer,
            1 as libc::c_long,
            low,
            high,
            libc::c_long::from(libc::RWF_NOWAIT),
        )
    };
    match n {
        0 => None,
        -1 => {
            let error = io::Error::last_os_error();
            let may_succeed_otherwise = matches!(
                error.raw_os_error(),
                Some(libc::EAGAIN | libc::EOPNOTSUPP | libc::ENOSYS | libc::EINTR | libc::EINVAL)
            );
            (!may_succeed_otherwise).then_some(Err(error))
        }
        n => Some(Ok(n as usize)),
    }
}

/// Not supported here.
#[cfg(not(target_os = "linux"))]
pub(crate) fn read_cached(
    _fd: BorrowedFd<'_>,
    _buffer: &mut [u8],
    _offset: u64,
) -> Option<io::Result<usize>> {
    None
}

/// Opens the same file again, for reading: a separate open file description, which does not block. Fails
/// on systems other than Linux, and for sockets.
pub(crate) fn reopen_nonblocking(fd: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    if !cfg!(any(target_os = "linux", target_os = "android")) {
        return Err(io::ErrorKind::Unsupported.into());
    }
    use std::os::unix::fs::OpenOptionsExt;
    let file = std::fs::OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
        .open(format!("/proc/self/fd/{}", fd.as_raw_fd()))?;
    Ok(file.into())
}
