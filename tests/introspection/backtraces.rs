//! What the tests of `Task::stack` share: which functions a backtrace names, in which order.

use selvedge::Task;
use selvedge::task::TaskStack;

use crate::support::finished;

/// With the `corosensei` backend there are no backtraces.
pub const HAS_BACKTRACES: bool = cfg!(all(
    any(target_arch = "x86_64", target_arch = "aarch64"),
    not(selvedge_backend = "corosensei")
));

/// Panics unless the functions of this binary (`module::function`) are in the backtrace, from the innermost to the
/// outermost in this order.
#[track_caller]
pub fn assert_in_order(stack: &TaskStack, functions: &[&str]) {
    if !HAS_BACKTRACES {
        assert!(stack.backtrace().is_none(), "{stack}");
        return;
    }
    for text in [format!("{stack}"), format!("{stack:#}")] {
        let mut rest = &*text;
        for function in functions {
            let path = format!("introspection::{function}");
            let Some(at) = rest.find(&path) else {
                panic!("{function} is not in its place among {functions:?} in\n{text}");
            };
            rest = &rest[at + path.len()..];
        }
    }
}

/// Panics if one of the functions of this binary is anywhere in the backtrace.
#[track_caller]
pub fn assert_none(stack: &TaskStack, functions: &[&str]) {
    let text = format!("{stack:#}");
    for function in functions {
        let path = format!("introspection::{function}");
        assert!(!text.contains(&path), "{function} is in\n{text}");
    }
}

/// The value of a task that must not have failed.
#[track_caller]
pub fn joined<T>(task: Task<T>) -> T {
    finished(task.join())
}
