//! Many tasks, deep ones, and tasks with little stack left.

use std::cell::RefCell;
use std::hint::black_box;
use std::rc::Rc;
use std::time::Duration;

use selvedge::coroutine::remaining_stack_bytes;
use selvedge::task::all_tasks;
use selvedge::{Promise, Task, sleep, spawn, yield_now};

use crate::backtraces::{HAS_BACKTRACES, assert_in_order, joined};
use crate::support::{in_virtual_loop, scaled};

const A_SECOND: Duration = Duration::from_secs(1);

#[inline(never)]
fn descend(n: usize, bottom: &dyn Fn()) -> usize {
    if n == 0 {
        bottom();
        return 0;
    }
    black_box(descend(n - 1, bottom)) + 1
}

#[test]
fn the_stacks_of_a_thousand_tasks_are_printed() {
    let n_tasks = scaled(1000, 30);
    in_virtual_loop(move || {
        let tasks: Vec<_> = (0..n_tasks)
            .map(|n| spawn(move || descend(n % 10 + 1, &|| sleep(A_SECOND))))
            .collect();
        yield_now();
        let stacks: Vec<_> = all_tasks().iter().map(|task| task.stack()).collect();
        assert_eq!(stacks.len(), n_tasks + 1);
        for stack in &stacks {
            assert_eq!(stack.backtrace().is_some(), HAS_BACKTRACES);
        }
        // Finding names is slow: some tasks are enough.
        for (n, stack) in stacks[1..].iter().enumerate().step_by(n_tasks / 10 + 1) {
            assert_in_order(stack, &vec!["limits::descend"; n % 10 + 2]);
        }
        for (n, task) in tasks.into_iter().enumerate() {
            assert_eq!(joined(task), n % 10 + 1);
        }
    });
}

#[test]
fn a_deep_recursion_is_cut_short_in_print_only() {
    const DEEP: usize = 500;
    in_virtual_loop(|| {
        let task = spawn(|| descend(DEEP, &|| sleep(A_SECOND)));
        yield_now();
        let stack = task.stack();
        if HAS_BACKTRACES {
            let (short, long) = (format!("{stack}"), format!("{stack:#}"));
            assert!(long.matches("limits::descend").count() >= DEEP, "{long}");
            assert!(short.matches("limits::descend").count() <= 100, "{short}");
            assert!(short.ends_with(" more"), "{short}");
        }
        assert_eq!(joined(task), DEEP);
    });
}

/// Recurses until fewer than `n_left` bytes of the stack are left, and calls `bottom` there.
#[inline(never)]
fn descend_to(n_left: usize, bottom: &dyn Fn()) -> usize {
    if remaining_stack_bytes().is_some_and(|left| left < n_left) {
        bottom();
        return 0;
    }
    black_box(descend_to(n_left, bottom)) + 1
}

/// The stack that a sleep needs, without optimization.
const A_LITTLE: usize = 5 * 1024;
/// The stack that taking a backtrace needs, up to the switch to another stack.
const SOME: usize = 8 * 1024;

#[test]
fn a_task_at_the_end_of_its_stack_is_seen_by_others() {
    in_virtual_loop(|| {
        for bytes in [16 * 1024, 64 * 1024] {
            let builder = Task::builder().stack_size_bytes(bytes);
            let body = || descend_to(A_LITTLE, &|| sleep(A_SECOND));
            let task = builder.spawn(body).expect("a stack");
            yield_now();
            assert_in_order(&task.stack(), &["limits::descend_to", "limits::descend_to"]);
            assert!(joined(task) > 1);
        }
    });
}

#[test]
fn a_task_at_the_end_of_its_stack_sees_itself_and_others() {
    in_virtual_loop(|| {
        let promise = Promise::new();
        let other = promise.clone();
        let waiting = spawn(move || descend(3, &|| other.wait().expect("it was set")));
        yield_now();
        let view = waiting.task_ref();
        let stacks = Rc::new(RefCell::new(Vec::new()));
        let seen = Rc::clone(&stacks);
        let look = move || {
            let own = selvedge::task::current_task().expect("a task");
            seen.borrow_mut().extend([own.stack(), view.stack()]);
            // Finding the names needs more stack than is left.
            assert!(seen.borrow()[0].to_string().contains(" (running)"));
        };
        let body = move || descend_to(SOME, &look);
        let builder = Task::builder().stack_size_bytes(32 * 1024);
        assert!(joined(builder.spawn(body).expect("a stack")) > 1);
        let stacks = stacks.take();
        assert_in_order(&stacks[0], &["limits::descend_to", "limits::descend_to"]);
        assert_in_order(&stacks[1], &["limits::descend"; 4]);
        promise.set_result(()).expect("pending");
        assert_eq!(joined(waiting), 3);
    });
}
