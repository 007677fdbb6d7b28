//! Channels between threads, with and without loops: no item is lost or duplicated, no receiver is left asleep.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use selvedge::sync::channel::{self, Receiver, RecvError, Sender};
use selvedge::task::catch_cancelled;
use selvedge::{Task, run, sleep, spawn, yield_now};

use crate::support::{finished, scaled, thread_number, wait_until_asleep};

/// The number of items that each sender sends.
fn n_items() -> usize {
    scaled(2_000, 100)
}

fn send_all(sender: &Sender<(usize, usize)>, who: usize) {
    for n in 0..n_items() {
        sender.send((who, n)).expect("a receiver");
    }
}

/// The items of one receiver, which must be in each sender's order.
fn receive_all(receiver: &Receiver<(usize, usize)>) -> usize {
    let mut last: Vec<Option<usize>> = vec![None; 16];
    let mut count = 0;
    for (who, n) in receiver {
        assert!(last[who] < Some(n), "out of order");
        last[who] = Some(n);
        count += 1;
    }
    count
}

type Ends = (Sender<(usize, usize)>, Receiver<(usize, usize)>);

fn channels() -> [Ends; 3] {
    [
        channel::bounded(1),
        channel::bounded(10),
        channel::unbounded(),
    ]
}

#[test]
fn plain_threads_send_and_receive_everything_once() {
    for (sender, receiver) in channels() {
        let senders: Vec<JoinHandle<()>> = (0..3)
            .map(|who| {
                let sender = sender.clone();
                thread::spawn(move || send_all(&sender, who))
            })
            .collect();
        drop(sender);
        let receivers: Vec<JoinHandle<usize>> = (0..3)
            .map(|_| {
                let receiver = receiver.clone();
                thread::spawn(move || receive_all(&receiver))
            })
            .collect();
        let count: usize = receivers.into_iter().map(|t| t.join().expect("fine")).sum();
        assert_eq!(count, 3 * n_items());
        senders.into_iter().for_each(|t| t.join().expect("fine"));
    }
}

#[test]
fn threads_send_and_tasks_receive() {
    for (sender, receiver) in channels() {
        let senders: Vec<JoinHandle<()>> = (0..2)
            .map(|who| {
                let sender = sender.clone();
                thread::spawn(move || send_all(&sender, who))
            })
            .collect();
        drop(sender);
        let count: usize = run(move || {
            let tasks: Vec<Task<usize>> = (0..3)
                .map(|_| {
                    let receiver = receiver.clone();
                    spawn(move || receive_all(&receiver))
                })
                .collect();
            tasks.into_iter().map(|task| finished(task.join())).sum()
        });
        assert_eq!(count, 2 * n_items());
        senders.into_iter().for_each(|t| t.join().expect("fine"));
    }
}

#[test]
fn tasks_send_and_threads_receive() {
    for (sender, receiver) in channels() {
        let receivers: Vec<JoinHandle<usize>> = (0..2)
            .map(|_| {
                let receiver = receiver.clone();
                thread::spawn(move || receive_all(&receiver))
            })
            .collect();
        drop(receiver);
        run(move || {
            let tasks: Vec<Task<()>> = (0..3)
                .map(|who| {
                    let sender = sender.clone();
                    spawn(move || send_all(&sender, who))
                })
                .collect();
            tasks.into_iter().for_each(|task| finished(task.join()));
        });
        let count: usize = receivers.into_iter().map(|t| t.join().expect("fine")).sum();
        assert_eq!(count, 3 * n_items());
    }
}

#[test]
fn two_loops_exchange_items() {
    let (there, from_here) = channel::bounded(1);
    let (back, from_there) = channel::bounded(1);
    let n = n_items();
    let other = thread::spawn(move || {
        run(move || {
            for n in &from_here {
                back.send(n + 1).expect("a receiver");
            }
        });
    });
    run(move || {
        for n in 0..n {
            there.send(n).expect("a receiver");
            assert_eq!(from_there.recv(), Ok(n + 1));
        }
    });
    other.join().expect("fine");
}

/// Repeatedly cancelled receivers neither lose an item nor leave another receiver asleep.
#[test]
fn concurrent_cancels_and_sends_lose_no_item() {
    let (sender, receiver) = channel::bounded(4);
    let n = n_items();
    let thread = thread::spawn(move || (0..n).for_each(|n| sender.send(n).expect("open")));
    run(move || {
        let all = Rc::new(RefCell::new(Vec::new()));
        let tasks: Vec<Task<()>> = (0..3)
            .map(|_| {
                let (receiver, all) = (receiver.clone(), Rc::clone(&all));
                spawn(move || {
                    loop {
                        match catch_cancelled(|| receiver.recv()) {
                            Ok(Ok(n)) => all.borrow_mut().push(n),
                            Ok(Err(error)) => return assert_eq!(error, RecvError::Disconnected),
                            Err(_) => {}
                        }
                    }
                })
            })
            .collect();
        // A cancel before the first step would end the task.
        yield_now();
        let mut turn = 0;
        while tasks.iter().any(|task| !task.is_done()) {
            tasks[turn % 3].cancel();
            turn += 1;
            match turn % 5 {
                0 => sleep(Duration::from_micros(50)),
                _ => yield_now(),
            }
        }
        all.borrow_mut().sort_unstable();
        assert!(all.take().into_iter().eq(0..n));
    });
    thread.join().expect("fine");
}

#[test]
fn concurrent_timeouts_and_sends_lose_no_item() {
    let (sender, receiver) = channel::bounded(2);
    let n = n_items();
    let count = Arc::new(AtomicUsize::new(0));
    let receivers: Vec<JoinHandle<()>> = (0..2)
        .map(|_| {
            let (receiver, count) = (receiver.clone(), Arc::clone(&count));
            thread::spawn(move || {
                loop {
                    match receiver.recv_timeout(Duration::from_micros(20)) {
                        Ok(_) => drop(count.fetch_add(1, Ordering::Relaxed)),
                        Err(RecvError::TimedOut) => {}
                        Err(error) => {
                            assert_eq!(error, RecvError::Disconnected);
                            return;
                        }
                    }
                }
            })
        })
        .collect();
    for mut item in 0..n {
        while let Err(refused) = sender.send_timeout(item, Duration::from_micros(20)) {
            assert!(refused.is_timed_out());
            item = refused.into_inner();
        }
    }
    drop(sender);
    receivers.into_iter().for_each(|t| t.join().expect("fine"));
    assert_eq!(count.load(Ordering::Relaxed), n);
}

/// A blocked thread is woken by an item, by room, and by the drop of the opposite ends; an unrelated unpark has no
/// effect.
#[test]
fn a_thread_that_sleeps_in_the_kernel_is_woken() {
    let (numbers, number) = std::sync::mpsc::channel();
    let (sender, receiver) = channel::bounded(1);
    let thread = thread::spawn(move || {
        numbers.send(thread_number()).expect("the test");
        let first = receiver.recv();
        (first, receiver.recv(), receiver.recv())
    });
    let number = number.recv().expect("its number");
    wait_until_asleep(number);
    thread.thread().unpark();
    sender.send(1).expect("room");
    wait_until_asleep(number);
    sender.send(2).expect("room");
    drop(sender);
    let got = thread.join().expect("fine");
    assert_eq!(got, (Ok(1), Ok(2), Err(RecvError::Disconnected)));

    let (numbers, number) = std::sync::mpsc::channel();
    let (sender, receiver) = channel::bounded(1);
    sender.send(0).expect("room");
    let thread = thread::spawn(move || {
        numbers.send(thread_number()).expect("the test");
        (sender.send(1), sender.send(2))
    });
    wait_until_asleep(number.recv().expect("its number"));
    assert_eq!(receiver.recv(), Ok(0));
    assert_eq!(receiver.recv(), Ok(1));
    drop(receiver);
    let (first, second) = thread.join().expect("fine");
    assert!(first.is_ok());
    // The item was sent before the receiver dropped, or was returned.
    assert!(second.is_ok() || second.is_err_and(|error| error.into_inner() == 2));
}

/// An end may wait first in a task and later on a thread.
#[test]
fn an_end_moves_from_a_task_to_a_thread() {
    let (sender, receiver) = channel::unbounded();
    let theirs = receiver.clone();
    let first = run(move || {
        let receiver = theirs;
        let task = spawn(move || {
            let first = receiver.recv();
            (first, receiver)
        });
        yield_now();
        sender.send(1).expect("room");
        let (first, receiver) = finished(task.join());
        let thread = thread::spawn(move || receiver.recv());
        sender.send(2).expect("room");
        assert_eq!(thread.join().expect("fine"), Ok(2));
        first
    });
    assert_eq!(first, Ok(1));
    assert_eq!(receiver.recv(), Err(RecvError::Disconnected));
}
