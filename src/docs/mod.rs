//! Guides: asyncio's names and their counterparts here, a tutorial, cancellation, other crates, and the differences from tokio.
//!
//! These modules contain no items; each is a page to read, whose programs are tests.
//!
//! - [`asyncio`]: each name of Python's asyncio, and its counterpart, or what to do where there is none yet.
//! - [`tutorial`]: the programs of an asyncio tutorial, from a coroutine that is driven by hand to a hundred
//!   downloads at once.
//! - [`cancellation`]: how tasks are stopped, and the state that is left, for each operation, for std's types and for
//!   other crates.
//! - [`crates`]: which other crates work, and how.
//! - [`tokio`]: for users of tokio, and for programs that use both.

pub mod asyncio;
pub mod cancellation;
pub mod crates;
pub mod tokio;
pub mod tutorial;
