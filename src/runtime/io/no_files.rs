//! In place of `files.rs` where there is no io_uring: no loop has a ring, and every operation is refused.

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::Path;

use crate::sys::poller::Poller;

/// The operations on files that the kernel has: none.
pub(crate) struct Files;

impl Files {
    pub(super) fn new(_is_wanted: bool) -> Self {
        Self
    }

    #[allow(clippy::unused_self, reason = "the other file's signature")]
    pub(super) fn make(&self, _poller: &Poller) -> io::Result<()> {
        let message = "io_uring is Linux's, and the loop's builder demands it";
        Err(io::Error::new(io::ErrorKind::Unsupported, message))
    }

    #[allow(clippy::unused_self, reason = "the other file's signature")]
    pub(crate) fn n_in_flight(&self) -> usize {
        0
    }

    #[allow(clippy::unused_self, reason = "the other file's signature")]
    pub(crate) fn turn(&self) -> usize {
        0
    }

    #[allow(clippy::unused_self, reason = "the other file's signature")]
    pub(crate) fn settle(&self) {}
}

pub(super) const fn from_environment() -> Option<bool> {
    None
}

pub(crate) const AT_END: u64 = u64::MAX;

/// How a file is opened: the options of [`std::fs::OpenOptions`].
#[derive(Clone, Debug)]
#[allow(dead_code, reason = "no ring reads them")]
#[allow(clippy::struct_excessive_bools, reason = "they are std's")]
pub(crate) struct How {
    pub(crate) read: bool,
    pub(crate) write: bool,
    pub(crate) append: bool,
    pub(crate) truncate: bool,
    pub(crate) create: bool,
    pub(crate) create_new: bool,
    pub(crate) mode: u32,
    pub(crate) custom_flags: i32,
}

pub(crate) fn read(
    _fd: BorrowedFd<'_>,
    _buffer: &mut [u8],
    _offset: u64,
) -> io::Result<Option<usize>> {
    Ok(None)
}

pub(crate) fn write(_fd: BorrowedFd<'_>, _bytes: &[u8], _offset: u64) -> io::Result<Option<usize>> {
    Ok(None)
}

pub(crate) fn sync(_fd: BorrowedFd<'_>, _is_data_only: bool) -> io::Result<Option<()>> {
    Ok(None)
}

pub(crate) fn open(_path: &Path, _how: &How) -> io::Result<Option<OwnedFd>> {
    Ok(None)
}

pub(crate) fn exists(_path: &Path) -> io::Result<Option<bool>> {
    Ok(None)
}

pub(crate) fn is_used() -> bool {
    false
}
