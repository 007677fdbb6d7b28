//! [`File`].

use std::fs::{File as StdFile, FileTimes, Metadata, Permissions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::time::SystemTime;

use super::offload::{offload, offload_to_end};
use super::open_file::OpenFile;
use crate::runtime::io::files;
use crate::runtime::threads::{AtClose, Label};
use crate::sys::file::retry_interrupted;
use crate::util::descriptor::{read_by_reference, write_by_reference};

/// A file: [`std::fs::File`], waiting in the event loop.
///
/// ```
/// use std::io::{Read, Seek, Write};
/// use selvedge::fs::File;
///
/// # let directory = std::env::temp_dir();
/// # let path = directory.join(format!("selvedge-doc-file-{}", std::process::id()));
/// let text = selvedge::run(|| {
///     let mut file = File::options().read(true).write(true).create(true).truncate(true).open(&path)?;
///     file.write_all(b"warp and weft")?;
///     file.rewind()?;
///     let mut text = String::new();
///     file.read_to_string(&mut text)?;
///     Ok::<_, std::io::Error>(text)
/// });
/// # std::fs::remove_file(&path)?;
/// assert_eq!(text?, "warp and weft");
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// The cursor, the position where the next read or write begins, belongs to the file and its clones.
/// Operations at the cursor run one after the other, in the order in which tasks, or threads, start them. A pipe or
/// a terminal has no cursor: there a write does not wait for a read.
///
/// # Cancellation
/// A cancelled read has taken nothing: the next one begins at the same position. A write that is
/// cancelled before a thread has started it fails, and writes nothing. A write that a thread has started
/// returns its result, and the cancel, the timeout or the deadline arrives at the next wait: otherwise a
/// `BufWriter` would write the bytes again. For pipes and terminals, see [`fs`](crate::fs).
#[derive(Debug)]
pub struct File(pub(super) Arc<OpenFile>);

impl File {
    /// May suspend. Flushes everything that was written, and the file's metadata, to the disk.
    ///
    /// # Errors
    /// As [`std::fs::File::sync_all`].
    ///
    /// # Cancellation
    /// A cancelled wait ends with an error; an operation that a thread has begun runs to its end.
    /// See [`docs::cancellation`](crate::docs::cancellation).
    pub fn sync_all(&self) -> io::Result<()> {
        match files::sync(self.as_fd(), false)? {
            Some(()) => Ok(()),
            None => self.with_file("File::sync_all", AtClose::Awaited, StdFile::sync_all),
        }
    }

    /// May suspend. Flushes everything that was written to the disk, without all of the metadata.
    ///
    /// # Errors
    /// As [`std::fs::File::sync_data`].
    ///
    /// # Cancellation
    /// A cancelled wait ends with an error; an operation that a thread has begun runs to its end.
    /// See [`docs::cancellation`](crate::docs::cancellation).
    pub fn sync_data(&self) -> io::Result<()> {
        match files::sync(self.as_fd(), true)? {
            Some(()) => Ok(()),
            None => self.with_file("File::sync_data", AtClose::Awaited, StdFile::sync_data),
        }
    }

    /// May suspend. Truncates the file, or extends it with zeroes. The cursor does not move.
    ///
    /// # Errors
    /// As [`std::fs::File::set_len`].
    ///
    /// # Cancellation
    /// As a write at the cursor: see [`File`].
    pub fn set_len(&self, size: u64) -> io::Result<()> {
        self.change("File::set_len", move |file| file.set_len(size))
    }

    /// May suspend. Returns the file's metadata.
    ///
    /// # Errors
    /// As [`std::fs::File::metadata`].
    ///
    /// # Cancellation
    /// A cancelled wait ends with an error; an operation that a thread has begun runs to its end.
    /// See [`docs::cancellation`](crate::docs::cancellation).
    pub fn metadata(&self) -> io::Result<Metadata> {
        self.with_file("File::metadata", AtClose::Detached, StdFile::metadata)
    }

    /// May suspend. Sets the file's permissions.
    ///
    /// # Errors
    /// As [`std::fs::File::set_permissions`].
    ///
    /// # Cancellation
    /// As a write at the cursor: see [`File`].
    pub fn set_permissions(&self, permissions: Permissions) -> io::Result<()> {
        self.change("File::set_permissions", move |file| {
            file.set_permissions(permissions)
        })
    }

    /// May suspend. Sets the file's times of access and modification.
    ///
    /// # Errors
    /// As [`std::fs::File::set_times`].
    ///
    /// # Cancellation
    /// As a write at the cursor: see [`File`].
    pub fn set_times(&self, times: FileTimes) -> io::Result<()> {
        self.change("File::set_times", move |file| file.set_times(times))
    }

    /// May suspend. Sets the file's time of modification.
    ///
    /// # Errors
    /// As [`std::fs::File::set_modified`].
    ///
    /// # Cancellation
    /// As a write at the cursor: see [`File`].
    pub fn set_modified(&self, time: SystemTime) -> io::Result<()> {
        self.set_times(FileTimes::new().set_modified(time))
    }

    /// Creates another handle to the same file, with the same cursor.
    ///
    /// # Errors
    /// If too many files are open.
    pub fn try_clone(&self) -> io::Result<Self> {
        self.0.try_clone().map(Self)
    }

    /// May suspend. Reads at an offset, without the cursor.
    ///
    /// ```
    /// use selvedge::fs::{self, File};
    ///
    /// # let path = std::env::temp_dir().join(format!("selvedge-doc-read-at-{}", std::process::id()));
    /// fs::write(&path, "warp and weft")?;
    /// let mut bytes = [0; 3];
    /// assert_eq!(File::open(&path)?.read_at(&mut bytes, 5)?, 3);
    /// assert_eq!(&bytes, b"and");
    /// # std::fs::remove_file(&path)?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`FileExt::read_at`].
    ///
    /// # Cancellation
    /// The bytes are dropped.
    pub fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        self.0.read_at(buf, offset)
    }

    /// May suspend. Reads at an offset until the buffer is full.
    ///
    /// # Errors
    /// As [`FileExt::read_exact_at`]: `UnexpectedEof` if the file ends first.
    ///
    /// # Cancellation
    /// The bytes are dropped.
    pub fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        FileExt::read_exact_at(self, buf, offset)
    }

    /// May suspend. Writes at an offset, without the cursor.
    ///
    /// # Errors
    /// As [`FileExt::write_at`].
    ///
    /// # Cancellation
    /// As a write at the cursor: see [`File`].
    pub fn write_at(&self, buf: &[u8], offset: u64) -> io::Result<usize> {
        self.0.write_at(buf, offset)
    }

    /// May suspend. Writes all of the bytes at an offset.
    ///
    /// # Errors
    /// As [`FileExt::write_all_at`].
    ///
    /// # Cancellation
    /// A part may have been written.
    pub fn write_all_at(&self, buf: &[u8], offset: u64) -> io::Result<()> {
        FileExt::write_all_at(self, buf, offset)
    }

    fn with_file<T: Send + 'static>(
        &self,
        what: &'static str,
        at_close: AtClose,
        f: impl FnOnce(&StdFile) -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let open = Arc::clone(&self.0);
        offload(at_close, Label::Operation(what), move || f(&open.file))
    }

    /// May suspend. Changes the file. A change that has begun is waited for: after a cancel it would undo later ones.
    fn change(
        &self,
        what: &'static str,
        f: impl FnOnce(&StdFile) -> io::Result<()> + Send + 'static,
    ) -> io::Result<()> {
        let open = Arc::clone(&self.0);
        offload_to_end(Label::Operation(what), move || f(&open.file))
    }

    /// Reads to the end in parts, so that the bytes read before a cancel remain in `buf`.
    fn read_rest(&self, buf: &mut Vec<u8>) -> io::Result<usize> {
        const PART: usize = 128 * 1024;
        let before = buf.len();
        let mut part = vec![0; PART];
        loop {
            match retry_interrupted(|| self.0.read(&mut part))? {
                0 => return Ok(buf.len() - before),
                n => {
                    // An error as in std, where `extend_from_slice` would abort the process.
                    buf.try_reserve(n)?;
                    buf.extend_from_slice(&part[..n]);
                }
            }
        }
    }
}

/// The methods exist without this trait as well.
impl FileExt for File {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        self.0.read_at(buf, offset)
    }

    fn write_at(&self, buf: &[u8], offset: u64) -> io::Result<usize> {
        self.0.write_at(buf, offset)
    }
}

/// Each method may suspend.
///
/// # Cancellation
/// A cancelled `read` has taken nothing from the file. A method that consists of several reads may have.
impl Read for &File {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.read(buf)
    }

    fn read_to_end(&mut self, buf: &mut Vec<u8>) -> io::Result<usize> {
        self.read_rest(buf)
    }

    fn read_to_string(&mut self, buf: &mut String) -> io::Result<usize> {
        let mut bytes = Vec::new();
        let read = self.read_rest(&mut bytes);
        match String::from_utf8(bytes) {
            // Also after an error, as in std: the next call continues behind these bytes.
            Ok(text) if buf.is_empty() => *buf = text,
            Ok(text) => {
                buf.try_reserve(text.len())?;
                buf.push_str(&text);
            }
            Err(_) => {
                let kind = io::ErrorKind::InvalidData;
                let message = "stream did not contain valid UTF-8";
                return read.and(Err(io::Error::new(kind, message)));
            }
        }
        read
    }
}

/// Each method may suspend, except for `flush`, which does nothing because nothing is buffered here. To
/// wait for the disk, call [`File::sync_all`].
///
/// # Cancellation
/// See [`File`].
impl Write for &File {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.0.write(buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Each method may suspend, while another operation at the cursor runs.
impl Seek for &File {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.0.seek(to)
    }
}

read_by_reference!(File);
write_by_reference!(File);

/// Same as for a shared reference.
impl Seek for File {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        (&*self).seek(to)
    }
}

const _: () = {
    const fn assert_shared<T: Send + Sync + Unpin + 'static>() {}
    assert_shared::<File>();
};
