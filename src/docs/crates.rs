//! Which other crates work with this one, and how.
//!
// The page is Markdown because of its table. tests/foreign/crates.rs and tests/http test each row.
#![doc = include_str!("crates.md")]
