//! Destructors of arguments, captures, results, errors and payloads.

use std::panic::panic_any;
use std::rc::Rc;

use selvedge::task::{
    ReturnWhen, as_completed, catch_cancelled, current_task, finally, gather_settled, shield, wait,
    wait_for,
};
use selvedge::{
    EventLoop, Promise, gather, race, scope, sleep, spawn, spawn_fallible, timeout, yield_now,
};

use super::strikes::{IN_DROP, Strikes};
use super::{ignore, later, places};
use crate::support::{A_SECOND, soon};

type Value = Strikes<IN_DROP>;

/// A promise of another loop, which is refused by everything that waits. A callback of the promise owns a value.
fn refused() -> Promise<i32> {
    let other = EventLoop::new().expect("a loop");
    let promise = other.create_promise();
    let value = Strikes;
    promise.add_done_callback(move |_| drop::<Value>(value));
    later(move || drop(other));
    promise
}

/// A promise of this loop that fails when the place's task has ended.
fn fails_later() -> Promise<i32> {
    let promise = Promise::new();
    let own = promise.clone();
    later(move || drop(own.set_exception("late")));
    promise
}

/// A promise that fails while it is waited for.
fn fails_soon() -> Promise<i32> {
    let promise = Promise::new();
    let own = promise.clone();
    let fail = move || drop(own.set_exception("soon"));
    let local = selvedge::event_loop::current_loop().expect("a loop");
    local.call_later(A_SECOND, fail).expect("open");
    promise
}

/// Has another task cancel this one in a second.
fn cancelled_soon() {
    let own = current_task().expect("a task");
    let cancel = move || {
        sleep(A_SECOND);
        own.cancel();
    };
    spawn(cancel).detach();
}

/// Ends two seconds after its cancel, without an unwind.
fn ends_late() {
    let _ = catch_cancelled(|| sleep(9 * A_SECOND));
    let _ = catch_cancelled(|| sleep(2 * A_SECOND));
}

places! {
    "gather: a refused argument" => || drop(gather((fails_later(), refused()))),
    "gather: a refused argument of a vector" => || drop(gather(vec![fails_later(), refused()])),
    "gather: a refused argument of an array" => || drop(gather([fails_later(), refused()])),
    "gather_settled: a refused argument" => || drop(gather_settled((fails_soon(), refused()))),
    "gather: a result beside an error" => || {
        let good = spawn(|| -> Value { Strikes });
        yield_now();
        let bad = spawn(|| panic!("torn"));
        let waits = fails_later();
        drop(gather((good, waits, bad)));
    },
    "gather: a result of a cancelled wait" => || {
        let good = spawn(|| -> Value { Strikes });
        yield_now();
        let _ = timeout(A_SECOND, || drop(gather((good, spawn(|| sleep(9 * A_SECOND))))));
    },
    "gather: a closure's captures" => || {
        let value: Value = Strikes;
        drop(gather((move || drop(value), || panic!("torn"))));
    },
    "shield: a refused argument" => || drop(shield(refused())),
    "shield: a result" => || drop(shield(|| -> Value { Strikes })),
    "wait_for: a refused argument" => || drop(wait_for(refused(), A_SECOND)),
    "wait_for: what was late" => || {
        let value: Value = Strikes;
        drop(wait_for(move || { let _value = value; sleep(9 * A_SECOND) }, A_SECOND));
    },
    "wait_for: a late result" => || {
        let late = || { let _ = catch_cancelled(|| sleep(9 * A_SECOND)); let value: Value = Strikes; value };
        drop(wait_for(late, A_SECOND));
    },
    "as_completed: a refused argument" => || drop(as_completed([fails_later(), refused()])),
    "as_completed: a result that was not asked for" => || {
        let tasks = [spawn(|| -> Value { Strikes }), spawn(|| { sleep(9 * A_SECOND); Strikes })];
        let all = as_completed(tasks);
        yield_now();
        drop(all);
    },
    "wait: a result beside a pending one" => || {
        let tasks = [spawn(|| -> Value { Strikes }), spawn(|| { sleep(9 * A_SECOND); Strikes })];
        drop(wait(&tasks, ReturnWhen::FirstCompleted, None));
        drop(tasks);
    },
    "race: a loser's captures" => || {
        let value: Value = Strikes;
        let loser = Box::new(move || { let _value = value; sleep(9 * A_SECOND) });
        drop(race::<[Box<dyn FnOnce()>; 2]>([Box::new(|| ()), loser]));
    },
    "race: a loser's result" => || {
        let loser = || { let _ = catch_cancelled(|| sleep(9 * A_SECOND)); Some(Strikes) };
        drop(race::<[Box<dyn FnOnce() -> Option<Value>>; 2]>([Box::new(|| { sleep(A_SECOND); None }), Box::new(loser)]));
    },
    "race: a loser's error" => || {
        let loser = || { let _ = catch_cancelled(|| sleep(9 * A_SECOND)); let it: Value = Strikes; panic_any(it) };
        drop(race::<[Box<dyn FnOnce()>; 2]>([Box::new(yield_now), Box::new(loser)]));
    },
    "scope: a body's result beside a child's error" => || {
        let result = scope(|s| {
            s.spawn(|| { sleep(A_SECOND); panic!("torn") });
            let value: Value = Strikes;
            value
        });
        drop(result);
    },
    "scope: a body's result when the host is cancelled" => || {
        let _ = timeout(A_SECOND, || {
            let result = scope(|s| {
                s.spawn(|| { let _ = catch_cancelled(|| sleep(9 * A_SECOND)); });
                let value: Value = Strikes;
                value
            });
            drop(result);
        });
    },
    "scope: a body's result when another task cancels the host" => || {
        cancelled_soon();
        let result = scope(|s| {
            s.spawn(ends_late);
            let value: Value = Strikes;
            value
        });
        drop(result);
    },
    "scope: a child's error when another task cancels the host" => || {
        cancelled_soon();
        let result = scope(|s| {
            s.spawn(|| { ends_late(); let it: Value = Strikes; panic_any(it) });
        });
        drop(result);
    },
    "scope: a child's error when the host panics and is cancelled" => || {
        cancelled_soon();
        let result = std::panic::catch_unwind(|| drop(scope(|s| {
            s.spawn(|| { ends_late(); let it: Value = Strikes; panic_any(it) });
            yield_now();
            panic!("torn");
        })));
        drop(result);
    },
    "race: a loser's error when another task cancels the host" => || {
        cancelled_soon();
        let loser = || { ends_late(); let it: Value = Strikes; panic_any(it) };
        drop(race::<[Box<dyn FnOnce()>; 2]>([Box::new(yield_now), Box::new(loser)]));
    },
    "scope: a child's result" => || drop(scope(|s| {
        std::mem::forget(s.spawn(|| -> Value { Strikes }));
    })),
    "scope: a child's captures" => || {
        let value: Value = Strikes;
        drop(scope(|s| { s.spawn(move || drop(value)); }));
    },
    "scope: a child's error" => || drop(scope(|s| {
        s.spawn_fallible(|| Err::<(), Value>(Strikes));
    })),
    "scope: a child's error beside the body's panic" => || {
        let result = std::panic::catch_unwind(|| drop(scope(|s| {
            s.spawn(|| { let it: Value = Strikes; panic_any(it) });
            yield_now();
            panic!("torn");
        })));
        drop(result);
    },
    "scope: a child that was never begun" => || {
        let value: Value = Strikes;
        drop(scope(|s| { s.spawn(move || drop(value)); s.cancel(); }));
    },
    "timeout: a local of what was late" => || {
        let _ = timeout(A_SECOND, || { let _value: Value = Strikes; sleep(9 * A_SECOND) });
    },
    "finally: a local of the body" => || finally(|| { let _value: Value = Strikes; }, || ()),
    "finally: a lost payload" => || finally(
        || { let it: Value = Strikes; panic_any(it) },
        || panic!("torn"),
    ),
    "catch_cancelled: a local" => || {
        let _ = catch_cancelled(|| { let _value: Value = Strikes; yield_now() });
    },
    "a task's result without a handle" => || spawn(|| -> Value { Strikes }).detach(),
    "a task's captures" => || {
        let value: Value = Strikes;
        spawn(move || drop(value)).detach();
        yield_now();
    },
    "a task's captures when it is cancelled before it begins" => || {
        let value: Value = Strikes;
        let task = spawn(move || drop(value));
        task.cancel();
        drop(task.join());
    },
    "a task's result when it ends cancelled" => || {
        let task = spawn(|| -> Value {
            selvedge::task::current_task().expect("itself").cancel();
            Strikes
        });
        drop(task.join());
    },
    "a task's error without a handle" => || {
        spawn_fallible(|| Err::<(), Value>(Strikes)).detach();
        yield_now();
    },
    "a task's payload without a handle" => || {
        spawn(|| { let it: Value = Strikes; panic_any(it) }).detach();
        yield_now();
    },
    "a task's error that counts as retrieved" => || {
        let pending = spawn_fallible(|| { sleep(A_SECOND); Err::<(), Value>(Strikes) });
        let waits = selvedge::task::TaskRef::clone(&pending.task_ref());
        let waiting = spawn(move || drop(wait(&[waits], ReturnWhen::AllCompleted, None)));
        let bad = spawn(|| panic!("torn"));
        drop(gather((pending, bad)));
        drop(waiting.join());
    },
    "a task's error that counts as retrieved, with a callback" => || {
        let called = Rc::new(std::cell::Cell::new(false));
        let calls = Rc::clone(&called);
        let pending = spawn_fallible(|| {
            sleep(A_SECOND);
            Err::<(), Value>(Strikes)
        });
        pending.add_done_callback(move |_| calls.set(true));
        let bad = spawn(|| panic!("torn"));
        drop(gather((pending, bad)));
        sleep(2 * A_SECOND);
        assert!(called.get(), "the callback was not called");
    },
    "a handle with a result" => || {
        let task = spawn(|| -> Value { Strikes });
        yield_now();
        drop(task);
    },
    "a promise's value" => || drop(Promise::new().set_result(Strikes::<IN_DROP>)),
    "a promise's error" => || drop(Promise::<()>::new().set_exception(Strikes::<IN_DROP>)),
    "a promise's refused value" => || {
        let promise = Promise::new();
        drop(promise.set_result(None));
        drop::<Result<(), Option<Value>>>(promise.set_result(Some(Strikes)));
    },
    "a promise's refused error" => || {
        let promise = Promise::<()>::new();
        ignore(promise.set_result(()));
        drop(promise.set_exception(Strikes::<IN_DROP>));
    },
    "a removed callback of a promise" => || {
        let (promise, value) = (fails_later(), Strikes::<IN_DROP>);
        let id = promise.add_done_callback(move |_| drop(value));
        promise.remove_done_callback(id);
    },
    "a cleared callback of a promise" => || {
        let (promise, value) = (fails_later(), Strikes::<IN_DROP>);
        promise.add_done_callback(move |_| drop(value));
        promise.clear_done_callbacks();
    },
    "a removed callback of a task" => || {
        let (task, value) = (spawn(yield_now), Strikes::<IN_DROP>);
        let id = task.add_done_callback(move |_| drop(value));
        task.remove_done_callback(id);
    },
    "a callback of a promise whose loop is gone" => || {
        let (promise, value) = (EventLoop::new().expect("a loop").create_promise(), Strikes::<IN_DROP>);
        let others = Rc::new(());
        for _ in 0..2 {
            let other = Rc::clone(&others);
            promise.add_done_callback(move |_| drop(other));
        }
        promise.add_done_callback(move |_| drop(value));
        ignore(promise.set_result(()));
    },
    "a callback that comes too late" => || {
        let local = EventLoop::new().expect("a loop").local();
        let value: Value = Strikes;
        drop(local.call_soon(move || drop(value)));
    },
    "a cancelled callback" => || {
        let value: Value = Strikes;
        soon(move || drop(value)).cancel();
    },
    "a cancelled timer" => || {
        let value: Value = Strikes;
        let local = selvedge::event_loop::current_loop().expect("a loop");
        local.call_later(A_SECOND, move || drop(value)).expect("open").cancel();
    },
    "a callback of a loop that closes" => || {
        let (other, value) = (EventLoop::new().expect("a loop"), Strikes::<IN_DROP>);
        other.call_soon(move || drop(value));
        other.create_task(|| ()).detach();
        drop(other);
    },
    "a timer of a loop that closes" => || {
        let (other, value) = (EventLoop::new().expect("a loop"), Strikes::<IN_DROP>);
        other.call_later(A_SECOND, move || drop(value));
        other.call_later(A_SECOND, || ());
        drop(other);
    },
    "a task of a loop that closes" => || {
        let (other, value) = (EventLoop::new().expect("a loop"), Strikes::<IN_DROP>);
        other.create_task(move || drop(value)).detach();
        other.create_task(|| ()).detach();
        drop(other);
    },
    "a handler of a loop that closes" => || {
        let (other, value) = (EventLoop::new().expect("a loop"), Strikes::<IN_DROP>);
        other.set_exception_handler(move |_| { let _ = &value; });
        other.create_task(|| ()).detach();
        drop(other);
    },
    "a handler that is replaced" => || {
        let local = selvedge::event_loop::current_loop().expect("a loop");
        let value: Value = Strikes;
        local.set_exception_handler(move |_| { let _ = &value; }).expect("open");
        local.set_exception_handler(|_| ()).expect("open");
    },
    "a value that a coroutine is sent" => || {
        let mut coroutine = selvedge::Coroutine::new(|_: &selvedge::Yielder<Value, ()>, value| drop(value));
        coroutine.send(Strikes);
    },
    "a value that a coroutine suspends with when it is closed" => || {
        let mut coroutine = selvedge::Coroutine::new(|yielder: &selvedge::Yielder<(), Value>, ()| {
            let _ = yielder.suspend_catching(Strikes);
            drop(yielder.suspend_catching(Strikes));
        });
        std::mem::forget(coroutine.resume());
        drop(coroutine);
    },
    "captures of a coroutine that never began" => || {
        let value: Value = Strikes;
        drop(selvedge::Coroutine::new(move |_: &selvedge::Yielder<(), ()>, ()| drop(value)));
    },
    "a local of a coroutine that is closed" => || {
        let mut coroutine = selvedge::Coroutine::new(|yielder: &selvedge::Yielder<(), ()>, ()| {
            let _value: Value = Strikes;
            yielder.suspend(());
        });
        coroutine.resume();
        drop(coroutine);
    },
}
