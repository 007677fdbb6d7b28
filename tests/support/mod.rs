//! Helpers that the tests share. A test binary includes this folder as its module `support`.

// Each binary uses a part of the helpers.
#![allow(dead_code, unused_imports)]

pub mod child;
mod counted;
mod drops;
#[cfg(feature = "runtime")]
mod hops;
#[cfg(feature = "runtime")]
mod loops;
mod panics;
#[cfg(feature = "runtime")]
mod reports;
mod stacks;
mod threads;
#[cfg(feature = "runtime")]
mod ticker;

pub use counted::*;
pub use drops::*;
#[cfg(feature = "runtime")]
pub use hops::*;
#[cfg(feature = "runtime")]
pub use loops::*;
pub use panics::*;
#[cfg(feature = "runtime")]
pub use reports::*;
pub use stacks::*;
pub use threads::*;
#[cfg(feature = "runtime")]
pub use ticker::*;
