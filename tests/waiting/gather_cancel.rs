//! A cancel of a task that gathers: the cancel is passed on to all children, and the task is unwound when the last
//! child has ended.

use std::panic::{catch_unwind, resume_unwind};
use std::rc::Rc;
use std::sync::{Arc, Mutex, mpsc};

use selvedge::event_loop::current_loop;
use selvedge::task::{all_tasks, catch_cancelled, current_task, gather_settled, spawn_eager};
use selvedge::{
    EventLoop, Promise, Task, TaskError, gather, sleep, spawn, spawn_fallible, yield_now,
};

use crate::support::{
    A_SECOND, AN_HOUR, Log, OnDrop, Shared, finished, in_virtual_loop, many_stacks, shared, soon,
};

fn endless() {
    sleep(AN_HOUR);
}

/// Sleeps, and takes a number of seconds to clean up when it is cancelled.
fn slow_to_end(log: &Log, name: &'static str, seconds: u32) -> impl FnOnce() + 'static {
    let log = log.clone();
    move || {
        let payload = catch_unwind(endless).expect_err("cancelled");
        sleep(seconds * A_SECOND);
        log.push(name);
        resume_unwind(payload);
    }
}

#[test]
fn a_cancel_ends_all_children_and_waits_for_the_last() {
    let log = Log::default();
    let inside = log.clone();
    in_virtual_loop(move || {
        let children = [("two", 2), ("five", 5), ("one", 1)]
            .map(|(name, seconds)| spawn(slow_to_end(&inside, name, seconds)));
        let views: Vec<_> = children.iter().map(Task::task_ref).collect();
        let outer = spawn(move || drop(gather(children)));
        yield_now();
        yield_now();
        assert!(outer.cancel_with("closing time"));
        let error = outer.join().expect_err("cancelled");
        assert!(error.is_cancelled());
        assert_eq!(error.message().unwrap(), "closing time");
        assert!(views.iter().all(|view| view.is_cancelled()));
        inside.push("outer");
    });
    assert_eq!(log.take(), ["one", "two", "five", "outer"]);
}

#[test]
fn the_message_reaches_each_child_and_each_promise() {
    in_virtual_loop(|| {
        let child = || {
            catch_cancelled(endless)
                .expect_err("cancelled")
                .message()
                .unwrap()
                .to_owned()
        };
        let (one, two) = (spawn(child), spawn(child));
        let promise = Promise::<()>::new();
        let seen = promise.clone();
        let messages = Rc::new(std::cell::RefCell::new(Vec::new()));
        for task in [&one, &two] {
            let messages = Rc::clone(&messages);
            task.add_done_callback(move |task| messages.borrow_mut().push(task.id()));
        }
        let ids = [one.id(), two.id()];
        let outer = spawn(move || drop(gather((one, promise, two))));
        yield_now();
        yield_now();
        outer.cancel_with("the bell");
        assert!(outer.join().expect_err("cancelled").is_cancelled());
        assert_eq!(*messages.borrow(), ids);
        assert_eq!(
            seen.result().expect_err("cancelled").message().unwrap(),
            "the bell"
        );
    });
}

#[test]
fn children_that_swallow_the_cancel_do_not_save_the_waiter() {
    in_virtual_loop(|| {
        for is_settled in [false, true] {
            let child = || drop(catch_cancelled(endless));
            let outer = spawn(move || match is_settled {
                false => drop(gather([child, child])),
                true => drop(gather_settled([child, child])),
            });
            yield_now();
            yield_now();
            assert!(outer.cancel());
            assert!(outer.join().expect_err("cancelled").is_cancelled());
        }
    });
}

#[test]
fn an_error_during_the_cancel_is_returned_when_all_have_ended() {
    let log = Log::default();
    let inside = log.clone();
    in_virtual_loop(move || {
        let child = spawn(slow_to_end(&inside, "cleaned up", 3));
        let failing = spawn_fallible(|| {
            drop(catch_cancelled(endless));
            Err::<(), _>("no time to clean up")
        });
        let outer = spawn(move || {
            gather((child, failing))
                .expect_err("one fails")
                .message()
                .unwrap()
        });
        yield_now();
        yield_now();
        assert!(outer.cancel());
        assert_eq!(finished(outer.join()), "no time to clean up");
        inside.push("outer");
    });
    assert_eq!(log.take(), ["cleaned up", "outer"]);
}

#[test]
fn a_caught_cancel_lets_the_waiter_go_on() {
    in_virtual_loop(|| {
        let outer = spawn(|| {
            let caught = catch_cancelled(|| drop(gather([endless, endless]))).is_err();
            finished(gather([|| 1, || 2])).iter().sum::<i32>() + i32::from(caught)
        });
        yield_now();
        yield_now();
        outer.cancel();
        assert_eq!(finished(outer.join()), 4);
        assert_eq!(all_tasks().len(), 1);
    });
}

#[test]
fn a_cancel_after_the_last_completion_unwinds_only_the_waiter() {
    in_virtual_loop(|| {
        let child = spawn(|| ());
        let view = child.task_ref();
        let outer = spawn_eager(move || drop(gather([child])));
        let target = outer.task_ref();
        yield_now();
        assert!(view.is_done() && !outer.is_done());
        assert!(target.cancel());
        assert!(outer.join().expect_err("cancelled").is_cancelled());
        assert!(!view.is_cancelled());
    });
}

#[test]
fn a_cancel_between_the_two_hops_unwinds_the_waiter() {
    in_virtual_loop(|| {
        let promise = Promise::new();
        let waited = promise.clone();
        let outer = spawn(move || drop(gather([waited])));
        yield_now();
        promise.set_result(()).expect("pending");
        let target = outer.task_ref();
        // The waiter's first hop comes before this callback, its second one after it.
        soon(move || assert!(target.cancel()));
        assert!(outer.join().expect_err("cancelled").is_cancelled());
    });
}

#[test]
fn a_cancel_after_the_first_error_leaves_the_siblings_alone() {
    in_virtual_loop(|| {
        let sibling = spawn(|| sleep(A_SECOND));
        let view = sibling.task_ref();
        let failing = spawn_fallible(|| Err::<(), _>("torn"));
        let failed = failing.task_ref();
        let outer = spawn_eager(move || drop(gather((sibling, failing))));
        yield_now();
        assert!(failed.is_done() && !outer.is_done());
        assert!(outer.cancel());
        assert!(outer.join().expect_err("cancelled").is_cancelled());
        sleep(2 * A_SECOND);
        assert!(view.is_done() && !view.is_cancelled());
    });
}

#[test]
fn a_second_cancel_reaches_children_that_are_cleaning_up() {
    in_virtual_loop(|| {
        let child = || {
            let first = catch_cancelled(endless).is_err();
            let second = catch_cancelled(endless).is_err();
            assert!(first && second);
            sleep(A_SECOND);
        };
        let outer = spawn(move || drop(gather([child])));
        yield_now();
        yield_now();
        outer.cancel();
        yield_now();
        assert!(!outer.is_done());
        outer.cancel();
        assert_eq!(outer.cancelling(), 2);
        assert!(outer.join().expect_err("cancelled").is_cancelled());
    });
}

#[test]
fn unstarted_children_never_run() {
    in_virtual_loop(|| {
        let body = || -> () { panic!("the body ran") };
        let outer = spawn_eager(move || {
            let _: Result<[(); 2], TaskError> = gather([body, body]);
        });
        outer.cancel();
        assert!(outer.join().expect_err("cancelled").is_cancelled());
    });
}

/// `n` tasks, each gathering the one before it and a promise of its own, the first asleep. Counts the unwound tasks.
fn chain(n: usize, n_unwound: &Shared<usize>) -> Task<()> {
    let mut last = spawn(endless);
    for _ in 1..n {
        let (inner, unwound) = (last, Rc::clone(n_unwound));
        last = spawn(move || {
            let _on_drop = OnDrop(|| unwound.set(unwound.get() + 1));
            drop(gather((Promise::<()>::new(), inner)));
        });
    }
    last
}

#[test]
fn a_cancel_passes_a_long_chain_of_gathers_without_recursion() {
    let n_tasks = many_stacks(30_000);
    in_virtual_loop(move || {
        let n_unwound = shared(0);
        let last = chain(n_tasks, &n_unwound);
        yield_now();
        assert!(last.cancel_with("all of them"));
        let error = last.join().expect_err("cancelled");
        assert_eq!(error.message().unwrap(), "all of them");
        assert_eq!(n_unwound.get(), n_tasks - 1);
        assert_eq!(all_tasks().len(), 1);
    });
}

#[test]
fn a_tree_of_gathers_is_cancelled_depth_first_each_task_once() {
    let log = Log::default();
    let inside = log.clone();
    in_virtual_loop(move || {
        let leaf = |name: &'static str| {
            let log = inside.clone();
            move || {
                let _guard = log.guard(name);
                endless();
            }
        };
        let branch = |a, b| {
            let (a, b) = (leaf(a), leaf(b));
            move || drop(gather((a, b)))
        };
        let (left, right) = (branch("a", "b"), branch("c", "d"));
        let root = spawn(move || drop(gather((left, right))));
        for _ in 0..4 {
            yield_now();
        }
        let counts = all_tasks();
        assert_eq!(counts.len(), 8);
        root.cancel();
        let requested = counts.iter().filter(|task| task.cancelling() == 1).count();
        assert_eq!(requested, 7, "all but the main task, once each");
        assert!(root.join().expect_err("cancelled").is_cancelled());
    });
    assert_eq!(log.take(), ["a", "b", "c", "d"]);
}

#[test]
fn a_detached_gather_ends_with_its_loop() {
    let n_unwound = shared(0);
    let counter = Rc::clone(&n_unwound);
    let n_tasks = many_stacks(5_000);
    selvedge::run(|| {
        drop(chain(n_tasks, &counter));
        yield_now();
    });
    assert_eq!(n_unwound.get(), n_tasks - 1);
}

/// The cancelling code holds a list of the tasks that are still to be cancelled: no user code may wait meanwhile.
#[test]
fn a_cancelled_queued_job_is_dropped_where_it_cannot_wait() {
    struct Noting(Arc<Mutex<Option<bool>>>);
    impl Drop for Noting {
        fn drop(&mut self) {
            let is_task = current_task().is_some();
            *self.0.lock().expect("no panic") = Some(is_task);
        }
    }
    let event_loop = EventLoop::builder()
        .max_blocking_threads(1)
        .build()
        .expect("a loop");
    let outcome = event_loop.run_until_complete(|| {
        let event_loop = current_loop().expect("a loop runs here");
        let (release, released) = mpsc::channel::<()>();
        let busy = event_loop
            .run_in_executor(move || released.recv().is_err())
            .expect("open");
        let seen = Arc::new(Mutex::new(None));
        let noting = Noting(Arc::clone(&seen));
        let queued = event_loop
            .run_in_executor(move || drop(noting))
            .expect("open");
        let others = || sleep(A_SECOND);
        let outer = spawn(move || drop(gather((others, queued, others))));
        yield_now();
        yield_now();
        assert!(outer.cancel());
        let is_task = seen.lock().expect("no panic").take();
        assert_eq!(is_task, Some(false));
        assert!(outer.join().expect_err("cancelled").is_cancelled());
        drop(release);
        assert!(finished(busy.wait()));
    });
    finished(outcome);
}
