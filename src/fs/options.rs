//! [`OpenOptions`] and [`DirBuilder`].

use std::fs as std_fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use super::File;
use super::inner::{Inner, perform};
use crate::runtime::threads::pool::AtClose;

/// How a file is opened: [`std::fs::OpenOptions`], waiting in the event loop.
///
/// ```
/// use std::io::Write;
/// use selvedge::fs::OpenOptions;
///
/// # let path = std::env::temp_dir().join(format!("selvedge-doc-options-{}", std::process::id()));
/// let mut file = OpenOptions::new().append(true).create(true).mode(0o600).open(&path)?;
/// file.write_all(b"one more line\n")?;
/// assert_eq!(selvedge::fs::read(&path)?, b"one more line\n");
/// # std::fs::remove_file(&path)?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct OpenOptions(std_fs::OpenOptions);

impl Default for OpenOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl OpenOptions {
    /// Everything is off.
    #[must_use]
    pub fn new() -> Self {
        Self(std_fs::OpenOptions::new())
    }

    /// Whether to read.
    pub fn read(&mut self, read: bool) -> &mut Self {
        self.0.read(read);
        self
    }

    /// Whether to write.
    pub fn write(&mut self, write: bool) -> &mut Self {
        self.0.write(write);
        self
    }

    /// Whether to write at the end, wherever that is then.
    pub fn append(&mut self, append: bool) -> &mut Self {
        self.0.append(append);
        self
    }

    /// Whether to empty the file.
    pub fn truncate(&mut self, truncate: bool) -> &mut Self {
        self.0.truncate(truncate);
        self
    }

    /// Whether to make the file if there is none.
    pub fn create(&mut self, create: bool) -> &mut Self {
        self.0.create(create);
        self
    }

    /// Whether to make the file, and fail if there is one.
    pub fn create_new(&mut self, create_new: bool) -> &mut Self {
        self.0.create_new(create_new);
        self
    }

    /// Who may do what with a file that is made: `0o666` unless told otherwise, less the process's
    /// mask.
    pub fn mode(&mut self, mode: u32) -> &mut Self {
        self.0.mode(mode);
        self
    }

    /// Flags of `open` that have no name here.
    pub fn custom_flags(&mut self, flags: i32) -> &mut Self {
        self.0.custom_flags(flags);
        self
    }

    /// May suspend. Opens a file.
    ///
    /// # Errors
    /// As [`std::fs::OpenOptions::open`].
    ///
    /// # Cancellation
    /// Once a thread has begun with it the file is opened, made and emptied as was asked, and closed.
    pub fn open(&self, path: impl AsRef<Path>) -> io::Result<File> {
        let (options, path) = (self.0.clone(), path.as_ref().to_owned());
        perform(AtClose::LeftBehind, move || {
            options.open(path).map(|file| File(Inner::new(file, 0)))
        })
    }
}

/// How a directory is made: [`std::fs::DirBuilder`], waiting in the event loop.
#[derive(Clone, Debug, Default)]
pub struct DirBuilder {
    is_recursive: bool,
    mode: Option<u32>,
}

impl DirBuilder {
    /// One directory, for everybody, less the process's mask.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether to make the directories above it, too, and be content with one that is there.
    pub fn recursive(&mut self, recursive: bool) -> &mut Self {
        self.is_recursive = recursive;
        self
    }

    /// Who may do what with what is made.
    pub fn mode(&mut self, mode: u32) -> &mut Self {
        self.mode = Some(mode);
        self
    }

    /// May suspend. Makes the directory.
    ///
    /// # Errors
    /// As [`std::fs::DirBuilder::create`].
    pub fn create(&self, path: impl AsRef<Path>) -> io::Result<()> {
        let mut builder = std_fs::DirBuilder::new();
        builder.recursive(self.is_recursive);
        if let Some(mode) = self.mode {
            builder.mode(mode);
        }
        let path = path.as_ref().to_owned();
        perform(AtClose::Awaited, move || builder.create(path))
    }
}
