//! For users of Python's asyncio: each of its names, with the counterpart here, or what to do where there is none yet.
//!
// The page is Markdown because of its length. tests/tidy/asyncio.rs compares it with the list of names.
#![doc = include_str!("asyncio.md")]
