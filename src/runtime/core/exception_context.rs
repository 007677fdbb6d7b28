//! [`ExceptionContext`]: what a loop tells its exception handler.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;

use super::TaskStack;
use crate::error::TaskError;

/// What a loop tells its exception handler.
///
/// `Display` gives the text that the default handler prints: the message, then a line `key: value`
/// for each other part, sorted by key.
#[derive(Clone, Debug)]
pub struct ExceptionContext {
    message: String,
    exception: Option<TaskError>,
    source: Option<&'static Location<'static>>,
    subject: Option<(&'static str, String)>,
    stack: Option<Arc<TaskStack>>,
    /// For a slow task.
    resumed_at: Option<Arc<TaskStack>>,
    is_slow: bool,
}

impl ExceptionContext {
    /// A context with a message only.
    #[must_use]
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            exception: None,
            source: None,
            subject: None,
            stack: None,
            resumed_at: None,
            is_slow: false,
        }
    }

    /// Adds the error.
    #[must_use]
    pub fn with_exception(mut self, exception: TaskError) -> Self {
        self.exception = Some(exception);
        self
    }

    pub(crate) fn with_source(
        mut self,
        source: impl Into<Option<&'static Location<'static>>>,
    ) -> Self {
        self.source = source.into();
        self
    }

    pub(crate) fn with_subject(mut self, kind: &'static str, name: String) -> Self {
        self.subject = Some((kind, name));
        self
    }

    pub(crate) fn with_stack(mut self, stack: TaskStack) -> Self {
        self.stack = Some(Arc::new(stack));
        self
    }

    /// For a slow task: the place where it was resumed, and the place where it suspended again.
    pub(crate) fn with_slow_turn(
        mut self,
        resumed_at: Option<TaskStack>,
        suspended_at: Option<TaskStack>,
    ) -> Self {
        self.is_slow = true;
        self.resumed_at = resumed_at.map(Arc::new);
        self.stack = suspended_at.map(Arc::new);
        self
    }

    /// What happened.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The error.
    #[must_use]
    pub fn exception(&self) -> Option<&TaskError> {
        self.exception.as_ref()
    }

    /// Where the callback was made or the task spawned; for those of a loop in debug mode.
    #[must_use]
    #[doc(alias = "source")]
    pub fn created_at(&self) -> Option<&'static Location<'static>> {
        self.source
    }

    /// The present stack of the task, in debug mode, if the task is pending, or took too long and has suspended since.
    #[must_use]
    pub fn stack(&self) -> Option<&TaskStack> {
        self.stack.as_deref()
    }

    /// The stack at which the task was resumed before it took too long; `None` if the task began at that time. The slow
    /// code ran between this place and [`stack`](Self::stack), or the task's end.
    #[must_use]
    pub fn resumed_at(&self) -> Option<&TaskStack> {
        self.resumed_at.as_deref()
    }

    /// The task, handle or promise that the report is about.
    #[must_use]
    pub fn subject(&self) -> Option<&str> {
        self.subject.as_ref().map(|subject| &*subject.1)
    }
}

impl fmt::Display for ExceptionContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        let mut lines = Vec::new();
        if let Some(exception) = &self.exception {
            lines.push(("exception", exception.to_string()));
        }
        if let Some(source) = self.source {
            lines.push(("source", source.to_string()));
        }
        if let Some((kind, name)) = &self.subject {
            lines.push((kind, name.clone()));
        }
        if let Some(stack) = &self.stack {
            let key = if self.is_slow {
                "suspended at"
            } else {
                "stack"
            };
            lines.push((key, stack.to_string()));
        }
        if let Some(stack) = &self.resumed_at {
            lines.push(("resumed at", stack.to_string()));
        }
        lines.sort();
        lines
            .iter()
            .try_for_each(|(key, value)| write!(f, "\n{key}: {value}"))
    }
}
