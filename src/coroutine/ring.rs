//! A ring of coroutines, each of which transfers to the next: what the symmetric switch costs.
//!
//! The scheduler to come transfers between tasks; until then this is its only user, for the
//! benchmarks and tests. It is hidden from the documentation and no part of the stable surface.

#![allow(unsafe_code)]

use std::cell::{Cell, RefCell};
use std::mem::ManuallyDrop;
use std::panic::Location;
use std::process;
use std::ptr::{self, NonNull};
use std::rc::Rc;
use std::thread;

use super::header::Header;
use super::raw::Answer;
use super::typed::Typed;
use super::value;
use super::yielder::Yielder;
use crate::arch::{Parked, VALUE};
use crate::stack::DEFAULT_STACK_SIZE;
use crate::sys::prefetch::prefetch;

/// How many places ahead a stack is prefetched.
const AHEAD: usize = 4;

/// A ring of `n` coroutines that hand control round.
#[derive(Debug)]
pub struct TransferRing {
    coroutines: Vec<Typed<Turn, usize, ()>>,
    shared: Rc<Shared>,
    /// Who goes first the next time.
    next: usize,
}

#[derive(Debug)]
struct Shared {
    members: RefCell<Vec<Member>>,
    n_left: Cell<usize>,
}

/// Whose turn it is. It travels from member to member in a register: were it read from each
/// member's stack, the processor could not look past the switch that makes that stack current.
type Turn = *const Member;

/// What the ring knows of a coroutine.
#[derive(Debug)]
struct Member {
    parked: Cell<Parked>,
    header: NonNull<Header>,
    next: Cell<Turn>,
    /// A few places on: whom to prefetch.
    soon: Cell<Turn>,
}

impl Member {
    /// Starts to load what entering it will touch: its control block and its innermost frames.
    #[inline(always)]
    fn prefetch(&self) {
        self.parked.get().prefetch();
        prefetch(self.header.as_ptr().cast());
    }
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
            members: RefCell::default(),
            n_left: Cell::new(0),
        });
        let site = Location::caller();
        let mut coroutines: Vec<_> = (0..n)
            .map(|index| {
                let shared = Rc::clone(&shared);
                let body = move |yielder: &Yielder<Turn, usize>, _: Turn| {
                    let turn = yielder.suspend(index);
                    pass_on(yielder, &shared, index, turn);
                };
                Typed::new(DEFAULT_STACK_SIZE, None, site, body).expect("stacks for a ring")
            })
            .collect();
        for coroutine in &mut coroutines {
            coroutine.send(ptr::null());
            let parked = Cell::new(coroutine.raw.parked().expect("it suspended"));
            let header = NonNull::from(coroutine.raw.header().expect("it lives"));
            shared.members.borrow_mut().push(Member {
                parked,
                header,
                next: Cell::new(ptr::null()),
                soon: Cell::new(ptr::null()),
            });
        }
        let members = shared.members.borrow();
        for (index, member) in members.iter().enumerate() {
            member.next.set(&raw const members[(index + 1) % n]);
            member.soon.set(&raw const members[(index + AHEAD) % n]);
        }
        drop(members);
        Self {
            coroutines,
            shared,
            next: 0,
        }
    }

    /// Lets control go from member to member so many times.
    ///
    /// # Panics
    /// If the thread is panicking.
    pub fn run(&mut self, n_transfers: usize) {
        assert!(
            !thread::panicking(),
            "members can't suspend while the thread panics"
        );
        self.shared.n_left.set(n_transfers);
        let first = &mut self.coroutines[self.next];
        let turn: Turn = &raw const self.shared.members.borrow()[self.next];
        // SAFETY: the vector is not changed in length any more, so the member stays where it is.
        let parked = unsafe { (*turn).parked.get() };
        // SAFETY: the member is parked there and expects to be told that it is its turn.
        let answer = unsafe {
            first
                .raw
                .enter(parked, value::encode(&mut ManuallyDrop::new(turn)), VALUE)
        };
        let Answer::Suspended(word) = answer else {
            // A member ended, and nobody knows where the others are parked.
            process::abort()
        };
        // SAFETY: whichever member suspends at the end answers its own index.
        let last = unsafe { value::decode::<usize>(word) };
        // What was learned belongs to the member that suspended, not to the one entered.
        let parked = first.raw.parked().expect("it suspended");
        self.shared.members.borrow()[last].parked.set(parked);
        self.next = last;
    }
}

impl Drop for TransferRing {
    fn drop(&mut self) {
        for (coroutine, member) in self
            .coroutines
            .iter_mut()
            .zip(&*self.shared.members.borrow())
        {
            // SAFETY: that is where the member parked last.
            unsafe { coroutine.raw.set_parked(Some(member.parked.get())) };
        }
    }
}

/// The body of a member.
fn pass_on(yielder: &Yielder<Turn, usize>, shared: &Shared, index: usize, mut turn: Turn) {
    let n = shared.members.borrow().len();
    loop {
        let left = shared.n_left.get();
        if left == 0 || n == 1 {
            turn = yielder.suspend(index);
            continue;
        }
        shared.n_left.set(left - 1);
        // SAFETY: the vector is not changed after `new`, so its members stay where they are;
        // the next one is parked where it says, because only the running one is not.
        unsafe {
            let (own, next) = (&*turn, (*turn).next.get());
            (*own.soon.get()).prefetch();
            turn = yielder.transfer(own.parked.as_ptr(), (*next).parked.get(), next);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_goes_round_the_ring_and_returns() {
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
        assert_eq!(
            Rc::strong_count(&kept),
            1,
            "every member's captures were dropped"
        );
    }
}
