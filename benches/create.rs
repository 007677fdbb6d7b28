//! What a coroutine costs from its creation to its end, when its stack comes warm from the pool,
//! when its pages have gone back to the system, and when 100,000 others are alive; beside
//! corosensei and OS threads.
//!
//! `cargo bench --bench create`; criterion's plots are in `target/criterion`.

// The macro that makes criterion's groups writes a public function without a word.
#![allow(missing_docs)]

use std::hint::black_box;
use std::thread;

use corosensei::ScopedCoroutine;
use corosensei::stack::DefaultStack;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use selvedge::{Coroutine, Yielder, stack};

criterion_main!(benches);
criterion_group!(benches, create_run_drop, many);

const N_LIVE: usize = 100_000;

/// A coroutine that is created, runs to its end and is dropped.
fn ours() -> usize {
    let mut coroutine = Coroutine::new(|_: &Yielder<usize, ()>, value: usize| value);
    coroutine.send(black_box(7)).unwrap_complete()
}

/// Coroutines that were entered and wait.
fn n_parked(n: usize) -> Vec<Coroutine<(), (), ()>> {
    let parked = |_| {
        let mut coroutine = Coroutine::new(|yielder: &Yielder<(), ()>, ()| yielder.suspend(()));
        coroutine.resume();
        coroutine
    };
    (0..n).map(parked).collect()
}

fn create_run_drop(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("create_run_drop");

    group.bench_function("selvedge, pooled", |bencher| bencher.iter(ours));

    let mut reused = DefaultStack::default();
    group.bench_function("corosensei, reused stack", |bencher| {
        bencher.iter(|| {
            let coroutine = ScopedCoroutine::<usize, (), usize, _>::with_stack(
                &mut reused,
                |_yielder, value| value,
            );
            coroutine.scope(|mut coroutine| coroutine.resume(black_box(7)))
        });
    });

    group.bench_function("corosensei, fresh stack", |bencher| {
        bencher.iter(|| {
            let mut coroutine =
                corosensei::Coroutine::<usize, (), usize>::new(|_yielder, value| value);
            coroutine.resume(black_box(7))
        });
    });

    group.bench_function("thread", |bencher| {
        bencher.iter(|| {
            thread::spawn(|| black_box(7))
                .join()
                .expect("it does not panic")
        });
    });

    // A neighbour keeps the slab mapped; the stack itself gives its pages back each time.
    let neighbour = n_parked(1);
    stack::set_pool_watermark(0);
    group.bench_function("selvedge, cold", |bencher| bencher.iter(ours));
    stack::set_pool_watermark(1_024);
    drop(neighbour);

    let others = n_parked(N_LIVE);
    group.bench_function("selvedge, pooled, beside 100,000", |bencher| {
        bencher.iter(ours)
    });
    drop(others);
    group.finish();
}

/// The figures are of all together; the throughput tells of one.
fn many(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("100,000_live");
    group
        .sample_size(10)
        .throughput(Throughput::Elements(N_LIVE as u64));
    // What is made is dropped outside of the measurement, and the other way round.
    group.bench_function("create and enter", |bencher| {
        bencher.iter_with_large_drop(|| n_parked(N_LIVE));
    });
    group.bench_function("close", |bencher| {
        bencher.iter_batched(|| n_parked(N_LIVE), drop, BatchSize::PerIteration);
    });
    group.finish();
}
