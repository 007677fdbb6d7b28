//! Directories: [`read_dir`] and its entries.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs::{self as std_fs, FileType, Metadata};
use std::io;
use std::os::unix::fs::DirEntryExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use super::offload::{offload, run_on};
use crate::runtime::threads::{AtClose, Label};
use crate::runtime::wait::is_io_ending;
use crate::util::fmt::impl_fmt;
use crate::util::lock::lock;

/// How many entries one job reads.
const BATCH: usize = 64;

/// May suspend. Returns an iterator over the entries of a directory.
///
/// ```
/// # let directory = std::env::temp_dir().join(format!("selvedge-doc-dir-{}", std::process::id()));
/// # std::fs::create_dir_all(&directory)?;
/// # std::fs::write(directory.join("weft"), "")?;
/// for entry in selvedge::fs::read_dir(&directory)? {
///     assert_eq!(entry?.file_name(), "weft");
/// }
/// # std::fs::remove_dir_all(&directory)?;
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
/// As [`std::fs::read_dir`].
///
/// # Cancellation
/// A cancelled wait ends with an error; an operation that a thread has begun runs to its end. See
/// [`docs::cancellation`](crate::docs::cancellation).
pub fn read_dir(path: impl AsRef<Path>) -> io::Result<ReadDir> {
    let path = Arc::<Path>::from(path.as_ref());
    let opened = Arc::clone(&path);
    let directory = offload(AtClose::Detached, label(&path), move || {
        std_fs::read_dir(opened)
    })?;
    let state = State {
        directory,
        entries: VecDeque::new(),
        is_exhausted: false,
    };
    Ok(ReadDir {
        state: Arc::new(Mutex::new(state)),
        path,
        has_failed: false,
    })
}

/// An iterator over the entries of a directory, made by [`read_dir`]. `next` may suspend.
///
/// Where `next` would return the same error for ever (in a callback, or after a cancel, a timeout or a deadline), the
/// error comes once, and then `None`. So a loop that ignores errors ends.
///
/// # Cancellation
/// No entry is lost.
pub struct ReadDir {
    /// Shared with the job that reads the next entries and stores them here.
    state: Arc<Mutex<State>>,
    path: Arc<Path>,
    /// The last `next` could not read.
    has_failed: bool,
}

fn label(path: &Arc<Path>) -> Label {
    Label::Path("fs::read_dir", Arc::clone(path))
}

struct State {
    directory: std_fs::ReadDir,
    entries: VecDeque<io::Result<DirEntry>>,
    is_exhausted: bool,
}

impl State {
    /// Reads the next batch of entries, unless the job of a cancelled `next` has stored some already.
    fn read_batch(&mut self) {
        if !self.entries.is_empty() {
            return;
        }
        while self.entries.len() < BATCH && !self.is_exhausted {
            let next = self.directory.next();
            self.is_exhausted = !matches!(next, Some(Ok(_)));
            self.entries.extend(next.map(|entry| {
                entry.map(|inner| DirEntry {
                    file_type: inner.file_type().ok(),
                    inner: Arc::new(inner),
                })
            }));
        }
    }
}

impl Iterator for ReadDir {
    type Item = io::Result<DirEntry>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            // The job of a cancelled `next` may hold the lock while it reads the disk: then another job
            // waits for the lock, instead of the loop.
            if let Ok(mut state) = self.state.try_lock()
                && (state.is_exhausted || !state.entries.is_empty())
            {
                return state.entries.pop_front();
            }
            if std::mem::take(&mut self.has_failed) && (is_io_ending() || run_on().is_err()) {
                return None;
            }
            let state = Arc::clone(&self.state);
            let read = offload(AtClose::Detached, label(&self.path), move || {
                lock(&state).read_batch();
                Ok(())
            });
            if let Err(error) = read {
                self.has_failed = true;
                return Some(Err(error));
            }
        }
    }
}

impl_fmt!(Debug for ReadDir, |this, f| f.debug_tuple("ReadDir").field(&this.path).finish());

/// An entry of a directory: [`std::fs::DirEntry`], waiting in the event loop.
#[derive(Clone)]
pub struct DirEntry {
    inner: Arc<std_fs::DirEntry>,
    file_type: Option<FileType>,
}

impl DirEntry {
    /// The directory's path and the entry's name.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.inner.path()
    }

    /// The entry's name.
    #[must_use]
    pub fn file_name(&self) -> OsString {
        self.inner.file_name()
    }

    /// The entry's inode number.
    #[must_use]
    pub fn ino(&self) -> u64 {
        self.inner.ino()
    }

    /// May suspend, on file systems whose directories don't store types. Returns the entry's type; of a
    /// symbolic link, that of the link.
    ///
    /// # Errors
    /// As [`std::fs::DirEntry::file_type`].
    ///
    /// # Cancellation
    /// A cancelled wait ends with an error; an operation that a thread has begun runs to its end.
    /// See [`docs::cancellation`](crate::docs::cancellation).
    pub fn file_type(&self) -> io::Result<FileType> {
        match self.file_type {
            Some(file_type) => Ok(file_type),
            None => self.with_entry("DirEntry::file_type", std_fs::DirEntry::file_type),
        }
    }

    /// May suspend. Returns the entry's metadata; of a symbolic link, that of the link.
    ///
    /// # Errors
    /// As [`std::fs::DirEntry::metadata`].
    ///
    /// # Cancellation
    /// A cancelled wait ends with an error; an operation that a thread has begun runs to its end.
    /// See [`docs::cancellation`](crate::docs::cancellation).
    pub fn metadata(&self) -> io::Result<Metadata> {
        self.with_entry("DirEntry::metadata", std_fs::DirEntry::metadata)
    }

    fn with_entry<T: Send + 'static>(
        &self,
        what: &'static str,
        f: impl FnOnce(&std_fs::DirEntry) -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let inner = Arc::clone(&self.inner);
        let label = Label::Path(what, self.path().into());
        offload(AtClose::Detached, label, move || f(&inner))
    }
}

impl_fmt!(Debug for DirEntry, |this, f| f.debug_tuple("DirEntry").field(&this.path()).finish());
