//! Timers: deadlines of callbacks, and alarms in the frames of tasks.

pub(crate) mod alarm;
pub(crate) mod timer;

pub(crate) use alarm::Alarm;
pub(crate) use timer::{Key, Timers};
