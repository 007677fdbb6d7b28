//! The value of a promise: taken, lent, cloned, dropped.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use selvedge::{Promise, TaskError, block_on, sleep, spawn, yield_now};

use crate::support::{A_SECOND, Log, caught, finished, in_virtual_loop, soon};

#[test]
fn take_waits_and_moves_the_value_out() {
    struct Unclonable(u32);
    in_virtual_loop(|| {
        let promise = Promise::new();
        let setter = promise.clone();
        soon(move || assert!(setter.set_result(Unclonable(4)).is_ok()));
        assert_eq!(finished(promise.take()).0, 4);
        assert!(promise.is_done());
        assert!(promise.try_take().is_err(), "it is gone");
        assert!(promise.take().is_err(), "it is gone");
        assert!(promise.set_result(Unclonable(5)).is_err());
    });
}

#[test]
fn one_of_two_takers_gets_the_value_the_other_an_error() {
    in_virtual_loop(|| {
        let promise = Promise::new();
        let takers = [0, 1].map(|_| {
            let promise: Promise<Box<u32>> = promise.clone();
            spawn(move || promise.take().ok())
        });
        yield_now();
        promise.set_result(Box::new(5)).expect("pending");
        let mut got = takers.map(|taker| finished(taker.join()));
        got.sort();
        assert_eq!(got, [None, Some(Box::new(5))]);
    });
}

#[test]
fn a_taken_value_is_no_longer_the_result() {
    in_virtual_loop(|| {
        let promise = Promise::new();
        promise.set_result(1).expect("pending");
        assert_eq!(finished(promise.try_take()), 1);
        assert!(promise.result().is_err());
        assert!(promise.wait().is_err());
        assert!(promise.with_result(|result| result.is_ok()).ok() != Some(true));
    });
}

#[test]
fn with_result_lends_the_value() {
    in_virtual_loop(|| {
        let promise = Promise::new();
        promise.set_result(vec![1, 2, 3]).expect("pending");
        let sum = promise.with_result(|result| result.expect("a value").iter().sum::<i32>());
        assert_eq!(finished(sum), 6);
        let failed = Promise::<()>::new();
        failed.set_exception("torn").expect("pending");
        let is_torn = failed.with_result(|result| {
            result
                .expect_err("an exception")
                .to_string()
                .contains("torn")
        });
        assert!(finished(is_torn));
    });
}

#[test]
fn the_value_of_a_promise_is_dropped_with_its_last_clone() {
    let log = Log::default();
    let inside = log.clone();
    in_virtual_loop(move || {
        let promise = Promise::new();
        let other = promise.clone();
        assert!(promise.set_result(inside.guard("value")).is_ok());
        drop(promise);
        inside.push("one clone dropped");
        drop(other);
        inside.push("both dropped");
    });
    assert_eq!(log.take(), ["one clone dropped", "value", "both dropped"]);
}

#[test]
fn a_panicking_clone_of_the_value_harms_no_other_waiter() {
    #[derive(Debug)]
    struct Once(std::rc::Rc<std::cell::Cell<bool>>);
    impl Clone for Once {
        fn clone(&self) -> Self {
            assert!(!self.0.replace(false), "this clone fails");
            Self(self.0.clone())
        }
    }
    in_virtual_loop(|| {
        let promise = Promise::new();
        promise
            .set_result(Once(std::rc::Rc::new(std::cell::Cell::new(true))))
            .expect("pending");
        caught(|| promise.result());
        assert!(promise.result().is_ok());
        let error: Result<Once, TaskError> = promise.wait();
        assert!(error.is_ok());
    });
}

#[test]
fn a_promise_can_be_used_while_its_value_is_lent() {
    in_virtual_loop(|| {
        let promise = Promise::new();
        promise.set_result(1).expect("pending");
        let (same, called) = (promise.clone(), Log::default());
        let events = called.clone();
        let seen = promise.with_result(|result| {
            assert_eq!(result.ok(), Some(&1));
            assert!(same.is_done() && !same.is_cancelled() && !same.cancel());
            assert_eq!(same.set_result(2), Err(2));
            assert!(same.set_exception("torn").is_err());
            assert!(same.try_take().is_err(), "it is lent");
            let log = events.clone();
            same.add_done_callback(move |_| log.push("callback"));
            sleep(A_SECOND);
            finished(same.result())
        });
        assert_eq!(finished(seen), 1);
        yield_now();
        assert_eq!(called.take(), ["callback"]);
        assert_eq!(finished(promise.try_take()), 1);
    });
}

#[test]
fn a_promise_can_be_awaited_as_a_future() {
    in_virtual_loop(|| {
        let promise = Promise::new();
        let setter = promise.clone();
        let awaiting = spawn(move || block_on(async { promise.await.map(|n: u32| n + 1) }));
        soon(move || setter.set_result(4).expect("pending"));
        assert_eq!(finished(finished(awaiting.join())), 5);

        let cancelled = Promise::<u32>::new();
        assert!(cancelled.cancel());
        assert!(
            block_on(cancelled.into_future())
                .unwrap_err()
                .is_cancelled()
        );
    });
}

#[test]
fn a_promises_future_wakes_only_its_last_waker_once() {
    #[derive(Default)]
    struct Counter(AtomicUsize);
    impl Wake for Counter {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
    in_virtual_loop(|| {
        let counters = [Arc::<Counter>::default(), Arc::default(), Arc::default()];
        let wakers = counters
            .each_ref()
            .map(|counter| Waker::from(Arc::clone(counter)));
        let promise = Promise::new();
        let mut future = pin!(promise.clone().into_future());
        let mut dropped = Box::pin(promise.clone().into_future());
        for waker in &wakers[..2] {
            let polled = future.as_mut().poll(&mut Context::from_waker(waker));
            assert!(polled.is_pending());
        }
        let polled = dropped.as_mut().poll(&mut Context::from_waker(&wakers[2]));
        assert!(polled.is_pending());
        drop(dropped);
        promise.set_result(7).expect("pending");
        yield_now();
        yield_now();
        let counts = counters
            .each_ref()
            .map(|counter| counter.0.load(Ordering::Relaxed));
        assert_eq!(counts, [0, 1, 0]);
        let polled = future.as_mut().poll(&mut Context::from_waker(&wakers[0]));
        assert!(matches!(polled, Poll::Ready(Ok(7))), "{polled:?}");
        assert_eq!(
            Arc::strong_count(&counters[2]),
            2,
            "the waker was dropped with its future"
        );
    });
}
