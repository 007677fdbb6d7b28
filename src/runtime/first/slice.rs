//! [`Slice`]: waits of one type, whose number is known at run time.

#![allow(unsafe_code)]

use std::cell::Cell;
use std::fmt;
use std::pin::Pin;

use super::wait::describe_next;
use super::{Arm, End, Here, Wait, Waits};

/// The waits of a slice.
pub(crate) struct Slice<'a, W>(pub(crate) &'a mut [W]);

/// Arms in memory that the thread keeps for the next wait.
pub(crate) struct Arms(Vec<Arm>);

/// The most arms that a thread keeps.
const N_KEPT: usize = 256;

thread_local! {
    static KEPT: Cell<Vec<Arm>> = const { Cell::new(Vec::new()) };
}

impl Arms {
    fn get(self: Pin<&Self>, index: usize) -> Pin<&Arm> {
        // SAFETY: the elements are pinned with the vector, which does not change until it is dropped.
        unsafe { self.map_unchecked(|arms| &arms.0[index]) }
    }
}

impl Drop for Arms {
    fn drop(&mut self) {
        // Each arm unlinks itself.
        self.0.clear();
        if self.0.capacity() <= N_KEPT {
            let arms = std::mem::take(&mut self.0);
            // At the end of the thread the memory is not kept.
            let _ = KEPT.try_with(|kept| kept.set(arms));
        }
    }
}

impl<W: Wait> Waits for Slice<'_, W> {
    type Output = (usize, W::Output);
    type Arms = Arms;

    fn arms(&self, here: Here) -> Arms {
        let mut arms = KEPT.try_with(Cell::take).unwrap_or_default();
        arms.resize_with(self.0.len(), || Arm::new(here));
        Arms(arms)
    }

    fn try_now(&mut self) -> Option<(usize, W::Output)> {
        let mut waits = self.0.iter_mut().enumerate();
        waits.find_map(|(index, wait)| Some((index, wait.try_now()?)))
    }

    fn start(&mut self, arms: Pin<&Arms>) -> bool {
        let mut waits = self.0.iter_mut().enumerate();
        waits.any(|(index, wait)| wait.start(arms.get(index)))
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
