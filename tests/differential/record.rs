//! The record of a run: its events, in order, and the number of allocations that it left.
//!
//! Records are kept per thread: the panic hook and the allocator belong to the process.

#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::{Cell, RefCell};
use std::fmt::Write;
use std::panic;

use selvedge::coroutine::Status;

/// The number of a tracked value, counted from the start of the run.
pub type Id = u32;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The destructor of a tracked value ran.
    Dropped(Id),
    /// A body began, or went on, with this.
    Received(Id),
    Yielded(Id),
    Complete(Id),
    /// A value or a payload was returned.
    Refused(Id, Status),
    Ended(Option<Id>),
    IgnoredClose(Id),
    Item(Id),
    /// The status of the coroutines that a level holds.
    Status([Option<Status>; 2]),
    /// A handle was forgotten, which leaves an allocation.
    Forgot,
    /// The panic hook ran.
    Hook,
    Caught(What),
    Met(What),
}

/// A payload, or another event instead of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// A payload of the program.
    Mark(Id),
    /// The payload that unwinds a closed body.
    Close,
    /// A sentence about a finished coroutine.
    Finished,
    /// A sentence about a thread that panics.
    Panicking,
    /// A sentence about a coroutine that is not the innermost one on its stack.
    Outside,
    OtherSentence,
}

#[derive(Debug)]
pub struct Record {
    events: Vec<Event>,
    n_leaked: i64,
}

/// The most operations that a run executes.
const FUEL: u32 = 400;

/// Enough events for any run.
const CAPACITY: usize = 16 * 1024;

thread_local! {
    static EVENTS: RefCell<Vec<Event>> = const { RefCell::new(Vec::new()) };
    static SPARE: RefCell<Vec<Vec<Event>>> = const { RefCell::new(Vec::new()) };
    static NEXT_ID: Cell<Id> = const { Cell::new(0) };
    static FUEL_LEFT: Cell<u32> = const { Cell::new(0) };
    static IS_RECORDING: Cell<bool> = const { Cell::new(false) };
    static N_LIVE: Cell<i64> = const { Cell::new(0) };
    static N_STEPS: Cell<u64> = const { Cell::new(0) };
}

pub fn note(event: Event) {
    EVENTS.with_borrow_mut(|events| events.push(event));
}

pub fn next_id() -> Id {
    NEXT_ID.set(NEXT_ID.get() + 1);
    NEXT_ID.get()
}

/// Whether one more operation may be executed.
pub fn spend() -> bool {
    let left = FUEL_LEFT.get();
    FUEL_LEFT.set(left.saturating_sub(1));
    N_STEPS.set(N_STEPS.get() + u64::from(left > 0));
    left > 0
}

/// The number of operations executed on this thread.
pub fn n_steps() -> u64 {
    N_STEPS.get()
}

/// Records what `run` does.
pub fn of(run: impl FnOnce()) -> Record {
    let fresh = SPARE.with_borrow_mut(Vec::pop);
    EVENTS.set(fresh.unwrap_or_else(|| Vec::with_capacity(CAPACITY)));
    NEXT_ID.set(0);
    FUEL_LEFT.set(FUEL);
    IS_RECORDING.set(true);
    let n_before = N_LIVE.get();
    run();
    let n_leaked = N_LIVE.get() - n_before;
    IS_RECORDING.set(false);
    Record {
        events: EVENTS.take(),
        n_leaked,
    }
}

impl Record {
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// Keeps the memory for another run.
    pub fn recycle(mut self) {
        self.events.clear();
        SPARE.with_borrow_mut(|spare| spare.push(self.events));
    }

    /// Whether both records are the same, and neither run left an allocation.
    pub fn matches(&self, expected: &Self) -> bool {
        self.events == expected.events && self.left_nothing() && expected.left_nothing()
    }

    /// Whether every allocation is freed, except those of forgotten handles.
    fn left_nothing(&self) -> bool {
        let is_forgotten = |event: &&Event| **event == Event::Forgot;
        self.n_leaked == self.events.iter().filter(is_forgotten).count() as i64
    }

    /// The first difference.
    pub fn difference(&self, expected: &Self) -> String {
        let (ours, theirs) = (&self.events, &expected.events);
        let n_same = ours
            .iter()
            .zip(theirs)
            .take_while(|(one, other)| one == other)
            .count();
        let mut text = format!(
            "allocations left: {} by selvedge, {} by the oracle\n\
             {n_same} events are the same; the last of them and what follows:\n",
            self.n_leaked, expected.n_leaked
        );
        for event in &ours[n_same.saturating_sub(12)..n_same] {
            writeln!(text, "      {event:?}").expect("a string takes a line");
        }
        for (side, events) in [("selvedge", ours), ("oracle", theirs)] {
            for event in events.iter().skip(n_same).take(8) {
                writeln!(text, "  {side}: {event:?}").expect("a string takes a line");
            }
        }
        text
    }
}

/// Makes the panic hook add to the record of the panicking thread. Programs panic often, so the
/// hook prints nothing on threads that record.
pub fn install_hook() {
    let previous = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if IS_RECORDING.get() {
            note(Event::Hook);
        } else {
            previous(info);
        }
    }));
}

/// Counts each thread's live allocations.
struct Counting;

// SAFETY: all is left to the system's allocator; counting touches a cell of the thread only.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        N_LIVE.set(N_LIVE.get() + 1);
        // SAFETY: forwarded to the caller.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        N_LIVE.set(N_LIVE.get() + 1);
        // SAFETY: forwarded to the caller.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: forwarded to the caller.
        unsafe { System.realloc(memory, layout, size) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        N_LIVE.set(N_LIVE.get() - 1);
        // SAFETY: forwarded to the caller.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;
