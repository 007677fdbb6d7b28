//! monoio, on io_uring where the system allows it, else on epoll.

use std::cell::Cell;
use std::hint::black_box;
use std::rc::Rc;

use monoio::{FusionDriver, RuntimeBuilder};

use crate::contender::{Watch, answer, asked, check_fairness, ready};
use crate::wake::Ring;

fn run<F: Future<Output = ()> + 'static>(main: F) {
    let runtime = RuntimeBuilder::<FusionDriver>::new().build();
    runtime.expect("monoio's runtime").block_on(async {
        monoio::spawn(main).await;
    });
}

/// As in `tokio_peer`, but the tasks wake each other.
pub fn yields(n_tasks: usize, n_turns: usize) {
    run(async move {
        let is_done = Rc::new(Cell::new(false));
        let ring = Ring::new(n_tasks);
        let other = |_| {
            let ring = ring.clone();
            let is_done = Rc::clone(&is_done);
            monoio::spawn(async move {
                let mut turns = 0;
                while !is_done.get() {
                    ring.pass().await;
                    turns += 1;
                }
                ring.leave();
                turns
            })
        };
        let others: Vec<_> = (1..n_tasks).map(other).collect();
        ring.pass().await;
        let mut turns = 1;
        ready();
        while asked() {
            let watch = Watch::wall();
            for _ in 0..n_turns {
                ring.pass().await;
            }
            answer(watch.ns_each(n_turns * n_tasks));
            turns += n_turns;
        }
        is_done.set(true);
        ring.leave();
        let mut all = Vec::new();
        for other in others {
            all.push(other.await);
        }
        check_fairness(turns, &all);
    });
}

pub fn spawns(batch: usize, n_batches: usize) {
    run(async move {
        let mut handles = Vec::with_capacity(batch);
        ready();
        while asked() {
            let watch = Watch::wall();
            for _ in 0..n_batches {
                handles.extend((0..batch).map(|i| monoio::spawn(async move { black_box(i) })));
                for handle in handles.drain(..) {
                    black_box(handle.await);
                }
            }
            answer(watch.ns_each(batch * n_batches));
        }
    });
}
