//! All that a function may rely on across a call survives a switch, on both sides of the switch:
//! every callee-saved register, a clear direction flag, the control words of the floating-point
//! unit, and the values that the compiler keeps in registers of any kind.
//!
//! The instructions beside this file fill the callee-saved registers with patterns, call a function
//! that switches, and report the registers' contents afterwards.

#![allow(unsafe_code)]

use std::hint::black_box;

use selvedge::coroutine::{Thrown, TransferRing, on_stack};
use selvedge::{Coroutine, CoroutineState, Yielder};

#[cfg(target_arch = "aarch64")]
use aarch64 as arch;
#[cfg(target_arch = "x86_64")]
use x86_64 as arch;

/// The number of switches on each side.
const N_ROUNDS: u64 = 100;

/// Defines a function of this test by the instructions of a file.
macro_rules! define {
    ($file:literal, $function:ident) => {
        #[cfg(not(target_vendor = "apple"))]
        std::arch::global_asm!(
            include_str!("../../asm/elf/begin.s"),
            include_str!($file),
            include_str!("../../asm/elf/end.s"),
            function = sym $function,
        );
        #[cfg(target_vendor = "apple")]
        std::arch::global_asm!(
            include_str!("../../asm/macho/begin.s"),
            include_str!($file),
            include_str!("../../asm/macho/end.s"),
            function = sym $function,
        );
        // SAFETY: the file's header says how the function is called.
        unsafe extern "C" {
            #[link_name = "selvedge_test_call_with_patterns"]
            pub fn $function(
                f: unsafe extern "C" fn(*mut ()),
                data: *mut (),
                patterns: *const u64,
                room: *mut u64,
            );
        }
    };
}

#[cfg(target_arch = "x86_64")]
mod x86_64 {
    define!("registers_x86_64.s", call_with_patterns);

    pub const NAMES: [&str; 6] = ["rbx", "rbp", "r12", "r13", "r14", "r15"];
    pub const N_WORDS: usize = 9;

    /// The expected other words: no direction flag, and control words as Rust has them.
    pub fn is_as_ever(others: &[u64]) -> bool {
        const DIRECTION: u64 = 1 << 10;
        const MXCSR_FLAGS: u64 = 0x3f;
        others[0] & DIRECTION == 0 && others[1] & !MXCSR_FLAGS == 0x1f80 && others[2] == 0x37f
    }
}

#[cfg(target_arch = "aarch64")]
mod aarch64 {
    define!("registers_aarch64.s", call_with_patterns);

    pub const NAMES: [&str; 19] = [
        "x19", "x20", "x21", "x22", "x23", "x24", "x25", "x26", "x27", "x28", "x29", "d8", "d9",
        "d10", "d11", "d12", "d13", "d14", "d15",
    ];
    pub const N_WORDS: usize = 20;

    /// The expected other word: FPCR as Rust has it.
    pub fn is_as_ever(others: &[u64]) -> bool {
        others[0] == 0
    }
}

/// The errors found. They are checked when every coroutine has ended, because nothing may unwind
/// through the instructions.
type Faults = Vec<String>;

/// Calls `f` with patterns, made from `seed`, in the callee-saved registers.
#[inline(never)]
fn with_patterns<F: FnMut()>(seed: u64, faults: &mut Faults, mut f: F) {
    unsafe extern "C" fn call<F: FnMut()>(f: *mut ()) {
        // SAFETY: `with_patterns` passes an `F` that no other code uses.
        unsafe { (*f.cast::<F>())() }
    }
    let mut patterns = [0; arch::NAMES.len()];
    for (n, pattern) in patterns.iter_mut().enumerate() {
        *pattern = (seed + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (n as u64 + 1) << 56;
    }
    let mut found = [0; arch::N_WORDS];
    // SAFETY: patterns and room are as large as the instructions want them; `call` gets an `F`.
    unsafe {
        arch::call_with_patterns(
            call::<F>,
            (&raw mut f).cast(),
            patterns.as_ptr(),
            found.as_mut_ptr(),
        );
    }
    for ((name, pattern), word) in arch::NAMES.iter().zip(patterns).zip(found) {
        if pattern != word {
            faults.push(format!("{seed}: {name} was {pattern:#x} and is {word:#x}"));
        }
    }
    let others = &found[patterns.len()..];
    if !arch::is_as_ever(others) {
        faults.push(format!("{seed}: flags or control words are {others:#x?}"));
    }
}

#[track_caller]
fn assert_none(faults: &Faults) {
    assert!(faults.is_empty(), "{faults:#?}");
}

/// A number that is unique to this side and round.
fn seed(side: u64, round: u64) -> u64 {
    side << 32 | round
}

#[test]
fn the_resumers_callee_saved_registers_survive_every_send() {
    let mut faults = Faults::new();
    let mut coroutine = Coroutine::new(|yielder: &Yielder<u64, u64>, mut n: u64| {
        while n < N_ROUNDS {
            n = yielder.suspend(black_box(n));
        }
        n
    });
    for round in 0..=N_ROUNDS {
        let mut state = None;
        with_patterns(seed(1, round), &mut faults, || {
            state = Some(coroutine.send(round));
        });
        let expected = if round < N_ROUNDS {
            CoroutineState::Yielded(round)
        } else {
            CoroutineState::Complete(round)
        };
        assert_eq!(state, Some(expected));
    }
    assert_none(&faults);
}

#[test]
fn callee_saved_registers_of_a_body_survive_its_suspensions() {
    let mut coroutine = Coroutine::new(|yielder: &Yielder<u64, u64>, _: u64| {
        let mut faults = Faults::new();
        for round in 0..N_ROUNDS {
            let mut received = 0;
            with_patterns(seed(1, round), &mut faults, || {
                received = yielder.suspend(round);
            });
            if received != round {
                faults.push(format!("{round}: received {received}"));
            }
        }
        faults
    });
    assert_eq!(coroutine.send(0), CoroutineState::Yielded(0));
    for round in 0..N_ROUNDS - 1 {
        let state = coroutine.send(round);
        assert_eq!(state, CoroutineState::Yielded(round + 1));
    }
    assert_none(&coroutine.send(N_ROUNDS - 1).unwrap_complete());
}

/// A body that switches `N_ROUNDS` times to each of its neighbours in a chain of coroutines, with
/// other patterns each time.
fn link(yielder: &Yielder<(), ()>, depth: u64) -> Faults {
    let mut faults = Faults::new();
    let mut inner = (depth > 0)
        .then(|| Coroutine::new(move |yielder: &Yielder<(), ()>, ()| link(yielder, depth - 1)));
    for round in 0..N_ROUNDS {
        if let Some(inner) = &mut inner {
            with_patterns(seed(2 * depth, round), &mut faults, || {
                inner.resume();
            });
        }
        with_patterns(seed(2 * depth + 1, round), &mut faults, || {
            yielder.suspend(())
        });
    }
    faults.extend(
        inner
            .into_iter()
            .flat_map(|mut inner| inner.resume().unwrap_complete()),
    );
    faults
}

#[test]
fn callee_saved_registers_survive_in_nested_coroutines() {
    let mut faults = Faults::new();
    let mut outermost = Coroutine::new(|yielder: &Yielder<(), ()>, ()| link(yielder, 3));
    for round in 0..N_ROUNDS {
        with_patterns(seed(100, round), &mut faults, || {
            outermost.resume();
        });
    }
    faults.extend(outermost.resume().unwrap_complete());
    assert_none(&faults);
}

#[test]
fn callee_saved_registers_survive_throw_close_and_drop() {
    let body = |yielder: &Yielder<(), ()>, ()| loop {
        if let Err(Thrown::Close) = yielder.suspend_catching(()) {
            yielder.suspend(());
        }
    };
    let mut faults = Faults::new();
    for round in 0..N_ROUNDS {
        let mut coroutine: Coroutine<(), (), ()> = Coroutine::new(body);
        coroutine.resume();
        with_patterns(seed(1, round), &mut faults, || {
            coroutine.throw(Box::new("caught"));
        });
        let mut is_ignored = false;
        with_patterns(seed(2, round), &mut faults, || {
            is_ignored = coroutine.close().is_err();
        });
        assert!(is_ignored);
        let mut coroutine = Some(coroutine);
        with_patterns(seed(3, round), &mut faults, || drop(coroutine.take()));
    }
    assert_none(&faults);
}

#[test]
fn callee_saved_registers_survive_transfers_and_on_stack() {
    let mut faults = Faults::new();
    let mut ring = TransferRing::new(3);
    for round in 0..N_ROUNDS {
        with_patterns(seed(1, round), &mut faults, || ring.run(7));
        with_patterns(seed(2, round), &mut faults, || {
            on_stack(64 * 1024, || black_box(round));
        });
    }
    assert_none(&faults);
}

/// More numbers than there are registers of any kind, all of which live across each switch.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Busy {
    floats: [f64; 40],
    integers: [u64; 20],
}

impl Busy {
    fn new(side: u64) -> Self {
        let mut new = Self {
            floats: [0.5; 40],
            integers: [side; 20],
        };
        new.mix(side);
        new
    }

    #[inline(always)]
    fn mix(&mut self, n: u64) {
        for (index, float) in self.floats.iter_mut().enumerate() {
            *float = *float * 0.75 + (n + index as u64) as f64;
        }
        for (index, integer) in self.integers.iter_mut().enumerate() {
            *integer = integer.rotate_left(7) ^ (n + index as u64);
        }
    }
}

/// The same computation without a switch.
#[inline(never)]
fn undisturbed(side: u64) -> Busy {
    let mut busy = Busy::new(black_box(side));
    (0..N_ROUNDS).for_each(|round| busy.mix(black_box(round)));
    busy
}

#[test]
fn vector_and_other_registers_in_use_survive_on_both_sides() {
    let mut coroutine = Coroutine::new(|yielder: &Yielder<u64, u64>, mut n: u64| {
        let mut busy = Busy::new(black_box(2));
        while n < N_ROUNDS {
            busy.mix(n);
            n = yielder.suspend(n);
        }
        busy
    });
    let mut busy = Busy::new(black_box(1));
    for round in 0..N_ROUNDS {
        let answer = coroutine.send(round).unwrap_yielded();
        busy.mix(answer);
    }
    assert_eq!(busy, undisturbed(1));
    assert_eq!(coroutine.send(N_ROUNDS).unwrap_complete(), undisturbed(2));
}

#[test]
fn registers_are_enough_for_a_suspension_deep_in_a_recursion() {
    /// Keeps enough values live across the suspension that the compiler has no register left, and
    /// uses the frame pointer's as well where that is allowed.
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
