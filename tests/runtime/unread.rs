//! An `Err` that a task returned and that no code has read is reported once; in strict mode it fails the run.

use std::io;

use selvedge::event_loop::current_loop;
use selvedge::task::gather_settled;
use selvedge::{
    EventLoop, Promise, RunError, TaskError, race, scope, sleep, spawn, spawn_fallible,
    spawn_named, to_thread, yield_now,
};

use crate::support::{A_SECOND, AN_HOUR, Reports, event_loop, finished, hook_calls, virtual_loop};

/// An error type that the library does not know.
#[derive(Debug)]
struct Own;

fn refused() -> io::Result<u64> {
    Err(io::Error::other("refused"))
}

/// Runs `body` as a task, and returns what the exception handler got.
fn reports_of(body: impl FnOnce() + 'static) -> Reports {
    let event_loop = virtual_loop();
    let reports = Reports::of(&event_loop);
    finished(event_loop.run_until_complete(body));
    event_loop.close().expect("not running");
    reports
}

#[test]
fn a_detached_tasks_err_is_reported_once_by_name_with_its_text() {
    let reports = reports_of(|| {
        spawn_named("uploader", refused).detach();
        sleep(A_SECOND);
    });
    let report = reports.only();
    assert_eq!(report.message, "Task exception was never retrieved");
    assert_eq!(report.subject.as_deref(), Some("uploader"));
    assert!(report.text.contains("refused"), "{}", report.text);
}

#[test]
fn an_err_of_any_type_is_reported_with_its_type_and_a_remedy() {
    let reports = reports_of(|| {
        spawn(|| Err::<Own, Own>(Own)).detach();
        spawn(|| Ok::<Own, Own>(Own)).detach();
        spawn(|| Some(Own)).detach();
        sleep(A_SECOND);
    });
    let report = reports.only();
    assert!(report.text.contains("Own"), "{}", report.text);
    assert!(report.text.contains("spawn_fallible"), "{}", report.text);
}

#[test]
fn an_err_in_a_handle_that_is_dropped_late_is_reported() {
    let reports = reports_of(|| {
        let task = spawn(refused);
        sleep(A_SECOND);
        assert!(task.is_done());
    });
    assert!(reports.only().text.contains("refused"));
}

/// The task has returned, so there is no exception, and the `Err` is still unread.
#[test]
fn asking_for_the_exception_does_not_read_an_err() {
    let reports = reports_of(|| {
        let task = spawn(refused);
        yield_now();
        assert!(task.exception().unwrap().is_none());
        drop(task);
        scope(|s| {
            let child = s.spawn(refused);
            yield_now();
            assert!(child.exception().unwrap().is_none());
        })
        .unwrap();
        let promise = Promise::new();
        promise.set_result(refused()).unwrap();
        assert!(promise.exception().unwrap().is_none());
    });
    assert_eq!(reports.take().len(), 3);
}

#[test]
fn an_err_that_was_read_is_not_reported() {
    let reports = reports_of(|| {
        spawn(refused).join().expect("it returned").unwrap_err();
        let task = spawn(refused);
        yield_now();
        task.with_result(|result| assert!(result.unwrap().is_err()))
            .unwrap();
        drop(task);
        let both = gather_settled((spawn(refused), spawn(|| Err::<(), _>(Own))));
        drop(both);
        assert!(to_thread(refused).unwrap().is_err());
        scope(|s| s.spawn(refused).join().unwrap().unwrap_err()).unwrap();
    });
    assert!(reports.take().is_empty());
}

#[test]
fn an_err_that_a_cancel_discards_is_not_reported() {
    let reports = reports_of(|| {
        let task = spawn(|| {
            sleep(AN_HOUR);
            refused()
        });
        yield_now();
        task.cancel();
        drop(task);
        let won = race([refused, refused].map(|f| move || f().is_err()));
        assert!(won.unwrap());
        race((refused, refused)).unwrap().unwrap_err();
    });
    assert!(reports.take().is_empty());
}

#[test]
fn a_scoped_childs_err_is_reported_if_its_handle_is_gone() {
    let reports = reports_of(|| {
        let text = String::from("borrowed");
        scope(|s| {
            s.spawn(|| Err::<(), &str>(&text)).detach();
        })
        .unwrap();
        scope(|s| {
            let late = s.spawn(|| Err::<(), &str>(&text));
            yield_now();
            drop(late);
        })
        .unwrap();
    });
    assert_eq!(reports.take().len(), 2);
}

#[test]
fn an_err_in_a_promise_that_is_dropped_unread_is_reported() {
    let reports = reports_of(|| {
        let unread = Promise::new();
        unread.set_result(refused()).unwrap();
        let read = Promise::new();
        read.set_result(refused()).unwrap();
        assert!(read.take().unwrap().is_err());
    });
    let report = reports.only();
    assert_eq!(report.message, "Promise exception was never retrieved");
    assert!(report.text.contains("refused"), "{}", report.text);
}

#[test]
fn a_remote_tasks_err_that_no_thread_reads_is_reported() {
    let reports = reports_of(|| {
        let handle = current_loop().unwrap().handle().unwrap();
        let kept = handle.spawn_threadsafe(refused).unwrap();
        drop(handle.spawn_threadsafe(refused).unwrap());
        while !kept.is_done() {
            yield_now();
        }
        drop(kept);
        sleep(A_SECOND);
    });
    let reports = reports.take();
    assert_eq!(reports.len(), 2);
    for report in reports {
        let name = report.subject.expect("the task");
        assert!(name.starts_with("Task-"), "{name}");
    }
}

#[test]
fn a_panic_in_the_text_of_an_err_is_contained() {
    #[derive(Debug)]
    struct Torn;
    impl std::fmt::Display for Torn {
        fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            panic!("no text")
        }
    }
    impl std::error::Error for Torn {}
    let reports = reports_of(|| {
        let fails = || Err::<(), Box<dyn std::error::Error>>(Torn.into());
        let calls = hook_calls(move || {
            spawn(fails).detach();
            sleep(A_SECOND);
        });
        assert_eq!(calls, 1);
    });
    assert!(reports.only().text.contains("an Err that was never read"));
}

/// The error with which a strict run of `body` fails.
fn strict<T>(body: impl FnOnce() -> T) -> String {
    let run = EventLoop::builder().virtual_clock(true).strict(true);
    match run.try_run(|| {
        let event_loop = current_loop().unwrap();
        event_loop.set_exception_handler(|_| {}).unwrap();
        body()
    }) {
        Err(RunError::Unhandled(unhandled)) => unhandled.to_string(),
        Err(error) => panic!("{error}"),
        Ok(_) => "succeeded".to_owned(),
    }
}

#[test]
fn a_strict_run_fails_with_the_first_error_of_a_detached_task() {
    let text = strict(|| {
        spawn_named("first", refused).detach();
        spawn_named("second", refused).detach();
        sleep(AN_HOUR);
    });
    assert!(text.contains("task: first"), "{text}");
    let text = strict(|| spawn_fallible(refused).detach());
    assert!(text.contains("refused"), "{text}");
    let text = strict(|| {
        spawn(|| panic!("torn")).detach();
        // The run fails, although the deadlock would never end.
        Promise::<()>::new().wait().ok();
    });
    assert!(text.contains("torn"), "{text}");
    let text = strict(|| {
        let event_loop = current_loop().unwrap();
        event_loop
            .call_soon(|| panic!("out of a callback"))
            .unwrap();
    });
    assert!(text.contains("Exception in callback"), "{text}");
}

#[test]
fn a_strict_run_without_unhandled_errors_returns_its_value() {
    let text = strict(|| {
        let task = spawn(|| {
            sleep(AN_HOUR);
            refused()
        });
        task.cancel();
        spawn(|| sleep(AN_HOUR)).detach();
        assert!(spawn(refused).join().unwrap().is_err());
    });
    assert_eq!(text, "succeeded");
}

#[test]
fn a_strict_run_fails_for_an_error_after_the_main_task() {
    let text = strict(|| {
        spawn(|| {
            let _at_its_end = selvedge::task::catch_cancelled(|| sleep(AN_HOUR));
            refused()
        })
        .detach();
        yield_now();
    });
    assert!(text.contains("shutdown"), "{text}");
}

#[test]
fn a_strict_loops_runs_fail_once_for_each_error() {
    let event_loop = EventLoop::builder().strict(true).build().unwrap();
    event_loop.set_exception_handler(|_| {});
    let fails = || {
        spawn(refused).detach();
        sleep(AN_HOUR);
    };
    let is_unhandled = |error: TaskError| {
        let error = error.downcast_ref::<RunError>();
        matches!(error, Some(RunError::Unhandled(_)))
    };
    assert!(is_unhandled(
        event_loop.run_until_complete(fails).unwrap_err()
    ));
    event_loop.create_task(refused).detach();
    assert!(matches!(
        event_loop.run_forever(),
        Err(RunError::Unhandled(_))
    ));
    finished(event_loop.run_until_complete(|| ()));
}

#[test]
fn a_loop_that_is_not_strict_goes_on() {
    let event_loop = event_loop();
    let reports = Reports::of(&event_loop);
    finished(event_loop.run_until_complete(|| {
        spawn(refused).detach();
        yield_now();
        yield_now();
    }));
    reports.only();
}
