//! The core of the three queues: a store and two kinds of permits.
//!
//! A put takes a *slot* permit, stores the item and releases an *item* permit; a get takes an item permit, takes
//! an item out of the store and releases the slot. A waiting task is handed a permit, and takes the item itself
//! when it runs: until then the item is in the queue, promised. If the task is cancelled first, the permit goes
//! to the next task and the item has never left its place.
//!
//! A wake-up is one permit. So a consumer that finds the queue full wakes one producer, which then fills all the
//! room that has become free by the time it runs: between two tasks a bounded queue of 100 costs two switches for
//! each 100 items.

use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;
use std::mem;
use std::panic::Location;

use super::error::{GetError, NothingUnfinished, PutError};
use super::made_at::MadeAt;
use super::permits::Permits;
use super::room::{Room, Slots};
use super::store::Store;
use crate::runtime::core::{Awaiting, WaitList};
use crate::runtime::first::Source;
use crate::runtime::wait::{consume_budget, here_or_panic, task_context};

/// How many operations on a queue are charged together to the budget of the task that does the last of them.
/// Counting in the queue is cheaper than counting in the task.
const N_COUNTED: u8 = 32;

const ITEM: &str = "an item of the queue";
const ROOM: &str = "room in the queue";

/// A queue's state, which its handles share.
pub(super) struct Core<T, S> {
    store: S,
    /// Room that is neither filled nor promised.
    slots: Permits,
    /// Items that are not promised.
    items: Permits,
    pub(super) n_unfinished: Cell<usize>,
    joiners: WaitList,
    /// Number of operations until the next charge to a task's budget.
    n_until_count: Cell<u8>,
    /// Number of operations in that charge. A queue's first operation is charged at once, because a queue may be
    /// used only once.
    n_to_count: Cell<u8>,
    is_shut_down: Cell<bool>,
    /// `None` for no limit.
    capacity: Option<usize>,
    pub(super) site: &'static Location<'static>,
    item: PhantomData<T>,
}

impl<T, S: Store<T>> Core<T, S> {
    #[track_caller]
    pub(super) fn new(capacity: Option<usize>, site: &'static Location<'static>) -> Self {
        assert!(
            capacity != Some(0),
            "selvedge: a queue needs a capacity of at least 1; for any number of items use \
             `Queue::unbounded()`"
        );
        Self {
            store: S::new(),
            slots: Permits::new(capacity.unwrap_or(usize::MAX)),
            items: Permits::new(0),
            n_unfinished: Cell::new(0),
            joiners: WaitList::new(),
            n_until_count: Cell::new(1),
            n_to_count: Cell::new(1),
            is_shut_down: Cell::new(false),
            capacity,
            site,
            item: PhantomData,
        }
    }

    #[inline]
    pub(super) fn try_put(&self, item: T) -> Result<(), PutError<T>> {
        self.store.check();
        if self.is_shut_down.get() {
            return Err(PutError::ShutDown(item));
        }
        if !self.slots.try_take() {
            return Err(PutError::Full(item));
        }
        self.store_item(item);
        Ok(())
    }

    #[inline]
    pub(super) fn put(&self, item: T) -> Result<(), PutError<T>> {
        self.consume_budget();
        match self.try_put(item) {
            Err(PutError::Full(item)) => self.put_after_wait(item),
            result => result,
        }
    }

    #[cold]
    #[inline(never)]
    fn put_after_wait(&self, item: T) -> Result<(), PutError<T>> {
        let here = match task_context() {
            Ok(here) => here,
            Err(why) => return Err(PutError::CantWait(item, why)),
        };
        let has_slot = self.slots.take(here, 1, &MadeAt(ROOM, self.site));
        if self.is_shut_down.get() {
            return Err(PutError::ShutDown(item));
        }
        debug_assert!(has_slot, "only the shutdown dismisses waiting puts");
        self.store_item(item);
        Ok(())
    }

    /// Counts an operation before it begins.
    #[inline(always)]
    fn consume_budget(&self) {
        let n = self.n_until_count.get() - 1;
        self.n_until_count.set(n);
        if n == 0 {
            self.count_operations();
        }
    }

    #[cold]
    fn count_operations(&self) {
        self.n_until_count.set(N_COUNTED);
        consume_budget(self.n_to_count.replace(N_COUNTED));
    }

    /// Stores an item for which there is a slot.
    #[inline(always)]
    fn store_item(&self, item: T) {
        self.n_unfinished.set(self.n_unfinished.get() + 1);
        self.items.give(1);
        // Last: if a comparison panics, the item is in the store all the same.
        self.store.push(item);
    }

    #[inline]
    pub(super) fn try_get(&self) -> Result<T, GetError> {
        self.store.check();
        if self.items.try_take() {
            self.take_item()
        } else if self.is_shut_down.get() {
            Err(GetError::ShutDown)
        } else {
            Err(GetError::Empty)
        }
    }

    #[inline]
    pub(super) fn get(&self) -> Result<T, GetError> {
        self.consume_budget();
        match self.try_get() {
            Err(GetError::Empty) => self.get_after_wait(),
            result => result,
        }
    }

    #[cold]
    #[inline(never)]
    fn get_after_wait(&self) -> Result<T, GetError> {
        let here = task_context().map_err(GetError::CantWait)?;
        let was_handed = self.items.take(here, 1, &MadeAt(ITEM, self.site));
        self.get_woken(was_handed)
    }

    fn get_woken(&self, was_handed: bool) -> Result<T, GetError> {
        if was_handed {
            self.take_item()
        } else {
            // The queue is shut down. An item that was promised to a cancelled task may be left.
            self.try_get()
        }
    }

    /// Takes out an item, with its permit.
    #[inline(always)]
    fn take_item(&self) -> Result<T, GetError> {
        // If a comparison panics, the item stays in the queue, and its permit is free again.
        let unwinding = GiveBack(&self.items);
        let item = self.store.pop();
        mem::forget(unwinding);
        self.slots.give(1);
        // The store is empty if `shutdown_immediate` was called after the promise.
        item.ok_or(GetError::ShutDown)
    }

    pub(super) fn task_done(&self) -> Result<(), NothingUnfinished> {
        let left = self.n_unfinished.get().checked_sub(1);
        self.set_unfinished(left.ok_or(NothingUnfinished)?);
        Ok(())
    }

    fn set_unfinished(&self, n: usize) {
        self.n_unfinished.set(n);
        if n == 0 {
            self.joiners.wake_all();
        }
    }

    #[track_caller]
    pub(super) fn join(&self) {
        consume_budget(1);
        if self.n_unfinished.get() > 0 {
            let here = here_or_panic();
            let what = MadeAt("all items to be done of the queue", self.site);
            self.joiners.wait(here, &what, || false);
        }
    }

    pub(super) fn shutdown(&self) {
        self.is_shut_down.set(true);
        self.slots.dismiss_all();
        self.items.dismiss_all();
    }

    pub(super) fn shutdown_immediate(&self) {
        self.store.check();
        self.shutdown();
        self.items.take_all();
        let n_left = self.n_unfinished.get().saturating_sub(self.store.len());
        let rest = self.store.take_all();
        self.set_unfinished(n_left);
        // Last: the items' destructors see the queue in its final state.
        drop(rest);
    }

    pub(super) fn len(&self) -> usize {
        self.store.len()
    }

    pub(super) fn capacity(&self) -> Option<usize> {
        self.capacity
    }

    pub(super) fn is_shut_down(&self) -> bool {
        self.is_shut_down.get()
    }
}

/// Gives a permit back when it is dropped.
struct GiveBack<'a>(&'a Permits);

impl Drop for GiveBack<'_> {
    fn drop(&mut self) {
        self.0.give(1);
    }
}

/// The wait for an item, among other waits.
pub(super) struct WhenItem<'a, T, S>(pub(super) &'a Core<T, S>);

impl<T, S: Store<T>> Source for WhenItem<'_, T, S> {
    type Output = Result<T, GetError>;

    fn try_now(&self) -> Option<Self::Output> {
        Some(self.0.try_get()).filter(|result| !matches!(result, Err(GetError::Empty)))
    }

    fn with_list(&self, f: impl FnOnce(&WaitList)) {
        f(self.0.items.waiters());
    }

    fn wants(&self) -> usize {
        1
    }

    fn finish(&self, is_handed: bool) -> Self::Output {
        self.0.get_woken(is_handed)
    }

    fn leave(&self, is_handed: bool) {
        self.0.items.leave(1, is_handed);
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        MadeAt(ITEM, self.0.site).describe(f)
    }
}

/// The wait for room, among other waits.
pub(super) struct WhenRoom<'a, T, S>(pub(super) &'a Core<T, S>);

impl<'a, T, S: Store<T>> Source for WhenRoom<'a, T, S> {
    type Output = Result<Room<'a, T>, PutError<()>>;

    fn try_now(&self) -> Option<Self::Output> {
        self.0.store.check();
        if self.0.is_shut_down.get() {
            return Some(Err(PutError::ShutDown(())));
        }
        self.0.slots.try_take().then(|| Ok(Room::of(self.0)))
    }

    fn with_list(&self, f: impl FnOnce(&WaitList)) {
        f(self.0.slots.waiters());
    }

    fn wants(&self) -> usize {
        1
    }

    fn finish(&self, is_handed: bool) -> Self::Output {
        match is_handed {
            true => Ok(Room::of(self.0)),
            false => Err(PutError::ShutDown(())),
        }
    }

    fn leave(&self, is_handed: bool) {
        self.0.slots.leave(1, is_handed);
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        MadeAt(ROOM, self.0.site).describe(f)
    }
}

impl<T, S: Store<T>> Slots<T> for Core<T, S> {
    fn fill(&self, item: T) -> Result<(), PutError<T>> {
        let unfilled = GiveBack(&self.slots);
        self.store.check();
        if self.is_shut_down.get() {
            return Err(PutError::ShutDown(item));
        }
        mem::forget(unfilled);
        self.store_item(item);
        Ok(())
    }

    fn free(&self) {
        self.slots.give(1);
    }
}
