//! Raises signals, and reads their current action.

use std::ptr;
use std::thread;

use selvedge::signal::Signal;

use crate::support::{thread_number, wait_until_asleep};

pub fn raise(signal: Signal) {
    // SAFETY: the scenarios handle the signal, or mean to end by it.
    assert_eq!(unsafe { libc::raise(signal.into()) }, 0);
}

/// The current action of a signal: the address of a handler, or one of the two numbers for none.
pub fn disposition(signal: Signal) -> usize {
    // SAFETY: reads the current action.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        assert_eq!(libc::sigaction(signal.into(), ptr::null(), &mut action), 0);
        action.sa_sigaction
    }
}

pub fn set_disposition(signal: Signal, to: usize) {
    // SAFETY: the scenarios give a handler of this type, or one of the two numbers.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = to;
        assert_eq!(libc::sigaction(signal.into(), &action, ptr::null_mut()), 0);
    }
}

/// Sends each signal to this process when the signal has a handler and this thread sleeps. Both are checked: without a
/// handler the signal would end the process, and a thread may also sleep for the system's reasons.
pub fn send_when_asleep(signals: &'static [Signal]) -> thread::JoinHandle<()> {
    let number = thread_number();
    thread::spawn(move || {
        for signal in signals {
            while disposition(*signal) == libc::SIG_DFL {
                thread::yield_now();
            }
            wait_until_asleep(number);
            // SAFETY: as in `raise`.
            unsafe { libc::kill(libc::getpid(), (*signal).into()) };
        }
    })
}
