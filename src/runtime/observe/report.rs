//! What nobody else takes: exceptions of callbacks, results that were never fetched, tasks that
//! are pending when their loop closes. They go to the loop's exception handler.

use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::coroutine::drop_payload;
use crate::error::{TaskError, panic_text};
use crate::runtime::core::context::{Core, Handler, without_task};
use crate::runtime::core::exception_context::ExceptionContext;

impl Core {
    /// Tells the exception handler, whatever that does.
    pub(crate) fn report(&self, context: &ExceptionContext) {
        let handler = self.handler.borrow().clone();
        let Some(handler) = handler else {
            report_by_default(context);
            return;
        };
        let called = without_task(|| catch_unwind(AssertUnwindSafe(|| handler(context))));
        let dropped = catch_unwind(AssertUnwindSafe(|| drop(handler)));
        for payload in [called, dropped].into_iter().filter_map(Result::err) {
            let text = panic_text(&*payload).to_owned();
            drop_payload(payload);
            report_by_default(
                &ExceptionContext::new("Unhandled error in exception handler")
                    .with_exception(TaskError::misuse(text)),
            );
            report_by_default(context);
        }
    }

    /// Replaces the exception handler; `None` for the default one.
    pub(crate) fn set_handler(&self, handler: Option<Handler>) {
        let before = self.handler.replace(handler);
        drop(before);
    }
}

/// The default handler: prints to standard error, in one write.
pub(crate) fn report_by_default(context: &ExceptionContext) {
    let text = catch_unwind(AssertUnwindSafe(|| format!("{context}\n")));
    let text = text.unwrap_or_else(|payload| {
        drop_payload(payload);
        format!(
            "Exception in default exception handler: {}\n",
            context.message()
        )
    });
    // With nowhere to print to there is nobody to tell.
    let _ = io::stderr().write_all(text.as_bytes());
}

/// Tells of an error that nobody will fetch.
pub(crate) fn report_unretrieved(core: &Core, name: String, error: TaskError) {
    let message = if core.is_ending_run.get() {
        "unhandled exception during run() shutdown"
    } else {
        "Task exception was never retrieved"
    };
    core.report(
        &ExceptionContext::new(message)
            .with_exception(error)
            .with_subject("task", name),
    );
}
