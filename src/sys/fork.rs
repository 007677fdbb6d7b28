//! Detection of forks: whether this is still the process that created an object.

#![allow(unsafe_code)]

use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// The number of forks between the process that first used this and the current one.
static N_FORKS: AtomicU32 = AtomicU32::new(0);

/// Identifies a process among its forks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Generation(u32);

impl Generation {
    /// The current process.
    pub(crate) fn now() -> Self {
        static REGISTER: Once = Once::new();
        REGISTER.call_once(|| {
            // SAFETY: the handler only increments an atomic. Registering fails only for lack of memory;
            // then forks go unnoticed.
            unsafe { libc::pthread_atfork(None, None, Some(count)) };
        });
        Self(N_FORKS.load(Relaxed))
    }

    /// The process's number.
    pub(crate) fn number(self) -> u32 {
        self.0
    }

    /// The current process's number. Async-signal-safe once [`now`](Self::now) has been called.
    pub(crate) fn present_number() -> u32 {
        N_FORKS.load(Relaxed)
    }

    /// Whether this is the current process.
    pub(crate) fn is_this(self) -> bool {
        self.0 == N_FORKS.load(Relaxed)
    }
}

/// Runs in the child.
extern "C" fn count() {
    N_FORKS.fetch_add(1, Relaxed);
}
