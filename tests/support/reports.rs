//! The reports to the exception handler of a loop.

use std::cell::RefCell;
use std::rc::Rc;

use selvedge::event_loop::ExceptionContext;
use selvedge::{EventLoop, TaskError};

/// One call of an exception handler.
#[derive(Clone, Debug)]
pub struct Report {
    pub message: String,
    pub exception: Option<TaskError>,
    pub subject: Option<String>,
    pub text: String,
}

/// The calls of a loop's exception handler.
#[derive(Clone, Debug, Default)]
pub struct Reports(Rc<RefCell<Vec<Report>>>);

impl Reports {
    /// Installs a handler that collects the reports of the loop.
    pub fn of(event_loop: &EventLoop) -> Self {
        let reports = Self::default();
        let list = reports.clone();
        event_loop.set_exception_handler(move |context| list.push(context));
        reports
    }

    /// Adds a call, for a handler that does more.
    pub fn push(&self, context: &ExceptionContext) {
        self.0.borrow_mut().push(Report {
            message: context.message().to_string(),
            exception: context.exception().cloned(),
            subject: context.subject().map(str::to_string),
            text: context.to_string(),
        });
    }

    /// The reports since the last call.
    pub fn take(&self) -> Vec<Report> {
        self.0.take()
    }

    /// The one report since the last call.
    #[track_caller]
    pub fn only(&self) -> Report {
        let mut reports = self.take();
        assert_eq!(reports.len(), 1, "not one report: {reports:#?}");
        reports.remove(0)
    }
}
