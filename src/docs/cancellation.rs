//! How tasks are stopped: how each wait delivers a request, and the state that is left.
//!
// The page is Markdown because of its length. tests/foreign and tests/http compare its tables with the observed
// states.
#![doc = include_str!("cancellation.md")]
