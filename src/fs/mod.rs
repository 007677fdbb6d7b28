//! Files: std's names, signatures and behaviour, without holding up the event loop.
//!
//! A program that says `use selvedge::fs` in place of `use std::fs` keeps its text. Disks have no way
//! of telling that they are ready, so what may have to wait for one is done by a thread of the loop's
//! pool while the task is parked, and the other tasks go on. On a thread without an event loop the same
//! call blocks the thread, as std's does.
//!
//! ```
//! use selvedge::fs;
//!
//! # let directory = std::env::temp_dir().join(format!("selvedge-doc-fs-{}", std::process::id()));
//! let names = selvedge::run(|| {
//!     fs::create_dir_all(directory.join("warp"))?;
//!     fs::write(directory.join("weft"), "goes to and fro")?;
//!     let mut names = Vec::new();
//!     for entry in fs::read_dir(&directory)? {
//!         names.push(entry?.file_name().into_string().unwrap());
//!     }
//!     fs::remove_dir_all(&directory)?;
//!     names.sort();
//!     Ok::<_, std::io::Error>(names)
//! });
//! assert_eq!(names?, ["warp", "weft"]);
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! # What may suspend
//!
//! Everything that asks the file system: what begins with "May suspend" in its documentation. A read of
//! what the page cache holds is done in place, on Linux (`preadv2` with `RWF_NOWAIT`), and does not
//! suspend; a task that goes on reading so gives the others a turn now and then. Dropping a file closes it
//! in place.
//!
//! # Where nothing can wait
//!
//! While its thread is panicking (also by a cancel) an operation blocks the thread: so a
//! `BufWriter` that is dropped still gets its bytes into the file. In a callback an operation that would
//! have to suspend is an error; spawn a task instead.
//!
//! # Cancellation
//!
//! What no thread has begun with does not happen. What one has begun with is finished, and nobody is
//! told; [`File`] says what that means for reads and writes. A loop that closes waits for what may have
//! changed something on the disk, for a bounded time
//! ([`LoopBuilder::shutdown_timeout`](crate::LoopBuilder::shutdown_timeout)).
//!
//! # Pipes, terminals and other devices
//!
//! Opened by a path, they are files as well, without positions. They can be read and written here, but a
//! thread of the pool waits with each that is slow, and opening a FIFO whose other end nobody has holds
//! one, too; a cancelled read of one goes on, and what it brings is kept for the next. Better wrap the
//! descriptor in [`io::Pollable`](crate::io::Pollable), which waits in the loop.
//!
//! # Differences to std
//!
//! - The cursor of a [`File`] is its own, not that of the open file description: others who share that
//!   (a child process, a clone made before by std) don't see it move.
//! - [`File::into_std`] can fail.
//! - Locks of files are not here yet.

mod cursor;
mod dir;
mod file;
mod handles;
mod inner;
mod options;
mod paths;

pub use dir::{DirEntry, ReadDir, read_dir};
pub use file::File;
pub use options::{DirBuilder, OpenOptions};
pub use paths::{
    canonicalize, copy, create_dir, create_dir_all, exists, hard_link, metadata, read, read_link,
    read_to_string, remove_dir, remove_dir_all, remove_file, rename, set_permissions, symlink,
    symlink_metadata, write,
};
pub use std::fs::{FileTimes, FileType, Metadata, Permissions};
