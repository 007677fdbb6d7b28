//! Signals for event loops: a handler, in `signal_note`, that notes which signal came and wakes the
//! loops that want to know. What they do about it is theirs.
//!
//! A loop has a [`Watcher`], one of 64 in the process. For each signal a mask says which watchers
//! want it. The handler sets a bit in each of them and writes a byte to its pipe, whose other end the
//! loop's poller watches: atomics and `write(2)`, nothing else. Watchers and pipes are used again but
//! never freed, so that a handler that is late, on another thread, finds what it knew; at worst it
//! wakes a loop for nothing.
//!
//! The disposition of a signal is replaced when the first watcher wants it, and is put back with the
//! last. An interrupt (`SIGINT`) may also be watched for *once*: as long as nobody else wants it, the
//! first one is noted and the next does what it would have done without us.
//!
//! A process that was forked has these handlers too, but no loop that would hear of anything. There
//! the first signal puts the previous disposition back, and is raised again.

#![allow(unsafe_code)]

use std::io::{self, Read};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::ptr;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use super::fork::Generation;
use super::signal_note::{self, BEFORE, INTERRUPTIBLE, MAX, SLOTS, WANTED, note};

/// Those that no handler can be had for, and those that a fault raises: the faulting instruction
/// would run again as soon as the handler returns, for ever.
const FORBIDDEN: [libc::c_int; 6] = [
    libc::SIGKILL,
    libc::SIGSTOP,
    libc::SIGSEGV,
    libc::SIGBUS,
    libc::SIGILL,
    libc::SIGFPE,
];

/// The signals that have a name everywhere.
pub(crate) mod number {
    pub(crate) use libc::{
        SIGABRT, SIGALRM, SIGBUS, SIGCHLD, SIGCONT, SIGFPE, SIGHUP, SIGILL, SIGINT, SIGIO, SIGKILL,
        SIGPIPE, SIGPROF, SIGQUIT, SIGSEGV, SIGSTOP, SIGSYS, SIGTERM, SIGTRAP, SIGTSTP, SIGTTIN,
        SIGTTOU, SIGURG, SIGUSR1, SIGUSR2, SIGVTALRM, SIGWINCH, SIGXCPU, SIGXFSZ,
    };
}

/// Who has which watcher, and what was replaced.
struct Registry {
    process: Generation,
    /// A bit for each watcher that a loop has.
    taken: u64,
    /// Both ends of each watcher's pipe, and the process that made it.
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
        // What is noted here is the parent's, save the dispositions.
        registry.process = Generation::now();
        registry.taken = 0;
        for mask in WANTED.iter().chain([&INTERRUPTIBLE]) {
            mask.store(0, SeqCst);
        }
    }
    registry
}

/// A loop's share in the signals of the process.
pub(crate) struct Watcher {
    index: usize,
    pipe: UnixStream,
}

impl Watcher {
    /// A watcher that wants nothing yet.
    ///
    /// # Errors
    /// If all are taken, or there are no descriptors.
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
            // In a process that was forked, the parent's goes.
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

    /// What becomes readable when a signal comes.
    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.pipe.as_fd()
    }

    /// Wants a signal.
    ///
    /// # Errors
    /// If there is no handling it.
    pub(crate) fn want(&self, signal: libc::c_int) -> io::Result<()> {
        let number = check(signal)?;
        let mut registry = registry();
        WANTED[number].fetch_or(self.bit(), SeqCst);
        let updated = registry.update(number);
        if updated.is_err() {
            WANTED[number].fetch_and(!self.bit(), SeqCst);
        }
        updated
    }

    /// Wants a signal no longer.
    pub(crate) fn release(&self, signal: libc::c_int) {
        if let Ok(number) = check(signal) {
            registry().remove(&WANTED[number], self.bit(), number);
        }
    }

    /// Wants an interrupt, once, while nobody else does; false if interrupts are not handled by
    /// default.
    pub(crate) fn want_interrupt(&self) -> bool {
        const SIGINT: usize = libc::SIGINT as usize;
        let mut registry = registry();
        let previous = match &registry.installed[SIGINT] {
            Some(installed) => installed.previous.sa_sigaction,
            None => present(libc::SIGINT).map_or(libc::SIG_IGN, |action| action.sa_sigaction),
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

    /// Takes [`want_interrupt`](Self::want_interrupt) back.
    pub(crate) fn release_interrupt(&self) {
        registry().remove(&INTERRUPTIBLE, self.bit(), libc::SIGINT as usize);
    }

    /// The signals that came since this was asked last.
    pub(crate) fn take(&self) -> impl Iterator<Item = libc::c_int> + use<> {
        let slot = &SLOTS[self.index];
        let mut pending = 0;
        if slot.pending.load(SeqCst) != 0 {
            // First the bytes: a signal that comes in between leaves another.
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
            // It is the parent's.
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

/// Whether a signal may be handled; its number.
fn check(signal: libc::c_int) -> io::Result<usize> {
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
        // The disposition first: a handler that runs right now still finds who wants the signal.
        let left = mask.load(SeqCst) & !bit;
        let is_last = match number == libc::SIGINT as usize {
            true if ptr::eq(mask, &raw const INTERRUPTIBLE) => {
                left | WANTED[number].load(SeqCst) == 0
            }
            true => left | INTERRUPTIBLE.load(SeqCst) == 0,
            false => left == 0,
        };
        if is_last {
            self.put_back(number);
        }
        mask.fetch_and(!bit, SeqCst);
        if !is_last {
            // To a number that had a handler until now the system says yes.
            drop(self.update(number));
        }
    }

    /// Sees to it that the handler is there, as those who want the signal need it.
    fn update(&mut self, number: usize) -> io::Result<()> {
        let is_once = WANTED[number].load(SeqCst) == 0;
        if is_once && INTERRUPTIBLE.load(SeqCst) == 0 {
            return Ok(());
        }
        if let Some(installed) = &mut self.installed[number] {
            // One that was for once may be used up, and somebody else may have replaced ours.
            if installed.is_once != is_once || !is_ours(number) {
                install(number, is_once)?;
                installed.is_once = is_once;
            }
            return Ok(());
        }
        let previous = present(number as libc::c_int)?;
        BEFORE[number].0.store(previous.sa_sigaction, SeqCst);
        BEFORE[number].1.store(previous.sa_flags, SeqCst);
        install(number, is_once)?;
        self.installed[number] = Some(Installed { previous, is_once });
        Ok(())
    }

    /// Puts the previous disposition back, unless somebody else has replaced ours.
    fn put_back(&mut self, number: usize) {
        let Some(installed) = self.installed[number].take() else {
            return;
        };
        if is_ours(number) {
            let signal = number as libc::c_int;
            // SAFETY: the action is what the system told us before.
            unsafe { libc::sigaction(signal, &installed.previous, ptr::null_mut()) };
        }
    }
}

/// What a signal does at present.
fn present(signal: libc::c_int) -> io::Result<libc::sigaction> {
    let mut action = MaybeUninit::<libc::sigaction>::uninit();
    // SAFETY: reads the present action into storage of its own, which is filled if that succeeds.
    unsafe {
        match libc::sigaction(signal, ptr::null(), action.as_mut_ptr()) {
            0 => Ok(action.assume_init()),
            _ => Err(io::Error::last_os_error()),
        }
    }
}

fn is_ours(number: usize) -> bool {
    let ours = note as *const () as usize;
    present(number as libc::c_int).is_ok_and(|action| action.sa_sigaction == ours)
}

/// Installs the handler.
fn install(number: usize, is_once: bool) -> io::Result<()> {
    match signal_note::install(number as libc::c_int, is_once) {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
