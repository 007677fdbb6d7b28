//! A value of any size and alignment moves exactly once in each direction: as the first value, In, Out and Ret.
//!
//! Each probe checks its pattern, its alignment and the thread's count of live probes at every station.

use std::cell::Cell;
use std::fmt::Debug;

use selvedge::coroutine::Refused;
use selvedge::{Coroutine, CoroutineState, Yielder};

use crate::support::caught;

thread_local! {
    static LIVE: Cell<isize> = const { Cell::new(0) };
}

fn live() -> isize {
    LIVE.get()
}

/// A value whose bytes follow from a seed, so that a torn, shifted or stale value is detected.
trait Probe: Debug + 'static {
    fn make(seed: u8) -> Self;
    fn check(&self, seed: u8);
}

fn pattern(seed: u8, index: usize) -> u8 {
    seed.wrapping_mul(31) ^ (index as u8).wrapping_mul(7) ^ (index >> 8) as u8
}

/// The address goes through a black box, since the compiler assumes the alignment of references.
fn assert_aligned(address: usize, alignment: usize, name: &str) {
    assert_eq!(
        std::hint::black_box(address) % alignment,
        0,
        "{name} at {address:#x}"
    );
}

macro_rules! probe {
    ($name:ident, $align:literal, $size:literal) => {
        #[derive(Debug)]
        #[repr(C, align($align))]
        struct $name([u8; $size]);

        impl Probe for $name {
            fn make(seed: u8) -> Self {
                LIVE.set(LIVE.get() + 1);
                Self(std::array::from_fn(|index| pattern(seed, index)))
            }

            fn check(&self, seed: u8) {
                assert_aligned(std::ptr::from_ref(self) as usize, $align, stringify!($name));
                let broken = (0..$size).find(|&index| self.0[index] != pattern(seed, index));
                assert_eq!(
                    broken,
                    None,
                    "first broken byte of {} made from {seed}",
                    stringify!($name)
                );
            }
        }

        impl Drop for $name {
            fn drop(&mut self) {
                LIVE.set(LIVE.get() - 1);
            }
        }
    };
}

probe!(Nothing, 1, 0);
probe!(AlignedNothing, 128, 0);
probe!(Byte, 1, 1);
probe!(Word, 8, 8);
probe!(LooseWord, 1, 8);
probe!(WordAndByte, 1, 9);
probe!(TwoWords, 8, 16);
probe!(Vector, 16, 16);
probe!(Wide, 32, 32);
probe!(OverAlignedByte, 64, 1);
probe!(CacheLinePair, 128, 128);
probe!(Kibibyte, 1, 1024);
probe!(AlignedKibibyte, 128, 1024);
probe!(Page, 1, 4096);
probe!(AlignedPage, 128, 4096);

/// Sends an I, receives an O, returns an R, and checks the live count after each value has moved.
fn travel<I: Probe, O: Probe, R: Probe>() {
    assert_eq!(live(), 0);
    let mut coroutine = Coroutine::new(|yielder: &Yielder<I, O>, first: I| {
        first.check(1);
        assert_eq!(live(), 1);
        for round in 0..20 {
            let out = O::make(100 + round);
            out.check(100 + round);
            let input = yielder.suspend(out);
            input.check(2 + round);
            assert_eq!(live(), 2, "the first value and this one");
        }
        first.check(1);
        drop(first);
        R::make(77)
    });
    let mut input = I::make(1);
    for round in 0..20 {
        let CoroutineState::Yielded(out) = coroutine.send(input) else {
            panic!("twenty suspensions")
        };
        out.check(100 + round);
        assert_eq!(live(), 2, "the body's first value and this one");
        drop(out);
        input = I::make(2 + round);
    }
    let CoroutineState::Complete(ret) = coroutine.send(input) else {
        panic!("the body is at its end")
    };
    ret.check(77);
    assert_eq!(live(), 1);
    drop(coroutine);
    ret.check(77);
    drop(ret);
    assert_eq!(live(), 0);
}

/// A value that a finished coroutine refuses is returned intact; one that `send` can't return is dropped once.
fn refuse<I: Probe>() {
    let mut coroutine = Coroutine::new(|_: &Yielder<I, ()>, first: I| drop(first));
    coroutine.send(I::make(3));
    let Refused { value, .. } = coroutine.try_send(I::make(4)).expect_err("it is done");
    value.check(4);
    assert_eq!(live(), 1);
    drop(value);
    caught(|| coroutine.send(I::make(5)));
    assert_eq!(live(), 0);
}

/// A value returned through an ignored close, and one returned while closing, are intact as well.
fn leave_while_closing<T: Probe>() {
    let mut coroutine = Coroutine::new(|yielder: &Yielder<(), T>, ()| {
        assert!(yielder.suspend_catching(T::make(1)).is_err());
        assert!(yielder.suspend_catching(T::make(2)).is_err());
        T::make(3)
    });
    drop(coroutine.resume());
    let kept = coroutine
        .close()
        .expect_err("it suspends again")
        .into_value()
        .expect("what it suspended with");
    kept.check(2);
    assert_eq!(live(), 1);
    drop(kept);
    let ret = coroutine.close().expect("it returns").expect("its value");
    ret.check(3);
    drop(ret);
    assert_eq!(live(), 0);
}

fn every_way<T: Probe>() {
    travel::<T, T, T>();
    travel::<T, Nothing, Page>();
    travel::<Page, T, Word>();
    travel::<Word, AlignedPage, T>();
    refuse::<T>();
    leave_while_closing::<T>();
}

#[test]
fn zero_sized_values_move_once() {
    every_way::<Nothing>();
    every_way::<AlignedNothing>();
}

#[test]
fn values_of_a_word_and_less_move_once() {
    every_way::<Byte>();
    every_way::<Word>();
    every_way::<LooseWord>();
}

#[test]
fn values_just_over_a_word_move_once() {
    every_way::<WordAndByte>();
    every_way::<TwoWords>();
    every_way::<Vector>();
}

#[test]
fn over_aligned_values_keep_their_alignment() {
    every_way::<Wide>();
    every_way::<OverAlignedByte>();
    every_way::<CacheLinePair>();
    every_way::<AlignedKibibyte>();
    every_way::<AlignedPage>();
}

#[test]
fn values_of_a_kibibyte_and_a_page_move_once() {
    every_way::<Kibibyte>();
    every_way::<Page>();
}

/// Checks that every bit of a plain value survives in both directions.
fn echoes<T: Copy + PartialEq + Debug + 'static>(values: &[T]) {
    let mut coroutine = Coroutine::new(|yielder: &Yielder<T, T>, first: T| {
        let mut value = first;
        loop {
            value = yielder.suspend(value);
        }
    });
    for &value in values {
        let state: CoroutineState<T, ()> = coroutine.send(value);
        assert_eq!(state, CoroutineState::Yielded(value));
    }
}

#[test]
fn integers_keep_every_bit() {
    echoes(&[false, true, true, false]);
    echoes(&[0u8, 1, 0x80, 0xff]);
    echoes(&[i16::MIN, -1, 0, i16::MAX]);
    echoes(&['\0', 'ß', char::MAX]);
    echoes(&[0u32, 1, 0x8000_0000, u32::MAX]);
    echoes(&[i64::MIN, -1, 0, 0x0123_4567_89ab_cdef, i64::MAX]);
    echoes(&[
        0u128,
        1,
        1 << 64,
        u128::MAX,
        0x0123_4567_89ab_cdef_0011_2233_4455_6677,
    ]);
    echoes(&[(0u8, 0u16), (1, u16::MAX), (0xff, 0x8000)]);
    echoes(&[[1u8, 2, 3], [0xff; 3], [0; 3]]);
    echoes(&[None, Some(0u64), Some(u64::MAX)]);
    echoes(&["", "a word", "two words"]);
}

#[test]
fn floats_keep_every_bit_of_their_payload() {
    let bits = [
        0u64,
        1,
        0x7ff0_0000_0000_0001,
        0x7ff8_dead_beef_cafe,
        0xfff0_0000_0000_0000,
        u64::MAX,
    ];
    let mut coroutine = Coroutine::new(|yielder: &Yielder<f64, f64>, first: f64| {
        let mut value = first;
        loop {
            value = yielder.suspend(value);
        }
    });
    for bits in bits {
        let state: CoroutineState<f64, ()> = coroutine.send(f64::from_bits(bits));
        let CoroutineState::Yielded(value) = state else {
            panic!("it never ends")
        };
        assert_eq!(value.to_bits(), bits);
    }
}

#[test]
fn owned_values_arrive_as_the_same_allocation() {
    let mut coroutine = Coroutine::new(
        |yielder: &Yielder<Box<[u8]>, Box<[u8]>>, first: Box<[u8]>| {
            let second = yielder.suspend(first);
            yielder.suspend(second)
        },
    );
    for length in [1, 4096] {
        let boxed = vec![9u8; length].into_boxed_slice();
        let address = boxed.as_ptr();
        let back = coroutine.send(boxed).unwrap_yielded();
        assert_eq!((back.as_ptr(), back.len()), (address, length));
    }
    let last = vec![1u8; 3].into_boxed_slice();
    let address = last.as_ptr();
    let back = coroutine.send(last).unwrap_complete();
    assert_eq!(back.as_ptr(), address);
}

#[test]
fn closures_and_trait_objects_move_intact() {
    type Step = Box<dyn FnOnce(u32) -> u32>;
    let mut coroutine = Coroutine::new(|yielder: &Yielder<Step, Step>, first: Step| {
        let next = yielder.suspend(Box::new(move |n| first(n) * 2));
        next(1)
    });
    let doubled = coroutine.send(Box::new(|n| n + 1)).unwrap_yielded();
    assert_eq!(doubled(20), 42);
    assert_eq!(coroutine.send(Box::new(|n| n + 6)).unwrap_complete(), 7);
}

#[test]
fn an_uninhabited_type_stands_for_what_never_happens() {
    use std::convert::Infallible;
    let mut never_yields = Coroutine::new(|_: &Yielder<u8, Infallible>, first: u8| first);
    assert_eq!(never_yields.send(3).unwrap_complete(), 3);
    let mut never_returns = Coroutine::new(|yielder: &Yielder<(), u8>, ()| -> Infallible {
        loop {
            yielder.suspend(4);
        }
    });
    assert_eq!(never_returns.resume().unwrap_yielded(), 4);
    assert!(never_returns.close().expect("it unwinds").is_none());
}
