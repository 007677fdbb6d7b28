//! A switch keeps every callee-saved register, the direction flag and the vectors that are live, on
//! both sides of it. The names begin with `registers`, so that CI can run these alone under
//! several ways of generating code.

#![allow(unsafe_code)]
#![cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]

use std::arch::global_asm;
use std::hint::black_box;

use selvedge::{Coroutine, CoroutineState, Generator, Yielder, on_stack};

#[cfg(target_arch = "x86_64")]
global_asm!(include_str!("callee_saved_x86_64.s"), keep = sym keep);
#[cfg(target_arch = "aarch64")]
global_asm!(include_str!("callee_saved_aarch64.s"), keep = sym keep);

// SAFETY: defined by the assembly above, which follows the calling convention.
unsafe extern "C" {
    /// Calls `f` with the callee-saved registers filled from `base`; a bit for each that it changed.
    fn keep(f: extern "C" fn(*mut ()), data: *mut (), base: u64) -> u64;
}

/// Which callee-saved registers the closure changes.
fn changed_by(base: u64, mut f: impl FnMut()) -> u64 {
    extern "C" fn call<F: FnMut()>(data: *mut ()) {
        // SAFETY: the address of the closure, which nobody else uses meanwhile.
        unsafe { (*data.cast::<F>())() }
    }
    fn of<F: FnMut()>(_: &F) -> extern "C" fn(*mut ()) {
        call::<F>
    }
    let call = of(&f);
    // SAFETY: `call` is given the closure that it is for, and nothing unwinds.
    unsafe { keep(call, (&raw mut f).cast(), base) }
}

#[test]
fn registers_of_the_resumer_and_of_the_body_survive_switches_in_and_out() {
    let mut coroutine = Coroutine::new(|yielder: &Yielder<u64, u64>, mut sent: u64| {
        // Ended by a value: a close can't unwind through `keep`.
        while sent != 0 {
            let mut next = 0;
            let changed = changed_by(sent << 32, || next = yielder.suspend(sent));
            assert_eq!(changed, 0, "registers that a suspension changed");
            sent = next;
        }
    });
    for i in 1..1_000 {
        let changed = changed_by(i << 20, || {
            assert_eq!(coroutine.send(i), CoroutineState::Yielded(i));
        });
        assert_eq!(changed, 0, "registers that a send changed");
    }
    coroutine.send(0).unwrap_complete();
}

#[test]
fn registers_survive_first_and_last_switches_closes_and_other_stacks() {
    let whole_life = || {
        let mut coroutine = Coroutine::new(|yielder: &Yielder<(), u8>, ()| yielder.suspend(1));
        coroutine.resume().unwrap_yielded();
        coroutine.resume().unwrap_complete();
        let mut closed = Generator::new(|yielder: &Yielder<(), u8>| yielder.yield_from(0..));
        closed.next();
        closed.close().expect("it ends");
        on_stack(64 * 1024, || black_box(()));
    };
    assert_eq!(changed_by(0x1234_5678, whole_life), 0);
}

#[test]
fn registers_with_live_vectors_survive_on_both_sides() {
    /// Sums kept in as many vectors as the compiler likes, with a call of `step` in each round.
    fn sums(seed: f64, mut step: impl FnMut()) -> [f64; 32] {
        let mut sums = [seed; 32];
        for round in 0..100 {
            for (i, sum) in sums.iter_mut().enumerate() {
                *sum += f64::from(round) * (i as f64 + 0.5);
            }
            step();
        }
        sums
    }
    let mut coroutine =
        Coroutine::new(|yielder: &Yielder<(), ()>, ()| sums(2.0, || yielder.suspend(())));
    let outside = sums(1.0, || coroutine.resume().unwrap_yielded());
    let inside = coroutine.resume().unwrap_complete();
    assert_eq!(outside, sums(1.0, || {}));
    assert_eq!(inside, sums(2.0, || {}));
}

#[test]
fn registers_are_enough_for_a_suspension_deep_in_a_recursion() {
    /// So many values are live across the suspension that the compiler has no register left, and
    /// uses the frame pointer's as well where it may.
    fn walk(yielder: &Yielder<(), u64>, depth: u64, seeds: [u64; 6]) -> u64 {
        let [a, b, c, d, e, f] =
            black_box(seeds).map(|seed| seed.rotate_left(depth as u32) ^ depth);
        if depth == 0 {
            yielder.suspend(a ^ b ^ c);
        } else {
            walk(yielder, depth - 1, [b, c, d, e, f, a]);
        }
        a.wrapping_mul(b) ^ c.wrapping_mul(d) ^ e.wrapping_mul(f)
    }
    fn expected(depth: u64, seeds: [u64; 6]) -> u64 {
        let [a, b, c, d, e, f] = seeds.map(|seed| seed.rotate_left(depth as u32) ^ depth);
        a.wrapping_mul(b) ^ c.wrapping_mul(d) ^ e.wrapping_mul(f)
    }
    for depth in 0..50 {
        let seeds = [3, 5, 7, 11, 13, 17];
        let mut coroutine =
            Coroutine::new(move |yielder: &Yielder<(), u64>, ()| walk(yielder, depth, seeds));
        coroutine.resume().unwrap_yielded();
        assert_eq!(coroutine.resume().unwrap_complete(), expected(depth, seeds));
    }
}
