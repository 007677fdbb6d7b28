//! Signals for event loops: the handler, in `signal_note`, records a signal and wakes the loops that want
//! it.
//!
//! A loop has a [`Watcher`], one of 64 in the process. For each signal a mask says which watchers want it.
//! The handler sets a bit in each of them and writes a byte to its pipe, whose other end the loop's poller
//! watches: atomics and `write(2)`, nothing else. Watchers and pipes are reused but never freed, so a
//! handler that runs late, on another thread, still finds valid data; at worst it wakes a loop for nothing.
//!
//! The disposition of a signal is replaced when the first watcher wants it, and restored after the last. An
//! interrupt (`SIGINT`) can also be watched for *once*: as long as no watcher wants all interrupts, the
//! first one is recorded and the next one does what it would do without the handler.
//!
//! A forked process inherits the handlers, but no loop. There the first signal restores the previous
//! disposition, and is raised again.

#![allow(unsafe_code)]

use std::io::{self, Read};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::ptr;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use super::check;
use super::fork::Generation;
use super::signal_note::{self, BEFORE, INTERRUPTIBLE, MAX, SLOTS, WANTED, note};

/// The signals that can't be handled, and those that a fault raises: the faulting instruction would run
/// again after the handler, without end.
const FORBIDDEN: [libc::c_int; 6] = [
    libc::SIGKILL,
    libc::SIGSTOP,
    libc::SIGSEGV,
    libc::SIGBUS,
    libc::SIGILL,
    libc::SIGFPE,
];

/// The signals that exist on every platform.
pub(crate) mod number {
    pub(crate) use libc::{
        SIGABRT, SIGALRM, SIGBUS, SIGCHLD, SIGCONT, SIGFPE, SIGHUP, SIGILL, SIGINT, SIGIO, SIGKILL,
        SIGPIPE, SIGPROF, SIGQUIT, SIGSEGV, SIGSTOP, SIGSYS, SIGTERM, SIGTRAP, SIGTSTP, SIGTTIN,
        SIGTTOU, SIGURG, SIGUSR1, SIGUSR2, SIGVTALRM, SIGWINCH, SIGXCPU, SIGXFSZ,
    };
}

/// The assigned watchers, and the dispositions that were replaced.
struct Registry {
    process: Generation,
    /// A bit for each watcher that is assigned to a loop.
    taken: u64,
    /// Both ends of each watcher's pipe, and the process that created it.
    pipes: [Option<(UnixStream, UnixStream, Generation)>; 64],
    installed: [Option<Installed>; MAX + 1],
}

struct Installed {
    previous: libc::sigaction,
    is_once: bool,
}

fn registry() -> MutexGuard<'static, Registry> {
    static REGISTRY: OnceLock<Mutex<Registry>> = OnceLock::new();
    let registry = REGISTRY.get_or_init(|| {
        Mutex::new(Registry {
            process: Generation::now(),
            taken: 0,
            pipes: [const { None }; 64],
            installed: [const { None }; MAX + 1],
        })
    });
    // Nothing panics under the lock.
    let mut registry = registry.lock().unwrap_or_else(PoisonError::into_inner);
    if !registry.process.is_this() {
        // Everything here belongs to the parent, except the dispositions.
        registry.process = Generation::now();
        registry.taken = 0;
        for mask in WANTED.iter().chain([&INTERRUPTIBLE]) {
            mask.store(0, SeqCst);
        }
    }
    registry
}

/// A loop's subscription to signals of the process.
pub(crate) struct Watcher {
    index: usize,
    pipe: UnixStream,
}

impl Watcher {
    /// A watcher that wants nothing yet.
    ///
    /// # Errors
    /// If all watchers are assigned, or no descriptors are left.
    pub(crate) fn new() -> io::Result<Self> {
        let mut registry = registry();
        let index = (!registry.taken).trailing_zeros() as usize;
        let process = Generation::now();
        let Some(pipe) = registry.pipes.get_mut(index) else {
            return Err(io::Error::new(
                io::ErrorKind::QuotaExceeded,
                "64 event loops of this process handle signals, and there can't be more",
            ));
        };
        if !pipe.as_ref().is_some_and(|pipe| pipe.2 == process) {
            let (ours, theirs) = UnixStream::pair()?;
            ours.set_nonblocking(true)?;
            theirs.set_nonblocking(true)?;
            // In a forked process this drops the parent's pipe.
            *pipe = Some((ours, theirs, process));
        }
        let (ours, theirs, _) = pipe.as_ref().expect("made above");
        let slot = &SLOTS[index];
        slot.pending.store(0, SeqCst);
        slot.pipe.store(theirs.as_raw_fd(), SeqCst);
        slot.process.store(process.number(), SeqCst);
        let pipe = ours.try_clone()?;
        registry.taken |= 1 << index;
        Ok(Self { index, pipe })
    }

    /// The descriptor that becomes readable when a signal arrives.
    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.pipe.as_fd()
    }

    /// Subscribes to a signal.
    ///
    /// # Errors
    /// If the signal can't be handled.
    pub(crate) fn want(&self, signal: libc::c_int) -> io::Result<()> {
        let number = handled_number(signal)?;
        let mut registry = registry();
        WANTED[number].fetch_or(self.bit(), SeqCst);
        let updated = registry.update(number);
        if updated.is_err() {
            WANTED[number].fetch_and(!self.bit(), SeqCst);
        }
        updated
    }

    /// Unsubscribes from a signal.
    pub(crate) fn release(&self, signal: libc::c_int) {
        if let Ok(number) = handled_number(signal) {
            registry().remove(&WANTED[number], self.bit(), number);
        }
    }

    /// Subscribes to one interrupt, as long as no watcher wants all of them; false if the disposition of
    /// interrupts is not the default.
    pub(crate) fn want_interrupt(&self) -> bool {
        const SIGINT: usize = libc::SIGINT as usize;
        let mut registry = registry();
        let previous = match &registry.installed[SIGINT] {
            Some(installed) => installed.previous.sa_sigaction,
            None => {
                current_action(libc::SIGINT).map_or(libc::SIG_IGN, |action| action.sa_sigaction)
            }
        };
        if previous != libc::SIG_DFL {
            return false;
        }
        INTERRUPTIBLE.fetch_or(self.bit(), SeqCst);
        let updated = registry.update(SIGINT);
        if updated.is_err() {
            INTERRUPTIBLE.fetch_and(!self.bit(), SeqCst);
        }
        updated.is_ok()
    }

    /// Undoes [`want_interrupt`](Self::want_interrupt).
    pub(crate) fn release_interrupt(&self) {
        registry().remove(&INTERRUPTIBLE, self.bit(), libc::SIGINT as usize);
    }

    /// Takes the signals that have arrived since the last call.
    pub(crate) fn take(&self) -> impl Iterator<Item = libc::c_int> + use<> {
        let slot = &SLOTS[self.index];
        let mut pending = 0;
        if slot.pending.load(SeqCst) != 0 {
            // The bytes first: a signal that arrives in between leaves another one.
            while matches!((&self.pipe).read(&mut [0; 64]), Ok(64)) {}
            pending = slot.pending.swap(0, SeqCst);
        }
        std::iter::from_fn(move || {
            let lowest = (pending != 0).then(|| pending.trailing_zeros())?;
            pending &= pending - 1;
            Some(lowest as libc::c_int + 1)
        })
    }

    fn bit(&self) -> u64 {
        1 << self.index
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        if SLOTS[self.index].process.load(SeqCst) != Generation::now().number() {
            // The watcher belongs to the parent process.
            return;
        }
        let mut registry = registry();
        registry.remove(&INTERRUPTIBLE, self.bit(), libc::SIGINT as usize);
        for (number, mask) in WANTED.iter().enumerate() {
            if mask.load(SeqCst) & self.bit() != 0 {
                registry.remove(mask, self.bit(), number);
            }
        }
        registry.taken &= !self.bit();
    }
}

/// The number of a signal that can be handled.
fn handled_number(signal: libc::c_int) -> io::Result<usize> {
    let number = usize::try_from(signal).unwrap_or_default();
    let why = if number == 0 || number > MAX {
        "is no signal's number"
    } else if FORBIDDEN.contains(&signal) {
        "can't be handled by a callback: the system forbids it, or it comes from a fault that would \
         only happen again"
    } else {
        return Ok(number);
    };
    Err(io::Error::new(
        io::ErrorKind::InvalidInput,
        format!("{signal} {why}"),
    ))
}

impl Registry {
    fn remove(&mut self, mask: &AtomicU64, bit: u64, number: usize) {
        // The disposition first: a handler that runs now still finds the watchers.
        let left = mask.load(SeqCst) & !bit;
        let is_last = match number == libc::SIGINT as usize {
            true if ptr::eq(mask, &raw const INTERRUPTIBLE) => {
                left | WANTED[number].load(SeqCst) == 0
            }
            true => left | INTERRUPTIBLE.load(SeqCst) == 0,
            false => left == 0,
        };
        if is_last {
            self.restore(number);
        }
        mask.fetch_and(!bit, SeqCst);
        if !is_last {
            // This can't fail: the signal had a handler until now.
            drop(self.update(number));
        }
    }

    /// Installs the handler in the form that the current watchers of the signal need.
    fn update(&mut self, number: usize) -> io::Result<()> {
        let is_once = WANTED[number].load(SeqCst) == 0;
        if is_once && INTERRUPTIBLE.load(SeqCst) == 0 {
            return Ok(());
        }
        if let Some(installed) = &mut self.installed[number] {
            // A handler for one delivery may be used up, and other code may have replaced it.
            if installed.is_once != is_once || !is_installed(number) {
                install(number, is_once)?;
                installed.is_once = is_once;
            }
            return Ok(());
        }
        let previous = current_action(number as libc::c_int)?;
        BEFORE[number].0.store(previous.sa_sigaction, SeqCst);
        BEFORE[number].1.store(previous.sa_flags, SeqCst);
        install(number, is_once)?;
        self.installed[number] = Some(Installed { previous, is_once });
        Ok(())
    }

    /// Restores the previous disposition, unless other code has replaced the handler.
    fn restore(&mut self, number: usize) {
        let Some(installed) = self.installed[number].take() else {
            return;
        };
        if is_installed(number) {
            let signal = number as libc::c_int;
            // SAFETY: the system has returned this action before.
            unsafe { libc::sigaction(signal, &installed.previous, ptr::null_mut()) };
        }
    }
}

/// The current action of a signal.
fn current_action(signal: libc::c_int) -> io::Result<libc::sigaction> {
    let mut action = MaybeUninit::<libc::sigaction>::uninit();
    // SAFETY: reads the current action into its own storage, which is initialised on success.
    unsafe {
        check(libc::sigaction(signal, ptr::null(), action.as_mut_ptr()))?;
        Ok(action.assume_init())
    }
}

/// Whether the signal's current handler is this crate's.
fn is_installed(number: usize) -> bool {
    let ours = note as *const () as usize;
    current_action(number as libc::c_int).is_ok_and(|action| action.sa_sigaction == ours)
}

/// Installs the handler.
fn install(number: usize, is_once: bool) -> io::Result<()> {
    check(signal_note::install(number as libc::c_int, is_once)).map(drop)
}
