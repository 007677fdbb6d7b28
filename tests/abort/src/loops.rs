//! Checks of the event loop where a panic aborts: started tasks can't be cancelled; every operation that needs no
//! unwind works.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use selvedge::event_loop::ExceptionContext;
use selvedge::{EventLoop, Promise, sleep, spawn, yield_now};

use crate::{Flag, ensure};

pub fn tasks_run() -> Result<(), String> {
    let sum = selvedge::run(|| {
        let tasks: Vec<_> = (0..10_u64)
            .map(|n| {
                spawn(move || {
                    sleep(Duration::from_micros(10 * n));
                    n
                })
            })
            .collect();
        let results = tasks.into_iter().map(|task| task.join());
        results.map(|result| result.unwrap_or(100)).sum::<u64>()
    });
    ensure(sum == 45, "not every task returned its number")
}

pub fn cancelling_a_started_task_is_refused() -> Result<(), String> {
    selvedge::run(|| {
        let promise = Promise::new();
        let waited = promise.clone();
        let task = spawn(move || waited.wait());
        yield_now();
        ensure(!task.cancel(), "the cancel was taken")?;
        ensure(promise.set_result(7).is_ok(), "the promise was cancelled")?;
        let joined = task.join();
        ensure(
            matches!(joined, Ok(Ok(7))),
            "the task did not go on as if nothing had happened",
        )
    })
}

pub fn cancelling_before_the_start_drops_the_captures() -> Result<(), String> {
    let dropped = Rc::new(Cell::new(false));
    let flag = Flag(Rc::clone(&dropped));
    selvedge::run(move || {
        let task = spawn(move || drop(flag));
        ensure(task.cancel(), "the cancel was refused")?;
        let error = task.join().err();
        ensure(
            error.is_some_and(|error| error.is_cancelled()),
            "the task was not cancelled",
        )
    })?;
    ensure(dropped.get(), "the captures live on")
}

pub fn a_loop_ends_with_a_waiting_task() -> Result<(), String> {
    let dropped = Rc::new(Cell::new(false));
    let flag = Flag(Rc::clone(&dropped));
    let n_reports = Rc::new(Cell::new(0));
    let counted = Rc::clone(&n_reports);
    let event_loop = EventLoop::new().map_err(|error| error.to_string())?;
    event_loop.set_exception_handler(move |_: &ExceptionContext| counted.set(counted.get() + 1));
    let task = event_loop.create_task(move || {
        let _flag = flag;
        sleep(Duration::MAX);
    });
    let local = event_loop.local();
    event_loop.call_later(Duration::from_millis(1), move || drop(local.stop()));
    event_loop
        .run_forever()
        .map_err(|error| error.to_string())?;
    drop(event_loop);
    ensure(!dropped.get(), "the task was unwound")?;
    ensure(n_reports.get() >= 1, "no panic was reported")?;
    ensure(task.is_done(), "the task of the dropped loop still waits")
}

pub fn a_scope_waits_for_its_started_children() -> Result<(), String> {
    let n_done = Cell::new(0);
    let error = selvedge::run(|| {
        selvedge::scope(|s| {
            for n in 1..=3 {
                let n_done = &n_done;
                s.spawn(move || {
                    sleep(Duration::from_millis(n));
                    n_done.set(n_done.get() + 1);
                });
            }
            s.spawn_fallible(|| Err::<(), _>("a failure"));
            yield_now();
            yield_now();
        })
    });
    ensure(n_done.get() == 3, "the scope returned too early")?;
    ensure(error.is_err(), "the failure was lost")
}

pub fn a_race_is_refused() -> Result<(), String> {
    let ran = Cell::new(false);
    let result = selvedge::run(|| selvedge::race([|| ran.set(true)]));
    ensure(result.is_err() && !ran.get(), "it took place")
}

pub fn a_task_of_a_dropped_loop_is_not_called() -> Result<(), String> {
    let (sender, receiver) = selvedge::sync::channel::unbounded();
    let theirs = receiver.clone();
    selvedge::run(move || {
        spawn(move || theirs.recv()).detach();
        yield_now();
    });
    selvedge::run(move || {
        let task = spawn(move || receiver.recv());
        yield_now();
        sender.send(7).map_err(|error| error.to_string())?;
        (0..4).for_each(|_| yield_now());
        sleep(Duration::from_millis(1));
        ensure(task.is_done(), "the wake-up for the item was lost")
    })
}
