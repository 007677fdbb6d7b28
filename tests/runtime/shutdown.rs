//! The end of a loop: pending tasks are reported and unwound, queued callbacks are dropped, and close returns a result.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use selvedge::event_loop::current_loop;
use selvedge::task::{all_tasks, catch_cancelled, current_task};
use selvedge::{EventLoop, Promise, run, sleep, spawn, spawn_named, yield_now};

use crate::support::{
    A_SECOND, AN_HOUR, Log, OnDrop, Reports, caught, event_loop, finished, shared, soon, stop,
    text, virtual_loop,
};

/// Runs the loop for one iteration.
fn once(event_loop: &EventLoop) {
    event_loop.stop();
    event_loop.run_forever().expect("stopped");
}

#[test]
fn a_dropped_loop_unwinds_its_pending_tasks() {
    let (event_loop, log) = (virtual_loop(), Log::default());
    for event in ["sleeper", "waiter", "yielder"] {
        let (log, promise) = (log.clone(), event_loop.create_promise::<()>());
        drop(event_loop.create_task(move || {
            let _guard = log.guard(event);
            match event {
                "sleeper" => sleep(AN_HOUR),
                "waiter" => drop(promise.wait()),
                _ => loop {
                    yield_now();
                },
            }
        }));
    }
    once(&event_loop);
    assert!(log.take().is_empty());
    drop(event_loop);
    let mut unwound = log.take();
    unwound.sort();
    assert_eq!(unwound, ["sleeper", "waiter", "yielder"]);
}

#[test]
fn a_task_pending_when_its_loop_closes_is_reported_by_name() {
    let event_loop = virtual_loop();
    let reports = Reports::of(&event_loop);
    finished(event_loop.run_until_complete(|| {
        drop(spawn_named("shuttle", || sleep(AN_HOUR)));
        yield_now();
    }));
    assert!(reports.take().is_empty());
    event_loop.close().expect("it does not run");
    let report = reports.only();
    assert_eq!(report.subject.as_deref(), Some("shuttle"), "{report:?}");
    assert!(report.message.contains("pending"), "{report:?}");
}

#[test]
fn pending_tasks_clean_up_with_waits_of_their_own() {
    let (event_loop, log) = (virtual_loop(), Log::default());
    let inside = log.clone();
    finished(event_loop.run_until_complete(move || {
        drop(spawn(move || {
            assert!(catch_cancelled(|| sleep(AN_HOUR)).is_err());
            sleep(A_SECOND);
            let value = finished(spawn(|| 6).join());
            inside.push(format!("cleaned up with {value}"));
        }));
        yield_now();
    }));
    drop(event_loop);
    assert_eq!(log.take(), ["cleaned up with 6"]);
}

#[test]
fn tasks_spawned_while_the_loop_closes_are_ended_too() {
    let (event_loop, log) = (virtual_loop(), Log::default());
    let inside = log.clone();
    finished(event_loop.run_until_complete(move || {
        drop(spawn(move || {
            let _ = catch_cancelled(|| sleep(AN_HOUR));
            drop(spawn(move || {
                let _guard = inside.guard("the late one is unwound");
                sleep(AN_HOUR);
            }));
            yield_now();
        }));
        yield_now();
    }));
    drop(event_loop);
    assert_eq!(log.take(), ["the late one is unwound"]);
}

#[test]
fn closing_drops_queued_callbacks_and_timers_and_runs_none() {
    let (event_loop, log) = (virtual_loop(), Log::default());
    for event in ["soon dropped", "later dropped"] {
        let (guard, ran) = (log.guard(event), log.clone());
        let callback = move || {
            let _guard = guard;
            ran.push("ran");
        };
        match event {
            "soon dropped" => drop(event_loop.call_soon(callback)),
            _ => drop(event_loop.call_later(A_SECOND, callback)),
        }
    }
    event_loop.close().expect("it does not run");
    let mut dropped = log.take();
    dropped.sort();
    assert_eq!(dropped, ["later dropped", "soon dropped"]);
}

#[test]
fn closing_twice_is_fine_and_says_so() {
    let event_loop = event_loop();
    assert!(!event_loop.is_closed());
    event_loop.close().expect("it does not run");
    assert!(event_loop.is_closed());
    event_loop.close().expect("it is closed");
    assert!(event_loop.is_closed() && !event_loop.is_running());
}

#[test]
fn closing_while_it_runs_is_an_error_and_the_loop_goes_on() {
    let event_loop = Rc::new(virtual_loop());
    let same = Rc::clone(&event_loop);
    let value = finished(event_loop.run_until_complete(move || {
        let error = same.close().expect_err("it runs");
        assert!(!error.to_string().is_empty());
        assert!(!same.is_closed());
        sleep(A_SECOND);
        finished(spawn(|| 3).join())
    }));
    assert_eq!(value, 3);
    event_loop.close().expect("it does not run any more");
}

#[test]
fn closing_in_a_callback_is_an_error_as_well() {
    let event_loop = Rc::new(virtual_loop());
    let (same, outcome) = (Rc::clone(&event_loop), shared(None));
    let told = Rc::clone(&outcome);
    event_loop.call_soon(move || told.set(Some(same.close().is_err())));
    finished(event_loop.run_until_complete(yield_now));
    assert_eq!(outcome.get(), Some(true));
}

#[test]
fn joined_results_survive_the_loop() {
    let event_loop = virtual_loop();
    let (done, pending) = (
        event_loop.create_task(|| 4),
        event_loop.create_task(|| sleep(AN_HOUR)),
    );
    once(&event_loop);
    drop(event_loop);
    assert!(done.is_done() && pending.is_done() && pending.is_cancelled());
    assert_eq!(finished(done.join()), 4);
    assert!(pending.join().expect_err("cancelled").is_cancelled());
}

#[test]
fn a_task_that_swallows_cancels_is_closed_after_its_time() {
    let event_loop = EventLoop::builder()
        .virtual_clock(true)
        .shutdown_timeout(10 * A_SECOND)
        .build()
        .expect("a loop");
    let (log, reports) = (Log::default(), Reports::of(&event_loop));
    let inside = log.clone();
    finished(event_loop.run_until_complete(move || {
        drop(spawn_named("uncancellable", move || {
            let _guard = inside.guard("unwound");
            loop {
                let _ = catch_cancelled(|| sleep(A_SECOND));
            }
        }));
        yield_now();
    }));
    drop(event_loop);
    assert_eq!(log.take(), ["unwound"]);
    let (named, others): (Vec<_>, Vec<_>) =
        (reports.take().into_iter()).partition(|report| report.subject.is_some());
    let mut names = named.iter().filter_map(|report| report.subject.as_deref());
    assert!(names.all(|name| name == "uncancellable"));
    let [forced] = &others[..] else {
        panic!("one report of the unwind: {}", others.len());
    };
    let (text, task) = (&forced.message, "uncancellable, which waits for a deadline");
    assert!(text.contains("by force") && text.contains(task), "{text}");
}

#[test]
fn a_task_that_cleans_up_in_time_is_not_forced() {
    let event_loop = EventLoop::builder()
        .virtual_clock(true)
        .shutdown_timeout(10 * A_SECOND)
        .build()
        .expect("a loop");
    let log = Log::default();
    let inside = log.clone();
    finished(event_loop.run_until_complete(move || {
        drop(spawn(move || {
            let _ = catch_cancelled(|| sleep(AN_HOUR));
            sleep(9 * A_SECOND);
            inside.push("cleaned up");
        }));
        yield_now();
    }));
    drop(event_loop);
    assert_eq!(log.take(), ["cleaned up"]);
}

#[test]
fn panics_while_the_loop_closes_are_reported_and_it_closes() {
    let (event_loop, log) = (virtual_loop(), Log::default());
    let (reports, inside) = (Reports::of(&event_loop), log.clone());
    finished(event_loop.run_until_complete(move || {
        drop(spawn_named("torn", || {
            let _ = catch_cancelled(|| sleep(AN_HOUR));
            panic!("torn while closing");
        }));
        drop(spawn(move || {
            let _guard = inside.guard("the other is unwound");
            sleep(AN_HOUR);
        }));
        yield_now();
    }));
    drop(event_loop);
    assert_eq!(log.take(), ["the other is unwound"]);
    let panics = reports
        .take()
        .into_iter()
        .filter_map(|report| report.exception);
    let messages: Vec<String> = panics
        .filter(selvedge::TaskError::is_panic)
        .map(|error| error.message().unwrap().to_string())
        .collect();
    assert_eq!(messages, ["torn while closing"]);
}

#[test]
fn a_loop_dropped_during_a_panic_unwinds_tasks_and_runs_none() {
    let log = Log::default();
    let payload = caught(|| {
        let event_loop = virtual_loop();
        let inside = log.clone();
        drop(event_loop.create_task(move || {
            let _guard = inside.guard("unwound");
            sleep(AN_HOUR);
            inside.push("went on");
        }));
        let never = log.clone();
        once(&event_loop);
        drop(event_loop.create_task(move || never.push("started")));
        event_loop.call_soon(log.pusher("callback"));
        panic!("out of the owner");
    });
    assert_eq!(text(&payload), "out of the owner");
    assert_eq!(log.take(), ["unwound"]);
}

#[test]
fn a_loop_dropped_inside_another_loop_closes() {
    let log = Log::default();
    let inside = log.clone();
    finished(virtual_loop().run_until_complete(move || {
        let other = virtual_loop();
        let guard = inside.guard("captures dropped");
        let task = other.create_task(move || drop(guard));
        drop(other);
        assert!(task.is_done());
        inside.push("dropped");
        yield_now();
        assert_eq!(finished(spawn(|| 2).join()), 2);
    }));
    assert_eq!(log.take(), ["captures dropped", "dropped"]);
}

#[test]
fn a_loop_that_its_own_task_owns_ends_with_that_task() {
    // The task keeps its loop in a reference count; the loop owns the task: dropping the last outer handle must leak
    // neither once the task has ended.
    let token = Arc::new(());
    let event_loop = Rc::new(virtual_loop());
    let (own, held) = (Rc::clone(&event_loop), token.clone());
    drop(event_loop.create_task(move || {
        let _held = held;
        drop(own);
    }));
    once(&event_loop);
    assert_eq!(Arc::strong_count(&token), 1);
    assert_eq!(Rc::strong_count(&event_loop), 1);
}

#[test]
fn destructors_may_call_a_closing_loop() {
    let event_loop = virtual_loop();
    let answers = Rc::new(RefCell::new(Vec::new()));
    let (local, told) = (event_loop.local(), Rc::clone(&answers));
    drop(event_loop.create_task(move || {
        let _on_drop = OnDrop(|| {
            sleep(AN_HOUR);
            let spawned = local.create_task(|| ()).is_ok();
            let called = local.call_soon(|| ()).is_ok();
            told.borrow_mut().push((spawned, called));
        });
        sleep(AN_HOUR);
    }));
    once(&event_loop);
    drop(event_loop);
    assert_eq!(
        answers.borrow().len(),
        1,
        "the destructor ran once and came back"
    );
}

#[test]
fn closing_a_loop_whose_tasks_wait_for_each_other_ends_all() {
    let (event_loop, n_dropped) = (virtual_loop(), shared(0));
    let counter = Rc::clone(&n_dropped);
    finished(event_loop.run_until_complete(move || {
        let promise = Promise::<u32>::new();
        for _ in 0..100 {
            let (count, waited_on) = (Rc::clone(&counter), promise.clone());
            let inner = spawn(move || {
                let _on_drop = OnDrop(|| count.set(count.get() + 1));
                drop(waited_on.wait());
            });
            let count = Rc::clone(&counter);
            drop(spawn(move || {
                let _on_drop = OnDrop(|| count.set(count.get() + 1));
                drop(inner.join());
            }));
        }
        yield_now();
    }));
    drop(event_loop);
    assert_eq!(n_dropped.get(), 200);
}

#[test]
fn run_ends_every_task_whatever_the_tasks_do() {
    let n_dropped = shared(0);
    run(|| {
        for n in 0..300 {
            let count = Rc::clone(&n_dropped);
            let on_drop = OnDrop(move || count.set(count.get() + 1));
            drop(spawn(move || {
                let _on_drop = on_drop;
                match n % 4 {
                    0 => sleep(AN_HOUR),
                    1 => drop(catch_cancelled(|| sleep(AN_HOUR))),
                    2 => drop(Promise::<()>::new().wait()),
                    _ => (0..n).for_each(|_| yield_now()),
                }
            }));
        }
        yield_now();
        assert!(all_tasks().len() > 200);
    });
    assert_eq!(n_dropped.get(), 300);
}

#[test]
fn a_stopped_loop_can_be_closed_with_main_pending() {
    let (event_loop, log) = (virtual_loop(), Log::default());
    let inside = log.clone();
    let outcome = event_loop.run_until_complete(move || {
        let _guard = inside.guard("main unwound");
        soon(stop);
        sleep(AN_HOUR);
    });
    assert!(outcome.is_err());
    assert!(log.take().is_empty(), "it is pending and can go on");
    event_loop.close().expect("it does not run");
    assert_eq!(log.take(), ["main unwound"]);
    assert!(current_loop().is_none() && current_task().is_none());
}
