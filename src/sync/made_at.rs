//! [`MadeAt`]: what a task waits for, as a report says it.

use std::fmt;
use std::panic::Location;

use crate::runtime::core::Awaiting;

/// "the event made at src/main.rs:7:5"
pub(super) struct MadeAt(
    pub(super) &'static str,
    pub(super) &'static Location<'static>,
);

impl Awaiting for MadeAt {
    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} made at {}", self.0, self.1)
    }
}
