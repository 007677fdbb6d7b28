//! How a task is asked to end: the request, a frame's own request, and the children of a scope.

pub(crate) mod guard;
pub(crate) mod request;
pub(crate) mod scope_state;

pub(crate) use guard::CancelGuard;
pub(crate) use request::{WaitGraphWalk, stop_waiting};
pub(crate) use scope_state::{EndsAfter, ScopeState};
