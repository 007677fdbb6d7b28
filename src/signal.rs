//! Signals: their names, and waiting for them in a task.
//!
//! [`EventLoop::add_signal_handler`](crate::EventLoop::add_signal_handler) calls a callback when a signal
//! comes; a [`Listener`] is for tasks. Both only record the signal in the signal handler itself and do their
//! work in the loop, so a task or a callback may do anything there.
//!
//! An interrupt (Ctrl-C) cancels the main task of [`run`](crate::run()) without either of them: see
//! [`event_loop::Builder::cancel_on_interrupt`](crate::event_loop::Builder::cancel_on_interrupt).

use std::fmt;
use std::io;
use std::rc::Rc;

use crate::error::WaitError;
use crate::runtime::api::current_loop;
use crate::runtime::first::{Listed, Wait};
use crate::runtime::scheduler::{ELSEWHERE, Listening};
use crate::runtime::wait::{consume_io_budget, task_context};
use crate::sys::signal_watch::number;
use crate::util::fmt::impl_fmt;

/// A signal, by its number.
///
/// Functions that take a signal take a number as well, for signals without a name here.
///
/// ```
/// use selvedge::signal::Signal;
///
/// assert_eq!(Signal::SIGTERM.to_string(), "SIGTERM");
/// assert_eq!(Signal::from(15), Signal::SIGTERM);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Signal(i32);

macro_rules! signals {
    ($($name:ident $doc:literal;)*) => {
        impl Signal {
            $(#[doc = $doc] pub const $name: Self = Self(number::$name);)*

            /// The signal's name, if it has one on every platform.
            #[must_use]
            pub fn name(self) -> Option<&'static str> {
                match self.0 {
                    $(number::$name => Some(stringify!($name)),)*
                    _ => None,
                }
            }
        }
    };
}

signals! {
    SIGABRT "The process aborts.";
    SIGALRM "A timer of the process went off.";
    SIGBUS "A fault; can't be handled here.";
    SIGCHLD "A child process ended or stopped.";
    SIGCONT "Continue after a stop.";
    SIGFPE "A fault; can't be handled here.";
    SIGHUP "The terminal was closed; by convention: reload the settings.";
    SIGILL "A fault; can't be handled here.";
    SIGINT "Interrupt: Ctrl-C.";
    SIGIO "A descriptor is ready.";
    SIGKILL "Ends the process; can't be handled.";
    SIGPIPE "A write to a pipe or socket without a reader. Rust programs ignore it.";
    SIGPROF "A profiling timer went off.";
    SIGQUIT "Quit with a core dump: Ctrl-\\.";
    SIGSEGV "A fault; can't be handled here.";
    SIGSTOP "Stops the process; can't be handled.";
    SIGSYS "A system call that is not allowed.";
    SIGTERM "A request to terminate.";
    SIGTRAP "A breakpoint.";
    SIGTSTP "Stop: Ctrl-Z.";
    SIGTTIN "A background process reads from its terminal.";
    SIGTTOU "A background process writes to its terminal.";
    SIGURG "Urgent data came.";
    SIGUSR1 "For the program's own use.";
    SIGUSR2 "For the program's own use.";
    SIGVTALRM "A timer of processor time went off.";
    SIGWINCH "The terminal's size changed.";
    SIGXCPU "The limit of processor time is reached.";
    SIGXFSZ "The limit of a file's size is reached.";
}

impl From<i32> for Signal {
    fn from(number: i32) -> Self {
        Self(number)
    }
}

impl From<Signal> for i32 {
    fn from(signal: Signal) -> Self {
        signal.0
    }
}

impl_fmt!(Display for Signal, |this, f| match this.name() {
    Some(name) => f.write_str(name),
    None => write!(f, "signal {}", this.0),
});

impl_fmt!(Debug for Signal, |this, f| fmt::Display::fmt(this, f));

/// Listens for a signal while it lives: the signal's earlier action is suspended, and a signal that comes while
/// no task waits is not lost.
///
/// ```no_run
/// use selvedge::signal::{Listener, Signal};
///
/// selvedge::run(|| {
///     let hangups = Listener::new(Signal::SIGHUP)?;
///     loop {
///         hangups.wait()?;
///         println!("reading the settings again");
///     }
/// #   #[allow(unreachable_code)]
/// #   Ok::<(), std::io::Error>(())
/// })
/// # .unwrap();
/// ```
///
/// Each of several listeners of a signal receives it. Dropping the last one restores the signal's earlier action, if
/// no callback handles it.
#[derive(Debug)]
pub struct Listener(Rc<Listening>);

impl Listener {
    /// Begins to listen.
    ///
    /// # Errors
    /// If no loop runs on this thread, if the signal can't be handled (`SIGKILL`, `SIGSTOP`, and those of faults),
    /// or if 64 loops of the process handle signals already.
    pub fn new(signal: impl Into<i32>) -> io::Result<Self> {
        let event_loop =
            current_loop().ok_or_else(|| io::Error::other(WaitError::NoLoop.sentence()))?;
        event_loop.listen(signal.into()).map(Self)
    }

    /// May suspend: waits until the signal arrives. Returns at once if it came since the last wait, or since
    /// this listener was created; several signals since then count as one.
    ///
    /// # Errors
    /// If the caller can't wait: in a callback, on another loop, while the thread panics. `TimedOut` at a
    /// [`deadline`](crate::time::deadline).
    ///
    /// # Cancellation
    /// An error. A signal that has come is kept for the next wait.
    pub fn wait(&self) -> io::Result<()> {
        consume_io_budget(1)?;
        if self.0.take() {
            return Ok(());
        }
        let here = task_context().map_err(|why| io::Error::other(why.sentence()))?;
        if !self.0.is_of(&here.core) {
            return Err(io::Error::other(ELSEWHERE));
        }
        // The waiting task keeps the list of waiters alive.
        let listening = Rc::clone(&self.0);
        listening.wait(here)
    }

    /// The wait until the signal arrives, for [`select!`](crate::select) and [`first`](crate::task::first()). A wait that
    /// loses leaves the signal for the next one.
    ///
    /// The wait panics if the listener belongs to another loop.
    pub fn when_arrived(&self) -> impl Wait<Output = ()> {
        Listed(&*self.0)
    }

    /// Whether the signal came since the last wait. This call counts as a wait.
    #[must_use]
    #[doc(alias = "has_come")]
    pub fn take(&self) -> bool {
        self.0.take()
    }

    /// The signal.
    #[must_use]
    pub fn signal(&self) -> Signal {
        Signal(self.0.signal())
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// May suspend: waits until the signal arrives.
///
/// After the first wait, the loop handles the signal until the loop is closed, at the end of `run`. So a second signal
/// during a slow shutdown does not end the process, and a signal that arrives while no task waits is not lost: the next
/// wait returns at once. All tasks that wait when the signal arrives return.
///
/// ```no_run
/// use selvedge::signal::{self, Signal};
/// # fn drain() {}
///
/// selvedge::run(|| {
///     signal::wait(Signal::SIGTERM)?;
///     // Another SIGTERM changes nothing here.
///     drain();
///     Ok::<(), std::io::Error>(())
/// })?;
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// After a wait for `SIGINT`, a second Ctrl-C has no effect either. When a [`Listener`] is dropped, the loop stops
/// handling the signal, so that the next one ends the process:
///
/// ```no_run
/// use selvedge::signal::{Listener, Signal};
/// # fn drain() {}
///
/// selvedge::run(|| {
///     Listener::new(Signal::SIGINT)?.wait()?;
///     eprintln!("draining; Ctrl-C again ends this at once");
///     drain();
///     Ok::<(), std::io::Error>(())
/// })?;
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
/// As [`Listener::new`] and [`Listener::wait`].
///
/// # Cancellation
/// An error. The loop still handles the signal, and a signal that has arrived is kept for the next wait.
pub fn wait(signal: impl Into<i32>) -> io::Result<()> {
    let signal = signal.into();
    let event_loop =
        current_loop().ok_or_else(|| io::Error::other(WaitError::NoLoop.sentence()))?;
    let here = task_context().map_err(|why| io::Error::other(why.sentence()))?;
    // The waiting task keeps the list of waiters alive.
    let kept = event_loop.keep_signal(signal)?;
    kept.wait(here)
}
