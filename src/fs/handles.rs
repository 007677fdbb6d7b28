//! Files as descriptors: to and from std's type, and the conversions that every holder of a descriptor
//! has. `from_raw_fd` is all that is unsafe in `fs`.

#![allow(unsafe_code)]

use std::fs::File as StdFile;
use std::io::{self, Seek, SeekFrom};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::sync::Arc;

use super::File;
use super::inner::Inner;

impl File {
    /// Takes over a file of std's, and its position.
    ///
    /// Clones of it that are still std's, or another process's, move that position no longer, and are
    /// not moved by this one.
    #[must_use]
    pub fn from_std(mut file: StdFile) -> Self {
        // Of a stream, which has none, an error.
        let position = file.stream_position().unwrap_or(0);
        Self(Inner::new(file, position))
    }

    /// A file whose position others move as well, and see moved.
    pub(crate) fn from_shared(file: StdFile) -> Self {
        Self(Inner::shared(file))
    }

    /// May suspend, until operations have ended that move the cursor. Gives the file away as std has
    /// it, with its position.
    ///
    /// What a cancelled read of a stream has left for the next one is lost.
    ///
    /// # Errors
    /// That the position can't be set; that a job of an operation that was cancelled still has the
    /// file, and there are too many open files for another descriptor.
    pub fn into_std(self) -> io::Result<StdFile> {
        let taken = self.0.cursor.take()?;
        let position = taken.position();
        drop(taken);
        let is_stream = self.0.is_stream;
        let mut file = match Arc::try_unwrap(self.0) {
            Ok(inner) => inner.file,
            Err(shared) => shared.file.try_clone()?,
        };
        if !is_stream {
            file.seek(SeekFrom::Start(position))?;
        }
        Ok(file)
    }
}

impl From<StdFile> for File {
    fn from(file: StdFile) -> Self {
        Self::from_std(file)
    }
}

impl From<OwnedFd> for File {
    fn from(fd: OwnedFd) -> Self {
        Self::from_std(fd.into())
    }
}

impl TryFrom<File> for StdFile {
    type Error = io::Error;

    /// As [`File::into_std`].
    fn try_from(file: File) -> io::Result<Self> {
        file.into_std()
    }
}

impl TryFrom<File> for OwnedFd {
    type Error = io::Error;

    /// As [`File::into_std`].
    fn try_from(file: File) -> io::Result<Self> {
        file.into_std().map(Self::from)
    }
}

impl AsFd for File {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.file.as_fd()
    }
}

impl AsRawFd for File {
    fn as_raw_fd(&self) -> RawFd {
        self.0.file.as_raw_fd()
    }
}

impl FromRawFd for File {
    /// # Safety
    /// The descriptor is open, and the caller's to give away.
    unsafe fn from_raw_fd(fd: RawFd) -> Self {
        // SAFETY: the caller owns the descriptor and gives it away.
        Self::from(unsafe { OwnedFd::from_raw_fd(fd) })
    }
}
