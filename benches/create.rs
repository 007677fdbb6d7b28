//! The cost of creating, running and dropping a coroutine: with a warm stack from the pool, with a stack whose pages have
//! gone back to the system, and beside 100,000 live coroutines; against corosensei and OS threads.
//!
//! `cargo bench --bench create`; criterion's plots are in `target/criterion`.

// criterion_group! expands to a public function without documentation.
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

/// Creates a coroutine, runs it to its end and drops it.
fn ours() -> usize {
    let mut coroutine = Coroutine::new(|_: &Yielder<usize, ()>, value: usize| value);
    coroutine.send(black_box(7)).unwrap_complete()
}

/// `n` suspended coroutines.
fn n_suspended(n: usize) -> Vec<Coroutine<(), (), ()>> {
    let suspended = |_| {
        let mut coroutine = Coroutine::new(|yielder: &Yielder<(), ()>, ()| yielder.suspend(()));
        coroutine.resume();
        coroutine
    };
    (0..n).map(suspended).collect()
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

    // Another coroutine keeps the slab mapped; the measured stack gives its pages back each time.
    let other = n_suspended(1);
    stack::set_pool_watermark(0);
    group.bench_function("selvedge, cold", |bencher| bencher.iter(ours));
    stack::set_pool_watermark(1_024);
    drop(other);

    let others = n_suspended(N_LIVE);
    group.bench_function("selvedge, pooled, beside 100,000", |bencher| {
        bencher.iter(ours)
    });
    drop(others);
    group.finish();
}

/// The times are for all coroutines together; the throughput is per coroutine.
fn many(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("100,000_live");
    group
        .sample_size(10)
        .throughput(Throughput::Elements(N_LIVE as u64));
    // The coroutines are dropped, or created, outside of the measurement.
    group.bench_function("create and enter", |bencher| {
        bencher.iter_with_large_drop(|| n_suspended(N_LIVE));
    });
    group.bench_function("close", |bencher| {
        bencher.iter_batched(|| n_suspended(N_LIVE), drop, BatchSize::PerIteration);
    });
    group.finish();
}
