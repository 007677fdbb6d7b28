//! [`lock`]: locking a mutex that is never poisoned.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks a mutex under whose lock no user code runs and nothing panics. Poisoning is therefore ignored.
pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
