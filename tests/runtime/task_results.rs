//! The outcome of a task: join, result, exception, with_result, into_panic; and unretrieved panics.

use std::io;
use std::panic::panic_any;

use selvedge::task::wait_for;
use selvedge::{Promise, Task, TaskError, sleep, spawn, spawn_fallible, spawn_named, yield_now};

use crate::support::{
    A_SECOND, Log, Reports, assert_sentence, event_loop, finished, hook_calls, in_virtual_loop,
    virtual_loop,
};

#[test]
fn join_moves_the_value_out() {
    let log = Log::default();
    let inside = log.clone();
    in_virtual_loop(move || {
        let guard = inside.guard("value dropped");
        let value = finished(spawn(move || guard).join());
        inside.push("joined");
        drop(value);
    });
    assert_eq!(log.take(), ["joined", "value dropped"]);
}

#[test]
fn join_gives_the_payload_of_a_panic() {
    #[derive(Debug, PartialEq)]
    struct Reason(&'static str);
    in_virtual_loop(|| {
        let task: Task<()> = spawn(|| panic_any(Reason("torn")));
        let error = task.join().expect_err("it panicked");
        assert!(error.is_panic() && !error.is_cancelled() && !error.is_invalid_state());
        let payload = error.into_panic().expect("a panic");
        assert_eq!(payload.downcast_ref(), Some(&Reason("torn")));
    });
}

#[test]
fn the_message_of_a_panic_is_its_text() {
    in_virtual_loop(|| {
        let thread = 7;
        for (expected, task) in [
            ("a literal", spawn(|| panic!("a literal"))),
            (
                "thread 7 broke",
                spawn(move || panic!("thread {thread} broke")),
            ),
        ] {
            let error = task.join().map(|()| "joined").expect_err("it panicked");
            assert_eq!(error.message().unwrap(), expected);
            assert!(error.to_string().contains(expected), "{error}");
            assert!(!format!("{error:?}").is_empty());
        }
    });
}

#[test]
fn an_error_without_a_panic_comes_back_from_into_panic() {
    in_virtual_loop(|| {
        let task = spawn(|| sleep(A_SECOND));
        task.cancel_with("enough");
        let error = task.join().expect_err("cancelled");
        let error = error.into_panic().expect_err("not a panic");
        assert!(error.is_cancelled());
        assert_eq!(error.message().unwrap(), "enough");
    });
}

#[test]
fn a_pending_task_has_neither_result_nor_exception() {
    in_virtual_loop(|| {
        let task = spawn(|| sleep(A_SECOND));
        for error in [
            task.result().expect_err("pending"),
            task.exception().expect_err("pending"),
            task.with_result(|_| panic!("called while pending"))
                .expect_err("pending"),
        ] {
            assert!(error.is_invalid_state() && !error.is_cancelled() && !error.is_panic());
            assert_sentence(&error.to_string());
        }
        finished(task.join());
    });
}

#[test]
fn a_finished_tasks_result_can_be_read_repeatedly() {
    in_virtual_loop(|| {
        let task = spawn(|| String::from("cloth"));
        yield_now();
        assert!(task.is_done() && !task.is_cancelled());
        assert_eq!(finished(task.result()), "cloth");
        assert_eq!(finished(task.result()), "cloth");
        assert!(finished(task.exception()).is_none());
        let length = finished(task.with_result(|result| result.map(String::len).ok()));
        assert_eq!(length, Some(5));
        assert_eq!(finished(task.join()), "cloth");
    });
}

#[test]
fn a_panicked_task_has_an_exception_and_gives_it_as_its_result() {
    in_virtual_loop(|| {
        let task: Task<u8> = spawn(|| panic!("torn"));
        yield_now();
        assert!(task.is_done() && !task.is_cancelled());
        assert!(task.result().expect_err("panicked").is_panic());
        assert!(finished(task.exception()).expect("the panic").is_panic());
        let is_panic = task.with_result(|result| result.expect_err("panicked").is_panic());
        assert!(finished(is_panic));
        // Clones of an error share one payload: the first taker gets it, and no other gets an empty one.
        let payload = task
            .join()
            .expect_err("panicked")
            .into_panic()
            .expect("a panic");
        assert_eq!(payload.downcast_ref(), Some(&"torn"));
    });
}

#[test]
fn a_cancelled_task_gives_the_cancel_as_result_and_exception() {
    in_virtual_loop(|| {
        let task = spawn(|| sleep(A_SECOND));
        yield_now();
        task.cancel_with("enough");
        yield_now();
        assert!(task.is_done() && task.is_cancelled());
        for error in [
            task.result().expect_err("cancelled"),
            task.exception().expect_err("cancelled"),
            task.join().expect_err("cancelled"),
        ] {
            assert!(error.is_cancelled() && !error.is_panic() && !error.is_invalid_state());
            assert_eq!(error.message().unwrap(), "enough");
        }
    });
}

#[test]
fn the_panic_of_a_task_calls_the_hook_once_and_joining_it_never() {
    in_virtual_loop(|| {
        let calls = hook_calls(|| {
            let task: Task<()> = spawn(|| panic!("torn"));
            yield_now();
            assert!(task.result().is_err());
            assert!(task.join().is_err());
        });
        assert_eq!(calls, 1);
    });
}

#[test]
fn an_unretrieved_panic_is_reported_once_when_the_handle_drops() {
    let event_loop = virtual_loop();
    let reports = Reports::of(&event_loop);
    let inside = reports.clone();
    finished(event_loop.run_until_complete(move || {
        let task = spawn_named("heddle", || panic!("torn"));
        sleep(A_SECOND);
        assert!(task.is_done());
        assert!(
            inside.take().is_empty(),
            "the owner of the handle may still ask"
        );
        drop(task);
        sleep(A_SECOND);
    }));
    let report = reports.only();
    assert_eq!(report.subject.as_deref(), Some("heddle"));
    assert!(report.exception.expect("the panic").is_panic());
    assert_sentence(&report.message);
}

#[test]
fn a_panic_after_detaching_is_reported_once() {
    let event_loop = virtual_loop();
    let reports = Reports::of(&event_loop);
    finished(event_loop.run_until_complete(|| {
        drop(spawn_named("heddle", || {
            sleep(A_SECOND);
            panic!("torn")
        }));
        sleep(2 * A_SECOND);
    }));
    assert_eq!(reports.only().subject.as_deref(), Some("heddle"));
}

#[test]
fn a_task_reference_does_not_prevent_the_report() {
    let event_loop = virtual_loop();
    let reports = Reports::of(&event_loop);
    finished(event_loop.run_until_complete(|| {
        let task = spawn(|| panic!("torn"));
        let reference = task.task_ref();
        drop(task);
        sleep(A_SECOND);
        assert!(reference.is_done());
    }));
    assert!(reports.only().exception.expect("the panic").is_panic());
}

#[test]
fn a_retrieved_panic_is_never_reported() {
    type Retrieve = fn(Task<u8>);
    let ways: [(&str, Retrieve); 4] = [
        ("join", |task| drop(task.join())),
        ("result", |task| drop(task.result())),
        ("exception", |task| drop(task.exception())),
        ("with_result", |task| {
            drop(task.with_result(|result| result.is_err()))
        }),
    ];
    for (name, retrieve) in ways {
        let event_loop = virtual_loop();
        let reports = Reports::of(&event_loop);
        finished(event_loop.run_until_complete(move || {
            let task = spawn(|| panic!("torn"));
            sleep(A_SECOND);
            retrieve(task);
            sleep(A_SECOND);
        }));
        drop(event_loop);
        assert!(
            reports.take().is_empty(),
            "reported though retrieved by {name}"
        );
    }
}

#[test]
fn results_and_cancels_are_never_reported() {
    let event_loop = event_loop();
    let reports = Reports::of(&event_loop);
    finished(event_loop.run_until_complete(|| {
        drop(spawn(|| 1));
        let cancelled = spawn(|| sleep(A_SECOND));
        cancelled.cancel();
        drop(cancelled);
        let started = spawn(|| sleep(A_SECOND));
        yield_now();
        started.cancel();
        drop(started);
        yield_now();
        yield_now();
    }));
    drop(event_loop);
    assert!(reports.take().is_empty());
}

#[test]
fn several_tasks_wait_for_one_promise_and_one_for_several_tasks() {
    in_virtual_loop(|| {
        let promise = Promise::new();
        let tasks: Vec<Task<u32>> = (0..10)
            .map(|n| {
                let promise: Promise<u32> = promise.clone();
                spawn(move || finished(promise.wait()) + n)
            })
            .collect();
        yield_now();
        promise.set_result(100).expect("pending");
        let results: Vec<u32> = tasks
            .into_iter()
            .map(|task| finished(task.join()))
            .collect();
        assert_eq!(results, (100..110).collect::<Vec<_>>());
    });
}

#[test]
fn an_error_is_clone_and_crosses_threads() {
    let error = in_virtual_loop(|| {
        spawn(|| panic!("torn"))
            .join()
            .map(|()| "joined")
            .expect_err("it panicked")
    });
    let other = error.clone();
    let message = std::thread::spawn(move || other.message().unwrap().to_string());
    assert_eq!(message.join().expect("a text"), "torn");
    let boxed: Box<dyn std::error::Error + Send + Sync> = Box::new(error);
    assert!(
        boxed
            .downcast_ref::<TaskError>()
            .is_some_and(TaskError::is_panic)
    );
}

#[test]
fn a_result_keeps_its_alignment_and_every_byte() {
    #[derive(Clone, Debug, PartialEq)]
    #[repr(align(512))]
    struct Large([u8; 1024]);
    in_virtual_loop(|| {
        let value = finished(spawn(|| Large([7; 1024])).join());
        assert_eq!(std::ptr::from_ref(&value).addr() % 512, 0);
        assert_eq!(value, Large([7; 1024]));
        let task = spawn(|| Large([8; 1024]));
        yield_now();
        let is_whole = task.with_result(|result| {
            let value = result.expect("a value");
            std::ptr::from_ref(value).addr().is_multiple_of(512) && *value == Large([8; 1024])
        });
        assert!(finished(is_whole));
        let promise = Promise::new();
        promise.set_result(Large([9; 1024])).expect("pending");
        assert_eq!(finished(promise.take()), Large([9; 1024]));
    });
}

#[test]
fn a_task_error_converts_into_an_io_error_by_question_mark() {
    let kind_of = |error: TaskError| {
        let error = io::Error::from(error);
        assert!(error.get_ref().is_some_and(|inner| inner.is::<TaskError>()));
        error.kind()
    };
    in_virtual_loop(move || {
        let refused = || Err::<(), _>(io::Error::from_raw_os_error(libc::ECONNREFUSED));
        // The task's own error is returned unchanged, with the system's number.
        let own = io::Error::from(spawn_fallible(refused).join().unwrap_err());
        assert_eq!(own.raw_os_error(), Some(libc::ECONNREFUSED));
        // While another clone exists, the kind is kept.
        let shared = spawn_fallible(refused).join().unwrap_err();
        assert_eq!(kind_of(shared.clone()), io::ErrorKind::ConnectionRefused);

        let elapsed = wait_for(|| sleep(A_SECOND), A_SECOND / 2).unwrap_err();
        assert_eq!(kind_of(elapsed), io::ErrorKind::TimedOut);
        let cancelled = spawn(|| sleep(A_SECOND));
        cancelled.cancel();
        assert_eq!(kind_of(cancelled.join().unwrap_err()), io::ErrorKind::Other);
        let other = spawn_fallible(|| "weft".parse::<u32>()).join().unwrap_err();
        assert_eq!(kind_of(other), io::ErrorKind::Other);
    });
}
