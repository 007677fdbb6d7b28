//! A ring of coroutines, each of which transfers to the next: what the symmetric switch costs.
//!
//! The scheduler to come transfers between tasks; until then this is its only user, for the
//! benchmarks and tests. It is hidden from the documentation and no part of the stable surface.

#![allow(unsafe_code)]

use std::cell::{Cell, RefCell};
use std::panic::Location;
use std::rc::Rc;

use super::raw::Answer;
use super::typed::Typed;
use super::value;
use super::yielder::Yielder;
use crate::arch::{Parked, VALUE, Word};
use crate::stack::DEFAULT_STACK_SIZE;

/// A ring of `n` coroutines that hand control round.
#[derive(Debug)]
pub struct TransferRing {
    members: Vec<Typed<(), usize, ()>>,
    shared: Rc<Shared>,
    /// Who goes first the next time.
    next: usize,
}

#[derive(Debug)]
struct Shared {
    parked: RefCell<Vec<Cell<Option<Parked>>>>,
    n_left: Cell<usize>,
}

impl TransferRing {
    /// A ring of so many coroutines, each entered once and parked.
    ///
    /// # Panics
    /// If `n` is zero or there are no stacks to be had.
    #[must_use]
    #[track_caller]
    pub fn new(n: usize) -> Self {
        assert!(n > 0, "a ring has a member at least");
        let shared = Rc::new(Shared {
            parked: RefCell::new(vec![Cell::new(None); n]),
            n_left: Cell::new(0),
        });
        let site = Location::caller();
        let mut ring = Self { members: Vec::with_capacity(n), shared, next: 0 };
        for index in 0..n {
            let shared = Rc::clone(&ring.shared);
            let body = move |yielder: &Yielder<(), usize>, ()| pass_on(yielder, &shared, index);
            let member = Typed::new(DEFAULT_STACK_SIZE, None, site, body);
            ring.members.push(member.expect("stacks for a ring"));
            ring.members[index].send(());
            ring.note(index);
        }
        ring
    }

    /// Lets control go from member to member so many times.
    pub fn run(&mut self, n_transfers: usize) {
        self.shared.n_left.set(n_transfers);
        let first = self.next;
        let parked = self.shared.parked.borrow()[first].get().expect("every member is parked");
        // SAFETY: the member is parked there and expects `()`, which is any word. Whichever
        // member suspends at the end answers its own index.
        let answer = unsafe { self.members[first].raw.enter(parked, Word::uninit(), VALUE) };
        let Answer::Suspended(word) = answer else { unreachable!("members never end") };
        // SAFETY: members suspend with their index.
        let last = unsafe { value::decode::<usize>(word) };
        // What was learned belongs to the member that suspended, not to the one entered.
        self.shared.parked.borrow()[last].set(self.members[first].raw.parked());
        self.next = last;
    }

    fn note(&self, index: usize) {
        self.shared.parked.borrow()[index].set(self.members[index].raw.parked());
    }
}

impl Drop for TransferRing {
    fn drop(&mut self) {
        for (member, parked) in self.members.iter_mut().zip(self.shared.parked.borrow().iter()) {
            // SAFETY: members were noted wherever they parked last.
            unsafe { member.raw.set_parked(parked.get()) };
        }
    }
}

/// The body of a member.
fn pass_on(yielder: &Yielder<(), usize>, shared: &Shared, index: usize) {
    let (n, slots) = {
        let parked = shared.parked.borrow();
        (parked.len(), parked.as_ptr())
    };
    let next = (index + 1) % n;
    loop {
        let left = shared.n_left.get();
        if left == 0 || n == 1 {
            yielder.suspend(index);
            continue;
        }
        shared.n_left.set(left - 1);
        // SAFETY: the vector is never changed in length after `new`, so its slots stay; the
        // next member is parked where its slot says, because only the running one is not.
        unsafe {
            let to = (*slots.add(next)).get().expect("every other member is parked");
            yielder.transfer((*slots.add(index)).as_ptr().cast(), to);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_goes_round_and_comes_back() {
        for n in [1, 2, 3, 100] {
            let mut ring = TransferRing::new(n);
            for n_transfers in [0, 1, n, 10 * n + 1] {
                let first = ring.next;
                ring.run(n_transfers);
                let expected = if n == 1 { 0 } else { (first + n_transfers) % n };
                assert_eq!(ring.next, expected, "{n} members, {n_transfers} transfers");
            }
        }
    }

    #[test]
    fn members_that_were_entered_by_transfer_can_be_closed() {
        let mut ring = TransferRing::new(5);
        ring.run(3);
        let kept = Rc::clone(&ring.shared);
        drop(ring);
        assert_eq!(Rc::strong_count(&kept), 1, "every member's captures were dropped");
    }
}
