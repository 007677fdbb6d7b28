//! Opens files, and waits for the other end of a FIFO without blocking a thread in the kernel.
//!
//! A blocking `open` of a FIFO can't be interrupted. So a FIFO is opened with `O_NONBLOCK`, which is cleared as soon as
//! the FIFO has another end. No event reports the other end, so the task checks for it at growing intervals.

use std::fs as std_fs;
use std::io::{self, ErrorKind};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::file::File;
use super::offload::offload;
use super::open_file::OpenFile;
use crate::runtime::io::files::{self, How};
use crate::runtime::io::pause;
use crate::runtime::threads::{AtClose, Label};
use crate::runtime::wait::task_context;
use crate::sys::file::{self, NEVER_WAITS, NONBLOCK, retry_interrupted};
use crate::sys::wait_fd::{Direction, wait_fd};

/// The first and the longest interval between two checks for the other end.
const INTERVALS: [Duration; 2] = [Duration::from_millis(1), Duration::from_millis(50)];

/// The result of an attempt to open.
enum Opened {
    File(File),
    /// The reading end of a FIFO that may have no writer.
    Reader(File),
    /// The FIFO has no reader, and was not opened.
    NoReader,
}

/// May suspend. Opens a file. `how` is the same as `options`.
pub(super) fn open(options: &std_fs::OpenOptions, how: &How, path: &Path) -> io::Result<File> {
    if let Some(fd) = files::open(path, how)? {
        return Ok(File(OpenFile::new(fd.into(), 0)));
    }
    let custom_flags = how.custom_flags;
    let path = Arc::<Path>::from(path);
    // A virtual clock would not wait for another process.
    let is_patient = task_context().is_ok_and(|here| !here.core.clock.is_virtual());
    let mut interval = INTERVALS[0];
    loop {
        let (options, theirs) = (options.clone(), Arc::clone(&path));
        let label = Label::Path("the opening", Arc::clone(&path));
        let opened = offload(AtClose::Detached, label, move || {
            attempt(options, custom_flags, &theirs, is_patient)
        })?;
        match opened {
            Opened::Reader(file) => return with_writer(file),
            Opened::File(file) => return Ok(file),
            Opened::NoReader => interval = pause_before_check(interval)?,
        }
    }
}

fn attempt(
    mut options: std_fs::OpenOptions,
    custom_flags: i32,
    path: &Path,
    is_patient: bool,
) -> io::Result<Opened> {
    let is_fifo = || std_fs::metadata(path).is_ok_and(|metadata| metadata.file_type().is_fifo());
    let own = |file| File(OpenFile::new(file, 0));
    if !is_patient || custom_flags & NEVER_WAITS != 0 || !is_fifo() {
        return options.open(path).map(own).map(Opened::File);
    }
    match options.custom_flags(custom_flags | NONBLOCK).open(path) {
        Err(error) if file::has_no_reader(&error) => Ok(Opened::NoReader),
        Err(error) => Err(error),
        Ok(file) if file::is_read_only(file.as_fd())? => Ok(Opened::Reader(own(file))),
        Ok(file) => {
            file::set_nonblocking(file.as_fd(), false)?;
            Ok(Opened::File(own(file)))
        }
    }
}

/// May suspend. Waits until a FIFO has a writer, or has had one.
fn with_writer(file: File) -> io::Result<File> {
    let mut interval = INTERVALS[0];
    // Ready: bytes, or a writer that has left.
    while !wait_fd(file.as_fd(), Direction::Read, Some(Duration::ZERO))? {
        let mut byte = [0];
        match retry_interrupted(|| file::read(file.as_fd(), &mut byte)) {
            // No writer.
            Ok(0) => interval = pause_before_check(interval)?,
            Ok(_) => {
                file.0.cursor.acquire()?.store(&byte);
                break;
            }
            // There is a writer, and no byte yet.
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) => return Err(error),
        }
    }
    file::set_nonblocking(file.as_fd(), false)?;
    Ok(file)
}

/// May suspend. Waits for an interval, and returns the next one.
fn pause_before_check(interval: Duration) -> io::Result<Duration> {
    pause(interval, "the other end of a FIFO")?;
    Ok((2 * interval).min(INTERVALS[1]))
}
