//! Runs a program on an engine.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use crate::engine::{Engine, Payload};
use crate::level::Level;
use crate::program::{Body, Program, Values};
use crate::record::{self, Event, Record, note};
use crate::values::{Sent, Value, Wide, Word, what};

/// Runs a program and records what happens.
pub fn run<E: Engine>(program: &Rc<Program>) -> Record {
    record::of(|| match program.values {
        Values::Words => drive::<E, Word, Word>(program),
        Values::Wide => drive::<E, Wide, Wide>(program),
        Values::Units => drive::<E, (), Word>(program),
    })
}

/// Makes the engine's pools and caches allocate their memory.
pub fn warm_up<E: Engine>(n_coroutines: usize) {
    let create = || {
        let mut coroutine = E::create(|inside: &E::Inside<'_, (), ()>, ()| {
            E::suspend(inside, ());
        });
        E::send(&mut coroutine, ());
        coroutine
    };
    E::scope(|_| E::on_stack(|| ()));
    drop((0..n_coroutines).map(|_| create()).collect::<Vec<_>>());
}

fn drive<E: Engine, In: Sent, V: Value>(program: &Rc<Program>) {
    let session = Session::<E, In, V>::new(program);
    let result = catch_unwind(AssertUnwindSafe(|| {
        Level::new(&session.world, 0, None).run(&program.bodies[0].ops);
    }));
    if let Err(payload) = result {
        note(Event::Caught(what(&payload)));
    }
}

/// The state that all levels of a program share.
pub struct World<E: Engine, In: Sent, V: Value> {
    pub program: Rc<Program>,
    /// A coroutine on its way from one level to another.
    pub given: Cell<Option<E::Coroutine<In, V>>>,
    /// A payload that was caught and kept.
    pub kept: RefCell<Option<Payload>>,
}

/// Empties a world, whose coroutines refer to it, when it is dropped.
pub struct Session<E: Engine, In: Sent, V: Value> {
    pub world: Rc<World<E, In, V>>,
}

impl<E: Engine, In: Sent, V: Value> Session<E, In, V> {
    pub fn new(program: &Rc<Program>) -> Self {
        let world = Rc::new(World {
            program: Rc::clone(program),
            given: Cell::new(None),
            kept: RefCell::new(None),
        });
        Self { world }
    }
}

impl<E: Engine, In: Sent, V: Value> Drop for Session<E, In, V> {
    fn drop(&mut self) {
        // The destructors may put another coroutine there.
        while let Some(given) = self.world.given.take() {
            if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(given))) {
                note(Event::Caught(what(&payload)));
            }
        }
    }
}

/// A coroutine of the program's body with this number.
pub fn create<E: Engine, In: Sent, V: Value>(
    world: &Rc<World<E, In, V>>,
    index: usize,
) -> E::Coroutine<In, V> {
    let captures = Captures::new(world, index);
    if captures.body().captures_ballast {
        let ballast = [index; 100];
        E::create(move |inside: &E::Inside<'_, In, V>, first: In| {
            assert_eq!(ballast, [index; 100], "a large closure was torn");
            captures.run(inside, first)
        })
    } else {
        E::create(move |inside: &E::Inside<'_, In, V>, first: In| captures.run(inside, first))
    }
}

pub struct Captures<E: Engine, In: Sent, V: Value> {
    pub world: Rc<World<E, In, V>>,
    index: usize,
    _tracked: [Option<Word>; 4],
}

impl<E: Engine, In: Sent, V: Value> Captures<E, In, V> {
    pub fn new(world: &Rc<World<E, In, V>>, index: usize) -> Self {
        let body = &world.program.bodies[index];
        let nth = |n: u8| (n < body.n_captures).then(Word::new);
        Self {
            world: Rc::clone(world),
            index,
            _tracked: [nth(0), nth(1), body.captures_bomb.then(Word::bomb), nth(2)],
        }
    }

    pub fn body(&self) -> &Body {
        &self.world.program.bodies[self.index]
    }

    pub fn run(self, inside: &E::Inside<'_, In, V>, first: In) -> V {
        note(Event::Received(first.id()));
        Level::new(&self.world, self.index, Some(inside)).run(&self.body().ops);
        // The value comes last: a destructor that panics on a function's way out makes the
        // compiler forget the value that is being returned (rust-lang/rust#47949).
        drop(first);
        drop(self);
        V::new()
    }
}
