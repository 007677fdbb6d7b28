//! What a loop tells of its tasks: exceptions that nothing else handles, deadlocks, where a task stands.

pub(crate) mod deadlock;
pub(crate) mod inspect;
pub(crate) mod report;
pub(crate) mod unread;

pub(crate) use report::{report_by_default, report_to, report_unretrieved};
pub(crate) use unread::{unread_error, unread_error_with_text, unread_result};
