//! Standard input: [`stdin`].

use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};

use super::pollable::Pollable;
use crate::fs::File;
use crate::sys::file::{self, Kind};
use crate::util::descriptor::read_by_reference;

/// Standard input, waiting in the event loop: see [`stdin()`].
///
/// Nothing is buffered here; use `std::io::BufReader` for lines.
///
/// # Cancellation
/// A cancelled read has taken nothing, or its bytes are stored for the next read on the same handle.
#[derive(Debug)]
pub struct Stdin(Input);

#[derive(Debug)]
enum Input {
    Pollable(Pollable<OwnedFd>),
    /// Standard input is redirected from a file.
    File(File),
}

/// Returns a handle to standard input. A read parks the task, and blocks a thread that has no loop.
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
/// Other processes share standard input: the shell, and other programs that the shell started. Standard output and
/// standard error may be the same terminal or socket. The shared blocking mode is left unchanged; see
/// [`Pollable`](super::Pollable#blocking-mode). Input from a file is read on the loop's pool.
///
/// Bytes that `std::io::stdin` has buffered are not seen here.
///
/// # Errors
/// If standard input is closed, or too many files are open.
pub fn stdin() -> io::Result<Stdin> {
    let stdin = io::stdin();
    let fd = stdin.as_fd();
    let own = fd.try_clone_to_owned()?;
    let input = match file::kind(fd)? {
        Kind::Stored => Input::File(File::from_shared(own.into())),
        Kind::Socket | Kind::Stream => Input::Pollable(Pollable::new(own)?),
    };
    Ok(Stdin(input))
}

/// May suspend.
impl Read for &Stdin {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match &self.0 {
            Input::Pollable(pollable) => (&*pollable).read(buf),
            Input::File(file) => (&*file).read(buf),
        }
    }
}

read_by_reference!(Stdin);
