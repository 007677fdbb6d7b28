//! What the tests of `get_stack` share: which functions a backtrace names, in which order.

use selvedge::{EventLoop, Task, TaskStack};

/// Where the crate `corosensei` does the switching, there are no backtraces.
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
    match task.join() {
        Ok(value) => value,
        Err(error) => panic!("the task failed: {error}"),
    }
}

/// Runs a function in the one task that a fresh loop with a virtual clock is made for.
pub fn in_virtual_loop<T: 'static>(body: impl FnOnce() -> T + 'static) -> T {
    let event_loop = EventLoop::builder().virtual_clock(true).build();
    match event_loop.expect("a loop").run_until_complete(body) {
        Ok(value) => value,
        Err(error) => match error.into_panic() {
            Ok(payload) => std::panic::resume_unwind(payload),
            Err(error) => panic!("the task failed: {error}"),
        },
    }
}

/// `full` in an ordinary run, `slow` where an emulator makes every step dear.
pub fn scaled(full: usize, slow: usize) -> usize {
    let is_emulated = ["SELVEDGE_UNDER_VALGRIND", "SELVEDGE_UNDER_QEMU"]
        .iter()
        .any(|name| std::env::var_os(name).is_some());
    if is_emulated { slow } else { full }
}
