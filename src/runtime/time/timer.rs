//! [`Timers`]: callbacks and alarms with a deadline. [`Timers::fire`] runs those that are due.
//!
//! A sleeping task costs an entry in the heap of deadlines and a slot here; the slot names an [`Alarm`] in the task's own
//! frame. A cancel empties the slot at once, and leaves a stale entry in the heap; stale entries are swept when they are
//! the majority.

#![allow(unsafe_code)]

use std::cell::{Cell, RefCell};
use std::ptr::NonNull;
use std::rc::Rc;

use super::Alarm;
use crate::runtime::core::{Callback, Core, NEVER, Nanoseconds};
use crate::sys::prefetch::prefetch;
use crate::sys::prefetch_distances::{MAX_CACHED, TIMER_BATCH};
use crate::util::deadlines::Deadlines;
pub(crate) use crate::util::slots::Key;
use crate::util::slots::Slots;

/// The timers of a loop.
pub(crate) struct Timers {
    deadlines: RefCell<Deadlines<Key>>,
    slots: RefCell<Slots<Target>>,
    /// Number of timers with a finite deadline: one before `NEVER`.
    n_finite: Cell<usize>,
    /// Number of entries of the heap that were cancelled.
    n_stale: Cell<usize>,
    due: RefCell<Vec<Key>>,
}

/// What happens at the deadline, and whether the deadline comes at all.
enum Target {
    Alarm(NonNull<Alarm>, bool),
    Callback(Rc<Callback>, bool),
}

impl Target {
    fn is_finite(&self) -> bool {
        let (Self::Alarm(_, is_finite) | Self::Callback(_, is_finite)) = self;
        *is_finite
    }
}

/// Initial capacity for timers that are due at the same time.
const FEW_DUE: usize = 128;

/// The number of stale entries up to which no sweep pays.
const FEW_STALE: usize = 64;

impl Timers {
    pub(crate) fn new() -> Rc<Self> {
        Rc::new(Self {
            deadlines: RefCell::new(Deadlines::new()),
            slots: RefCell::default(),
            n_finite: Cell::new(0),
            n_stale: Cell::new(0),
            due: RefCell::new(Vec::with_capacity(FEW_DUE)),
        })
    }

    /// Whether no timer has a deadline that comes.
    pub(crate) fn is_empty(&self) -> bool {
        self.n_finite.get() == 0
    }

    /// The earliest deadline, perhaps of a cancelled timer; `None` if all timers were cancelled.
    pub(crate) fn earliest(&self) -> Option<Nanoseconds> {
        if self.is_empty() {
            return None;
        }
        self.deadlines.borrow().earliest()
    }

    /// Queues a callback at a deadline.
    pub(crate) fn call_at(&self, deadline: Nanoseconds, callback: Rc<Callback>) -> Key {
        self.set(deadline, |is_finite| Target::Callback(callback, is_finite))
    }

    /// Sets an alarm to go off at a deadline.
    ///
    /// # Safety
    /// The alarm cancels the key before it is dropped or moved.
    pub(crate) unsafe fn set_alarm(&self, deadline: Nanoseconds, alarm: &Alarm) -> Key {
        self.set(deadline, |is_finite| {
            Target::Alarm(NonNull::from(alarm), is_finite)
        })
    }

    fn set(&self, deadline: Nanoseconds, target: impl FnOnce(bool) -> Target) -> Key {
        let is_finite = deadline < NEVER;
        let key = self.slots.borrow_mut().insert(target(is_finite));
        if is_finite {
            self.n_finite.set(self.n_finite.get() + 1);
            self.deadlines.borrow_mut().push(deadline, key);
        }
        key
    }

    /// Removes a timer's target; `None` if it has fired or was cancelled.
    fn take(&self, key: Key) -> Option<Target> {
        let target = self.slots.borrow_mut().remove(key);
        if target.as_ref().is_some_and(Target::is_finite) {
            self.n_finite.set(self.n_finite.get() - 1);
        }
        target
    }

    /// Cancels a timer. Does nothing if it has fired.
    pub(crate) fn cancel(&self, key: Key) {
        // The target may own a closure, which is dropped last, while nothing is borrowed.
        let Some(_target) = self.take(key) else {
            return;
        };
        self.n_stale.set(self.n_stale.get() + 1);
        let n_stale = self.n_stale.get();
        if n_stale > FEW_STALE && n_stale * 2 > self.deadlines.borrow().len() {
            self.sweep();
        }
    }

    /// Drops every callback that waits for its deadline. No task waits here any more.
    pub(crate) fn clear(&self) {
        let targets = self.slots.borrow_mut().remove_where(|_| true);
        self.n_finite.set(0);
        self.deadlines.replace(Deadlines::new());
        for target in targets {
            if let Target::Callback(callback, _) = target {
                callback.discard();
            }
        }
    }

    /// Removes the entries of cancelled timers.
    pub(crate) fn sweep(&self) {
        if self.n_stale.replace(0) > 0 {
            let slots = self.slots.borrow();
            let mut deadlines = self.deadlines.borrow_mut();
            deadlines.retain(|key| slots.get(*key).is_some());
        }
    }

    /// Fires the timers that are due, in the order of their deadlines.
    pub(crate) fn fire(&self, core: &Core, now: Nanoseconds) {
        let mut due = self.due.take();
        self.deadlines.borrow_mut().pass(now, &mut due);
        let exceeds_cache = self.slots.borrow().n_slots() > MAX_CACHED;
        for (place, key) in due.iter().copied().enumerate() {
            if exceeds_cache && place.is_multiple_of(TIMER_BATCH) {
                self.fetch(&due[place..due.len().min(place + TIMER_BATCH)]);
            }
            // The borrow ends here, because dropping a target may run user code.
            match self.take(key) {
                Some(Target::Alarm(alarm, _)) => {
                    // SAFETY: an alarm empties its slot before it is dropped, and this slot was full.
                    let alarm = unsafe { alarm.as_ref() };
                    alarm.fire();
                }
                Some(Target::Callback(callback, _)) => core.run_queue.push_callback(callback),
                None => self.n_stale.set(self.n_stale.get().saturating_sub(1)),
            }
        }
        self.slots.borrow_mut().shrink(MAX_CACHED);
        due.clear();
        due.shrink_to(8 * FEW_DUE);
        self.due.replace(due);
    }

    /// Prefetches what firing some timers will touch, step by step: the slots, the alarms in the sleeping frames, the
    /// tasks. Among many sleepers none of this is in the cache, and the processor does many such loads at a time
    /// (sys/prefetch_distances.rs).
    #[cold]
    fn fetch(&self, due: &[Key]) {
        let slots = self.slots.borrow();
        for key in due {
            prefetch(slots.address_of(*key));
        }
        let alarms = || {
            due.iter().filter_map(|key| match slots.get(*key) {
                Some(Target::Alarm(alarm, _)) => Some(*alarm),
                Some(Target::Callback(..)) | None => None,
            })
        };
        for alarm in alarms() {
            prefetch(alarm.as_ptr().cast_const().cast());
        }
        for alarm in alarms() {
            // SAFETY: an alarm empties its slot before it is dropped, and this slot is full.
            unsafe { alarm.as_ref() }.prefetch();
        }
    }
}

impl Core {
    /// The timers of the core's loop.
    pub(crate) fn timers(&self) -> &Timers {
        let timers = self.parts().timers.downcast_ref();
        timers.expect("the slot holds timers")
    }
}

impl Drop for Timers {
    fn drop(&mut self) {
        self.clear();
    }
}
