//! Files: std's names, signatures and behaviour, without blocking the event loop.
//!
//! A program that imports `selvedge::fs` instead of `std::fs` needs no other change. The system does not report when a
//! disk is ready, so an operation that may wait for one runs on a thread of the loop's pool while the task is parked,
//! and the other tasks continue. These threads are not those of [`to_thread`](crate::to_thread), so a program's own
//! jobs delay no file operation. Operations that hang, for example on a network file system, delay the others by some
//! 100 ms: then the pool starts as many further threads as it usually has (the number of processors plus 4), and again
//! if all of these hang. On a thread without an event loop the same call blocks the thread, as std's does.
//!
//! With the feature `io-uring`, on Linux, the kernel performs reads, writes, openings and flushes of files without a
//! thread of the pool: see `event_loop::Builder::io_uring`.
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
//! Every function that accesses the file system: those whose documentation begins with "May suspend". On
//! Linux, a read of bytes that are in the page cache runs in place (`preadv2` with `RWF_NOWAIT`) and does
//! not suspend. A task that only makes such reads yields to the others regularly. Dropping a file closes
//! it in place.
//!
//! # Where nothing can wait
//!
//! While its thread is panicking (or unwinding because of a cancel), an operation blocks the thread, so
//! that a dropped `BufWriter` still writes its bytes. If another operation at the cursor of the same file is under way,
//! through a clone, the operation fails with `WouldBlock` instead, and the `BufWriter` loses its bytes: flush it, or open
//! the file for each writer. In a callback, an operation that would have to
//! suspend is an error; spawn a task instead.
//!
//! # Cancellation
//!
//! An operation that no thread has started does not happen. An operation that a thread has started is
//! completed, and its result is dropped. The result of a change by one call (a write to a [`File`], its `set_len`, [`write()`],
//! [`rename()`] and the like) is returned: after a cancel such a change could overtake the next one. A loop that closes waits, for a bounded time, for operations that may change the disk
//! ([`event_loop::Builder::shutdown_timeout`](crate::event_loop::Builder::shutdown_timeout)).
//!
//! With io_uring, the task waits until the kernel has finished with its buffer, also after a cancel. A write that the kernel
//! has done returns its count although the task was cancelled, and the next operation that waits returns the cancel. A read
//! returns the cancel, and has taken nothing.
//!
//! # Pipes, terminals and other devices
//!
//! Opened by a path, these are files as well, without positions. They can be read and written here, but each slow one
//! blocks a thread of the pool. [`File::open`] and [`OpenOptions::open`] wait for the other end of a FIFO without a
//! thread, and so does [`write()`]; [`read`] and [`copy`] of a FIFO's path don't. A cancelled read of such a file continues, and
//! its bytes are stored for the next read. A cancelled write continues, too: a `BufWriter` then writes the bytes
//! twice. Rather wrap the descriptor in [`io::Pollable`](crate::io::Pollable), which
//! waits in the loop.
//!
//! # Differences from std
//!
//! - The cursor of a [`File`] is its own, not that of the open file description: other owners of the
//!   description (a child process, an earlier clone of std's) don't see it move.
//! - [`File::into_std`] can fail.
//! - File locks are not supported yet.

mod cursor;
mod dir;
mod fifo;
mod file;
mod handles;
mod offload;
mod open_file;
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
