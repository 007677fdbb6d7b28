//! smol, on its single-threaded executor.

use std::cell::Cell;
use std::hint::black_box;
use std::rc::Rc;

use smol::{LocalExecutor, channel};

use crate::contender::{Watch, answer, asked, check_fairness, ready};
use crate::wake::Yield;

type Executor = &'static LocalExecutor<'static>;

/// Runs `main` in a task of the executor, which lives as long as the process.
fn run<F: Future<Output = ()> + 'static>(main: impl FnOnce(Executor) -> F) {
    let executor: Executor = Box::leak(Box::new(LocalExecutor::new()));
    smol::block_on(executor.run(executor.spawn(main(executor))));
}

/// As in `tokio_peer`.
pub fn yields(n_tasks: usize, n_turns: usize) {
    run(move |executor| async move {
        let is_done = Rc::new(Cell::new(false));
        let other = |_| {
            let is_done = Rc::clone(&is_done);
            executor.spawn(async move {
                let mut turns = 0;
                while !is_done.get() {
                    Yield::default().await;
                    turns += 1;
                }
                turns
            })
        };
        let others: Vec<_> = (1..n_tasks).map(other).collect();
        Yield::default().await;
        let mut turns = 1;
        ready();
        while asked() {
            let watch = Watch::wall();
            for _ in 0..n_turns {
                Yield::default().await;
            }
            answer(watch.ns_each(n_turns * n_tasks));
            turns += n_turns;
        }
        is_done.set(true);
        let mut all = Vec::new();
        for other in others {
            all.push(other.await);
        }
        check_fairness(turns, &all);
    });
}

pub fn spawns(batch: usize, n_batches: usize) {
    run(move |executor| async move {
        let mut tasks = Vec::with_capacity(batch);
        ready();
        while asked() {
            let watch = Watch::wall();
            for _ in 0..n_batches {
                tasks.extend((0..batch).map(|i| executor.spawn(async move { black_box(i) })));
                for task in tasks.drain(..) {
                    black_box(task.await);
                }
            }
            answer(watch.ns_each(batch * n_batches));
        }
    });
}

/// The consumer orders a number of items and measures the time until it has them. Capacity 0 is no limit.
pub fn queues(capacity: usize, n_items: usize) {
    run(move |executor| async move {
        let (order, orders) = channel::bounded::<usize>(1);
        let (sender, receiver) = match capacity {
            0 => channel::unbounded(),
            capacity => channel::bounded(capacity),
        };
        let producer = executor.spawn(async move {
            while let Ok(n_items) = orders.recv().await {
                for item in 0..n_items {
                    sender.send(item).await.expect("the receiver is open");
                }
            }
        });
        ready();
        while asked() {
            let watch = Watch::wall();
            order.send(n_items).await.expect("the receiver is open");
            for item in 0..n_items {
                assert_eq!(receiver.recv().await, Ok(item));
            }
            answer(watch.ns_each(n_items));
        }
        drop(order);
        producer.await;
    });
}
