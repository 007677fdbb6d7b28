//! Timers: what is to happen at a deadline.
//!
//! A sleeping task costs an entry in the heap of deadlines and a slot here; the slot names an
//! [`Alarm`] in the task's own frame. Cancelling empties the slot at once and leaves the entry,
//! which is swept when such entries are the majority.

#![allow(unsafe_code)]

use std::cell::{Cell, RefCell};
use std::ptr::NonNull;
use std::rc::Rc;

pub(crate) use super::alarm::Alarm;
use crate::runtime::core::callback::Callback;
use crate::runtime::core::clock::{NEVER, Nanoseconds};
use crate::runtime::core::context::Core;
use crate::sys::prefetch::prefetch;
use crate::sys::prefetch_distances::{MAX_CACHED, TIMER_BATCH};
use crate::util::deadlines::Deadlines;

/// The timers of a loop.
pub(crate) struct Timers {
    deadlines: RefCell<Deadlines<Key>>,
    slots: RefCell<Slots>,
    /// How many entries of the heap were cancelled.
    n_stale: Cell<usize>,
    due: RefCell<Vec<Key>>,
}

/// A slot, and its use: keys of what is over fit no slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    index: u32,
    generation: u32,
}

#[derive(Default)]
struct Slots {
    slots: Vec<Slot>,
    free: Option<u32>,
    /// How many are in use.
    n_full: usize,
    /// What new slots begin with: those before them may have been given back.
    first_generation: u32,
    /// How many hold something with a deadline that comes.
    n_finite: usize,
}

struct Slot {
    generation: u32,
    /// Whether its deadline comes at all.
    is_finite: bool,
    target: Target,
}

/// What happens at the deadline.
enum Target {
    Nothing { next_free: Option<u32> },
    Alarm(NonNull<Alarm>),
    Callback(Rc<Callback>),
}

impl Slots {
    fn fill(&mut self, target: Target, is_finite: bool) -> Key {
        self.n_full += 1;
        self.n_finite += usize::from(is_finite);
        if let Some(index) = self.free {
            let slot = &mut self.slots[index as usize];
            let Target::Nothing { next_free } = std::mem::replace(&mut slot.target, target) else {
                unreachable!("slots on the free list hold nothing");
            };
            self.free = next_free;
            slot.is_finite = is_finite;
            let generation = slot.generation;
            return Key { index, generation };
        }
        let index = u32::try_from(self.slots.len()).expect("fewer than 2^32 timers");
        let generation = self.first_generation;
        self.slots.push(Slot {
            generation,
            is_finite,
            target,
        });
        Key { index, generation }
    }

    fn empty(&mut self, key: Key) -> Option<Target> {
        let slot = self.slots.get_mut(key.index as usize)?;
        if slot.generation != key.generation {
            return None;
        }
        slot.generation += 1;
        self.n_full -= 1;
        self.n_finite -= usize::from(slot.is_finite);
        let nothing = Target::Nothing {
            next_free: self.free,
        };
        let target = std::mem::replace(&mut slot.target, nothing);
        // Numbers are never used again: a slot that has had all of them is retired.
        if slot.generation < u32::MAX {
            self.free = Some(key.index);
        }
        Some(target)
    }

    /// Gives the room of a crowd back when nobody is left, and with it a list of free slots that leads
    /// all over the place. Keys of then fit no slot of later.
    fn shrink(&mut self) {
        if self.n_full > 0 || self.slots.len() <= MAX_CACHED {
            return;
        }
        let last = self.slots.iter().map(|slot| slot.generation).max();
        if let Some(next) = last.unwrap_or(0).checked_add(1) {
            self.first_generation = next;
            self.slots = Vec::new();
            self.free = None;
        }
    }

    /// The alarm that a key names.
    fn alarm(&self, key: Key) -> Option<NonNull<Alarm>> {
        match self.slots.get(key.index as usize) {
            Some(slot) if slot.generation == key.generation => match slot.target {
                Target::Alarm(alarm) => Some(alarm),
                Target::Nothing { .. } | Target::Callback(_) => None,
            },
            _ => None,
        }
    }

    fn holds(&self, key: Key) -> bool {
        let slot = self.slots.get(key.index as usize);
        slot.is_some_and(|slot| slot.generation == key.generation)
    }
}

/// Room for so many timers that are due at once, at first.
const FEW_DUE: usize = 128;

/// Stale entries that are too few to be swept.
const FEW_STALE: usize = 64;

impl Timers {
    pub(crate) fn new() -> Rc<Self> {
        Rc::new(Self {
            deadlines: RefCell::new(Deadlines::new()),
            slots: RefCell::default(),
            n_stale: Cell::new(0),
            due: RefCell::new(Vec::with_capacity(FEW_DUE)),
        })
    }

    /// Whether no timer is set whose deadline comes.
    pub(crate) fn is_empty(&self) -> bool {
        self.slots.borrow().n_finite == 0
    }

    /// The earliest deadline, which may be that of a timer that was cancelled.
    pub(crate) fn earliest(&self) -> Option<Nanoseconds> {
        self.deadlines.borrow().earliest()
    }

    /// Has a callback queued at a deadline.
    pub(crate) fn call_at(&self, deadline: Nanoseconds, callback: Rc<Callback>) -> Key {
        self.set(deadline, Target::Callback(callback))
    }

    /// Has an alarm go off at a deadline.
    ///
    /// # Safety
    /// It cancels the key before it goes, or moves.
    pub(crate) unsafe fn set_alarm(&self, deadline: Nanoseconds, alarm: &Alarm) -> Key {
        self.set(deadline, Target::Alarm(NonNull::from(alarm)))
    }

    fn set(&self, deadline: Nanoseconds, target: Target) -> Key {
        let is_finite = deadline < NEVER;
        let key = self.slots.borrow_mut().fill(target, is_finite);
        if is_finite {
            self.deadlines.borrow_mut().push(deadline, key);
        }
        key
    }

    /// Forgets a timer; nothing if it is over.
    pub(crate) fn cancel(&self, key: Key) {
        let target = self.slots.borrow_mut().empty(key);
        if target.is_none() {
            return;
        }
        // The target may own a closure: it goes when nothing is borrowed.
        drop(target);
        self.n_stale.set(self.n_stale.get() + 1);
        let n_stale = self.n_stale.get();
        if n_stale > FEW_STALE && n_stale * 2 > self.deadlines.borrow().len() {
            self.sweep();
        }
    }

    /// Drops every callback that waits for its deadline. No task waits any more.
    pub(crate) fn clear(&self) {
        let slots = std::mem::take(&mut *self.slots.borrow_mut());
        self.deadlines.replace(Deadlines::new());
        for slot in slots.slots {
            if let Target::Callback(callback) = slot.target {
                callback.discard();
            }
        }
    }

    /// Drops the entries of timers that were cancelled.
    pub(crate) fn sweep(&self) {
        if self.n_stale.replace(0) > 0 {
            let slots = self.slots.borrow();
            let mut deadlines = self.deadlines.borrow_mut();
            deadlines.retain(|key| slots.holds(*key));
        }
    }

    /// Queues whatever is due, in the order of the deadlines.
    pub(crate) fn fire(&self, core: &Core, now: Nanoseconds) {
        let mut due = self.due.take();
        self.deadlines.borrow_mut().pass(now, &mut due);
        let exceeds_cache = self.slots.borrow().slots.len() > MAX_CACHED;
        for (place, key) in due.iter().copied().enumerate() {
            if exceeds_cache && place.is_multiple_of(TIMER_BATCH) {
                self.fetch(&due[place..due.len().min(place + TIMER_BATCH)]);
            }
            // The borrow ends here: queueing runs nobody's code, but dropping might.
            let target = self.slots.borrow_mut().empty(key);
            match target {
                Some(Target::Alarm(alarm)) => {
                    // SAFETY: an alarm empties its slot before it goes, and this slot was full.
                    let alarm = unsafe { alarm.as_ref() };
                    alarm.go_off();
                }
                Some(Target::Callback(callback)) => core.run_queue.push_callback(callback),
                Some(Target::Nothing { .. }) | None => {
                    self.n_stale.set(self.n_stale.get().saturating_sub(1));
                }
            }
        }
        self.slots.borrow_mut().shrink();
        due.clear();
        due.shrink_to(8 * FEW_DUE);
        self.due.replace(due);
    }

    /// Starts to load what firing some timers will touch, step by step, each where the one before it
    /// leads: the slot, the alarm in the sleeping frame, the task. Where many sleep, none of it is in the
    /// cache, and the processor does many such loads at a time (stack/warm.rs).
    #[cold]
    fn fetch(&self, due: &[Key]) {
        let slots = self.slots.borrow();
        for key in due {
            prefetch(slots.slots.as_ptr().wrapping_add(key.index as usize).cast());
        }
        let alarms = || due.iter().filter_map(|key| slots.alarm(*key));
        for alarm in alarms() {
            prefetch(alarm.as_ptr().cast_const().cast());
        }
        for alarm in alarms() {
            // SAFETY: an alarm empties its slot before it goes, and this slot is full.
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
