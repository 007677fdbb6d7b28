//! Guides: what asyncio's names are called here, the tutorial's programs, and how this differs from tokio.
//!
//! There is nothing to use in these modules; each is a page to read, whose programs are tests.
//!
//! - [`asyncio`]: each name of Python's asyncio, and ours.
//! - [`tutorial`]: the programs that an asyncio tutorial shows, from a coroutine that is driven by hand to a hundred
//!   downloads at once.
//! - [`cancellation`]: how tasks are cancelled, and what a cancel leaves behind, for each operation.
//! - [`tokio`]: for people who come from tokio.

pub mod asyncio;
pub mod cancellation;
pub mod tokio;
pub mod tutorial;
