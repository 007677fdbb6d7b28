//! A ring of coroutines, each of which transfers to the next: measures the symmetric switch alone.
//!
//! Only this crate's benchmarks and tests use it, by the internal feature `_transfer_ring`. The event loop
//! transfers between tasks by [`Hosted::transfer`](super::hosted::Hosted::transfer).

#![allow(unsafe_code)]

use std::cell::{Cell, RefCell};
use std::mem::ManuallyDrop;
use std::panic::Location;
use std::process;
use std::ptr::{self, NonNull};
use std::rc::Rc;
use std::thread;

use super::header::Header;
use super::raw::Entered;
use super::typed::Typed;
use super::unwind::{raise, refuse};
use super::value;
use super::yielder::{Yielder, received};
use crate::arch::{self, Parked, VALUE};
use crate::stack::DEFAULT_STACK_SIZE_BYTES;
use crate::sys::prefetch::prefetch;

/// How many members ahead a stack is prefetched.
const AHEAD: usize = 4;

/// A ring of coroutines that pass control round.
#[derive(Debug)]
pub struct TransferRing {
    coroutines: Vec<Typed<MemberPtr, usize, ()>>,
    shared: Rc<Shared>,
    /// The index of the member that the next run enters first.
    next: usize,
}

#[derive(Debug)]
struct Shared {
    members: RefCell<Vec<Member>>,
    n_left: Cell<usize>,
}

/// The member that runs. It travels from member to member in a register: if each read it from its own
/// stack, the processor could not look past the switch that makes that stack current.
type MemberPtr = *const Member;

/// The ring's record of a coroutine.
#[derive(Debug)]
struct Member {
    parked: Cell<Parked>,
    header: NonNull<Header>,
    next: Cell<MemberPtr>,
    /// The member to prefetch, a few places on.
    soon: Cell<MemberPtr>,
}

impl Member {
    /// Prefetches what entering the member touches: its control block and its innermost frame. A second line of frames costs
    /// 0.4 ns of 2.9.
    #[inline(always)]
    fn prefetch(&self) {
        self.parked.get().prefetch_line(0);
        prefetch(self.header.as_ptr().cast());
    }
}

impl TransferRing {
    /// A ring of `n` coroutines, each entered once and parked.
    ///
    /// # Panics
    /// If `n` is zero or no stacks can be allocated.
    #[must_use]
    #[track_caller]
    pub fn new(n: usize) -> Self {
        assert!(n > 0, "a ring has at least one member");
        let shared = Rc::new(Shared {
            members: RefCell::default(),
            n_left: Cell::new(0),
        });
        let site = Location::caller();
        let mut coroutines: Vec<_> = (0..n)
            .map(|index| {
                let shared = Rc::clone(&shared);
                let body = move |yielder: &Yielder<MemberPtr, usize>, _: MemberPtr| {
                    let own = yielder.suspend(index);
                    pass_on(yielder, &shared, index, own);
                };
                Typed::new(DEFAULT_STACK_SIZE_BYTES, None, site, body).expect("stacks for a ring")
            })
            .collect();
        for coroutine in &mut coroutines {
            coroutine.send(ptr::null());
            let parked = Cell::new(coroutine.raw.parked.expect("it suspended"));
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

    /// Passes control from member to member `n_transfers` times.
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
        let member: MemberPtr = &raw const self.shared.members.borrow()[self.next];
        // SAFETY: the vector keeps its length after `new`, so the member does not move.
        let parked = unsafe { (*member).parked.get() };
        // SAFETY: the member is parked there and expects a pointer to itself.
        let entered = unsafe {
            first
                .raw
                .enter(parked, value::encode(&mut ManuallyDrop::new(member)), VALUE)
        };
        let Entered::Suspended(word) = entered else {
            // A member ended, and where the others are parked is unknown.
            process::abort()
        };
        // SAFETY: the member that suspends at the end sends its own index.
        let last = unsafe { value::decode::<usize>(word) };
        // The address belongs to the member that suspended, not to the one that was entered.
        let parked = first.raw.parked.expect("it suspended");
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
            coroutine.raw.parked = Some(member.parked.get());
        }
    }
}

/// The body of a member.
fn pass_on(yielder: &Yielder<MemberPtr, usize>, shared: &Shared, index: usize, mut own: MemberPtr) {
    let n = shared.members.borrow().len();
    loop {
        let left = shared.n_left.get();
        if left == 0 || n == 1 {
            own = yielder.suspend(index);
            continue;
        }
        shared.n_left.set(left - 1);
        // SAFETY: the vector keeps its length after `new`, so its members don't move; every member but
        // the running one is parked where its record says.
        unsafe {
            let (this, next) = (&*own, (*own).next.get());
            (*this.soon.get()).prefetch();
            own = yielder.transfer(this.parked.as_ptr(), (*next).parked.get(), next);
        }
    }
}

impl<In, Out> Yielder<In, Out> {
    /// Parks the coroutine, stores its address in `save`, and enters another one with a value; that one takes
    /// over the resumer. Returns the next value that is sent.
    ///
    /// # Panics
    /// As [`suspend`](Self::suspend).
    ///
    /// # Safety
    /// Another coroutine that expects a value of the same type is parked at `to`; `save` is writable; this
    /// coroutine is entered again only where `save` says that it is parked.
    #[inline(always)]
    unsafe fn transfer(&self, save: *mut Parked, to: Parked, value: In) -> In {
        let header = &self.header;
        let link = header.link();
        if !header.may_suspend() || std::thread::panicking() {
            drop(value);
            raise(refuse(header));
        }
        let mut value = ManuallyDrop::new(value);
        // SAFETY: as in `Yielder::switch`; the caller guarantees the rest.
        let received = unsafe {
            let word = value::encode(&mut value);
            let (word, tag, link) = arch::transfer(link, save, to, word, VALUE);
            header.set_link(link);
            received(word, tag)
        };
        received.unwrap_or_else(|raised| raise(raised))
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
