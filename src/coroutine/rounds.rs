//! Round robin over coroutines by way of a run queue, in the shapes that a scheduler can have.
//!
//! For `benches/scheduler_shape.rs`, which decides between them. The bare cost of the symmetric
//! switch, without a queue, is what `ring` is for. It is hidden from the documentation and no part
//! of the stable surface.

#![allow(unsafe_code)]

use std::cell::Cell;
use std::hint::black_box;
use std::panic::Location;
use std::process;
use std::ptr::{self, NonNull};
use std::thread;

use super::header::Header;
use super::typed::Typed;
use super::value;
use super::yielder::Yielder;
use crate::arch::{self, Parked, VALUE};
use crate::stack::DEFAULT_STACK_SIZE;
use crate::sys::prefetch::prefetch;

/// How many places ahead a stack is prefetched.
const AHEAD: usize = 4;

/// After so many dispatches the loop has its turn, as it has when it asks the poller.
const DISPATCHES_A_TURN: usize = 64;

/// How control gets from the task that yields to the one that runs next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Straight from task to task.
    Symmetric,
    /// By the loop: `call` into the task, `ret` out of it.
    Asymmetric,
    /// By the loop, which lives on a coroutine of its own: a jump into the task, a jump out.
    Jumping,
}

/// Where in the task's code it yields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the body itself: the switch is inlined there.
    Body,
    /// Two calls below the body, as in a library's function.
    Callee,
}

/// A run queue and tasks that do nothing but yield.
#[derive(Debug)]
pub struct Rounds {
    shape: Shape,
    queue: Box<Queue>,
    tasks: Vec<Typed<Turn, Out, ()>>,
    /// The loop of the jumping shape, on a stack of its own.
    dispatcher: Option<Typed<Turn, Out, ()>>,
}

/// What a task is entered with: the queue, as a thread-local would tell it.
type Turn = *const Queue;
/// What it leaves with, when it leaves to the loop: itself.
type Out = *const Header;

/// A ring of what is runnable. Its entries hold where a task is parked, beside the task: what is
/// to be prefetched is known without a look at the task.
#[derive(Debug)]
struct Queue {
    entries: Box<[Entry]>,
    head: Cell<usize>,
    tail: Cell<usize>,
    /// How many dispatches are left of the loop's turn.
    n_left: Cell<usize>,
    dispatcher: Cell<Option<Parked>>,
}

#[derive(Debug)]
struct Entry {
    /// The task, or a callback if the lowest bit is set; here it never is.
    runnable: Cell<Out>,
    parked: Cell<Option<Parked>>,
}

impl Queue {
    fn new(n: usize) -> Self {
        let empty = |_| Entry {
            runnable: Cell::new(ptr::null()),
            parked: Cell::new(None),
        };
        Self {
            entries: (0..(n + 1).next_power_of_two()).map(empty).collect(),
            head: Cell::new(0),
            tail: Cell::new(0),
            n_left: Cell::new(0),
            dispatcher: Cell::new(None),
        }
    }

    #[inline(always)]
    fn at(&self, place: usize) -> &Entry {
        // SAFETY: the mask is one less than the length, which is a power of two.
        unsafe { self.entries.get_unchecked(place & (self.entries.len() - 1)) }
    }

    /// Appends a task; its entry is to be told where it parks.
    #[inline(always)]
    fn push(&self, task: Out) -> &Cell<Option<Parked>> {
        let tail = self.tail.get();
        self.tail.set(tail.wrapping_add(1));
        let entry = self.at(tail);
        entry.runnable.set(task);
        &entry.parked
    }

    /// Takes the first task out and starts to load one that will be the first soon.
    #[inline(always)]
    fn pop(&self) -> (Out, Parked) {
        let head = self.head.get();
        self.head.set(head.wrapping_add(1));
        let soon = self.at(head.wrapping_add(AHEAD));
        if let Some(parked) = soon.parked.get() {
            parked.prefetch();
            prefetch(soon.runnable.get().cast());
        }
        let entry = self.at(head);
        let task = entry.runnable.get();
        match entry.parked.get() {
            Some(parked) if task.addr() & 1 == 0 => (task, parked),
            _ => callback(),
        }
    }

    /// Counts a dispatch; whether there was one left.
    #[inline(always)]
    fn dispatches(&self) -> bool {
        let left = self.n_left.get();
        if left > 0 {
            self.n_left.set(left - 1);
        }
        left > 0
    }
}

#[cold]
#[inline(never)]
fn callback() -> ! {
    unreachable!("nobody schedules a callback here")
}

impl Rounds {
    /// So many tasks, each entered once and queued.
    ///
    /// # Panics
    /// If there are fewer than two, or no stacks to be had.
    #[must_use]
    #[track_caller]
    pub fn new(n: usize, shape: Shape, place: Place) -> Self {
        assert!(n >= 2, "tasks yield to others");
        let queue = Box::new(Queue::new(n));
        let site = Location::caller();
        let make = |_| match (shape, place) {
            (Shape::Symmetric, Place::Body) => task(site, symmetric),
            (Shape::Symmetric, Place::Callee) => task(site, |y, q| far(y, q, symmetric)),
            (Shape::Asymmetric, Place::Body) => task(site, asymmetric),
            (Shape::Asymmetric, Place::Callee) => task(site, |y, q| far(y, q, asymmetric)),
            (Shape::Jumping, Place::Body) => task(site, jumping),
            (Shape::Jumping, Place::Callee) => task(site, |y, q| far(y, q, jumping)),
        };
        let mut tasks: Vec<_> = (0..n).map(make).collect();
        for task in &mut tasks {
            task.send(ptr::null());
            let header = ptr::from_ref(task.raw.header().expect("it lives"));
            queue.push(header).set(task.raw.parked());
        }
        let dispatcher = (shape == Shape::Jumping).then(|| dispatcher(site));
        Self {
            shape,
            queue,
            tasks,
            dispatcher,
        }
    }

    /// Lets so many tasks run until they yield.
    ///
    /// # Panics
    /// If the thread is panicking.
    pub fn run(&mut self, n_dispatches: usize) {
        assert!(
            !thread::panicking(),
            "tasks can't yield while the thread panics"
        );
        let mut left = n_dispatches;
        while left > 0 {
            let turn = left.min(DISPATCHES_A_TURN);
            left -= turn;
            self.queue.n_left.set(turn);
            match self.shape {
                Shape::Jumping => {
                    let dispatcher = self.dispatcher.as_mut().expect("this shape has one");
                    dispatcher.send(&raw const *self.queue);
                }
                Shape::Symmetric => {
                    self.queue.dispatches();
                    self.resume();
                }
                Shape::Asymmetric => {
                    while self.queue.dispatches() {
                        self.resume();
                    }
                }
            }
        }
    }

    /// Enters the first task; whichever comes back is queued.
    #[inline(always)]
    fn resume(&self) {
        let (_, parked) = self.queue.pop();
        let turn: Turn = &raw const *self.queue;
        // SAFETY: the task is parked there and expects the queue, which outlives it; what a task
        // comes back with is itself.
        let (task, parked) = unsafe {
            let mut turn = std::mem::ManuallyDrop::new(turn);
            let (word, parked) = arch::resume(parked, value::encode(&mut turn), VALUE);
            if parked.is_none() {
                // A task ended, which leaves its outcome nowhere.
                process::abort()
            }
            (value::decode::<Out>(word), parked)
        };
        self.queue.push(task).set(parked);
    }
}

impl Drop for Rounds {
    /// The tasks learn where they are parked, so that they can be closed. They are queued in the
    /// order in which they were made, from some place on.
    fn drop(&mut self) {
        let queued = (self.queue.head.get()..self.queue.tail.get()).map(|at| self.queue.at(at));
        let first = queued.clone().next().map(|entry| entry.runnable.get());
        let n = self.tasks.len();
        let header_of =
            |task: &Typed<Turn, Out, ()>| task.raw.header().map_or(ptr::null(), ptr::from_ref);
        let start = self
            .tasks
            .iter()
            .position(|task| Some(header_of(task)) == first)
            .expect("what is queued is a task");
        for (index, entry) in queued.enumerate() {
            let task = &mut self.tasks[(start + index) % n];
            assert_eq!(header_of(task), entry.runnable.get());
            // SAFETY: that is where it parked last.
            unsafe { task.raw.set_parked(entry.parked.get()) };
        }
    }
}

/// A task that yields by `switch`, entered for the first time with no queue.
fn task(
    site: &'static Location<'static>,
    switch: impl Fn(&Yielder<Turn, Out>, &Queue) -> Turn + 'static,
) -> Typed<Turn, Out, ()> {
    let body = move |yielder: &Yielder<Turn, Out>, _: Turn| {
        let mut queue = yielder.suspend(ptr::null());
        loop {
            // SAFETY: whoever enters a task says where the queue is, and keeps it.
            queue = switch(yielder, unsafe { &*queue });
        }
    };
    Typed::new(DEFAULT_STACK_SIZE, None, site, body).expect("stacks for the tasks")
}

/// Yields from two calls further down.
#[inline(never)]
fn far(
    yielder: &Yielder<Turn, Out>,
    queue: &Queue,
    switch: impl Fn(&Yielder<Turn, Out>, &Queue) -> Turn,
) -> Turn {
    #[inline(never)]
    fn further(
        yielder: &Yielder<Turn, Out>,
        queue: &Queue,
        switch: impl Fn(&Yielder<Turn, Out>, &Queue) -> Turn,
    ) -> Turn {
        black_box(switch(yielder, queue))
    }
    black_box(further(yielder, queue, switch))
}

/// A yielder is its header.
#[inline(always)]
fn header(yielder: &Yielder<Turn, Out>) -> Out {
    ptr::from_ref(yielder).cast()
}

#[inline(always)]
fn asymmetric(yielder: &Yielder<Turn, Out>, _: &Queue) -> Turn {
    yielder.suspend(header(yielder))
}

#[inline(always)]
fn symmetric(yielder: &Yielder<Turn, Out>, queue: &Queue) -> Turn {
    if !queue.dispatches() {
        return yielder.suspend(header(yielder));
    }
    let save = queue.push(header(yielder));
    let (_, next) = queue.pop();
    // SAFETY: the next one is parked there and expects the queue; this one's entry says where it
    // parks, and a place of `Option<Parked>` is one of `Parked` that may also hold none.
    unsafe { yielder.transfer(save.as_ptr().cast(), next, queue) }
}

#[inline(always)]
fn jumping(yielder: &Yielder<Turn, Out>, queue: &Queue) -> Turn {
    let save = queue.push(header(yielder));
    let dispatcher = queue.dispatcher.get();
    // SAFETY: as in `symmetric`; while a task runs, the dispatcher is parked.
    unsafe { yielder.transfer(save.as_ptr().cast(), dispatcher.unwrap_unchecked(), queue) }
}

/// The loop as a coroutine: it takes tasks from the queue until its turn is over.
fn dispatcher(site: &'static Location<'static>) -> Typed<Turn, Out, ()> {
    let body = |yielder: &Yielder<Turn, Out>, mut queue: Turn| {
        loop {
            // SAFETY: as in `task`.
            let now = unsafe { &*queue };
            queue = if now.dispatches() {
                let (_, next) = now.pop();
                let save = now.dispatcher.as_ptr().cast();
                // SAFETY: as in `symmetric`.
                unsafe { yielder.transfer(save, next, queue) }
            } else {
                yielder.suspend(ptr::null())
            };
        }
    };
    Typed::new(DEFAULT_STACK_SIZE, None, site, body).expect("a stack for the loop")
}

// A header is reached by address only.
const _: () = assert!(size_of::<Option<Parked>>() == size_of::<NonNull<u8>>());

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_take_turns_in_every_shape_and_can_be_closed() {
        for shape in [Shape::Symmetric, Shape::Asymmetric, Shape::Jumping] {
            for place in [Place::Body, Place::Callee] {
                for n in [2, 3, 100] {
                    let mut rounds = Rounds::new(n, shape, place);
                    for n_dispatches in [0, 1, n, 10 * n + 1] {
                        let head = rounds.queue.head.get();
                        rounds.run(n_dispatches);
                        let dispatched = rounds.queue.head.get() - head;
                        assert_eq!(dispatched, n_dispatches, "{shape:?} {place:?} {n}");
                        assert_eq!(rounds.queue.tail.get() - rounds.queue.head.get(), n);
                    }
                }
            }
        }
    }
}
