//! Whether this is still the process that made something.

#![allow(unsafe_code)]

use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// How often the process was forked on the way from the first that used this to the present one.
static N_FORKS: AtomicU32 = AtomicU32::new(0);

/// A process, as told from its forks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Generation(u32);

impl Generation {
    /// The present process.
    pub(crate) fn now() -> Self {
        static REGISTER: Once = Once::new();
        REGISTER.call_once(|| {
            // SAFETY: the handler only adds to an atomic. If it can't be registered, which takes a
            // lack of memory, forks go unnoticed.
            unsafe { libc::pthread_atfork(None, None, Some(count)) };
        });
        Self(N_FORKS.load(Relaxed))
    }

    /// The process as a number.
    pub(crate) fn number(self) -> u32 {
        self.0
    }

    /// The present process's number: async-signal-safe, where [`now`](Self::now) has been called before.
    pub(crate) fn present_number() -> u32 {
        N_FORKS.load(Relaxed)
    }

    /// Whether this is the process.
    pub(crate) fn is_this(self) -> bool {
        self.0 == N_FORKS.load(Relaxed)
    }
}

/// Runs in the child.
extern "C" fn count() {
    N_FORKS.fetch_add(1, Relaxed);
}
