//! Guides: asyncio's names and their counterparts here, a tutorial, cancellation, and the differences from tokio.
//!
//! These modules contain no items; each is a page to read, whose programs are tests.
//!
//! - [`asyncio`]: each name of Python's asyncio, and its counterpart.
//! - [`tutorial`]: the programs of an asyncio tutorial, from a coroutine that is driven by hand to a hundred
//!   downloads at once.
//! - [`cancellation`]: how tasks are cancelled, and the state after a cancel, for each operation.
//! - [`tokio`]: for users of tokio.

pub mod asyncio;
pub mod cancellation;
pub mod tokio;
pub mod tutorial;
