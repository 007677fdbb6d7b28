//! The handler of signals for event loops, and what it reads and writes: atomics, a pipe, `errno`, and
//! `sigaction` and `raise` in a forked process. All of it is async-signal-safe.
//!
//! Who wants which signal is set by [`signal_watch`](super::signal_watch), which tells the whole story.

#![allow(unsafe_code)]

use std::ptr;
use std::sync::atomic::{AtomicI32, AtomicU32, AtomicU64, AtomicUsize, Ordering::SeqCst};

use super::fork::Generation;

/// The largest number of a signal.
pub(super) const MAX: usize = 64;

/// Which watchers want a signal, by its number.
pub(super) static WANTED: [AtomicU64; MAX + 1] = [const { AtomicU64::new(0) }; MAX + 1];

/// Which watchers want interrupts while nobody else does.
pub(super) static INTERRUPTIBLE: AtomicU64 = AtomicU64::new(0);

/// What the handler needs of a watcher.
pub(super) struct Slot {
    /// The signals that came, one less than its number each.
    pub(super) pending: AtomicU64,
    /// Where to write.
    pub(super) pipe: AtomicI32,
    /// The process whose it is.
    pub(super) process: AtomicU32,
}

pub(super) static SLOTS: [Slot; 64] = [const {
    Slot {
        pending: AtomicU64::new(0),
        pipe: AtomicI32::new(-1),
        process: AtomicU32::new(0),
    }
}; 64];

/// What a signal did before us, for the handler: the function and the flags.
pub(super) static BEFORE: [(AtomicUsize, AtomicI32); MAX + 1] =
    [const { (AtomicUsize::new(libc::SIG_DFL), AtomicI32::new(0)) }; MAX + 1];

/// The handler.
pub(super) extern "C" fn note(signal: libc::c_int) {
    // SAFETY: the thread's own `errno`, which the interrupted code may be about to read.
    let saved = unsafe { *self::errno() };
    if !tell(signal) {
        pass_on(signal);
    }
    // SAFETY: as above.
    unsafe { *self::errno() = saved };
}

/// Tells the watchers of this process that want the signal; false if there is none.
fn tell(signal: libc::c_int) -> bool {
    let number = signal as usize;
    let mut mask = WANTED[number].load(SeqCst);
    if mask == 0 && signal == libc::SIGINT {
        mask = INTERRUPTIBLE.load(SeqCst);
    }
    let process = Generation::present_number();
    let mut is_heard = false;
    while mask != 0 {
        let slot = &SLOTS[mask.trailing_zeros() as usize];
        mask &= mask - 1;
        if slot.process.load(SeqCst) == process {
            is_heard = true;
            slot.pending.fetch_or(1 << (number - 1), SeqCst);
            // SAFETY: the byte is readable. A pipe that is full has woken the loop already.
            unsafe { libc::write(slot.pipe.load(SeqCst), (&raw const FULL).cast(), 1) };
        }
    }
    is_heard
}

/// Does what the signal did before us.
fn pass_on(signal: libc::c_int) {
    let (function, flags) = &BEFORE[signal as usize];
    let function = function.load(SeqCst);
    set(signal, function, flags.load(SeqCst));
    // Whoever has come to want it in between has had the handler installed first: it must not be lost.
    if tell(signal) {
        if WANTED[signal as usize].load(SeqCst) != 0 {
            install(signal, false);
        }
        return;
    }
    if function != libc::SIG_IGN {
        // SAFETY: raise is async-signal-safe. The signal comes when this has returned.
        unsafe { libc::raise(signal) };
    }
}

/// Installs the handler, for one signal only if it is for once: async-signal-safe.
pub(super) fn install(signal: libc::c_int, is_once: bool) -> libc::c_int {
    // On the thread's stack for signals: a task's own may be nearly used up. System calls that were
    // interrupted go on.
    let mut flags = libc::SA_ONSTACK | libc::SA_RESTART;
    if is_once {
        flags |= libc::SA_RESETHAND;
    }
    set(signal, note as *const () as usize, flags)
}

/// What is written to a pipe.
static FULL: u8 = 1;

#[cfg(any(target_os = "android", target_os = "netbsd", target_os = "openbsd"))]
use libc::__errno as errno;
/// Where the running thread's `errno` is.
#[cfg(target_os = "linux")]
use libc::__errno_location as errno;
#[cfg(target_os = "dragonfly")]
use libc::__errno_location as errno;
#[cfg(any(target_vendor = "apple", target_os = "freebsd"))]
use libc::__error as errno;

/// Sets what a signal does: async-signal-safe.
fn set(signal: libc::c_int, function: usize, flags: libc::c_int) -> libc::c_int {
    // SAFETY: all zeroes is an action; the function is a handler of the type that the flags ask for,
    // ours or one that the system told of.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = function;
        action.sa_flags = flags;
        libc::sigemptyset(&mut action.sa_mask);
        libc::sigaction(signal, &action, ptr::null_mut())
    }
}
