//! The errors of tasks, promises and loops.
//!
//! Operations of the operating system return `std::io::Error`. Here are the others: how a task or promise
//! failed ([`TaskError`]), why a run ended early ([`RunError`]), that a loop is closed or busy ([`LoopError`]),
//! and why a call can't wait ([`WaitError`]). Nothing here knows how a loop works.

// Public as `io::is_cancelled`.
pub(crate) mod is_cancelled;
pub(crate) mod predicates;
pub(crate) mod run;
mod scope;
pub(crate) mod task;
mod wait;

pub use run::{Deadlock, LoopError, Misuse, Unhandled};
pub use scope::ScopeError;
pub use task::{Cancelled, Elapsed, EmptySet};
pub use wait::WaitError;

// At the root, for users; named here by the rest of the crate.
pub(crate) use run::RunError;
pub(crate) use task::TaskError;

/// The text of a panic's payload.
pub(crate) fn panic_text(payload: &(dyn std::any::Any + Send)) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("a payload that is not text")
}
