//! The ways to interrupt code that reads and writes a socket, with one signature for all of them.

use std::io;
use std::time::Duration;

use selvedge::io::is_cancelled;
use selvedge::net::unix::UnixStream;
use selvedge::task::{catch_cancelled, current_task};
use selvedge::time::{deadline, timeout_with};
use selvedge::{race, scope, select, sleep, spawn, timeout};

/// The way to interrupt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// The timeouts of the socket itself, as in std. The other ways have to leave the same state.
    Socket,
    Timeout,
    MovedTimeout,
    Deadline,
    Select,
    Race,
    /// Another child of the same scope cancels the child that runs the code.
    Scope,
    /// Another task cancels this one, which catches the cancel.
    Cancel,
}

impl By {
    pub const ALL: [Self; 8] = [
        Self::Socket,
        Self::Timeout,
        Self::MovedTimeout,
        Self::Deadline,
        Self::Select,
        Self::Race,
        Self::Scope,
        Self::Cancel,
    ];

    /// Runs a function, and interrupts it after some time, more than zero. `None` if it was interrupted before it was done.
    pub fn interrupts<T>(
        self,
        socket: &UnixStream,
        after: Duration,
        f: impl FnOnce() -> io::Result<T>,
    ) -> Option<io::Result<T>> {
        let result = match self {
            Self::Socket => {
                set_timeouts(socket, Some(after));
                let result = f();
                set_timeouts(socket, None);
                Some(result)
            }
            Self::Timeout => timeout(after, f).ok(),
            Self::MovedTimeout => {
                let now = std::time::Instant::now();
                let late = now + Duration::from_secs(3600);
                let moved = timeout_with(late, |timeout| {
                    timeout.reschedule(now + after)?;
                    Ok(f())
                });
                moved.and_then(|result| result).ok()
            }
            Self::Deadline => Some(deadline(after, f)),
            Self::Select => select! {
                result = f() => Some(result),
                () = sleep(after) => None,
            },
            Self::Race => {
                let late = || {
                    sleep(after);
                    None
                };
                race((|| Some(f()), late)).expect("an entrant ends")
            }
            Self::Scope => cancelled_child(after, f),
            Self::Cancel => cancelled_from_outside(after, f),
        };
        result.filter(|result| !is_interrupted(result))
    }
}

fn set_timeouts(socket: &UnixStream, timeout: Option<Duration>) {
    socket.set_read_timeout(timeout).unwrap();
    socket.set_write_timeout(timeout).unwrap();
}

/// Whether the result is the error by which an interruption is delivered.
fn is_interrupted<T>(result: &io::Result<T>) -> bool {
    let Err(error) = result else { return false };
    error.kind() == io::ErrorKind::TimedOut || is_cancelled(error)
}

fn cancelled_child<T>(after: Duration, f: impl FnOnce() -> io::Result<T>) -> Option<io::Result<T>> {
    let mut result = None;
    let ended = scope(|s| {
        let work = s.spawn(|| result = Some(f()));
        let worker = work.task_ref();
        let clock = s.spawn(move || {
            sleep(after);
            worker.cancel();
        });
        let ended = work.join();
        clock.cancel();
        ended
    });
    // The scope has no errors: a cancel that was delivered as an error counts as a cancel, whatever the child
    // returns.
    if let Err(error) = ended.expect("no child fails") {
        assert!(error.is_cancelled(), "{error:?}");
        if let Some(Err(error)) = &result {
            assert!(is_cancelled(error), "{error:?}");
        }
    }
    result
}

fn cancelled_from_outside<T>(
    after: Duration,
    f: impl FnOnce() -> io::Result<T>,
) -> Option<io::Result<T>> {
    let this = current_task().expect("a task runs");
    let clock = spawn({
        let this = this.clone();
        move || {
            sleep(after);
            this.cancel();
        }
    });
    let result = catch_cancelled(f);
    if clock.is_done() {
        // Also withdraws a cancel that arrived when the function was done.
        assert_eq!(this.uncancel(), 0);
    } else {
        clock.cancel();
    }
    result.ok()
}
