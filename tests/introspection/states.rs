//! Tasks in every state, and the end of a task that was inspected.

use std::cell::Cell;
use std::hint::black_box;
use std::rc::Rc;
use std::time::Duration;

use selvedge::coroutine::Status;
use selvedge::event_loop::current_loop;
use selvedge::task::{TaskStack, all_tasks, catch_cancelled};
use selvedge::{sleep, spawn, yield_now};

use crate::backtraces::{assert_in_order, joined};
use crate::support::in_virtual_loop;

const A_SECOND: Duration = Duration::from_secs(1);

#[test]
fn an_unstarted_task_has_a_creation_site_and_no_frames() {
    in_virtual_loop(|| {
        let task = spawn(|| 1);
        let stack = task.stack();
        assert_eq!(stack.status(), Status::Unstarted);
        assert_eq!(stack.created_at().expect("a site").file(), file!());
        assert_eq!(stack.waits_for(), Some("its turn"));
        assert!(stack.backtrace().is_none());
        assert_eq!(joined(task), 1);
    });
}

#[test]
fn the_stack_of_a_finished_task_is_empty() {
    in_virtual_loop(|| {
        let task = spawn(|| 1);
        let failed = spawn(|| panic!("as it should"));
        let cancelled = spawn(|| sleep(A_SECOND));
        yield_now();
        cancelled.cancel();
        yield_now();
        for stack in [task.stack(), failed.stack(), cancelled.stack()] {
            assert_eq!(stack.status(), Status::Done);
            assert!(stack.created_at().is_none() && stack.waits_for().is_none());
            assert!(stack.backtrace().is_none());
        }
        assert_eq!(
            task.stack().to_string(),
            format!("task {} (done)", task.name())
        );
        assert!(failed.join().is_err());
        assert!(cancelled.join().is_err());
        assert_eq!(joined(task), 1);
    });
}

/// Counts itself when it is dropped.
struct Counted(Rc<Cell<u32>>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.set(self.0.get() + 1);
    }
}

#[inline(never)]
fn holds_and_sleeps(count: &Rc<Cell<u32>>) {
    let _held = Counted(Rc::clone(count));
    sleep(A_SECOND);
    black_box(());
}

#[test]
fn a_task_that_was_inspected_can_be_cancelled_and_unwinds() {
    in_virtual_loop(|| {
        let count = Rc::new(Cell::new(0));
        let inside = Rc::clone(&count);
        let task = spawn(move || {
            let caught = catch_cancelled(|| holds_and_sleeps(&inside));
            assert!(caught.is_err());
            holds_and_sleeps(&inside);
        });
        yield_now();
        for expected in 1..=2 {
            assert_in_order(&task.stack(), &["states::holds_and_sleeps"]);
            assert!(task.cancel());
            assert_in_order(&task.stack(), &["states::holds_and_sleeps"]);
            yield_now();
            assert_eq!(count.get(), expected);
        }
        assert!(task.join().unwrap_err().is_cancelled());
    });
}

#[inline(never)]
fn sleeps() {
    sleep(A_SECOND);
    black_box(());
}

#[test]
fn callbacks_see_all_tasks() {
    let stacks = in_virtual_loop(|| {
        let tasks = [spawn(sleeps), spawn(sleeps)];
        yield_now();
        let promise = selvedge::Promise::new();
        let answer = promise.clone();
        let look = move || {
            let stacks: Vec<_> = all_tasks().iter().map(|task| task.stack()).collect();
            assert!(answer.set_result(Rc::new(stacks)).is_ok());
        };
        current_loop()
            .expect("a loop")
            .call_soon(look)
            .expect("an open loop");
        let stacks = promise.wait().expect("it was set");
        tasks.into_iter().for_each(joined);
        stacks
    });
    let [main, first, second] = &stacks[..] else {
        panic!("not three tasks: {stacks:?}");
    };
    assert!(
        main.waits_for()
            .is_some_and(|what| what.starts_with("a promise"))
    );
    for stack in [first, second] {
        assert_eq!(stack.status(), Status::Suspended);
        assert_in_order(stack, &["states::sleeps"]);
    }
}

/// Records the stack of its task when it is dropped.
struct Looks(Option<selvedge::task::TaskRef>, Rc<Cell<Option<TaskStack>>>);

impl Drop for Looks {
    fn drop(&mut self) {
        self.1.set(self.0.take().map(|task| task.stack()));
    }
}

#[inline(never)]
fn panics_with(looks: Looks) {
    let _looks = looks;
    panic!("as it should");
}

#[test]
fn destructors_see_tasks_while_the_thread_panics() {
    in_virtual_loop(|| {
        let (other, seen) = (spawn(sleeps), Rc::new(Cell::new(None)));
        yield_now();
        let looks = Looks(Some(other.task_ref()), Rc::clone(&seen));
        let task = spawn(move || panics_with(looks));
        assert!(task.join().is_err());
        assert_in_order(&seen.take().expect("it looked"), &["states::sleeps"]);
        joined(other);
    });
}

#[test]
fn a_stack_can_be_sent_to_another_thread_and_outlives_its_task() {
    let stack = in_virtual_loop(|| {
        let task = spawn(sleeps);
        yield_now();
        let stack = task.stack();
        joined(task);
        stack
    });
    assert!(format!("{stack:?}").contains("Suspended"));
    let looked = std::thread::spawn(move || assert_in_order(&stack, &["states::sleeps"])).join();
    looked.expect("it is unchanged");
}
