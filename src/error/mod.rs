//! What can go wrong with tasks, promises and loops, as values.
//!
//! Operating-system work answers `std::io::Error`. Here are the rest: how a task or promise
//! failed ([`TaskError`]), why a run ended early ([`RunError`]), and that a loop is gone
//! ([`LoopError`]). Nothing here knows of a loop's insides.

pub(crate) mod run;
mod scope;
pub(crate) mod task;
mod wait;

pub use run::{Deadlock, LoopError, Misuse};
pub use scope::ScopeError;
pub use task::{Cancelled, Elapsed, EmptySet};
pub use wait::WaitError;

// At the root, for users; named here by the rest of the crate.
pub(crate) use run::RunError;
pub(crate) use task::TaskError;

/// What a panic's payload says, as far as it is text.
pub(crate) fn panic_text(payload: &(dyn std::any::Any + Send)) -> &str {
    payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a payload that is not text")
}
