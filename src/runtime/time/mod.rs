//! Timers: deadlines of callbacks, and alarms in the frames of tasks.

pub(crate) mod alarm;
pub(crate) mod timer;
