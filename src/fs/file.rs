//! [`File`].

use std::fs::{File as StdFile, FileTimes, Metadata, Permissions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use super::OpenOptions;
use super::inner::{Inner, perform};
use crate::runtime::threads::pool::AtClose;

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
/// The place where the next read or write begins belongs to the file and its clones. Operations on it
/// happen one after the other, in the order in which tasks, or threads, ask for them.
///
/// # Cancellation
/// A cancelled read has taken nothing: the next one begins at the same place. A write that is cancelled
/// before a thread has begun with it has written nothing; later it is finished, and so is the move of
/// the cursor, before the next operation begins. Of pipes and terminals, see [`fs`](crate::fs).
#[derive(Debug)]
pub struct File(pub(super) Arc<Inner>);

impl File {
    /// May suspend. Opens a file for reading.
    ///
    /// # Errors
    /// As [`std::fs::File::open`].
    pub fn open(path: impl AsRef<Path>) -> io::Result<Self> {
        Self::options().read(true).open(path)
    }

    /// May suspend. Opens a file for writing, made new or emptied.
    ///
    /// # Errors
    /// As [`std::fs::File::create`].
    pub fn create(path: impl AsRef<Path>) -> io::Result<Self> {
        let mut options = Self::options();
        options.write(true).create(true).truncate(true).open(path)
    }

    /// May suspend. Makes a new file, for reading and writing.
    ///
    /// # Errors
    /// As [`std::fs::File::create_new`]: `AlreadyExists` if there is one.
    pub fn create_new(path: impl AsRef<Path>) -> io::Result<Self> {
        let mut options = Self::options();
        options.read(true).write(true).create_new(true).open(path)
    }

    /// Options for opening a file.
    #[must_use]
    pub fn options() -> OpenOptions {
        OpenOptions::new()
    }

    /// May suspend. Sees to it that all that was written, and what the file system knows of the file,
    /// is on the disk.
    ///
    /// # Errors
    /// As [`std::fs::File::sync_all`].
    pub fn sync_all(&self) -> io::Result<()> {
        self.with_file(AtClose::Awaited, StdFile::sync_all)
    }

    /// May suspend. Sees to it that all that was written is on the disk.
    ///
    /// # Errors
    /// As [`std::fs::File::sync_data`].
    pub fn sync_data(&self) -> io::Result<()> {
        self.with_file(AtClose::Awaited, StdFile::sync_data)
    }

    /// May suspend. Cuts the file, or fills it up with zeroes. The cursor stays.
    ///
    /// # Errors
    /// As [`std::fs::File::set_len`].
    pub fn set_len(&self, size: u64) -> io::Result<()> {
        self.with_file(AtClose::Awaited, move |file| file.set_len(size))
    }

    /// May suspend. What the file system knows of the file.
    ///
    /// # Errors
    /// As [`std::fs::File::metadata`].
    pub fn metadata(&self) -> io::Result<Metadata> {
        self.with_file(AtClose::LeftBehind, StdFile::metadata)
    }

    /// May suspend. Sets who may do what with the file.
    ///
    /// # Errors
    /// As [`std::fs::File::set_permissions`].
    pub fn set_permissions(&self, permissions: Permissions) -> io::Result<()> {
        self.with_file(AtClose::Awaited, move |file| {
            file.set_permissions(permissions)
        })
    }

    /// May suspend. Sets when the file was read and changed.
    ///
    /// # Errors
    /// As [`std::fs::File::set_times`].
    pub fn set_times(&self, times: FileTimes) -> io::Result<()> {
        self.with_file(AtClose::Awaited, move |file| file.set_times(times))
    }

    /// May suspend. Sets when the file was changed.
    ///
    /// # Errors
    /// As [`std::fs::File::set_modified`].
    pub fn set_modified(&self, time: SystemTime) -> io::Result<()> {
        self.set_times(FileTimes::new().set_modified(time))
    }

    /// Another handle to the same file, with the same cursor.
    ///
    /// # Errors
    /// If there are too many open files.
    pub fn try_clone(&self) -> io::Result<Self> {
        let file = self.0.file.try_clone()?;
        let cursor = Arc::clone(&self.0.cursor);
        Ok(Self(Inner::with_cursor(file, cursor)))
    }

    /// May suspend. Reads at an offset, and leaves the cursor alone.
    ///
    /// # Errors
    /// As [`FileExt::read_at`].
    pub fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        self.0.read_at(buf, offset)
    }

    /// May suspend. Reads at an offset until the buffer is full.
    ///
    /// # Errors
    /// As [`FileExt::read_exact_at`]: `UnexpectedEof` if the file ends before.
    pub fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        FileExt::read_exact_at(self, buf, offset)
    }

    /// May suspend. Writes at an offset, and leaves the cursor alone.
    ///
    /// # Errors
    /// As [`FileExt::write_at`].
    ///
    /// # Cancellation
    /// Once a thread has begun with it, it is finished.
    pub fn write_at(&self, buf: &[u8], offset: u64) -> io::Result<usize> {
        self.0.write_at(buf, offset)
    }

    /// May suspend. Writes all of the bytes at an offset.
    ///
    /// # Errors
    /// As [`FileExt::write_all_at`].
    ///
    /// # Cancellation
    /// A part may be written.
    pub fn write_all_at(&self, buf: &[u8], offset: u64) -> io::Result<()> {
        FileExt::write_all_at(self, buf, offset)
    }

    fn with_file<T: Send + 'static>(
        &self,
        at_close: AtClose,
        f: impl FnOnce(&StdFile) -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let inner = Arc::clone(&self.0);
        perform(at_close, move || f(&inner.file))
    }

    /// Reads until the end, a part at a time, so that a cancel leaves what has been read.
    fn read_rest(&self, buf: &mut Vec<u8>) -> io::Result<usize> {
        const PART: usize = 128 * 1024;
        let before = buf.len();
        let mut part = vec![0; PART];
        loop {
            match self.0.read(&mut part) {
                Ok(0) => return Ok(buf.len() - before),
                Ok(n) => buf.extend_from_slice(&part[..n]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// The methods are there without this trait, too.
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
/// A cancelled `read` has taken nothing from the file. What consists of several may have.
impl Read for &File {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.read(buf)
    }

    fn read_to_end(&mut self, buf: &mut Vec<u8>) -> io::Result<usize> {
        self.read_rest(buf)
    }

    fn read_to_string(&mut self, buf: &mut String) -> io::Result<usize> {
        let mut bytes = Vec::new();
        self.read_rest(&mut bytes)?;
        let text = String::from_utf8(bytes).map_err(|_| {
            let kind = io::ErrorKind::InvalidData;
            io::Error::new(kind, "stream did not contain valid UTF-8")
        })?;
        buf.push_str(&text);
        Ok(text.len())
    }
}

/// Each method may suspend, except for `flush`, which does nothing: nothing is buffered here.
/// [`File::sync_all`] is what waits for the disk.
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

/// Each method may suspend, while another operation on the file goes on.
impl Seek for &File {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.0.seek(to)
    }
}

/// As for a shared reference.
impl Read for File {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        (&*self).read(buf)
    }

    fn read_to_end(&mut self, buf: &mut Vec<u8>) -> io::Result<usize> {
        (&*self).read_to_end(buf)
    }

    fn read_to_string(&mut self, buf: &mut String) -> io::Result<usize> {
        (&*self).read_to_string(buf)
    }
}

/// As for a shared reference.
impl Write for File {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        (&*self).write(buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// As for a shared reference.
impl Seek for File {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        (&*self).seek(to)
    }
}

const _: () = {
    const fn assert_shared<T: Send + Sync + Unpin + 'static>() {}
    assert_shared::<File>();
};
