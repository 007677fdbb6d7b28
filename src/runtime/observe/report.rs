//! Reports to the loop's exception handler: exceptions of callbacks, errors that were never retrieved, tasks that are
//! pending when their loop closes.

use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::coroutine::drop_payload;
use crate::error::{TaskError, Unhandled, panic_text};
use crate::runtime::core::{Core, ExceptionContext, Handler, without_task};

impl Core {
    /// Calls the exception handler. The loop continues even if the handler panics. In strict mode the first context
    /// with an exception ends the run.
    pub(crate) fn report(&self, context: &ExceptionContext) {
        if let Some(unhandled) = &self.unhandled
            && context.exception().is_some()
            && unhandled.borrow().is_none()
        {
            *unhandled.borrow_mut() = Some(Box::new(context.clone()));
            self.run_queue.stop();
        }
        let handler = self.handler.borrow().clone();
        let Some(handler) = handler else {
            report_by_default(context);
            return;
        };
        let called = catch_unwind(AssertUnwindSafe(|| without_task(|| handler(context))));
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

    /// Takes the exception that makes a run in strict mode fail.
    pub(crate) fn take_unhandled(&self) -> Option<Unhandled> {
        let context = self.unhandled.as_ref()?.take()?;
        let error = context.exception()?.clone();
        Some(Unhandled::new(context.to_string(), error))
    }

    /// Replaces the exception handler; `None` for the default one.
    pub(crate) fn set_handler(&self, handler: Option<Handler>) {
        let before = self.handler.replace(handler);
        drop(before);
    }
}

/// The default handler: prints the context to standard error, in one write.
pub(crate) fn report_by_default(context: &ExceptionContext) {
    let text = catch_unwind(AssertUnwindSafe(|| format!("{context}\n")));
    let text = text.unwrap_or_else(|payload| {
        drop_payload(payload);
        format!(
            "Exception in default exception handler: {}\n",
            context.message()
        )
    });
    // A failure to print to standard error can't be reported.
    let _ = io::stderr().write_all(text.as_bytes());
}

/// Reports to a loop's handler, or to the default handler if the loop no longer exists.
pub(crate) fn report_to(core: Option<&Core>, context: &ExceptionContext) {
    match core {
        Some(core) => core.report(context),
        None => report_by_default(context),
    }
}

/// Reports an error that no handle can retrieve any more.
pub(crate) fn report_unretrieved(core: Option<&Core>, name: String, error: TaskError) {
    let message = if core.is_some_and(|core| core.is_ending_run.get()) {
        "unhandled exception during run() shutdown"
    } else {
        "Task exception was never retrieved"
    };
    let context = ExceptionContext::new(message)
        .with_exception(error)
        .with_subject("task", name);
    report_to(core, &context);
}
