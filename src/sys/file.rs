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

impl Kind {
    /// The kind by the mode of a file's status.
    pub(super) fn of(mode: libc::mode_t) -> Self {
        match mode & libc::S_IFMT {
            libc::S_IFREG | libc::S_IFDIR | libc::S_IFBLK => Self::Stored,
            libc::S_IFSOCK => Self::Socket,
            _ => Self::Stream,
        }
    }
}

/// What a descriptor refers to.
pub(crate) fn kind(fd: BorrowedFd<'_>) -> io::Result<Kind> {
    mode(fd).map(Kind::of)
}

/// The type of a descriptor's file, as the type bits of its mode.
fn mode(fd: BorrowedFd<'_>) -> io::Result<libc::mode_t> {
    let mut status = MaybeUninit::<libc::stat>::uninit();
    // SAFETY: fstat fills the status if it succeeds.
    let mode = unsafe {
        check(libc::fstat(fd.as_raw_fd(), status.as_mut_ptr()))?;
        status.assume_init().st_mode
    };
    Ok(mode & libc::S_IFMT)
}

/// Whether every write goes to the end of the file (`O_APPEND`).
pub(crate) fn appends(fd: BorrowedFd<'_>) -> io::Result<bool> {
    Ok(flags(fd)? & libc::O_APPEND != 0)
}

/// Whether transfers bypass the page cache (`O_DIRECT`, where there is one).
pub(crate) fn is_direct(fd: BorrowedFd<'_>) -> io::Result<bool> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let flag = libc::O_DIRECT;
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let flag = 0;
    Ok(flags(fd)? & flag != 0)
}

/// The flag for `open` by which a FIFO does not wait for its other end, and transfers that would
/// block fail.
pub(crate) const NONBLOCK: i32 = libc::O_NONBLOCK;

/// The flags for `open` by which a FIFO does not wait for its other end. With `O_PATH` the FIFO itself is not opened.
pub(crate) const NEVER_WAITS: i32 = {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let path = libc::O_PATH;
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let path = 0;
    NONBLOCK | path
};

/// Whether an open with [`NONBLOCK`] has failed because a FIFO has no reader.
pub(crate) fn has_no_reader(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::ENXIO)
}

/// Whether a descriptor is open for reading only.
pub(crate) fn is_read_only(fd: BorrowedFd<'_>) -> io::Result<bool> {
    Ok(flags(fd)? & libc::O_ACCMODE == libc::O_RDONLY)
}

/// Sets `O_NONBLOCK`, for every descriptor of the same open file description: transfers that would block fail with
/// `WouldBlock`. Returns whether the flag was changed.
pub(crate) fn set_nonblocking(fd: BorrowedFd<'_>, is_nonblocking: bool) -> io::Result<bool> {
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
    Ok(before != after)
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

/// Calls `preadv2` or `pwritev2`, by the given number, with one buffer and the flag `RWF_NOWAIT`.
///
/// # Safety
/// The buffer is readable, and writable for `preadv2`, for its length.
#[cfg(target_os = "linux")]
unsafe fn transfer_nowait(
    call: libc::c_long,
    fd: BorrowedFd<'_>,
    buffer: libc::iovec,
    offset: i64,
) -> io::Result<usize> {
    // The kernel takes the offset as two words; 64-bit kernels use the first only.
    let (low, high) = (offset as libc::c_ulong, (offset >> 32) as libc::c_ulong);
    // SAFETY: the call transfers at most `iov_len` bytes of the one buffer, which the caller promises. The call
    // is by number because not every C library has a wrapper.
    count(unsafe {
        libc::syscall(
            call,
            libc::c_long::from(fd.as_raw_fd()),
            &raw const buffer,
            1 as libc::c_long,
            low,
            high,
            libc::c_long::from(libc::RWF_NOWAIT),
        )
    })
}

/// Tells `preadv2` and `pwritev2` to use the description's position, if the file has one.
#[cfg(target_os = "linux")]
const NO_OFFSET: i64 = -1;

/// Reads once at an offset from the page cache, and never waits for a disk. Returns `None` if the cache
/// does not hold the bytes, if this file or kernel does not support the call, and at the end of the
/// file, because some kernels report an empty cache as the end.
#[cfg(target_os = "linux")]
pub(crate) fn read_cached(
    fd: BorrowedFd<'_>,
    buffer: &mut [u8],
    offset: u64,
) -> Option<io::Result<usize>> {
    let offset = i64::try_from(offset).ok()?;
    let buffer = libc::iovec {
        iov_base: buffer.as_mut_ptr().cast(),
        iov_len: buffer.len(),
    };
    // SAFETY: the buffer is writable for its length.
    match unsafe { transfer_nowait(libc::SYS_preadv2, fd, buffer, offset) } {
        Ok(0) => None,
        Err(error)
            if matches!(error.raw_os_error(), Some(libc::EAGAIN | libc::EINTR))
                || is_unsupported(&error) =>
        {
            None
        }
        result => Some(result),
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

/// Reads once, and never waits, even if the open file description is blocking.
///
/// # Errors
/// `WouldBlock`, or the error of `read`; one that [`is_unsupported`] recognises if there is no such call for this file.
pub(crate) fn read_nowait(fd: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<usize> {
    #[cfg(target_os = "linux")]
    {
        let buffer = libc::iovec {
            iov_base: buffer.as_mut_ptr().cast(),
            iov_len: buffer.len(),
        };
        // SAFETY: the buffer is writable for its length.
        unsafe { transfer_nowait(libc::SYS_preadv2, fd, buffer, NO_OFFSET) }
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = (fd, buffer);
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// Writes once, with the same guarantees as [`read_nowait`].
pub(crate) fn write_nowait(fd: BorrowedFd<'_>, bytes: &[u8]) -> io::Result<usize> {
    #[cfg(target_os = "linux")]
    {
        let buffer = libc::iovec {
            iov_base: bytes.as_ptr().cast_mut().cast(),
            iov_len: bytes.len(),
        };
        // SAFETY: the bytes are readable for their length, and pwritev2 only reads.
        unsafe { transfer_nowait(libc::SYS_pwritev2, fd, buffer, NO_OFFSET) }
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = (fd, bytes);
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// Whether the error means that the file or the kernel does not support a call that never waits.
pub(crate) fn is_unsupported(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::Unsupported
        || matches!(
            error.raw_os_error(),
            Some(libc::EOPNOTSUPP | libc::ENOSYS | libc::EINVAL | libc::EPERM)
        )
}

/// Opens a FIFO or a terminal again by its name under `/proc/self/fd`, with the descriptor's access mode. The result
/// is a new open file description, which no other process shares and which does not block.
///
/// # Errors
/// `Unsupported` on systems other than Linux, and for other files, because opening a device again may have an effect,
/// as with the controlling side of a pseudoterminal. Otherwise the error of `open`.
pub(crate) fn reopen_nonblocking(fd: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let may_open = cfg!(any(target_os = "linux", target_os = "android"))
        && (mode(fd)? == libc::S_IFIFO || is_terminal(fd) && !is_controlling_side(fd));
    if !may_open {
        return Err(io::ErrorKind::Unsupported.into());
    }
    use std::os::unix::fs::OpenOptionsExt;
    let access = flags(fd)? & libc::O_ACCMODE;
    let file = std::fs::OpenOptions::new()
        .read(access != libc::O_WRONLY)
        .write(access != libc::O_RDONLY)
        .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
        .open(format!("/proc/self/fd/{}", fd.as_raw_fd()))?;
    Ok(file.into())
}

/// Whether this is a terminal, or the controlling side of one.
pub(crate) fn is_terminal(fd: BorrowedFd<'_>) -> bool {
    std::io::IsTerminal::is_terminal(&fd)
}

/// Whether this is the side of a pseudoterminal that a terminal emulator has.
#[cfg(target_os = "linux")]
fn is_controlling_side(fd: BorrowedFd<'_>) -> bool {
    let mut number: libc::c_uint = 0;
    // SAFETY: the request writes an unsigned int, which `number` is.
    unsafe { libc::ioctl(fd.as_raw_fd(), libc::TIOCGPTN, &mut number) == 0 }
}

/// Only Linux asks.
#[cfg(not(target_os = "linux"))]
fn is_controlling_side(_fd: BorrowedFd<'_>) -> bool {
    true
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
