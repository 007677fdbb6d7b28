//! Signals: their names, and waiting for them in a task.
//!
//! [`EventLoop::add_signal_handler`](crate::EventLoop::add_signal_handler) has a callback called when
//! a signal comes; a [`Listener`] is for tasks. Both leave the signal handler proper at once and do
//! their work in the loop's own time, so whatever a task or a callback may do is allowed.
//!
//! An interrupt (Ctrl-C) cancels the main task of [`run`](crate::run()) without any of this: see
//! [`event_loop::Builder::cancel_on_interrupt`](crate::event_loop::Builder::cancel_on_interrupt).

use std::fmt;
use std::io;
use std::rc::Rc;

use crate::error::WaitError;
use crate::runtime::api::local_loop::current_loop;
use crate::runtime::scheduler::signals::Listening;
use crate::runtime::wait::here::task_context;
use crate::sys::signal_watch::number;

/// A signal, by its number.
///
/// What takes one takes a number as well, for those that have no name here.
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

            /// Its name, if it has one everywhere.
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
    SIGCONT "Go on after a stop.";
    SIGFPE "A fault; can't be handled here.";
    SIGHUP "The terminal is gone; by custom: read the settings again.";
    SIGILL "A fault; can't be handled here.";
    SIGINT "Interrupt: Ctrl-C.";
    SIGIO "A descriptor is ready.";
    SIGKILL "Ends the process; can't be handled.";
    SIGPIPE "Something was written that nobody can read. Rust programs ignore it.";
    SIGPROF "A profiling timer went off.";
    SIGQUIT "Quit with a core dump: Ctrl-\\.";
    SIGSEGV "A fault; can't be handled here.";
    SIGSTOP "Stops the process; can't be handled.";
    SIGSYS "A system call that is not allowed.";
    SIGTERM "Please end.";
    SIGTRAP "A breakpoint.";
    SIGTSTP "Stop: Ctrl-Z.";
    SIGTTIN "A background process reads from its terminal.";
    SIGTTOU "A background process writes to its terminal.";
    SIGURG "Urgent data came.";
    SIGUSR1 "The program's own.";
    SIGUSR2 "The program's own.";
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

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "signal {}", self.0),
        }
    }
}

impl fmt::Debug for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Listens for a signal as long as it lives: the signal no longer does what it did, and is not lost
/// while nobody waits.
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
/// Several listeners of one signal are each told of it. Dropping the last gives the signal back what
/// it did before, if no callback handles it.
#[derive(Debug)]
pub struct Listener(Rc<Listening>);

impl Listener {
    /// Begins to listen.
    ///
    /// # Errors
    /// That no loop runs on this thread; that the signal can't be handled (`SIGKILL`, `SIGSTOP`, and
    /// those of faults); that 64 loops of the process handle signals already.
    pub fn new(signal: impl Into<i32>) -> io::Result<Self> {
        let event_loop =
            current_loop().ok_or_else(|| io::Error::other(WaitError::NoLoop.sentence()))?;
        event_loop.listen(signal.into()).map(Self)
    }

    /// May suspend: waits until the signal comes. If it has since the last wait, or since this listener
    /// was made, it answers at once; several since then count as one.
    ///
    /// # Errors
    /// That it can't be waited for here: in a callback, on another loop, while panicking.
    ///
    /// # Cancellation
    /// A signal that has come is there for the next wait.
    pub fn wait(&self) -> io::Result<()> {
        if self.0.take() {
            return Ok(());
        }
        let here = task_context().map_err(|why| io::Error::other(why.sentence()))?;
        let signals = current_loop().and_then(|event_loop| event_loop.signals());
        if !signals.is_some_and(|signals| self.0.is_of(&signals)) {
            return Err(io::Error::other(
                "selvedge: this listener belongs to another event loop; make one on this loop",
            ));
        }
        // Who waits keeps the list of those who wait.
        let listening = Rc::clone(&self.0);
        listening.wait(here);
        Ok(())
    }

    /// Whether the signal has come since the last wait, which this counts as.
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

/// May suspend: waits until a signal comes that has not come yet.
///
/// The signal does what it did before as soon as this returns; to wait for it again and again, without
/// losing it in between, use a [`Listener`].
///
/// ```no_run
/// use selvedge::signal::{self, Signal};
///
/// selvedge::run(|| signal::wait(Signal::SIGTERM))?;
/// println!("told to end");
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
/// As [`Listener::new`] and [`Listener::wait`].
///
/// # Cancellation
/// A signal that has come is lost.
pub fn wait(signal: impl Into<i32>) -> io::Result<()> {
    Listener::new(signal)?.wait()
}
