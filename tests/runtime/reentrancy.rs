//! User code never runs under a borrow of the runtime: destructors, closures, handlers and wakers call back into it.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Poll, Wake, Waker};

use selvedge::event_loop::{LocalLoop, current_loop};
use selvedge::{EventLoop, Promise, block_on, sleep, spawn, yield_now};

use crate::support::{
    A_SECOND, AN_HOUR, Log, OnDrop, Reports, finished, in_virtual_loop, shared, virtual_loop,
};

/// Calls into the loop in every way that needs no task, and writes `event`.
pub fn call_back(local: &LocalLoop, log: &Log, event: &str) {
    let handle = local.call_soon(log.pusher("call_soon")).expect("open");
    handle.cancel();
    drop(local.call_later(A_SECOND, || ()).expect("open"));
    let task = local.create_task(|| sleep(AN_HOUR)).expect("open");
    task.add_done_callback(|_| ());
    task.cancel();
    drop(task);
    let promise = local.create_promise::<u32>().expect("open");
    promise.add_done_callback(|_| ());
    promise.set_result(1).expect("pending");
    drop(promise.result());
    let _ = local.time();
    log.push(event);
}

/// A value whose destructor calls back.
pub fn calls_back(
    local: &LocalLoop,
    log: &Log,
    event: &'static str,
) -> OnDrop<impl FnMut() + use<>> {
    let (local, log) = (local.clone(), log.clone());
    OnDrop(move || call_back(&local, &log, event))
}

#[test]
fn handlers_and_their_destructors_may_call_back() {
    let (event_loop, log) = (Rc::new(virtual_loop()), Log::default());
    let (local, inside) = (event_loop.local(), log.clone());
    let value = calls_back(&local, &log, "handler dropped");
    let weak = Rc::downgrade(&event_loop);
    event_loop.set_exception_handler(move |_| {
        let _value = &value;
        call_back(&local, &inside, "handler called");
        // The handler replaces itself while it runs.
        weak.upgrade().expect("the loop").reset_exception_handler();
        inside.push("handler ends");
    });
    event_loop.call_soon(|| panic!("once"));
    finished(event_loop.run_until_complete(yield_now));
    assert_eq!(
        log.take(),
        ["handler called", "handler ends", "handler dropped"]
    );
}

#[test]
fn a_handler_may_be_called_inside_itself() {
    let event_loop = virtual_loop();
    let depth = shared(0);
    let (local, nested) = (event_loop.local(), Rc::clone(&depth));
    event_loop.set_exception_handler(move |_| {
        nested.set(nested.get() + 1);
        if nested.get() < 3 {
            // An unretrieved panic, reported while this runs.
            let promise = local.create_promise::<u32>().expect("open");
            promise
                .set_exception("inside the handler")
                .expect("pending");
            drop(promise);
        }
    });
    event_loop.call_soon(|| panic!("once"));
    finished(event_loop.run_until_complete(yield_now));
    finished(event_loop.run_until_complete(yield_now));
    assert_eq!(depth.get(), 3);
}

#[test]
fn destructors_of_panic_payloads_may_call_back() {
    struct Payload {
        _token: Arc<()>,
    }
    impl Drop for Payload {
        fn drop(&mut self) {
            if let Some(local) = current_loop() {
                drop(local.call_soon(|| ()));
                drop(local.create_task(|| ()));
            }
        }
    }
    let token = Arc::new(());
    let event_loop = virtual_loop();
    let reports = Reports::of(&event_loop);
    let (first, second) = (token.clone(), token.clone());
    event_loop.call_soon(move || std::panic::panic_any(Payload { _token: first }));
    drop(event_loop.create_task(move || std::panic::panic_any(Payload { _token: second })));
    finished(event_loop.run_until_complete(|| sleep(A_SECOND)));
    let kept = reports.take();
    assert_eq!(kept.len(), 2);
    drop(kept);
    drop(event_loop);
    assert_eq!(Arc::strong_count(&token), 1);
}

#[test]
fn a_payload_whose_destructor_panics_stops_no_task() {
    struct Payload;
    impl Drop for Payload {
        fn drop(&mut self) {
            if !std::thread::panicking() {
                panic!("out of the payload of a panic");
            }
        }
    }
    let (event_loop, log) = (virtual_loop(), Log::default());
    event_loop.set_exception_handler(|_| ());
    event_loop.call_soon(|| std::panic::panic_any(Payload));
    drop(event_loop.create_task(|| std::panic::panic_any(Payload)));
    event_loop.call_soon(log.pusher("the loop goes on"));
    finished(event_loop.run_until_complete(|| sleep(A_SECOND)));
    assert_eq!(log.take(), ["the loop goes on"]);
}

/// A waker that calls back, from a `Drop` as well.
struct Calls(LocalHandle);
struct LocalHandle(selvedge::event_loop::LoopHandle);

impl Wake for Calls {
    fn wake(self: Arc<Self>) {
        drop((self.0).0.call_soon_threadsafe(|| ()));
    }
}

impl Drop for Calls {
    fn drop(&mut self) {
        drop((self.0).0.call_soon_threadsafe(|| ()));
        if let Some(local) = current_loop() {
            drop(local.call_soon(|| ()));
            drop(local.create_task(|| ()));
        }
    }
}

#[test]
fn custom_wakers_may_call_back_when_woken_and_dropped() {
    let event_loop = virtual_loop();
    let handle = event_loop.handle();
    finished(event_loop.run_until_complete(move || {
        for _ in 0..10 {
            let mut remote = Box::pin(
                handle
                    .spawn_threadsafe(yield_now)
                    .map_err(drop)
                    .expect("open"),
            );
            for _ in 0..3 {
                let waker = Waker::from(Arc::new(Calls(LocalHandle(handle.clone()))));
                let mut context = std::task::Context::from_waker(&waker);
                let _ = std::future::Future::poll(remote.as_mut(), &mut context);
            }
            while !remote.is_done() {
                yield_now();
            }
        }
    }));
}

#[test]
fn a_future_may_call_back_while_it_is_polled_and_dropped() {
    in_virtual_loop(|| {
        let log = Log::default();
        let local = current_loop().expect("a loop");
        let (value, inside) = (calls_back(&local, &log, "future dropped"), log.clone());
        let mut n_polls = 0;
        block_on(std::future::poll_fn(move |context| {
            let _value = &value;
            call_back(&local, &inside, "polled");
            n_polls += 1;
            if n_polls == 2 {
                return Poll::Ready(());
            }
            context.waker().wake_by_ref();
            Poll::Pending
        }));
        assert_eq!(log.take(), ["polled", "polled", "future dropped"]);
    });
}

#[test]
fn a_promise_may_be_completed_and_dropped_in_its_callbacks() {
    in_virtual_loop(|| {
        let promise = Promise::<u32>::new();
        let own = RefCell::new(Some(promise.clone()));
        promise.add_done_callback(move |done| {
            assert_eq!(done.set_result(2), Err(2));
            assert!(!done.cancel());
            drop(own.take());
        });
        let waited_on = promise.clone();
        let waiter = spawn(move || finished(waited_on.wait()));
        yield_now();
        promise.set_result(1).expect("pending");
        drop(promise);
        assert_eq!(finished(waiter.join()), 1);
    });
}

#[test]
fn closing_a_running_loop_in_destructors_and_handlers_errs() {
    let event_loop = Rc::new(virtual_loop());
    let outcomes = Rc::new(RefCell::new(Vec::new()));
    let close = |event_loop: &Rc<EventLoop>| {
        let (weak, told) = (Rc::downgrade(event_loop), Rc::clone(&outcomes));
        move || {
            let event_loop = weak.upgrade().expect("the loop");
            told.borrow_mut().push(event_loop.close().is_err());
        }
    };
    let (in_drop, in_handler, in_result) =
        (close(&event_loop), close(&event_loop), close(&event_loop));
    event_loop.set_exception_handler(move |_| in_handler());
    let on_drop = OnDrop(in_drop);
    event_loop.call_soon(move || drop(on_drop));
    event_loop.call_soon(|| panic!("once"));
    drop(event_loop.create_task(move || OnDrop(in_result)));
    finished(event_loop.run_until_complete(|| sleep(A_SECOND)));
    assert_eq!(*outcomes.borrow(), [true, true, true]);
    assert!(!event_loop.is_closed());
}
