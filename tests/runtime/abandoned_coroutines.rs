//! Coroutines that are abandoned inside an operation that the thread has on record: a loop that they run or close, a
//! handler that they have called. The thread goes on as if the operation had ended.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::thread;
use std::time::Duration;

use selvedge::coroutine::scope;
use selvedge::event_loop::{ExceptionContext, current_loop};
use selvedge::task::{catch_cancelled, current_task, finally};
use selvedge::time::deadline;
use selvedge::{Coroutine, EventLoop, Yielder, run, sleep, spawn, timeout, try_run, yield_now};

use crate::support::{
    A_SECOND, OnDrop, assert_sentence, event_loop, finished, in_virtual_loop, sentence,
};

/// Abandons the innermost coroutine: a scope on its stack has a child that can't be ended.
fn abandon_coroutine() {
    scope(|s| {
        let mut child = s.coroutine(|yielder: &Yielder<(), ()>, ()| {
            loop {
                let _ = catch_unwind(AssertUnwindSafe(|| yielder.suspend(())));
            }
        });
        child.resume();
    });
}

/// Runs a function that abandons its coroutine.
fn in_an_abandoned_coroutine(f: impl FnOnce() + 'static) {
    let mut coroutine = Coroutine::new(|_: &Yielder<(), ()>, ()| f());
    let panic = sentence(move || coroutine.resume());
    assert_sentence(&panic);
}

/// Asserts that no loop is current and another loop can run.
fn assert_none_runs() {
    assert!(current_loop().is_none() && current_task().is_none());
    assert_eq!(try_run(|| finished(spawn(|| 5).join())).expect("a run"), 5);
}

#[test]
fn a_loop_abandoned_by_a_callback_ends_and_another_can_run() {
    let event_loop = Rc::new(event_loop());
    let (inside, handle) = (Rc::clone(&event_loop), event_loop.handle());
    let waiting = event_loop.create_task(|| sleep(std::time::Duration::MAX));
    let sent = handle.spawn_threadsafe(|| 1).expect("open");
    in_an_abandoned_coroutine(move || {
        inside.call_soon(abandon_coroutine);
        inside.run_forever().expect("never returns");
    });
    assert_none_runs();
    assert!(event_loop.is_closed());
    assert_sentence(&event_loop.run_forever().expect_err("closed").to_string());
    assert!(!event_loop.is_running() && event_loop.close().is_ok());
    assert!(waiting.is_cancelled());
    // Callers that wait for such a loop's tasks get an error.
    let joined = thread::spawn(move || sent.join().map_err(|error| error.to_string()));
    assert_sentence(&joined.join().expect("no panic").expect_err("never run"));
    assert!(handle.spawn_threadsafe(|| 2).is_err());
    drop((waiting, event_loop));
    assert_none_runs();
}

#[test]
fn an_abandoned_run_leaves_no_loop_on_the_thread() {
    in_an_abandoned_coroutine(|| {
        run(|| {
            let local = current_loop().expect("a loop");
            local.call_soon(abandon_coroutine).expect("open");
            sleep(A_SECOND);
        });
    });
    assert_none_runs();
}

#[test]
fn a_task_survives_a_coroutine_abandoned_in_another_loops_close() {
    in_virtual_loop(|| {
        let own = current_task().expect("a task").id();
        in_an_abandoned_coroutine(|| {
            let other = EventLoop::new().expect("a loop");
            let abandons = OnDrop(abandon_coroutine);
            other.call_soon(move || drop(abandons));
            drop(other);
        });
        assert_eq!(current_task().expect("the same").id(), own);
        sleep(A_SECOND);
        assert_eq!(finished(spawn(|| 5).join()), 5);
    });
    assert_none_runs();
}

#[test]
fn a_task_may_wait_after_a_handler_abandoned_its_coroutine() {
    in_virtual_loop(|| {
        let local = current_loop().expect("a loop");
        local
            .set_exception_handler(|context| {
                if context.message() == "abandon" {
                    abandon_coroutine();
                }
            })
            .expect("open");
        in_an_abandoned_coroutine(|| {
            let local = current_loop().expect("a loop");
            let context = ExceptionContext::new("abandon");
            local.call_exception_handler(&context).expect("open");
        });
        assert!(current_task().is_some());
        sleep(A_SECOND);
    });
}

/// Destructors run before a wait, where the waiting frames name the task.
#[test]
fn a_task_is_abandoned_with_a_coroutine_that_is_about_to_wait() {
    let event_loop = EventLoop::builder()
        .max_blocking_threads(1)
        .build()
        .expect("a loop");
    let (release, released) = std::sync::mpsc::channel::<()>();
    let busy = event_loop.run_in_executor(move || released.recv().is_ok());
    // In the queue behind the first job; dropped when the promise is cancelled.
    let abandons = OnDrop(abandon_coroutine);
    let queued = event_loop.run_in_executor(move || drop(abandons));
    finished(event_loop.run_until_complete(move || {
        let waits = spawn(move || drop(queued.wait()));
        selvedge::yield_now();
        let task = spawn(|| {
            in_an_abandoned_coroutine(move || {
                current_task().expect("a task").cancel();
                drop(waits.join());
            });
        });
        let error = task.join().expect_err("abandoned with its coroutine");
        assert_sentence(&error.to_string());
        assert!(!error.is_cancelled());
        drop(release);
        finished(spawn(move || busy.wait()).join()).expect("released");
    }));
}

/// Spawns a task that opens a frame in a coroutine, in which the coroutine is abandoned.
#[track_caller]
fn assert_abandons_its_task(frame: fn(fn())) {
    let task = spawn(move || in_an_abandoned_coroutine(move || frame(abandon_coroutine)));
    let error = task.join().expect_err("abandoned with its coroutine");
    assert_sentence(&error.to_string());
    assert!(!error.is_cancelled());
}

#[test]
fn frames_that_name_a_task_take_it_along() {
    in_virtual_loop(|| {
        assert_abandons_its_task(|f| _ = timeout(A_SECOND, f));
        assert_abandons_its_task(|f| _ = timeout(Duration::ZERO, f));
        assert_abandons_its_task(|f| deadline(A_SECOND, f));
        assert_abandons_its_task(|f| finally(|| (), f));
        assert_abandons_its_task(|f| drop(selvedge::scope(|_| f())));
        assert_abandons_its_task(|f| drop(selvedge::scope(|s| drop(s.spawn(f)))));
        // Deadlines that pass, and scopes that end, don't touch what is left of the tasks.
        sleep(2 * A_SECOND);
        assert_eq!(finished(spawn(|| 5).join()), 5);
    });
    assert_none_runs();
}

/// A value whose destructor lends it to a task that goes on for ever, and abandons the task that drops the value.
struct Lends {
    words: [u64; 8],
    n_rounds: Rc<Cell<u32>>,
}

impl Drop for Lends {
    fn drop(&mut self) {
        let this = &*self;
        let _ = selvedge::scope(|s| {
            s.spawn(|| {
                loop {
                    assert_eq!(
                        this.words, [7; 8],
                        "the value lives as long as the child that borrows it"
                    );
                    this.n_rounds.set(this.n_rounds.get() + 1);
                    let _ = catch_cancelled(yield_now);
                }
            });
            yield_now();
            abandon_coroutine();
        });
    }
}

#[test]
fn a_value_that_is_lent_in_its_destructor_is_not_overwritten() {
    let n_rounds = Rc::new(Cell::new(0));
    let (counts, event_loop) = (Rc::clone(&n_rounds), EventLoop::new().expect("a loop"));
    event_loop.set_exception_handler(|_| ());
    finished(event_loop.run_until_complete(move || {
        let n_rounds = Rc::clone(&counts);
        let task = spawn(move || Lends {
            words: [7; 8],
            n_rounds,
        });
        task.detach();
        // Packets of later tasks take memory that was freed.
        for _ in 0..100 {
            finished(spawn(|| [1u64; 9]).join());
        }
        assert!(counts.get() > 10);
    }));
    std::mem::forget(event_loop);
}
