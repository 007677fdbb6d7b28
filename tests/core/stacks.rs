//! Stack sizes: which sizes the builder accepts, rounds and refuses, and what usage and `remaining_stack_bytes` report.

use std::io;

use selvedge::coroutine::remaining_stack_bytes;
use selvedge::stack::{DEFAULT_STACK_SIZE_BYTES, MIN_STACK_SIZE_BYTES, StackUsage};
use selvedge::{Coroutine, CoroutineState, Yielder};

use crate::support::{Counted, assert_sentence, at_depth, live, on_fresh_thread};

const KIB: usize = 1024;

/// The bytes that entering a body may use before its first line: control block, colour and unoptimised frames.
const ENTRY_BYTES: usize = 16 * KIB;

/// The bytes that a stack may have beyond its size, so that the control block and the colour take nothing from the
/// size.
const SPARE_BYTES: usize = 8 * KIB;

/// A coroutine that completes with the remaining size of its stack at the first line of its body.
fn measuring(size_bytes: usize) -> io::Result<Coroutine<(), (), usize>> {
    let body =
        |_: &Yielder<(), ()>, ()| remaining_stack_bytes().expect("a coroutine knows its stack");
    Coroutine::builder()
        .stack_size_bytes(size_bytes)
        .build(body)
}

fn usage<In: 'static, Out: 'static, Ret: 'static>(
    coroutine: &Coroutine<In, Out, Ret>,
) -> StackUsage {
    coroutine.stack().expect("it is not done")
}

#[test]
fn the_default_and_minimum_sizes_are_as_documented() {
    // A dependency and its test are built with the same profile.
    let default = if cfg!(debug_assertions) { 1024 } else { 256 };
    assert_eq!(
        (DEFAULT_STACK_SIZE_BYTES, MIN_STACK_SIZE_BYTES),
        (default * KIB, 16 * KIB)
    );
    let coroutine = Coroutine::new(|_: &Yielder<(), ()>, ()| ());
    assert_eq!(usage(&coroutine).size_bytes, DEFAULT_STACK_SIZE_BYTES);
}

#[test]
fn a_zero_stack_size_is_invalid_input_and_drops_the_body() {
    let capture = Counted::new(1);
    let body = move |_: &Yielder<(), ()>, ()| drop(capture);
    let error = Coroutine::builder()
        .stack_size_bytes(0)
        .build(body)
        .expect_err("no stack has no size");
    assert_eq!((error.kind(), live()), (io::ErrorKind::InvalidInput, 0));
    assert_sentence(&error.to_string());
}

#[test]
fn sizes_below_the_minimum_are_rounded_up_to_it() {
    for size in [
        1,
        5_000,
        8 * KIB,
        MIN_STACK_SIZE_BYTES - 1,
        MIN_STACK_SIZE_BYTES,
    ] {
        let mut coroutine = measuring(size).expect("a small stack");
        assert_eq!(
            usage(&coroutine).size_bytes,
            MIN_STACK_SIZE_BYTES,
            "asked for {size}"
        );
        assert!(coroutine.resume().unwrap_complete() <= MIN_STACK_SIZE_BYTES + SPARE_BYTES);
    }
}

#[test]
fn other_sizes_are_rounded_up_to_whole_pages() {
    for size in [
        MIN_STACK_SIZE_BYTES + 1,
        100_000,
        123_457,
        DEFAULT_STACK_SIZE_BYTES - 1,
        1024 * KIB,
        1024 * KIB + 1,
    ] {
        let coroutine = measuring(size).expect("a stack");
        let got = usage(&coroutine).size_bytes;
        // Pages have 4, 16 or 64 KiB.
        assert!(
            got >= size && got - size < 64 * KIB && got.is_multiple_of(4 * KIB),
            "asked for {size}, got {got}"
        );
    }
}

#[test]
fn every_byte_asked_for_can_be_used() {
    for size in [
        MIN_STACK_SIZE_BYTES,
        40 * KIB,
        100_000,
        DEFAULT_STACK_SIZE_BYTES,
        1024 * KIB,
        3_000_000,
    ] {
        let body = |_: &Yielder<(), ()>, ()| {
            let left = remaining_stack_bytes().expect("on a coroutine");
            // One page stays for the frames at the bottom.
            at_depth(left - 4 * KIB, &mut || {
                remaining_stack_bytes().expect("on a coroutine")
            })
        };
        let mut coroutine = Coroutine::builder()
            .stack_size_bytes(size)
            .build(body)
            .expect("a stack");
        let left = coroutine.resume().unwrap_complete();
        assert!(left <= 4 * KIB, "{left} of {size} left");
    }
}

#[test]
fn absurd_sizes_are_errors_and_the_process_stays_usable() {
    let top = usize::MAX;
    for size in [
        top,
        top - 1,
        top - 4_095,
        top - 64 * KIB,
        top / 2 + 1,
        isize::MAX as usize,
        top / 4,
        top / 16,
    ] {
        let error = measuring(size).expect_err("it does not fit the address space");
        let kind = error.kind();
        assert!(
            matches!(
                kind,
                io::ErrorKind::InvalidInput | io::ErrorKind::OutOfMemory
            ),
            "{size:#x}: {kind:?}"
        );
        assert_sentence(&error.to_string());
        assert!(
            measuring(64 * KIB)
                .expect("a sane stack")
                .resume()
                .complete()
                .is_some()
        );
    }
}

#[test]
fn stacks_of_many_sizes_live_beside_each_other() {
    let sizes = [16, 64, 256, 20, 1024, 100, 64, 16, 4096, 256, 333].map(|size| size * KIB);
    let build = |size| {
        let body = move |yielder: &Yielder<(), usize>, ()| {
            let local = [size; 64];
            yielder.suspend(local[63]);
            local.iter().filter(|&&word| word == size).count()
        };
        Coroutine::builder()
            .stack_size_bytes(size)
            .build(body)
            .expect("a stack")
    };
    let mut coroutines = sizes.map(build);
    for (coroutine, size) in coroutines.iter_mut().zip(sizes) {
        assert_eq!(coroutine.resume(), CoroutineState::Yielded(size));
    }
    for coroutine in coroutines.iter_mut().rev() {
        assert_eq!(coroutine.resume(), CoroutineState::Complete(64));
    }
}

#[test]
fn the_high_water_mark_covers_what_was_touched_and_little_more() {
    on_fresh_thread(|| {
        let mut coroutine: Coroutine<usize, (), ()> = Coroutine::builder()
            .stack_size_bytes(1024 * KIB)
            .build(|yielder: &Yielder<usize, ()>, first: usize| {
                let mut depth = first;
                loop {
                    depth = at_depth(depth, &mut || yielder.suspend(()));
                }
            })
            .expect("a stack");
        let unstarted = usage(&coroutine);
        assert!(unstarted.high_water_bytes <= ENTRY_BYTES, "{unstarted:?}");
        for depth in [32 * KIB, 100 * KIB, 700 * KIB] {
            coroutine.send(depth);
            let usage = usage(&coroutine);
            assert_eq!(usage.size_bytes, 1024 * KIB);
            assert!(
                (depth..depth + 2 * ENTRY_BYTES).contains(&usage.high_water_bytes),
                "{usage:?} at {depth}"
            );
        }
        coroutine.send(64);
        let back_up = usage(&coroutine);
        assert!(
            back_up.high_water_bytes >= 700 * KIB,
            "the mark stays: {back_up:?}"
        );
    });
}

#[test]
fn stack_usage_has_debug_output() {
    let coroutine = Coroutine::new(|_: &Yielder<(), ()>, ()| ());
    let shown = format!("{:?}", usage(&coroutine));
    assert!(
        shown.contains(&DEFAULT_STACK_SIZE_BYTES.to_string()),
        "{shown}"
    );
}

#[test]
fn remaining_stack_starts_near_the_size() {
    for size in [64 * KIB, DEFAULT_STACK_SIZE_BYTES, 1024 * KIB] {
        let left = measuring(size).expect("a stack").resume().unwrap_complete();
        assert!(
            (size - ENTRY_BYTES..=size + SPARE_BYTES).contains(&left),
            "{left} of {size}"
        );
    }
}

fn left() -> usize {
    remaining_stack_bytes().expect("this stack's bounds are known")
}

#[test]
fn remaining_stack_falls_by_what_is_used_and_rises_again() {
    let mut coroutine = Coroutine::builder()
        .stack_size_bytes(512 * KIB)
        .build(|_: &Yielder<(), ()>, ()| {
            let before = left();
            for depth in [4 * KIB, 50 * KIB, 400 * KIB] {
                let used = before - at_depth(depth, &mut left);
                assert!(
                    (depth..depth + 8 * KIB).contains(&used),
                    "{used} used at {depth}"
                );
            }
            assert!(before.abs_diff(left()) <= 4 * KIB);
        })
        .expect("a stack");
    coroutine.resume();
}

#[test]
fn remaining_stack_is_each_coroutines_own() {
    let outside = left();
    let mut outer = Coroutine::builder()
        .stack_size_bytes(512 * KIB)
        .build(|yielder: &Yielder<(), usize>, ()| {
            let mine = left();
            let mut inner = measuring(64 * KIB).expect("a stack");
            let inners = inner.resume().unwrap_complete();
            assert!(
                inners <= 64 * KIB + SPARE_BYTES && mine > 400 * KIB,
                "{inners} inside {mine}"
            );
            assert!(mine.abs_diff(left()) <= 4 * KIB);
            yielder.suspend(mine);
            assert!(mine.abs_diff(left()) <= 4 * KIB);
        })
        .expect("a stack");
    assert!(outer.resume().unwrap_yielded() <= 512 * KIB + SPARE_BYTES);
    assert!(
        outside.abs_diff(left()) <= 16 * KIB,
        "{outside} before and {} after",
        left()
    );
    outer.resume();
    assert!(outside.abs_diff(left()) <= 16 * KIB);
}

#[test]
fn remaining_stack_is_right_after_a_panic_and_a_close() {
    let outside = left();
    let mut panics = Coroutine::new(|_: &Yielder<(), ()>, ()| panic!("on the way out"));
    crate::support::caught(|| panics.resume());
    assert!(outside.abs_diff(left()) <= 16 * KIB);
    let mut closed = Coroutine::new(|yielder: &Yielder<(), ()>, ()| yielder.suspend(()));
    closed.resume();
    closed.close().expect("it unwinds");
    assert!(outside.abs_diff(left()) <= 16 * KIB);
}
