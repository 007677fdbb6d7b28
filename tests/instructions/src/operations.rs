//! The operations and their budgets.

use std::hint::black_box;
use std::io::{Read, Write};
use std::time::Duration;

use selvedge::net::{TcpListener, TcpStream};
use selvedge::sync::{Event, Queue};
use selvedge::{Coroutine, Promise, Yielder, run, select, sleep, spawn, time, timeout, yield_now};

/// An operation, what it does `n` times, and the instructions that each may take.
pub struct Operation {
    pub name: &'static str,
    pub budget: f64,
    /// The number of repetitions in the shorter process.
    pub n: usize,
    pub run: fn(usize),
}

const fn operation(name: &'static str, budget: f64, n: usize, run: fn(usize)) -> Operation {
    Operation {
        name,
        budget,
        n,
        run,
    }
}

pub const OPERATIONS: &[Operation] = &[
    operation("send + suspend", 42.0, 100_000, sends),
    operation("create + run + drop", 82.0, 50_000, creates),
    operation("yield among 2", 57.6, 100_000, |n| yields(2, n)),
    operation("yield among 1,000", 55.0, 100_000, |n| yields(1_000, n)),
    operation("spawn + join, by 100", 426.0, 50_000, spawns),
    operation("queue of 100, an item", 113.7, 100_000, items),
    operation("sleep, 1,000 at once", 1123.5, 20_000, sleeps),
    operation("timeout around nothing", 660.0, 50_000, timeouts),
    operation("promise, set and awaited", 1281.0, 50_000, promises),
    operation("select! of three waits", 1735.0, 50_000, selects),
    operation("echo over TCP, a request", 3185.0, 5_000, echoes),
];

const AN_HOUR: Duration = Duration::from_secs(3600);

fn sends(n: usize) {
    let mut echo: Coroutine<usize, usize, ()> =
        Coroutine::new(|yielder: &Yielder<usize, usize>, mut value| {
            loop {
                value = yielder.suspend(value);
            }
        });
    for i in 0..n {
        let _ = black_box(echo.send(black_box(i)));
    }
}

fn creates(n: usize) {
    for i in 0..n {
        let mut coroutine = Coroutine::new(|_: &Yielder<usize, ()>, value: usize| value);
        let _ = black_box(coroutine.send(black_box(i)));
    }
}

/// `n` yields in all.
fn yields(n_tasks: usize, n: usize) {
    run(move || {
        let yielding = |_| spawn(move || (0..n / n_tasks).for_each(|_| yield_now()));
        let tasks: Vec<_> = (0..n_tasks).map(yielding).collect();
        for task in tasks {
            task.join().expect("it does not panic");
        }
    });
}

fn spawns(n: usize) {
    const BATCH: usize = 100;
    run(move || {
        let mut tasks = Vec::with_capacity(BATCH);
        for _ in 0..n / BATCH {
            tasks.extend((0..BATCH).map(|i| spawn(move || black_box(i))));
            for task in tasks.drain(..) {
                black_box(task.join().expect("it does not panic"));
            }
        }
    });
}

fn items(n: usize) {
    run(move || {
        let queue = Queue::new(100);
        let theirs = queue.clone();
        let producer = spawn(move || (0..n).for_each(|item| theirs.put(item).expect("open")));
        for item in 0..n {
            assert_eq!(queue.get(), Ok(item));
        }
        producer.join().expect("it does not panic");
    });
}

fn sleeps(n: usize) {
    const N_TASKS: usize = 1_000;
    let event_loop = selvedge::EventLoop::builder().virtual_clock(true);
    event_loop.run(move || {
        let sleeping = |index| {
            spawn(move || {
                (0..n / N_TASKS)
                    .for_each(|_| sleep(Duration::from_micros(1 + index as u64 * 7919 % 1000)));
            })
        };
        let tasks: Vec<_> = (0..N_TASKS).map(sleeping).collect();
        for task in tasks {
            task.join().expect("it does not panic");
        }
    });
}

fn timeouts(n: usize) {
    run(move || {
        for i in 0..n {
            let _ = black_box(timeout(AN_HOUR, || black_box(i)));
        }
    });
}

fn promises(n: usize) {
    run(move || {
        for i in 0..n {
            let promise = Promise::new();
            let theirs = promise.clone();
            let setter = spawn(move || theirs.set_result(i));
            assert_eq!(promise.wait().expect("a result"), i);
            drop(setter.join());
        }
    });
}

fn selects(n: usize) {
    run(move || {
        let (near, _far) = selvedge::net::unix::UnixStream::pair().expect("a pair");
        let (asks, answers) = (Event::new(), Event::new());
        let theirs = (asks.clone(), answers.clone());
        let waiter = spawn(move || {
            let (asks, answers) = theirs;
            for _ in 0..n {
                select! {
                    () = asks.when_set() => asks.clear(),
                    () = time::after(AN_HOUR) => unreachable!("it takes no hour"),
                    _ = near.when_peer_closed() => unreachable!("the peer lives"),
                }
                answers.set();
            }
        });
        for _ in 0..n {
            asks.set();
            answers.wait();
            answers.clear();
        }
        waiter.join().expect("it does not panic");
    });
}

/// One connection, whose two ends take turns.
fn echoes(n: usize) {
    run(move || {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
        let mut near =
            TcpStream::connect(listener.local_addr().expect("bound")).expect("connected");
        let (mut far, _) = listener.accept().expect("a connection");
        let server = spawn(move || {
            let mut buffer = [0; 64];
            while far.read_exact(&mut buffer).is_ok() {
                far.write_all(&buffer).expect("written");
            }
        });
        let mut buffer = [7; 64];
        for _ in 0..n {
            near.write_all(&buffer).expect("written");
            near.read_exact(&mut buffer).expect("echoed");
        }
        drop(near);
        server.join().expect("it does not panic");
    });
}
