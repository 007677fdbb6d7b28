//! What is done with a path, and needs no open file.

use std::fs::{self as std_fs, Metadata, Permissions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::File;
use super::inner::perform;
use crate::runtime::threads::pool::AtClose;

/// What goes to the disk in one job; a longer one, which has to be copied, goes in parts.
const SHORT: usize = 256 * 1024;

/// Functions of std's, each of which becomes one job.
macro_rules! jobs {
    ($($(#[$doc:meta])* $name:ident($($path:ident),+ $(; $value:ident: $type:ty)?) -> $result:ty, $at_close:ident, $std:path;)*) => {$(
        $(#[$doc])*
        ///
        /// # Errors
        #[doc = concat!("As [`", stringify!($std), "`].")]
        pub fn $name($($path: impl AsRef<Path>,)+ $($value: $type)?) -> io::Result<$result> {
            $(let $path = $path.as_ref().to_owned();)+
            perform(AtClose::$at_close, move || $std($($path,)+ $($value)?))
        }
    )*};
}

jobs! {
    /// May suspend. All that is in a file.
    ///
    /// ```
    /// # let path = std::env::temp_dir().join(format!("selvedge-doc-read-{}", std::process::id()));
    /// selvedge::fs::write(&path, "warp")?;
    /// assert_eq!(selvedge::fs::read(&path)?, b"warp");
    /// # std::fs::remove_file(&path)?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    read(path) -> Vec<u8>, LeftBehind, std_fs::read;

    /// May suspend. All that is in a file, as text.
    read_to_string(path) -> String, LeftBehind, std_fs::read_to_string;

    /// May suspend. What the file system knows of a file.
    metadata(path) -> Metadata, LeftBehind, std_fs::metadata;

    /// May suspend. What the file system knows of a file; of a link, not of what it leads to.
    symlink_metadata(path) -> Metadata, LeftBehind, std_fs::symlink_metadata;

    /// May suspend. The path without links, dots and double slashes, from the root.
    canonicalize(path) -> PathBuf, LeftBehind, std_fs::canonicalize;

    /// May suspend. Where a link leads to.
    read_link(path) -> PathBuf, LeftBehind, std_fs::read_link;

    /// May suspend. Whether there is something; of a link, whether that which it leads to is there.
    exists(path) -> bool, LeftBehind, std_fs::exists;

    /// May suspend. Copies a file and who may do what with it; answers its size.
    ///
    /// # Cancellation
    /// Once a thread has begun with it, it is finished. So it is with all that follow.
    copy(from, to) -> u64, Awaited, std_fs::copy;

    /// May suspend. Gives a file another name, and takes that away from whatever had it.
    rename(from, to) -> (), Awaited, std_fs::rename;

    /// May suspend. Gives a file one more name.
    hard_link(original, link) -> (), Awaited, std_fs::hard_link;

    /// May suspend. Makes a symbolic link.
    symlink(original, link) -> (), Awaited, std::os::unix::fs::symlink;

    /// May suspend. Removes a file.
    remove_file(path) -> (), Awaited, std_fs::remove_file;

    /// May suspend. Makes a directory.
    create_dir(path) -> (), Awaited, std_fs::create_dir;

    /// May suspend. Makes a directory and those above it, as far as they are not there.
    create_dir_all(path) -> (), Awaited, std_fs::create_dir_all;

    /// May suspend. Removes an empty directory.
    remove_dir(path) -> (), Awaited, std_fs::remove_dir;

    /// May suspend. Removes a directory with all that is in it. Links are removed, not followed.
    remove_dir_all(path) -> (), Awaited, std_fs::remove_dir_all;

    /// May suspend. Sets who may do what with a file.
    set_permissions(path; permissions: Permissions) -> (), Awaited, std_fs::set_permissions;
}

/// May suspend. Makes a file, or empties it, and writes to it.
///
/// # Errors
/// As [`std::fs::write`].
///
/// # Cancellation
/// The file may be there, and a part of the contents be in it.
pub fn write(path: impl AsRef<Path>, contents: impl AsRef<[u8]>) -> io::Result<()> {
    let (path, contents) = (path.as_ref(), contents.as_ref());
    if contents.len() > SHORT {
        return File::create(path)?.write_all(contents);
    }
    let (path, contents) = (path.to_owned(), contents.to_owned());
    perform(AtClose::Awaited, move || std_fs::write(path, contents))
}
