//! [`Slice`]: waits of one type, whose number is known at run time.

#![allow(unsafe_code)]

use std::array;
use std::fmt;
use std::pin::Pin;

use super::wait::describe_next;
use super::{Arm, End, Here, Wait, Waits};

/// The waits of a slice.
pub(crate) struct Slice<'a, W>(pub(crate) &'a mut [W]);

/// The arms: few in the waiting frame, further ones in one allocation.
pub(crate) struct Arms {
    few: [Option<Arm>; N_FEW],
    more: Vec<Option<Arm>>,
}

const N_FEW: usize = 8;

impl Arms {
    fn get(self: Pin<&Self>, index: usize) -> Pin<&Arm> {
        // SAFETY: the elements are pinned with the array or the vector, which does not change until it is dropped.
        let arm = unsafe {
            self.map_unchecked(|arms| match index.checked_sub(N_FEW) {
                None => &arms.few[index],
                Some(index) => &arms.more[index],
            })
        };
        arm.as_pin_ref().expect("there is an arm for each wait")
    }
}

impl<W: Wait> Waits for Slice<'_, W> {
    type Output = (usize, W::Output);
    type Arms = Arms;

    fn arms(&self, here: Here) -> Arms {
        let n = self.0.len();
        let arm = |index| (index < n).then(|| Arm::new(here));
        Arms {
            few: array::from_fn(arm),
            more: (N_FEW..n).map(arm).collect(),
        }
    }

    fn try_now(&mut self) -> Option<(usize, W::Output)> {
        let mut waits = self.0.iter_mut().enumerate();
        waits.find_map(|(index, wait)| Some((index, wait.try_now()?)))
    }

    fn start(&mut self, arms: Pin<&Arms>) -> Option<(usize, End)> {
        let mut waits = self.0.iter_mut().enumerate();
        waits.find_map(|(index, wait)| {
            let arm = arms.get(index);
            wait.start(arm).then(|| (index, arm.end()))
        })
    }

    fn winner(&mut self, arms: Pin<&Arms>) -> Option<(usize, End)> {
        let mut waits = self.0.iter_mut().enumerate();
        waits.find_map(|(index, wait)| {
            let arm = arms.get(index);
            wait.is_done(arm).then(|| (index, arm.end()))
        })
    }

    fn leave(&mut self, arms: Pin<&Arms>, winner: Option<usize>) {
        for (index, wait) in self.0.iter_mut().enumerate() {
            arms.get(index).unlink();
            if winner != Some(index) {
                wait.leave(arms.get(index).end());
            }
        }
    }

    fn finish(&mut self, index: usize, end: End) -> (usize, W::Output) {
        (index, self.0[index].finish(end))
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>, is_first: bool) -> fmt::Result {
        /// A longer list would not be read.
        const N_SHOWN: usize = 3;
        for (index, wait) in self.0.iter().take(N_SHOWN).enumerate() {
            describe_next(wait, f, is_first && index == 0)?;
        }
        match self.0.len() {
            n if n > N_SHOWN => write!(f, " and {} more", n - N_SHOWN),
            _ => Ok(()),
        }
    }
}
