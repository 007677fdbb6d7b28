//! Files and other descriptors: reads that only take what memory holds, transfers by `read` and
//! `write`, and what a descriptor is.

#![allow(unsafe_code)]

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

/// What a descriptor leads to, as far as it matters for waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A regular file, a directory or a disk: it counts as always ready, and has positions.
    Stored,
    /// A pipe, a terminal or another device.
    Stream,
    Socket,
}

/// What a descriptor leads to.
pub(crate) fn kind(fd: BorrowedFd<'_>) -> io::Result<Kind> {
    let mut status = MaybeUninit::<libc::stat>::uninit();
    // SAFETY: fstat fills the status if it succeeds.
    let mode = unsafe {
        if libc::fstat(fd.as_raw_fd(), status.as_mut_ptr()) == -1 {
            return Err(io::Error::last_os_error());
        }
        status.assume_init().st_mode
    };
    Ok(match mode & libc::S_IFMT {
        libc::S_IFREG | libc::S_IFDIR | libc::S_IFBLK => Kind::Stored,
        libc::S_IFSOCK => Kind::Socket,
        _ => Kind::Stream,
    })
}

/// Whether every write goes to the file's end.
pub(crate) fn appends(fd: BorrowedFd<'_>) -> io::Result<bool> {
    Ok(flags(fd)? & libc::O_APPEND != 0)
}

/// Whether transfers that would have to wait answer `WouldBlock`.
pub(crate) fn is_nonblocking(fd: BorrowedFd<'_>) -> io::Result<bool> {
    Ok(flags(fd)? & libc::O_NONBLOCK != 0)
}

/// Sets what [`is_nonblocking`] answers, for all who share the open file description.
pub(crate) fn set_nonblocking(fd: BorrowedFd<'_>, is_nonblocking: bool) -> io::Result<()> {
    let before = flags(fd)?;
    let after = if is_nonblocking {
        before | libc::O_NONBLOCK
    } else {
        before & !libc::O_NONBLOCK
    };
    // SAFETY: F_SETFL takes an int.
    if before != after && unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_SETFL, after) } == -1 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

fn flags(fd: BorrowedFd<'_>) -> io::Result<libc::c_int> {
    // SAFETY: F_GETFL takes no argument.
    match unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_GETFL) } {
        -1 => Err(io::Error::last_os_error()),
        flags => Ok(flags),
    }
}

/// Reads once, from wherever the descriptor stands.
pub(crate) fn read(fd: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<usize> {
    // SAFETY: the buffer is writable for its length.
    length(unsafe { libc::read(fd.as_raw_fd(), buffer.as_mut_ptr().cast(), buffer.len()) })
}

/// Writes once, to wherever the descriptor stands.
pub(crate) fn write(fd: BorrowedFd<'_>, bytes: &[u8]) -> io::Result<usize> {
    // SAFETY: the bytes are readable for their length.
    length(unsafe { libc::write(fd.as_raw_fd(), bytes.as_ptr().cast(), bytes.len()) })
}

/// Reads once at an offset what memory holds of the file, and never waits for a disk. `None` if that
/// can't be had here, or if there may be more to tell: at the end of the file, too, because some
/// kernels take an empty cache for it.
#[cfg(target_os = "linux")]
pub(crate) fn read_cached(
    fd: BorrowedFd<'_>,
    buffer: &mut [u8],
    offset: u64,
) -> Option<io::Result<usize>> {
    if i64::try_from(offset).is_err() {
        // To this call, -1 is wherever the descriptor stands.
        return None;
    }
    let buffer = libc::iovec {
        iov_base: buffer.as_mut_ptr().cast(),
        iov_len: buffer.len(),
    };
    // The kernel takes the offset in two words; where words have 64 bits the first is enough.
    let (low, high) = (offset as libc::c_ulong, (offset >> 32) as libc::c_ulong);
    // SAFETY: the one buffer is writable for its length. By its number, because not every C library
    // has this call.
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
            let may_be_had_otherwise = matches!(
                error.raw_os_error(),
                Some(libc::EAGAIN | libc::EOPNOTSUPP | libc::ENOSYS | libc::EINTR | libc::EINVAL)
            );
            (!may_be_had_otherwise).then_some(Err(error))
        }
        n => Some(Ok(n as usize)),
    }
}

/// The same where no call does that.
#[cfg(not(target_os = "linux"))]
pub(crate) fn read_cached(
    _fd: BorrowedFd<'_>,
    _buffer: &mut [u8],
    _offset: u64,
) -> Option<io::Result<usize>> {
    None
}

/// Opens what a descriptor leads to once more, for reading: an open file description of one's own,
/// which does not block. Elsewhere than on Linux, and for sockets, there is no such thing.
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

/// The answer of a transfer.
fn length(answer: isize) -> io::Result<usize> {
    usize::try_from(answer).map_err(|_| io::Error::last_os_error())
}
