//! [`stdin`].

use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};

use super::Pollable;
use crate::fs::File;
use crate::sys::file::{self, Kind};

/// Standard input, waiting in the event loop: see [`stdin()`].
///
/// Nothing is buffered here; `std::io::BufReader` gives lines.
///
/// # Cancellation
/// A cancelled read has taken nothing, or keeps what it brings for the next one on the same handle.
#[derive(Debug)]
pub struct Stdin(Source);

#[derive(Debug)]
enum Source {
    Pollable(Pollable<OwnedFd>),
    /// Redirected from a file.
    File(File),
}

/// Standard input. A read parks the task, and blocks a thread that has no loop.
///
/// ```no_run
/// use std::io::{BufRead, BufReader};
///
/// selvedge::run(|| {
///     for line in BufReader::new(selvedge::io::stdin()?).lines() {
///         println!("{}", line?.to_uppercase());
///     }
///     Ok::<_, std::io::Error>(())
/// })
/// # .unwrap();
/// ```
///
/// Other processes share standard input: the shell, and whoever else it has started. So its blocking
/// mode, which they would share too, is left alone where that can be done. On Linux a terminal or a pipe
/// is opened once more, by its name under `/proc/self/fd`, and what is opened so is ours alone. Where
/// that fails, for sockets and on other systems it is switched to not blocking until the handle is
/// dropped; a process that ends without dropping it leaves it so. Input from a file is read on the
/// loop's pool.
///
/// What `std::io::stdin` has buffered is not seen here.
///
/// # Errors
/// If standard input is closed; if there are too many open files.
pub fn stdin() -> io::Result<Stdin> {
    let stdin = io::stdin();
    let fd = stdin.as_fd();
    let own = || fd.try_clone_to_owned();
    let source = match file::kind(fd)? {
        Kind::Stored => Source::File(File::from_shared(own()?.into())),
        Kind::Socket => Source::Pollable(Pollable::new(own()?)?),
        Kind::Stream => {
            let reopened = file::reopen_nonblocking(fd);
            Source::Pollable(Pollable::new(reopened.or_else(|_| own())?)?)
        }
    };
    Ok(Stdin(source))
}

/// May suspend.
impl Read for &Stdin {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match &self.0 {
            Source::Pollable(pollable) => (&*pollable).read(buf),
            Source::File(file) => (&*file).read(buf),
        }
    }
}

/// As for a shared reference.
impl Read for Stdin {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        (&*self).read(buf)
    }
}
