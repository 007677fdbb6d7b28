//! The signal handler of event loops and its data. It uses atomics, a pipe and `errno`, and in a forked
//! process `sigaction` and `raise`. Everything here is async-signal-safe.
//!
//! [`signal_watch`](super::signal_watch) sets which watcher wants which signal, and describes the whole.

#![allow(unsafe_code)]

use std::ptr;
use std::sync::atomic::{AtomicI32, AtomicU32, AtomicU64, AtomicUsize, Ordering::SeqCst};

use super::fork::Generation;

/// The largest number of a signal.
pub(super) const MAX: usize = 64;

/// A mask of the watchers that want a signal, by the signal's number.
pub(super) static WANTED: [AtomicU64; MAX + 1] = [const { AtomicU64::new(0) }; MAX + 1];

/// A mask of the watchers that want interrupts while no watcher in [`WANTED`] does.
pub(super) static INTERRUPTIBLE: AtomicU64 = AtomicU64::new(0);

/// A watcher's data for the handler.
pub(super) struct WatcherSlot {
    /// The signals that have arrived, as bits; the bit is the signal's number minus one.
    pub(super) pending: AtomicU64,
    /// The descriptor to write to.
    pub(super) pipe: AtomicI32,
    /// The number of the process that owns the watcher.
    pub(super) process: AtomicU32,
}

pub(super) static SLOTS: [WatcherSlot; 64] = [const {
    WatcherSlot {
        pending: AtomicU64::new(0),
        pipe: AtomicI32::new(-1),
        process: AtomicU32::new(0),
    }
}; 64];

/// The previous action of each signal: the function and the flags.
pub(super) static BEFORE: [(AtomicUsize, AtomicI32); MAX + 1] =
    [const { (AtomicUsize::new(libc::SIG_DFL), AtomicI32::new(0)) }; MAX + 1];

/// The handler.
pub(super) extern "C" fn note(signal: libc::c_int) {
    // SAFETY: the thread's own `errno`, which the interrupted code may be about to read.
    let saved = unsafe { *self::errno() };
    if !notify(signal) {
        pass_on(signal);
    }
    // SAFETY: as above.
    unsafe { *self::errno() = saved };
}

/// Notifies the watchers of this process that want the signal; false if there is none.
fn notify(signal: libc::c_int) -> bool {
    let number = signal as usize;
    let mut mask = WANTED[number].load(SeqCst);
    if mask == 0 && signal == libc::SIGINT {
        mask = INTERRUPTIBLE.load(SeqCst);
    }
    let process = Generation::present_number();
    let mut is_wanted = false;
    while mask != 0 {
        let slot = &SLOTS[mask.trailing_zeros() as usize];
        mask &= mask - 1;
        if slot.process.load(SeqCst) == process {
            is_wanted = true;
            slot.pending.fetch_or(1 << (number - 1), SeqCst);
            // SAFETY: the byte is readable. A full pipe has already woken the loop.
            unsafe { libc::write(slot.pipe.load(SeqCst), (&raw const FULL).cast(), 1) };
        }
    }
    is_wanted
}

/// Does what the signal did before this handler was installed.
fn pass_on(signal: libc::c_int) {
    let (function, flags) = &BEFORE[signal as usize];
    let function = function.load(SeqCst);
    set(signal, function, flags.load(SeqCst));
    // A watcher that has requested the signal meanwhile installed the handler first: its signal must not
    // be lost.
    if notify(signal) {
        if WANTED[signal as usize].load(SeqCst) != 0 {
            install(signal, false);
        }
        return;
    }
    if function != libc::SIG_IGN {
        // SAFETY: raise is async-signal-safe. The signal is delivered after this returns.
        unsafe { libc::raise(signal) };
    }
}

/// Installs the handler, with `is_once` for a single delivery. Async-signal-safe.
pub(super) fn install(signal: libc::c_int, is_once: bool) -> libc::c_int {
    // On the thread's alternate stack: a task's own may be nearly full. Interrupted system calls are
    // restarted.
    let mut flags = libc::SA_ONSTACK | libc::SA_RESTART;
    if is_once {
        flags |= libc::SA_RESETHAND;
    }
    set(signal, note as *const () as usize, flags)
}

/// The byte that is written to a pipe.
static FULL: u8 = 1;

#[cfg(any(target_os = "android", target_os = "netbsd", target_os = "openbsd"))]
use libc::__errno as errno;
/// The address of the running thread's `errno`.
#[cfg(any(target_os = "linux", target_os = "dragonfly"))]
use libc::__errno_location as errno;
#[cfg(any(target_vendor = "apple", target_os = "freebsd"))]
use libc::__error as errno;

/// Sets the action of a signal. Async-signal-safe.
fn set(signal: libc::c_int, function: usize, flags: libc::c_int) -> libc::c_int {
    // SAFETY: all zeroes is a valid action; the function is a handler of the type that the flags require:
    // this crate's or one that the system has returned.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = function;
        action.sa_flags = flags;
        libc::sigemptyset(&mut action.sa_mask);
        libc::sigaction(signal, &action, ptr::null_mut())
    }
}
