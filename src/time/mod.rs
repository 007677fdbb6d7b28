//! Sleeping until a deadline, and deadlines for a task's work.
//!
//! [`sleep`](crate::sleep) and [`timeout`](crate::timeout) are at the root. Here are their variants: with a time of the
//! loop's clock instead of a duration, and with a deadline that can be moved.

pub(crate) mod sleep;
pub(crate) mod timeout;

pub use self::sleep::sleep_until;
pub use self::timeout::{Timeout, timeout_at, timeout_with};
