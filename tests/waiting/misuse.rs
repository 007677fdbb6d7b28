//! Waiting where no wait is possible: outside a loop, in a callback, for oneself, for objects of another loop, while
//! the thread is panicking. Each is an error or a panic with a sentence, never a hang.

use std::cell::RefCell;
use std::rc::Rc;

use selvedge::task::{ReturnWhen, as_completed, gather_settled, shield, wait, wait_for};
use selvedge::{EventLoop, Promise, Task, TaskError, gather, sleep, spawn, yield_now};

use crate::support::{
    A_SECOND, AN_HOUR, OnDrop, assert_sentence, caught, event_loop, finished, in_virtual_loop,
    sentence, soon,
};

#[track_caller]
fn assert_misuse<T>(result: Result<T, TaskError>) {
    let error = result.err().expect("it can't wait here");
    assert!(!error.is_cancelled() && !error.is_panic() && !error.is_elapsed());
    assert_sentence(&error.message().unwrap());
}

/// Tries each kind of wait on pending promises.
fn nothing_waits(promise: &Promise<u8>) {
    assert_misuse(gather([promise.clone()]));
    assert_misuse(gather(vec![promise.clone()]));
    assert_misuse(gather((promise.clone(), promise.clone())));
    let [one, two] = gather_settled([promise.clone(), promise.clone()]);
    assert_misuse(one);
    assert_misuse(two);
    assert_misuse(wait_for(promise.clone(), A_SECOND));
    assert_misuse(shield(promise.clone()));
    let all = ReturnWhen::AllCompleted;
    sentence(|| wait([promise], all, None).map(drop));
    sentence(|| as_completed([promise.clone()]).next());
    assert!(!promise.is_done());
}

#[test]
fn outside_a_loop_nothing_waits_and_no_closure_runs() {
    let event_loop = event_loop();
    nothing_waits(&event_loop.create_promise());
    let body = || -> () { panic!("the body ran") };
    assert_misuse(gather([body]));
    assert_misuse(wait_for(body, A_SECOND));
    assert_misuse(shield(body));
    sentence(|| as_completed([|| 1]).next());
}

#[test]
fn finished_results_are_available_outside_a_loop() {
    let event_loop = event_loop();
    let task = event_loop.create_task(|| 1);
    let promise = event_loop.create_promise();
    promise.set_result(2).expect("pending");
    finished(event_loop.run_until_complete(yield_now));
    let waited = wait([&task], ReturnWhen::AllCompleted, None).expect("some");
    assert_eq!(waited.done.len(), 1);
    assert_eq!(finished(gather((task, promise.clone()))), (1, 2));
    assert_eq!(finished(shield(promise.clone())), 2);
    let failed = event_loop.create_promise::<()>();
    failed.set_exception("torn").expect("pending");
    assert_eq!(
        gather([failed]).expect_err("torn").message().unwrap(),
        "torn"
    );
    assert_eq!(as_completed([promise]).count(), 1);
}

#[test]
fn a_callback_can_wait_for_nothing() {
    in_virtual_loop(|| {
        let promise = Promise::new();
        let inside = promise.clone();
        soon(move || nothing_waits(&inside));
        sleep(A_SECOND);
        promise.set_result(1).expect("pending");
    });
}

#[test]
fn tasks_and_promises_of_another_loop_are_refused() {
    let other = event_loop();
    let promise = other.create_promise::<u8>();
    let task = other.create_task(|| 3);
    let view = task.task_ref();
    in_virtual_loop(move || {
        nothing_waits(&promise);
        let (theirs, ours) = gather_settled((task, || 4));
        assert_misuse(theirs);
        assert_eq!(finished(ours), 4);
    });
    assert!(!view.is_done());
    finished(other.run_until_complete(yield_now));
    assert!(view.is_done() && !view.is_cancelled(), "it goes on");
}

/// Spawns a task that gets its own handle and passes the handle to a function.
fn with_own_handle<T: 'static>(f: impl FnOnce(Task<T>) -> T + 'static) -> Task<T> {
    let slot = Rc::new(RefCell::new(None));
    let own = Rc::clone(&slot);
    let task = spawn(move || {
        yield_now();
        f(own.take().expect("it was put there"))
    });
    let view = task.task_ref();
    slot.replace(Some(task));
    spawn(move || {
        wait([&view], ReturnWhen::AllCompleted, None).expect("some");
        panic!("the result was dropped with its handle");
    })
}

#[test]
fn a_task_cannot_wait_for_itself() {
    in_virtual_loop(|| {
        let attempts: [fn(Task<()>); 5] = [
            |own| assert_misuse(gather([own])),
            |own| assert_misuse(wait_for(own, A_SECOND)),
            |own| assert_misuse(shield(own)),
            |own| {
                drop(sentence(|| {
                    wait([&own], ReturnWhen::FirstCompleted, Some(A_SECOND)).map(drop)
                }))
            },
            |own| drop(sentence(|| as_completed([own]).next())),
        ];
        for attempt in attempts {
            with_own_handle(attempt)
                .join()
                .expect_err("a panic of the test's own");
        }
    });
}

#[test]
fn a_task_cannot_gather_a_task_that_gathers_it() {
    in_virtual_loop(|| {
        let slot: Rc<RefCell<Option<Task<()>>>> = Rc::default();
        let theirs = Rc::clone(&slot);
        let outer = spawn(move || {
            yield_now();
            let (inner, other) = (
                theirs.take().expect("it is there"),
                spawn(|| sleep(AN_HOUR)),
            );
            assert_misuse(gather((other, inner)));
        });
        let view = outer.task_ref();
        let middle = spawn(move || drop(gather((outer, || sleep(A_SECOND)))));
        slot.replace(Some(spawn(move || drop(gather([middle])))));
        while !view.is_done() {
            yield_now();
        }
    });
}

#[test]
fn while_the_thread_is_panicking_nothing_waits() {
    in_virtual_loop(|| {
        let promise = Promise::<u8>::new();
        let inside = promise.clone();
        drop(caught(move || {
            let _guard = OnDrop(|| {
                assert_misuse(gather([inside.clone()]));
                assert_misuse(gather([|| 1]));
                assert_misuse(wait_for(inside.clone(), A_SECOND));
                assert_misuse(shield(inside.clone()));
                let waited = wait([&inside], ReturnWhen::AllCompleted, None).expect("some");
                assert_eq!((waited.done.len(), waited.pending.len()), (0, 1));
            });
            panic!("the warp tears");
        }));
        assert!(!promise.is_done());
    });
}

#[test]
fn gathering_on_a_closed_loop_gives_cancelled_errors() {
    let event_loop = EventLoop::new().expect("a loop");
    let task = event_loop.create_task(|| sleep(AN_HOUR));
    let view = task.task_ref();
    let gathering = event_loop.create_task(move || drop(gather([task])));
    finished(event_loop.run_until_complete(yield_now));
    event_loop.close().expect("it is stopped");
    assert!(view.is_cancelled() && gathering.is_cancelled());
    assert!(gather([gathering]).expect_err("cancelled").is_cancelled());
}
