//! Sleeping until a deadline, and deadlines for a task's work.
//!
//! [`sleep`](crate::sleep) and [`timeout`](crate::timeout) are at the root. Here are their variants: with a time of the
//! loop's clock instead of a duration, with a deadline that can be moved, and with a [`deadline`] for I/O only.
//! [`after`] and [`at`] are deadlines as arms of a [`select!`](crate::select).

mod deadline;
mod first;
pub(crate) mod sleep;
pub(crate) mod timeout;

pub use self::deadline::{deadline, deadline_at};
pub use self::first::{after, at};
pub use self::sleep::sleep_until;
pub use self::timeout::{Timeout, timeout_at, timeout_with};
