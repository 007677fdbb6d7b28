//! A level of a running program, the driver or a coroutine, and how it executes operations.

use std::panic::{AssertUnwindSafe, catch_unwind, panic_any, resume_unwind};
use std::rc::Rc;
use std::thread;

use selvedge::coroutine::Status;

use crate::engine::{Answer, Closed, Engine, Payload, Thrown};
use crate::interpreter::{Captures, Session, World, create};
use crate::program::{Op, Slot, Then};
use crate::record::{Event, What, note, spend};
use crate::values::{Mark, Sent, Value, Word, items, what};

/// The most sends of a `Drain`.
const MAX_SENDS: usize = 8;

/// Whether a level goes on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    On,
    Return,
}

/// The driver, or a coroutine that runs, or a destructor in one.
pub struct Level<'a, 'i, E: Engine, In: Sent, V: Value> {
    world: &'a Rc<World<E, In, V>>,
    /// The number of its body.
    index: usize,
    inside: Option<&'a E::Inside<'i, In, V>>,
    slots: [Option<E::Coroutine<In, V>>; 2],
    /// Whether a level of the program catches an unwind; otherwise the driver does, after each
    /// operation.
    is_caught: bool,
}

impl<'a, 'i, E: Engine, In: Sent, V: Value> Level<'a, 'i, E, In, V> {
    pub fn new(
        world: &'a Rc<World<E, In, V>>,
        index: usize,
        inside: Option<&'a E::Inside<'i, In, V>>,
    ) -> Self {
        Self {
            world,
            index,
            inside,
            slots: [None, None],
            is_caught: inside.is_some(),
        }
    }

    /// Executes a list of operations. Locals of the program are locals here, so the operations
    /// after one run in the local's frame.
    pub fn run(&mut self, ops: &[Op]) -> Flow {
        let mut rest = ops;
        while let Some((op, after)) = rest.split_first() {
            if !spend() {
                return Flow::On;
            }
            rest = after;
            let flow = match *op {
                Op::Local => {
                    let _local = Word::new();
                    return self.run(rest);
                }
                Op::Bomb => {
                    let _local = Word::bomb();
                    return self.run(rest);
                }
                Op::Bind(slot) => {
                    let _bound = self.slots[slot.index].take();
                    return self.run(rest);
                }
                Op::SuspendAndKeep => {
                    let _kept = self.suspend();
                    return self.run(rest);
                }
                Op::Defer { n_ops } => {
                    let (ops, rest) = rest.split_at(n_ops.min(rest.len()));
                    let mut level = Level::new(self.world, self.index, self.inside);
                    level.is_caught = true;
                    let _deferred = Deferred { level, ops };
                    return self.run(rest);
                }
                Op::Catch { n_ops, then } => {
                    let (ops, after) = rest.split_at(n_ops.min(rest.len()));
                    rest = after;
                    let was_caught = std::mem::replace(&mut self.is_caught, true);
                    let result = catch_unwind(AssertUnwindSafe(|| self.run(ops)));
                    self.is_caught = was_caught;
                    result.unwrap_or_else(|payload| self.caught(payload, then))
                }
                Op::OnStack { n_ops } => {
                    let (ops, after) = rest.split_at(n_ops.min(rest.len()));
                    rest = after;
                    let mut flow = Flow::On;
                    E::on_stack(|| flow = self.run(ops));
                    flow
                }
                Op::Scope { n_children, n_ops } => {
                    let (ops, after) = rest.split_at(n_ops.min(rest.len()));
                    rest = after;
                    self.scope(n_children, ops)
                }
                op => self.step_guarded(op),
            };
            if flow == Flow::Return {
                return flow;
            }
        }
        Flow::On
    }

    fn step_guarded(&mut self, op: Op) -> Flow {
        let flow = if self.is_caught {
            self.step(op)
        } else {
            let result = catch_unwind(AssertUnwindSafe(|| self.step(op)));
            result.unwrap_or_else(|payload| self.caught(payload, Then::Swallow))
        };
        self.note_statuses();
        flow
    }

    fn note_statuses(&self) {
        let status = |slot: &Option<_>| slot.as_ref().map(E::status);
        note(Event::Status([
            status(&self.slots[0]),
            status(&self.slots[1]),
        ]));
    }

    fn caught(&mut self, payload: Payload, then: Then) -> Flow {
        note(Event::Caught(what(&payload)));
        self.note_statuses();
        self.dispose(payload, then)
    }

    fn dispose(&mut self, payload: Payload, then: Then) -> Flow {
        match then {
            Then::Swallow => {}
            Then::Rethrow => resume_unwind(payload),
            Then::Keep => drop(self.world.kept.replace(Some(payload))),
            Then::Return => return Flow::Return,
        }
        Flow::On
    }

    fn step(&mut self, op: Op) -> Flow {
        match op {
            Op::Panic => panic_any(Mark::new()),
            Op::RaiseKept => {
                let kept = self.world.kept.take();
                if let Some(payload) = kept {
                    resume_unwind(payload);
                }
            }
            Op::Return => return Flow::Return,
            Op::Suspend => drop(self.suspend()),
            Op::TrySuspend(then) => return self.suspend_catching(then),
            Op::YieldFrom { n_items } => {
                if let Some(inside) = self.inside {
                    In::yield_from::<E, V>(inside, items(n_items));
                }
            }
            Op::Swap => self.slots.swap(0, 1),
            Op::Drop(slot) => drop(self.slots[slot.index].take()),
            Op::Give(slot) => {
                let given = self.slots[slot.index].take();
                drop(self.world.given.replace(given));
            }
            Op::Take(slot) => {
                let taken = self.world.given.take();
                drop(std::mem::replace(&mut self.slots[slot.index], taken));
            }
            Op::Generate { child, n_items } => self.generate(child, n_items),
            Op::Interleave(slot) => {
                for index in [0, 1, 0, 1, 0, 1] {
                    self.send_once(Slot { index, ..slot });
                }
            }
            Op::Drain(slot) => (0..MAX_SENDS).for_each(|_| self.send_once(slot)),
            Op::Create(slot) => {
                let created = self
                    .child(slot.child)
                    .map(|index| create(self.world, index));
                self.slots[slot.index] = created;
            }
            op => self.enter(op),
        }
        Flow::On
    }

    /// The operations that enter a coroutine which this level holds.
    fn enter(&mut self, op: Op) {
        let (world, inside) = (self.world, self.inside);
        let (Op::Send(slot)
        | Op::TrySend(slot)
        | Op::Close(slot)
        | Op::Throw(slot)
        | Op::ThrowKept(slot)
        | Op::TryThrow(slot)
        | Op::Delegate(slot)) = op
        else {
            return;
        };
        let Some(coroutine) = self.coroutine(slot) else {
            return;
        };
        match op {
            Op::Send(_) => answered(E::send(coroutine, In::new(slot.sends_bomb))),
            Op::TrySend(_) => match E::try_send(coroutine, In::new(slot.sends_bomb)) {
                Ok(answer) => answered(answer),
                Err((value, status)) => note(Event::Refused(value.id(), status)),
            },
            Op::Close(_) => match E::close(coroutine) {
                Closed::Ended(ret) => note(Event::Ended(ret.as_ref().map(V::id))),
                Closed::Ignored(out) => note(Event::IgnoredClose(out.id())),
            },
            Op::Throw(_) => answered(E::throw(coroutine, Mark::payload())),
            Op::ThrowKept(_) => {
                if let Some(payload) = world.kept.take() {
                    answered(E::throw(coroutine, payload));
                }
            }
            Op::TryThrow(_) => match E::try_throw(coroutine, Mark::payload()) {
                Ok(answer) => answered(answer),
                Err((payload, status)) => {
                    note(Event::Caught(what(&payload)));
                    note(Event::Refused(0, status));
                }
            },
            Op::Delegate(_) => {
                if let Some(inside) = inside {
                    let ret = E::delegate(inside, coroutine, In::new(slot.sends_bomb));
                    note(Event::Complete(ret.id()));
                }
            }
            _ => {}
        }
    }

    fn send_once(&mut self, slot: Slot) {
        if let Some(coroutine) = self.coroutine(slot)
            && E::status(coroutine) != Status::Done
        {
            answered(E::send(coroutine, In::new(slot.sends_bomb)));
        }
    }

    fn suspend(&self) -> Option<In> {
        let received = E::suspend(self.inside?, V::new());
        note(Event::Received(received.id()));
        Some(received)
    }

    fn suspend_catching(&mut self, then: Then) -> Flow {
        let Some(inside) = self.inside else {
            return Flow::On;
        };
        match E::suspend_catching(inside, V::new()) {
            Ok(received) => {
                note(Event::Received(received.id()));
                Flow::On
            }
            Err(Thrown::Payload(payload)) => {
                note(Event::Met(what(&payload)));
                self.dispose(payload, then)
            }
            Err(Thrown::Close) => {
                note(Event::Met(What::Close));
                if matches!(then, Then::Return) {
                    return Flow::Return;
                }
                Flow::On
            }
            Err(Thrown::Panicking) => {
                note(Event::Met(What::Panicking));
                Flow::On
            }
        }
    }

    fn generate(&mut self, child: usize, n_items: usize) {
        let Some(index) = self.child(child) else {
            return;
        };
        let session = Session::<E, (), V>::new(&self.world.program);
        let captures = Captures::new(&session.world, index);
        let generator = E::generator(move |inside: &E::Inside<'_, (), V>| {
            let ops = &captures.body().ops;
            Level::new(&captures.world, index, Some(inside)).run(ops);
        });
        for item in generator.take(n_items) {
            note(Event::Item(item.id()));
        }
    }

    /// Executes operations in a scope with some children: the first unstarted, the second started,
    /// and so on. The handle of the last is dropped before the operations; those of the others
    /// afterwards, or they are forgotten.
    fn scope(&mut self, n_children: usize, ops: &[Op]) -> Flow {
        E::scope(|scope| {
            let mut children = Vec::new();
            for n_sends in 0..n_children {
                let Some(index) = self.child(n_sends) else {
                    break;
                };
                let captures = Captures::new(self.world, index);
                let body =
                    move |inside: &E::Inside<'_, In, V>, first: In| captures.run(inside, first);
                let mut child = E::create_child(scope, body);
                for _ in 0..n_sends {
                    answered(E::send_to_child(&mut child, In::new(false)));
                }
                children.push(child);
            }
            drop(children.pop());
            let flow = self.run(ops);
            if ops.len().is_multiple_of(2) {
                for child in children {
                    std::mem::forget(child);
                    note(Event::Forgot);
                }
            }
            flow
        })
    }

    /// The body of a child of this level: one further down, if there is one.
    fn child(&self, child: usize) -> Option<usize> {
        let n_below = self.world.program.bodies.len() - 1 - self.index;
        (n_below > 0).then(|| self.index + 1 + child % n_below)
    }

    /// The coroutine in a slot, created if the slot is empty.
    fn coroutine(&mut self, slot: Slot) -> Option<&mut E::Coroutine<In, V>> {
        let child = self.child(slot.child);
        let place = &mut self.slots[slot.index];
        let is_done = |held: &_| E::status(held) == Status::Done;
        if place
            .as_ref()
            .is_none_or(|held| slot.renews && is_done(held))
        {
            *place = child.map(|index| create(self.world, index));
        }
        place.as_mut()
    }
}

fn answered<V: Value>(answer: Answer<V>) {
    match answer {
        Answer::Yielded(out) => note(Event::Yielded(out.id())),
        Answer::Complete(ret) => note(Event::Complete(ret.id())),
    }
}

/// A destructor that executes operations. Its unwind goes on, unless the thread unwinds already.
struct Deferred<'a, 'i, E: Engine, In: Sent, V: Value> {
    level: Level<'a, 'i, E, In, V>,
    ops: &'a [Op],
}

impl<E: Engine, In: Sent, V: Value> Drop for Deferred<'_, '_, E, In, V> {
    fn drop(&mut self) {
        let result = catch_unwind(AssertUnwindSafe(|| self.level.run(self.ops)));
        if let Err(payload) = result {
            note(Event::Caught(what(&payload)));
            if !thread::panicking() {
                resume_unwind(payload);
            }
        }
    }
}
