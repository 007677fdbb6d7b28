//! Passing a value through a switch: it is moved exactly once, in a register if it fits.
//!
//! A larger value stays where it is and its address is sent. The receiver reads it immediately, before
//! the sender continues.

#![allow(unsafe_code)]

use std::mem::{ManuallyDrop, MaybeUninit};
use std::ptr;

use crate::arch::Word;

/// Whether a value is passed in a register.
pub(super) const fn fits<T>() -> bool {
    size_of::<T>() <= size_of::<Word>()
}

/// Encodes a value as a word. The value counts as moved once the word is received, and must stay in place
/// until then.
#[cfg_attr(debug_assertions, inline)]
#[cfg_attr(not(debug_assertions), inline(always))]
pub(super) fn encode<T>(value: &mut ManuallyDrop<T>) -> Word {
    let mut word = Word::uninit();
    if fits::<T>() {
        // SAFETY: the value is no larger than the word; padding stays uninitialised, which the word's type
        // allows.
        unsafe {
            ptr::copy_nonoverlapping(
                ptr::from_ref(value).cast::<u8>(),
                word.as_mut_ptr().cast::<u8>(),
                size_of::<T>(),
            );
        }
    } else {
        word.write(ptr::from_mut(value).cast());
    }
    word
}

/// Decodes the value that was sent.
///
/// # Safety
/// The word comes from [`encode`] of the same type and is decoded once; a value that does not fit is still
/// in place.
#[cfg_attr(debug_assertions, inline)]
#[cfg_attr(not(debug_assertions), inline(always))]
pub(super) unsafe fn decode<T>(word: Word) -> T {
    let mut value = MaybeUninit::<T>::uninit();
    // SAFETY: the caller guarantees that these are the bytes of a value, which now moves.
    unsafe {
        if fits::<T>() {
            ptr::copy_nonoverlapping(
                word.as_ptr().cast::<u8>(),
                value.as_mut_ptr().cast::<u8>(),
                size_of::<T>(),
            );
            value.assume_init()
        } else {
            word.assume_init().cast::<T>().read()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn there_and_back<T>(value: T) -> T {
        let mut value = ManuallyDrop::new(value);
        let word = encode(&mut value);
        // SAFETY: encoded just above, and still there.
        unsafe { decode(word) }
    }

    #[test]
    fn values_of_all_shapes_survive() {
        there_and_back(());
        assert_eq!(there_and_back(7_u8), 7);
        assert_eq!(there_and_back((1_u8, 2_u32)), (1, 2));
        assert_eq!(there_and_back(Box::new(3)), Box::new(3));
        assert_eq!(there_and_back([4_u64; 100]), [4; 100]);
        assert_eq!(there_and_back(String::from("five")), "five");
    }
}
