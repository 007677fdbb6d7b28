//! The cost of a switch. A *round trip* is two switches, in and out: with values of several sizes, against corosensei,
//! generator and OS threads. A *transfer* is one switch from a coroutine to the next: among few coroutines, and among more
//! than the caches hold.
//!
//! `cargo bench --bench switch`; criterion's plots are in `target/criterion`.

// criterion_group! expands to a public function without documentation.
#![allow(missing_docs)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, criterion_group, criterion_main};
use generator::Gn;
use selvedge::coroutine::TransferRing;
use selvedge::{Coroutine, Yielder};

#[path = "peers/threads.rs"]
mod threads;

use threads::{Parking, Piping, Placement};

criterion_main!(benches);
criterion_group!(benches, threads_round_trip, round_trip, transfer);

/// Runs first, because it binds this thread to the core on which the other groups are measured too.
fn threads_round_trip(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("round_trip_of_threads");
    for placement in Placement::all() {
        let mut parking = Parking::new(&placement);
        group.bench_function(
            BenchmarkId::new("park and unpark", placement.name),
            |bencher| {
                bencher.iter_custom(|n| timed(|| parking.round_trips(n as usize)));
            },
        );
        let mut piping = Piping::new(&placement).expect("two pipes");
        group.bench_function(
            BenchmarkId::new("byte through a pipe", placement.name),
            |bencher| {
                bencher.iter_custom(|n| timed(|| piping.round_trips(n as usize)));
            },
        );
    }
    group.finish();
}

fn timed(operation: impl FnOnce()) -> Duration {
    let start = Instant::now();
    operation();
    start.elapsed()
}

fn round_trip(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("round_trip");
    echo(&mut group, ());
    echo(&mut group, 0_usize);
    echo(&mut group, [0_u8; 64]);
    echo(&mut group, [0_u8; 4096]);
    group.finish();
}

/// Sends a value and gets it back, by ours and the peers. The benchmark's parameter is the value's size in bytes.
fn echo<T: Copy + Send + 'static>(group: &mut BenchmarkGroup<'_, WallTime>, value: T) {
    let id = |name| BenchmarkId::new(name, size_of::<T>());

    let mut ours = Coroutine::new(|yielder: &Yielder<T, T>, mut value: T| -> T {
        loop {
            value = yielder.suspend(value);
        }
    });
    group.bench_function(id("selvedge"), |bencher| {
        bencher.iter(|| ours.send(black_box(value)));
    });

    let body = |yielder: &corosensei::Yielder<T, T>, mut value: T| -> T {
        loop {
            value = yielder.suspend(value);
        }
    };
    let mut theirs = corosensei::Coroutine::new(body);
    group.bench_function(id("corosensei"), |bencher| {
        bencher.iter(|| theirs.resume(black_box(value)));
    });

    let mut theirs = Gn::new_scoped(|mut scope| -> T {
        let mut value: T = scope.get_yield().expect("a value is sent");
        loop {
            value = scope.yield_(value).expect("a value is sent");
        }
    });
    group.bench_function(id("generator"), |bencher| {
        bencher.iter(|| theirs.send(black_box(value)));
    });
}

/// The benchmark's parameter is the number of coroutines in the ring.
fn transfer(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("transfer");
    for n_coroutines in [2, 16, 1_000, 100_000] {
        let mut ring = TransferRing::new(n_coroutines);
        group.bench_function(BenchmarkId::from_parameter(n_coroutines), |bencher| {
            bencher.iter_custom(|n| timed(|| ring.run(n as usize)));
        });
    }
    group.finish();
}
