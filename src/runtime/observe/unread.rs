//! Detects results that are dropped although they are an `Err` that no code has read.
//!
//! A task or a promise may have a result of any type, so no trait says whether the result is an `Err`. The type's name
//! says whether it is a `Result`, and the value's discriminant says whether it is an `Err`. The error's own text is
//! available for common types only; a task of `spawn_fallible` has the text for every type.

use std::any::{Any, type_name};
use std::error::Error;
use std::fmt::{self, Display};
use std::hash::{Hash, Hasher};
use std::io;
use std::mem::discriminant;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::coroutine::drop_payload;
use crate::error::{RunError, ScopeError, TaskError};
use crate::runtime::core::without_task;

/// The error to report for a value that is dropped unread; `None` if the value is no `Err`.
#[inline]
pub(crate) fn unread_error<T>(value: &T) -> Option<TaskError> {
    is_err(value).then(|| describe(type_name::<T>(), None))
}

/// As [`unread_error`], with the text of the `Err` where its type is a common one.
#[inline]
pub(crate) fn unread_error_with_text<T: 'static>(value: &T) -> Option<TaskError> {
    is_err(value).then(|| describe(type_name::<T>(), text(value)))
}

/// The error to report for a result that is dropped unread: an error that is not a cancel, or an `Err` in
/// the value.
pub(crate) fn unread_result<T: 'static>(result: Result<&T, &TaskError>) -> Option<TaskError> {
    match result {
        Ok(value) => unread_error_with_text(value),
        Err(error) => Some(error.clone()).filter(|error| !error.is_cancelled()),
    }
}

#[inline]
fn is_err<T>(value: &T) -> bool {
    // The name is a constant, so an optimised build compares nothing here.
    type_name::<T>().starts_with("core::result::Result<")
        && discriminant_of(value) == discriminant_of(&Err::<(), ()>(()))
}

/// A number for the variant: all values of `Result` types that are an `Err` have the same one.
fn discriminant_of<T>(value: &T) -> u64 {
    /// A hasher that keeps the hashed number.
    struct Kept(u64);
    impl Hasher for Kept {
        fn write(&mut self, bytes: &[u8]) {
            self.0 = bytes
                .iter()
                .fold(self.0, |word, byte| word << 8 | u64::from(*byte));
        }

        fn finish(&self) -> u64 {
            self.0
        }
    }
    let mut kept = Kept(0);
    discriminant(value).hash(&mut kept);
    kept.finish()
}

#[cold]
fn describe(type_name: &str, text: Option<String>) -> TaskError {
    let text = match text {
        Some(text) => format!("an Err that was never read: {text}"),
        None => format!(
            "an Err that was never read, of the type {type_name}; a task of `spawn_fallible` reports its error's text"
        ),
    };
    TaskError::exception(text.into())
}

/// The text of an `Err` of a common type.
#[cold]
fn text(value: &dyn Any) -> Option<String> {
    // Formatting a boxed error runs the program's code.
    let text = without_task(|| catch_unwind(AssertUnwindSafe(|| text_of_any(value))));
    text.unwrap_or_else(|payload| {
        drop_payload(payload);
        None
    })
}

fn text_of_any(value: &dyn Any) -> Option<String> {
    let texts = [
        text_with_ok::<()>,
        text_with_ok::<bool>,
        text_with_ok::<i32>,
        text_with_ok::<u32>,
        text_with_ok::<u64>,
        text_with_ok::<usize>,
        text_with_ok::<String>,
        text_with_ok::<Vec<u8>>,
    ];
    texts.into_iter().find_map(|text| text(value))
}

fn text_with_ok<T: 'static>(value: &dyn Any) -> Option<String> {
    let texts = [
        text_of::<T, io::Error>,
        text_of::<T, Box<dyn Error + Send + Sync>>,
        text_of::<T, Box<dyn Error + Send>>,
        text_of::<T, Box<dyn Error>>,
        text_of::<T, TaskError>,
        text_of::<T, ScopeError>,
        text_of::<T, RunError>,
        text_of::<T, fmt::Error>,
        text_of::<T, String>,
        text_of::<T, &'static str>,
    ];
    texts.into_iter().find_map(|text| text(value))
}

fn text_of<T: 'static, E: Display + 'static>(value: &dyn Any) -> Option<String> {
    let result = value.downcast_ref::<Result<T, E>>()?;
    result.as_ref().err().map(E::to_string)
}
