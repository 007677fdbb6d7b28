//! Channels in tasks: parking, wake-ups, cancels; callbacks, panics, and the end of a loop.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;
use std::time::Duration;

use selvedge::sync::channel::{self, RecvError, SendError};
use selvedge::task::catch_cancelled;
use selvedge::{Task, run, sleep, spawn, try_run, yield_now};

use crate::support::{
    A_SECOND, AN_HOUR, Hops, Log, OnDrop, assert_sentence, finished, in_virtual_loop, soon,
    thread_number, virtual_loop, wait_until_asleep,
};

#[test]
fn a_task_that_waits_lets_the_others_run() {
    run(|| {
        let (sender, receiver) = channel::bounded(2);
        let producer = spawn(move || (0..100).for_each(|n| sender.send(n).expect("room")));
        assert!(receiver.iter().eq(0..100));
        finished(producer.join());
    });
}

#[test]
fn receivers_are_woken_in_the_order_of_their_waits() {
    run(|| {
        let ((sender, receiver), log) = (channel::unbounded(), Log::default());
        let tasks: Vec<Task<()>> = (0..4)
            .map(|n| {
                let (receiver, log) = (receiver.clone(), log.clone());
                spawn(move || log.push(format!("{n} gets {}", receiver.recv().expect("an item"))))
            })
            .collect();
        yield_now();
        (10..14).for_each(|n| sender.send(n).expect("room"));
        tasks.into_iter().for_each(|task| finished(task.join()));
        assert_eq!(
            log.take(),
            ["0 gets 10", "1 gets 11", "2 gets 12", "3 gets 13"]
        );
    });
}

#[test]
fn a_cancelled_receivers_wake_up_goes_to_the_next() {
    run(|| {
        let (sender, receiver) = channel::unbounded();
        let tasks = [(); 2].map(|()| {
            let receiver = receiver.clone();
            spawn(move || receiver.recv())
        });
        yield_now();
        sender.send(1).expect("room");
        tasks[0].cancel();
        let [first, second] = tasks;
        assert!(first.join().unwrap_err().is_cancelled());
        assert_eq!(finished(second.join()), Ok(1));
    });
}

#[test]
fn a_cancelled_senders_wake_up_goes_on_and_its_item_drops() {
    run(|| {
        let ((sender, receiver), log) = (channel::bounded(1), Log::default());
        sender.send(log.guard("first")).expect("room");
        let tasks = ["second", "third"].map(|event| {
            let (sender, item) = (sender.clone(), log.guard(event));
            spawn(move || sender.send(item).is_ok())
        });
        yield_now();
        drop(receiver.recv());
        tasks[0].cancel();
        let [second, third] = tasks;
        assert!(second.join().unwrap_err().is_cancelled());
        assert!(finished(third.join()));
        assert_eq!(log.take(), ["first", "second"]);
        drop(receiver.recv());
        assert_eq!(log.take(), ["third"]);
    });
}

#[test]
fn a_receiver_overtaken_by_a_faster_one_waits_on() {
    run(|| {
        let (sender, receiver) = channel::unbounded();
        let theirs = receiver.clone();
        let slow = spawn(move || theirs.recv());
        yield_now();
        sender.send(1).expect("room");
        assert_eq!(receiver.try_recv(), Ok(1));
        (0..3).for_each(|_| yield_now());
        assert!(!slow.is_done());
        sender.send(2).expect("room");
        assert_eq!(finished(slow.join()), Ok(2));
    });
}

#[test]
fn a_cancelled_receive_loses_no_item() {
    in_virtual_loop(|| {
        let (sender, receiver) = channel::unbounded();
        let task = spawn(move || {
            let mut sum = 0;
            while sum < 10 {
                if let Ok(n) = catch_cancelled(|| receiver.recv()) {
                    sum += n.expect("an item");
                }
            }
            sum
        });
        for n in [1, 2, 3, 4] {
            yield_now();
            task.cancel();
            sender.send(n).expect("room");
            task.cancel();
            sleep(A_SECOND);
        }
        assert_eq!(finished(task.join()), 10);
    });
}

#[test]
fn a_wait_ends_when_the_last_opposite_end_drops() {
    run(|| {
        let (sender, receiver) = channel::bounded::<u32>(1);
        let tasks = [(); 2].map(|()| {
            let receiver = receiver.clone();
            spawn(move || receiver.recv())
        });
        let other = sender.clone();
        yield_now();
        drop(sender);
        (0..3).for_each(|_| yield_now());
        assert!(!tasks[0].is_done());
        drop(other);
        for task in tasks {
            assert_eq!(finished(task.join()), Err(RecvError::Disconnected));
        }

        let (sender, receiver) = channel::bounded(1);
        sender.send(0).expect("room");
        let tasks = [1, 2].map(|n| {
            let sender = sender.clone();
            spawn(move || sender.send(n))
        });
        yield_now();
        drop(receiver);
        for (n, task) in (1..).zip(tasks) {
            assert_eq!(finished(task.join()), Err(SendError::Disconnected(n)));
        }
    });
}

/// A request that is in the channel when its server drops: the task that waits for the reply gets an error.
#[test]
fn a_reply_that_cannot_come_is_not_waited_for() {
    run(|| {
        let (requests, server) = channel::unbounded();
        let (answer, answered) = channel::bounded::<u32>(1);
        requests.send(answer).expect("a server");
        let waiter = spawn(move || answered.recv());
        yield_now();
        drop(server);
        assert_eq!(finished(waiter.join()), Err(RecvError::Disconnected));
        drop(requests);
    });
}

#[test]
fn timeouts_use_the_loops_clock() {
    let event_loop = virtual_loop();
    event_loop
        .run_until_complete(|| {
            let (sender, receiver) = channel::bounded(1);
            let now = || {
                selvedge::event_loop::current_loop()
                    .expect("a loop")
                    .time()
                    .expect("open")
            };
            let start = now();
            assert_eq!(receiver.recv_timeout(AN_HOUR), Err(RecvError::TimedOut));
            sender.send(1).expect("room");
            assert_eq!(sender.send_timeout(2, AN_HOUR), Err(SendError::TimedOut(2)));
            assert_eq!(now() - start, 2 * AN_HOUR);
            let late = sender.clone();
            spawn(move || {
                sleep(A_SECOND);
                late.send(3).expect("room");
            })
            .detach();
            assert_eq!(receiver.recv(), Ok(1));
            assert_eq!(receiver.recv_timeout(2 * A_SECOND), Ok(3));
            assert_eq!(
                receiver.recv_timeout(Duration::ZERO),
                Err(RecvError::TimedOut)
            );
        })
        .expect("it ends");
}

#[test]
fn a_callback_and_a_task_that_panics_get_errors() {
    run(|| {
        let ((sender, receiver), log) = (channel::bounded(1), Log::default());
        let try_both = move |log: &Log| {
            let Err(RecvError::CantWait(why)) = receiver.recv() else {
                panic!("it can't wait");
            };
            assert_sentence(&why.to_string());
            sender.send(1).expect("room");
            assert!(matches!(sender.send(2), Err(SendError::CantWait(2, _))));
            assert!(matches!(
                sender.send_timeout(2, AN_HOUR),
                Err(SendError::CantWait(2, _))
            ));
            assert_eq!(receiver.recv(), Ok(1));
            log.push("done");
        };
        let (theirs, in_callback) = (log.clone(), try_both.clone());
        soon(move || in_callback(&theirs));
        yield_now();
        yield_now();
        let theirs = log.clone();
        let task = spawn(move || {
            let _guard = OnDrop(|| try_both(&theirs));
            panic!("torn");
        });
        assert!(task.join().unwrap_err().is_panic());
        assert_eq!(log.take(), ["done", "done"]);
    });
}

#[test]
fn a_task_that_never_waits_still_yields_to_others() {
    run(|| {
        let (sender, receiver) = channel::unbounded();
        let hops = Hops::start();
        yield_now();
        let n_hops = hops.during(|| {
            for n in 0..1000 {
                sender.send(n).expect("room");
                assert_eq!(receiver.recv(), Ok(n));
            }
        });
        assert!(
            (10..=20).contains(&n_hops),
            "{n_hops} turns in 2000 operations"
        );
    });
}

/// The loop must not report a deadlock while the sender exists, and must not spin until then.
#[test]
fn a_loop_sleeps_while_a_thread_holds_an_end() {
    let (sender, receiver) = channel::unbounded();
    let number = thread_number();
    let thread = thread::spawn(move || {
        wait_until_asleep(number);
        sender.send(1).expect("room");
    });
    let got = try_run(|| receiver.recv());
    assert_eq!(got.expect("no deadlock"), Ok(1));
    thread.join().expect("it ends");
}

#[test]
fn a_loop_notices_the_drop_of_the_last_end_on_a_thread() {
    let (sender, receiver) = channel::unbounded::<u8>();
    let number = thread_number();
    let thread = thread::spawn(move || {
        wait_until_asleep(number);
        drop(sender);
    });
    assert_eq!(run(|| receiver.recv()), Err(RecvError::Disconnected));
    thread.join().expect("it ends");
}

#[test]
fn an_ending_loop_cancels_waiters_and_the_channel_stays_usable() {
    let (sender, receiver) = channel::unbounded();
    let theirs = receiver.clone();
    run(move || {
        spawn(move || theirs.recv()).detach();
        yield_now();
    });
    sender.send(1).expect("room");
    assert_eq!(receiver.recv(), Ok(1));
}

#[test]
fn an_uncancellable_task_leaves_the_wait_list() {
    let (sender, receiver) = channel::unbounded();
    let uncancellable = receiver.clone();
    let event_loop = virtual_loop();
    event_loop.set_exception_handler(|_| ());
    finished(event_loop.run_until_complete(move || {
        spawn(move || {
            loop {
                let _ = catch_unwind(AssertUnwindSafe(|| uncancellable.recv()));
            }
        })
        .detach();
        yield_now();
    }));
    // The task's stack is leaked, together with its node in the wait list.
    drop(event_loop);
    in_virtual_loop(move || {
        let task = spawn(move || receiver.recv());
        yield_now();
        sender.send(1).expect("room");
        sleep(A_SECOND);
        assert!(task.is_done(), "the wake-up went to an abandoned task");
        assert_eq!(finished(task.join()), Ok(1));
    });
}
