//! [`OpenOptions`], the constructors of [`File`] that use it, and [`DirBuilder`].

use std::fs as std_fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;

use super::fifo;
use super::file::File;
use super::offload::offload;
use crate::runtime::io::files::How;
use crate::runtime::threads::{AtClose, Label};

/// Options for opening a file: [`std::fs::OpenOptions`], waiting in the event loop.
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
pub struct OpenOptions {
    std: std_fs::OpenOptions,
    /// The same, because std's type does not tell.
    how: How,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl OpenOptions {
    /// Options that are all off.
    #[must_use]
    pub fn new() -> Self {
        Self {
            std: std_fs::OpenOptions::new(),
            how: How {
                read: false,
                write: false,
                append: false,
                truncate: false,
                create: false,
                create_new: false,
                mode: 0o666,
                custom_flags: 0,
            },
        }
    }

    /// May suspend. Opens a file.
    ///
    /// # Errors
    /// As [`std::fs::OpenOptions::open`].
    ///
    /// # Cancellation
    /// A cancelled wait ends with an error. If a thread has begun to open the file, the file is opened
    /// with all effects of the options, and then closed. A wait for the other end of a FIFO ends.
    pub fn open(&self, path: impl AsRef<Path>) -> io::Result<File> {
        fifo::open(&self.std, &self.how, path.as_ref())
    }

    /// Sets further flags of the system's `open`.
    pub fn custom_flags(&mut self, custom_flags: i32) -> &mut Self {
        self.how.custom_flags = custom_flags;
        self.std.custom_flags(custom_flags);
        self
    }
}

/// Defines methods that set the option of the same name in std's type.
macro_rules! options {
    ($($(#[$doc:meta])* fn $name:ident($type:ty);)*) => {
        impl OpenOptions {$(
            $(#[$doc])*
            pub fn $name(&mut self, $name: $type) -> &mut Self {
                self.std.$name($name);
                self.how.$name = $name;
                self
            }
        )*}
    };
}

options! {
    /// Sets read access.
    fn read(bool);

    /// Sets write access.
    fn write(bool);

    /// Sets append mode: each write goes to the end that the file has at that moment.
    fn append(bool);

    /// Sets whether an existing file is truncated.
    fn truncate(bool);

    /// Sets whether the file is created if it does not exist.
    fn create(bool);

    /// Sets whether the file is created, with an error if it exists.
    fn create_new(bool);

    /// Sets the permissions of a file that is created: `0o666` by default, reduced by the process's umask.
    fn mode(u32);
}

impl File {
    /// May suspend. Opens a file for reading.
    ///
    /// # Errors
    /// As [`std::fs::File::open`].
    ///
    /// # Cancellation
    /// As [`OpenOptions::open`].
    pub fn open(path: impl AsRef<Path>) -> io::Result<Self> {
        Self::options().read(true).open(path)
    }

    /// May suspend. Opens a file for writing: creates it, or truncates it if it exists.
    ///
    /// # Errors
    /// As [`std::fs::File::create`].
    ///
    /// # Cancellation
    /// As [`OpenOptions::open`].
    pub fn create(path: impl AsRef<Path>) -> io::Result<Self> {
        let mut options = Self::options();
        options.write(true).create(true).truncate(true).open(path)
    }

    /// May suspend. Creates a new file, for reading and writing.
    ///
    /// # Errors
    /// As [`std::fs::File::create_new`]: `AlreadyExists` if the file exists.
    ///
    /// # Cancellation
    /// As [`OpenOptions::open`].
    pub fn create_new(path: impl AsRef<Path>) -> io::Result<Self> {
        let mut options = Self::options();
        options.read(true).write(true).create_new(true).open(path)
    }

    /// Returns options for opening a file, all off.
    #[must_use]
    pub fn options() -> OpenOptions {
        OpenOptions::new()
    }
}

/// Options for creating a directory: [`std::fs::DirBuilder`], waiting in the event loop.
///
/// ```
/// use selvedge::fs::{self, DirBuilder};
///
/// # let root = std::env::temp_dir().join(format!("selvedge-doc-builder-{}", std::process::id()));
/// DirBuilder::new().recursive(true).mode(0o700).create(root.join("warp/weft"))?;
/// assert!(fs::metadata(root.join("warp/weft"))?.is_dir());
/// # std::fs::remove_dir_all(&root)?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct DirBuilder {
    is_recursive: bool,
    mode: Option<u32>,
}

impl DirBuilder {
    /// Options for one directory with the permissions `0o777`, reduced by the process's umask.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets whether missing parents are created as well. An existing directory is then no error.
    pub fn recursive(&mut self, recursive: bool) -> &mut Self {
        self.is_recursive = recursive;
        self
    }

    /// Sets the permissions of the directories that are created.
    pub fn mode(&mut self, mode: u32) -> &mut Self {
        self.mode = Some(mode);
        self
    }

    /// May suspend. Creates the directory.
    ///
    /// # Errors
    /// As [`std::fs::DirBuilder::create`].
    ///
    /// # Cancellation
    /// Once a thread has started, the directory is created.
    pub fn create(&self, path: impl AsRef<Path>) -> io::Result<()> {
        let mut builder = std_fs::DirBuilder::new();
        builder.recursive(self.is_recursive);
        if let Some(mode) = self.mode {
            builder.mode(mode);
        }
        let path = Arc::<Path>::from(path.as_ref());
        let label = Label::Path("the creation", Arc::clone(&path));
        offload(AtClose::Awaited, label, move || builder.create(path))
    }
}
