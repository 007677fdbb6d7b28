//! How a task is asked to end: the request, a frame's own request, and the children of a scope.

pub(crate) mod request;
pub(crate) mod scope_state;

pub(crate) use scope_state::{EndsAfter, ScopeState};
