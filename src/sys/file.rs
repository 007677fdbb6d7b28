//! Files and other descriptors: what a descriptor refers to, transfers by `read` and `write`, and reads
//! that the page cache serves without waiting.

#![allow(unsafe_code)]

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

use super::{check, count};

/// What a descriptor refers to, as far as it matters for waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A regular file, a directory or a disk: always ready according to `poll`, and seekable.
    Stored,
    /// A pipe, a terminal or another device.
    Stream,
    Socket,
}

/// What a descriptor refers to.
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

/// Whether every write goes to the end of the file (`O_APPEND`).
pub(crate) fn appends(fd: BorrowedFd<'_>) -> io::Result<bool> {
    Ok(flags(fd)? & libc::O_APPEND != 0)
}

/// Whether transfers that would block fail with `WouldBlock` instead (`O_NONBLOCK`).
pub(crate) fn is_nonblocking(fd: BorrowedFd<'_>) -> io::Result<bool> {
    Ok(flags(fd)? & libc::O_NONBLOCK != 0)
}

/// Sets `O_NONBLOCK`, for every descriptor of the same open file description.
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

/// Calls `read` once.
pub(crate) fn read(fd: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<usize> {
    // SAFETY: the buffer is writable for its length.
    count(unsafe { libc::read(fd.as_raw_fd(), buffer.as_mut_ptr().cast(), buffer.len()) })
}

/// Calls `write` once.
pub(crate) fn write(fd: BorrowedFd<'_>, bytes: &[u8]) -> io::Result<usize> {
    // SAFETY: the bytes are readable for their length.
    count(unsafe { libc::write(fd.as_raw_fd(), bytes.as_ptr().cast(), bytes.len()) })
}

/// Reads once at an offset from the page cache, and never waits for a disk. `None` if the cache does not
/// hold the bytes, if this file or kernel does not support the call, and at the end of the file: some
/// kernels report an empty cache as the end.
#[cfg(target_os = "linux")]
pub(crate) fn read_cached(
    fd: BorrowedFd<'_>,
    buffer: &mut [u8],
    offset: u64,
) -> Option<io::Result<usize>> {
    if i64::try_from(offset).is_err() {
        // To this call, the offset -1 means the current position of the description.
        return None;
    }
    let buffer = libc::iovec {
        iov_base: buffer.as_mut_ptr().cast(),
        iov_len: buffer.len(),
    };
    // The kernel takes the offset as two words; 64-bit kernels use the first only.
    let (low, high) = (offset as libc::c_ulong, (offset >> 32) as libc::c_ulong);
    // SAFETY: preadv2 writes at most `iov_len` bytes to the one buffer, which has that length. Called
    // by number because not every C library has a wrapper.
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

/// `None`: this system has no such call.
#[cfg(not(target_os = "linux"))]
pub(crate) fn read_cached(
    _fd: BorrowedFd<'_>,
    _buffer: &mut [u8],
    _offset: u64,
) -> Option<io::Result<usize>> {
    None
}

/// Opens the file of a descriptor again, for reading: a new open file description, which does not block.
///
/// # Errors
/// `Unsupported` on other systems than Linux; the error of `open`, as for a socket.
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

/// Calls a function until its result is not `Interrupted`.
pub(crate) fn retry_interrupted<T>(mut f: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match f() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}
