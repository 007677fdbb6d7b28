//! How a task is stopped: what is delivered where, and the state after it.
//!
// The page is Markdown because of its length. tests/foreign and tests/http compare its tables with what they observe.
#![doc = include_str!("cancellation.md")]
