//! Files as handles: conversions to and from std's type and descriptors.

use std::fs::File as StdFile;
use std::io::{self, Seek, SeekFrom};
use std::os::fd::OwnedFd;
use std::sync::Arc;

use super::file::File;
use super::open_file::OpenFile;
use crate::util::descriptor::descriptor_conversions;

descriptor_conversions!(File, StdFile);

impl File {
    /// Takes over a file of std's, and its position.
    ///
    /// Clones that remain std's, or another process's, have a position of their own from now on: neither
    /// side sees the other's move.
    #[must_use]
    pub fn from_std(mut file: StdFile) -> Self {
        // A stream has no position: an error.
        let position = file.stream_position().unwrap_or(0);
        Self(OpenFile::new(file, position))
    }

    /// A file whose position is shared with other owners of the open file description.
    pub(crate) fn from_shared(file: StdFile) -> Self {
        Self(OpenFile::shared(file))
    }

    /// May suspend, until running operations at the cursor have ended. Converts the file into std's type,
    /// with its position.
    ///
    /// Bytes that a cancelled read of a stream has stored for the next read are lost.
    ///
    /// # Errors
    /// If the position can't be set, or if the job of a cancelled operation still owns the file and too
    /// many files are open for another descriptor.
    ///
    /// # Cancellation
    /// The file is dropped.
    pub fn into_std(self) -> io::Result<StdFile> {
        let position = self.0.cursor.acquire()?.position();
        if let Some(writes) = &self.0.stream_writes {
            drop(writes.acquire()?);
        }
        let is_stream = self.0.is_stream;
        let mut file = match Arc::try_unwrap(self.0) {
            Ok(open) => open.file,
            Err(shared) => shared.file.try_clone()?,
        };
        if !is_stream {
            file.seek(SeekFrom::Start(position))?;
        }
        Ok(file)
    }
}

impl TryFrom<File> for StdFile {
    type Error = io::Error;

    /// Same as [`File::into_std`].
    fn try_from(file: File) -> io::Result<Self> {
        file.into_std()
    }
}

impl TryFrom<File> for OwnedFd {
    type Error = io::Error;

    /// Same as [`File::into_std`].
    fn try_from(file: File) -> io::Result<Self> {
        file.into_std().map(Self::from)
    }
}
