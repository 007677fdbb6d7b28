//! The thread's pool of stacks: what its statistics count, that it reuses warm stacks, and that it unmaps idle ones.
//!
//! Each test runs on a thread of its own, whose pool starts empty.

#![allow(unsafe_code)]

use selvedge::stack::{
    DEFAULT_STACK_SIZE_BYTES, PoolStats, pool_stats, set_pool_watermark, trim_pool,
};
use selvedge::{Coroutine, CoroutineState, Yielder};

use crate::support::{at_depth, caught, on_fresh_thread};

type Parked = Coroutine<(), usize, ()>;

/// A suspended coroutine, with an address on its stack to identify the stack.
fn parked() -> Parked {
    parked_with(DEFAULT_STACK_SIZE_BYTES)
}

fn parked_with(size_bytes: usize) -> Parked {
    let body = |yielder: &Yielder<(), usize>, ()| {
        let local = 0u8;
        yielder.suspend(std::ptr::from_ref(std::hint::black_box(&local)) as usize);
    };
    let mut coroutine = Coroutine::builder()
        .stack_size_bytes(size_bytes)
        .build(body)
        .expect("a stack");
    assert!(matches!(coroutine.resume(), CoroutineState::Yielded(_)));
    coroutine
}

fn handed_out(stats: &PoolStats) -> u64 {
    stats.n_reused + stats.n_fresh
}

#[test]
fn a_thread_without_coroutines_holds_no_stacks() {
    on_fresh_thread(|| {
        let stats = pool_stats();
        assert_eq!(
            (
                stats.n_live,
                stats.n_warm,
                stats.n_cold,
                stats.n_slabs,
                stats.mapped_bytes
            ),
            (0, 0, 0, 0, 0)
        );
        assert_eq!(handed_out(&stats), 0);
        trim_pool();
        assert_eq!(pool_stats().n_slabs, 0);
    });
}

#[test]
fn live_counts_the_stacks_in_use_in_every_status_but_done() {
    on_fresh_thread(|| {
        let mut unstarted = Coroutine::new(|_: &Yielder<(), ()>, ()| ());
        assert_eq!(pool_stats().n_live, 1);
        let suspended = parked();
        assert_eq!(pool_stats().n_live, 2);
        unstarted.resume();
        assert_eq!(
            pool_stats().n_live,
            1,
            "a finished coroutine has given its stack back"
        );
        drop(suspended);
        assert_eq!(pool_stats().n_live, 0);
        let mut closed = parked();
        closed.close().expect("it unwinds");
        assert_eq!(pool_stats().n_live, 0);
        let mut thrown_at = parked();
        caught(|| thrown_at.throw(Box::new(())));
        assert_eq!(pool_stats().n_live, 0);
        let running = Coroutine::new(|_: &Yielder<(), usize>, ()| pool_stats().n_live).resume();
        assert_eq!(running, CoroutineState::Complete(1));
    });
}

#[test]
fn every_creation_is_either_fresh_or_reused() {
    on_fresh_thread(|| {
        for round in 1..=5u64 {
            let many: Vec<_> = (0..20).map(|_| parked()).collect();
            assert_eq!(handed_out(&pool_stats()), round * 20);
            drop(many);
        }
        let stats = pool_stats();
        assert!(stats.n_reused > 0 && stats.n_fresh > 0, "{stats:?}");
    });
}

#[test]
fn a_returned_stack_is_warm_and_the_next_coroutine_gets_it() {
    on_fresh_thread(|| {
        let mut first = parked();
        let address = first.resume().complete();
        assert_eq!(address, Some(()));
        let before = pool_stats();
        assert_eq!((before.n_live, before.n_warm), (0, 1));
        let second = parked();
        let after = pool_stats();
        assert_eq!((after.n_live, after.n_warm), (1, 0));
        assert_eq!(
            (
                after.n_reused - before.n_reused,
                after.n_fresh - before.n_fresh
            ),
            (1, 0)
        );
        assert_eq!(after.n_slabs, before.n_slabs);
        drop(second);
    });
}

#[test]
fn creating_and_dropping_one_after_another_needs_one_stack() {
    on_fresh_thread(|| {
        drop(parked());
        let before = pool_stats();
        for _ in 0..1_000 {
            drop(parked());
        }
        let after = pool_stats();
        assert_eq!(
            (after.n_fresh, after.n_slabs, after.mapped_bytes),
            (before.n_fresh, before.n_slabs, before.mapped_bytes)
        );
        assert_eq!(after.n_reused - before.n_reused, 1_000);
    });
}

#[test]
fn the_watermark_limits_the_number_of_warm_stacks() {
    on_fresh_thread(|| {
        set_pool_watermark(4);
        let many: Vec<_> = (0..50).map(|_| parked()).collect();
        drop(many);
        let stats = pool_stats();
        assert!(stats.n_live == 0 && stats.n_warm <= 4, "{stats:?}");
        assert!(stats.n_trimmed > 0, "{stats:?}");
        set_pool_watermark(0);
        drop(parked());
        assert_eq!(pool_stats().n_warm, 0);
    });
}

#[test]
fn a_watermark_above_the_idle_count_trims_nothing() {
    on_fresh_thread(|| {
        set_pool_watermark(100);
        let many: Vec<_> = (0..50).map(|_| parked()).collect();
        drop(many);
        let stats = pool_stats();
        assert_eq!((stats.n_warm, stats.n_trimmed), (50, 0));
    });
}

#[test]
fn trimming_gives_every_idle_stack_back_and_unmaps_idle_slabs() {
    on_fresh_thread(|| {
        let many: Vec<_> = (0..50).map(|_| parked()).collect();
        let full = pool_stats();
        assert!(
            full.n_slabs > 0 && full.mapped_bytes >= 50 * DEFAULT_STACK_SIZE_BYTES,
            "{full:?}"
        );
        drop(many);
        trim_pool();
        let stats = pool_stats();
        assert_eq!(
            (
                stats.n_live,
                stats.n_warm,
                stats.n_slabs,
                stats.mapped_bytes
            ),
            (0, 0, 0, 0),
            "{stats:?}"
        );
        drop(parked());
        assert_eq!(pool_stats().n_live, 0);
    });
}

#[test]
fn trimming_leaves_live_coroutines_alone() {
    on_fresh_thread(|| {
        let body = |yielder: &Yielder<(), u64>, ()| {
            let filled: [u64; 512] = std::array::from_fn(|index| index as u64 * 3);
            yielder.suspend(filled[1]);
            filled.iter().sum::<u64>()
        };
        let mut kept = Coroutine::new(body);
        kept.resume();
        let others: Vec<_> = (0..100).map(|_| parked()).collect();
        let mut also_kept = Coroutine::new(body);
        also_kept.resume();
        drop(others);
        trim_pool();
        let stats = pool_stats();
        assert!(
            stats.n_live == 2 && stats.n_warm == 0 && stats.n_slabs > 0,
            "{stats:?}"
        );
        let sum = (0..512).map(|index| index * 3).sum();
        assert_eq!(kept.resume(), CoroutineState::Complete(sum));
        assert_eq!(also_kept.resume(), CoroutineState::Complete(sum));
        trim_pool();
        assert_eq!(pool_stats().n_slabs, 0);
    });
}

#[test]
fn a_reused_stack_starts_a_new_high_water_mark() {
    on_fresh_thread(|| {
        let dig = |depth: usize| {
            let body =
                move |yielder: &Yielder<(), ()>, ()| at_depth(depth, &mut || yielder.suspend(()));
            let mut coroutine = Coroutine::new(body);
            coroutine.resume();
            coroutine.stack().expect("it is not done").high_water_bytes
        };
        assert!(dig(150 * 1024) >= 150 * 1024);
        trim_pool();
        let shallow = dig(1024);
        assert!(shallow < 64 * 1024, "{shallow}");
    });
}

/// A kernel may be built without names for mappings: then it refuses the name of a page as well.
#[cfg(target_os = "linux")]
#[test]
fn the_systems_map_of_memory_names_the_stacks() {
    let can_name = || {
        let (access, flags) = (libc::PROT_READ, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
        // SAFETY: a new mapping is named and unmapped, and nothing else uses it.
        unsafe {
            let page = libc::mmap(std::ptr::null_mut(), 4096, access, flags, -1, 0);
            let result = libc::prctl(0x5356_4d41, 0_u64, page, 4096, c"a page".as_ptr());
            libc::munmap(page, 4096);
            result == 0
        }
    };
    on_fresh_thread(move || {
        let _live = parked();
        let maps = std::fs::read_to_string("/proc/self/maps").expect("Linux");
        assert_eq!(
            maps.contains("[anon:selvedge stacks]"),
            can_name(),
            "{maps}"
        );
    });
}

#[test]
fn stacks_of_other_sizes_come_from_other_slots() {
    on_fresh_thread(|| {
        drop(parked());
        let large = parked_with(2048 * 1024);
        assert_eq!(
            large.stack().map(|usage| usage.size_bytes),
            Some(2048 * 1024)
        );
        drop(large);
        let small = parked();
        assert_eq!(
            small.stack().map(|usage| usage.size_bytes),
            Some(DEFAULT_STACK_SIZE_BYTES)
        );
        drop(small);
        trim_pool();
        assert_eq!(pool_stats().mapped_bytes, 0);
    });
}

#[test]
fn many_odd_sizes_do_not_pile_up_once_trimmed() {
    on_fresh_thread(|| {
        for size in (0..200).map(|step| 16 * 1024 + step * 4_096) {
            drop(parked_with(size));
        }
        trim_pool();
        let stats = pool_stats();
        assert_eq!(
            (stats.n_live, stats.n_warm, stats.mapped_bytes),
            (0, 0, 0),
            "{stats:?}"
        );
    });
}

#[test]
fn each_thread_has_a_pool_of_its_own() {
    on_fresh_thread(|| {
        let mine = parked();
        let theirs = std::thread::spawn(|| {
            let empty = pool_stats().n_live;
            let _theirs = (parked(), parked());
            (empty, pool_stats().n_live)
        });
        assert_eq!(theirs.join().expect("its checks hold"), (0, 2));
        assert_eq!(pool_stats().n_live, 1);
        drop(mine);
    });
}
