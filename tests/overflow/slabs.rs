//! The guard of every slot exists and is known to the handler: of the first and the last, in old slabs and new ones.

use selvedge::stack::{set_pool_watermark, trim_pool};
use selvedge::{Coroutine, Yielder};

use crate::{KIB, assert_overflow_reported, overflow_on, recurse, run};

pub const SCENARIOS: &[(&str, fn())] = &[
    ("first_of_many", || one_of_many(0)),
    ("middle_of_many", || one_of_many(617)),
    ("last_of_many", || one_of_many(999)),
    ("after_many_slabs", after_many_slabs),
    ("slot_given_back", slot_given_back),
    ("locked_memory", locked_memory),
];

/// The coroutine at `index`, of a thousand suspended ones, overflows.
fn one_of_many(index: usize) {
    let build = |index: usize| {
        let body = |yielder: &Yielder<(), ()>, ()| {
            yielder.suspend(());
            recurse();
        };
        let builder = Coroutine::builder()
            .name(format!("thread {index:03}"))
            .stack_size_bytes(64 * KIB);
        builder.build(body).expect("a stack")
    };
    let mut many: Vec<_> = (0..1_000).map(build).collect();
    for coroutine in &mut many {
        coroutine.resume();
    }
    many[index].resume();
}

#[test]
fn the_overflowing_one_of_a_thousand_coroutines_is_named() {
    for (scenario, name) in [
        ("first_of_many", "000"),
        ("middle_of_many", "617"),
        ("last_of_many", "999"),
    ] {
        assert_overflow_reported(&run(scenario), &format!("thread {name}"), "64");
    }
}

/// Maps and unmaps more slabs than a table of slabs has rows.
fn after_many_slabs() {
    for round in 0..5_000 {
        let builder = Coroutine::builder().stack_size_bytes(16 * KIB + round % 7 * 4 * KIB);
        drop(
            builder
                .build(|_: &Yielder<(), ()>, ()| ())
                .expect("a stack"),
        );
        trim_pool();
    }
    overflow_on("last", 64 * KIB, recurse);
}

#[test]
fn an_overflow_is_reported_after_many_slabs_were_unmapped() {
    assert_overflow_reported(&run("after_many_slabs"), "last", "64");
}

/// Returns a slot's pages to the system while its slab stays mapped, and reuses the slot.
fn slot_given_back() {
    let _keeps_the_slab = Coroutine::new(|_: &Yielder<(), ()>, ()| ());
    set_pool_watermark(0);
    for _ in 0..10 {
        let mut coroutine = Coroutine::new(|yielder: &Yielder<(), ()>, ()| yielder.suspend(()));
        coroutine.resume();
    }
    trim_pool();
    overflow_on("again", 256 * KIB, recurse);
}

#[test]
fn a_guard_survives_the_return_of_a_slots_pages() {
    assert_overflow_reported(&run("slot_given_back"), "again", "256");
}

/// Locked memory accepts no guards of the cheap kind, and memory may become locked after such guards were found to
/// work.
fn locked_memory() {
    let mut before = Coroutine::new(|yielder: &Yielder<(), ()>, ()| yielder.suspend(()));
    before.resume();
    #[cfg(target_os = "linux")]
    let flags = libc::MCL_FUTURE | libc::MCL_ONFAULT;
    #[cfg(not(target_os = "linux"))]
    let flags = libc::MCL_FUTURE;
    // SAFETY: changes only how later mappings of this process are backed.
    if unsafe { libc::mlockall(flags) } != 0 {
        println!("not allowed to lock memory");
        return;
    }
    overflow_on("locked", 80 * KIB, recurse);
}

#[test]
fn an_overflow_is_reported_in_locked_memory() {
    let ended = run("locked_memory");
    if !ended.stdout.contains("not allowed to lock memory") {
        assert_overflow_reported(&ended, "locked", "80");
    }
}
