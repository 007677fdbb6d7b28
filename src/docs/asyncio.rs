//! For people who come from Python's asyncio: each of its names, and ours.
//!
// The page is Markdown because of its length. tests/tidy/asyncio.rs holds it against the list of names.
#![doc = include_str!("asyncio.md")]
