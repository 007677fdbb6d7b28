//! Functions that take a path instead of an open file.

use std::fs::{self as std_fs, Metadata, Permissions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::file::File;
use super::offload::{offload, offload_to_end};
use crate::runtime::io::files;
use crate::runtime::threads::{AtClose, Label};

/// The most bytes that [`write()`] copies for one job; longer contents are written in parts.
const MAX_JOB_BYTES: usize = 256 * 1024;

/// Defines functions that run std's function of the same name as one job.
macro_rules! jobs {
    ($($(#[$doc:meta])* $name:ident($($path:ident),+ $(; $value:ident: $type:ty)?) -> $result:ty, $at_close:ident, $std:path;)*) => {$(
        $(#[$doc])*
        ///
        /// # Errors
        #[doc = concat!("As [`", stringify!($std), "`].")]
        ///
        /// # Cancellation
        #[doc = cancellation!($at_close)]
        /// See [`docs::cancellation`](crate::docs::cancellation).
        pub fn $name($($path: impl AsRef<Path>,)+ $($value: $type)?) -> io::Result<$result> {
            $(let $path = Arc::<Path>::from($path.as_ref());)+
            let label = Label::Path(concat!("fs::", stringify!($name)), first!($($path),+));
            run!($at_close, label, move || $std($($path,)+ $($value)?))
        }
    )*};
}

/// `ToEnd` for a change by one system call, which is waited for once it has begun; else whether a loop that closes waits.
macro_rules! run {
    (ToEnd, $label:ident, $f:expr) => {
        offload_to_end($label, $f)
    };
    ($at_close:ident, $label:ident, $f:expr) => {
        offload(AtClose::$at_close, $label, $f)
    };
}

macro_rules! cancellation {
    (ToEnd) => {
        "A cancelled wait ends with an error, unless a thread has begun the operation: then the result is returned, and the \
         request arrives at the next wait."
    };
    ($at_close:ident) => {
        "A cancelled wait ends with an error; an operation that a thread has begun runs to its end."
    };
}

/// A further reference to the first path.
macro_rules! first {
    ($path:ident $(, $more:ident)*) => {
        Arc::clone(&$path)
    };
}

jobs! {
    /// May suspend. Returns the contents of a file.
    ///
    /// ```
    /// # let path = std::env::temp_dir().join(format!("selvedge-doc-read-{}", std::process::id()));
    /// selvedge::fs::write(&path, "warp")?;
    /// assert_eq!(selvedge::fs::read(&path)?, b"warp");
    /// # std::fs::remove_file(&path)?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    read(path) -> Vec<u8>, Detached, std_fs::read;

    /// May suspend. Returns the contents of a file as text.
    read_to_string(path) -> String, Detached, std_fs::read_to_string;

    /// May suspend. Returns a file's metadata; of a symbolic link, that of its target.
    metadata(path) -> Metadata, Detached, std_fs::metadata;

    /// May suspend. Returns a file's metadata; of a symbolic link, that of the link.
    symlink_metadata(path) -> Metadata, Detached, std_fs::symlink_metadata;

    /// May suspend. Returns the absolute path with all symbolic links and dots resolved.
    canonicalize(path) -> PathBuf, Detached, std_fs::canonicalize;

    /// May suspend. Returns the target of a symbolic link.
    read_link(path) -> PathBuf, Detached, std_fs::read_link;

    /// May suspend. Copies a file and its permissions, and returns its size.
    copy(from, to) -> u64, Awaited, std_fs::copy;

    /// May suspend. Renames a file, and replaces a file that has the new name.
    rename(from, to) -> (), ToEnd, std_fs::rename;

    /// May suspend. Creates a hard link.
    hard_link(original, link) -> (), ToEnd, std_fs::hard_link;

    /// May suspend. Creates a symbolic link.
    symlink(original, link) -> (), ToEnd, std::os::unix::fs::symlink;

    /// May suspend. Removes a file.
    remove_file(path) -> (), ToEnd, std_fs::remove_file;

    /// May suspend. Creates a directory.
    create_dir(path) -> (), ToEnd, std_fs::create_dir;

    /// May suspend. Creates a directory and its missing parents.
    create_dir_all(path) -> (), Awaited, std_fs::create_dir_all;

    /// May suspend. Removes an empty directory.
    remove_dir(path) -> (), ToEnd, std_fs::remove_dir;

    /// May suspend. Removes a directory and its contents. Symbolic links are removed, not followed.
    remove_dir_all(path) -> (), Awaited, std_fs::remove_dir_all;

    /// May suspend. Sets a file's permissions.
    set_permissions(path; permissions: Permissions) -> (), ToEnd, std_fs::set_permissions;
}

/// May suspend. Returns whether a path exists; of a symbolic link, whether its target exists.
///
/// # Errors
/// As [`std::fs::exists`].
///
/// # Cancellation
/// A cancelled wait ends with an error.
pub fn exists(path: impl AsRef<Path>) -> io::Result<bool> {
    let path = path.as_ref();
    if let Some(exists) = files::exists(path)? {
        return Ok(exists);
    }
    let path = Arc::<Path>::from(path);
    let label = Label::Path("fs::exists", Arc::clone(&path));
    offload(AtClose::Detached, label, move || std_fs::exists(path))
}

/// May suspend. Writes a file: creates it, or replaces its contents.
///
/// # Errors
/// As [`std::fs::write`].
///
/// # Cancellation
/// A write that a thread has begun is completed, and its result returned. A stream, and a file that gets more than
/// 256 KiB, may have got a part of the contents.
pub fn write(path: impl AsRef<Path>, contents: impl AsRef<[u8]>) -> io::Result<()> {
    let (path, contents) = (path.as_ref(), contents.as_ref());
    if contents.len() > MAX_JOB_BYTES || !write_file(path, contents)? {
        return File::create(path)?.write_all(contents);
    }
    Ok(())
}

/// May suspend. Writes a file by one job. False for a stream, on which the job might wait without end: nothing was written.
fn write_file(path: &Path, contents: &[u8]) -> io::Result<bool> {
    let (path, contents) = (Arc::<Path>::from(path), contents.to_owned());
    let label = Label::Path("fs::write", Arc::clone(&path));
    offload_to_end(label, move || match std_fs::metadata(&path) {
        Ok(metadata) if !metadata.is_file() => Ok(false),
        _ => std_fs::write(path, contents).map(|()| true),
    })
}
