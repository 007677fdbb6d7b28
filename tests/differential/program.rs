//! The generated programs: a driver and the bodies of coroutines, each a list of operations.
//!
//! An operation is made from a number, which selects its kind, and a byte for its details. Both shrink by themselves,
//! and so do the lists; the tables order the kinds from simple to intricate, so that a smaller number is a simpler
//! program.

use std::fmt;
use std::rc::Rc;

use proptest::collection::vec;
use proptest::prelude::{Strategy, any};

/// A whole program. The driver is the first of the bodies; each body creates coroutines only from later bodies, so the
/// tree of coroutines is finite.
pub struct Program {
    pub values: Values,
    pub bodies: Vec<Body>,
}

/// The type of the values that a program's coroutines are sent. They suspend with and return the same type, or words.
#[derive(Clone, Copy, Debug)]
pub enum Values {
    /// Fits into a register.
    Words,
    /// Is passed by address.
    Wide,
    /// No value is sent.
    Units,
}

/// The operations of a coroutine or of the driver.
#[derive(Debug)]
pub struct Body {
    pub n_captures: u8,
    /// One more capture, whose destructor panics.
    pub captures_bomb: bool,
    /// One more capture, so large that the closure is stored elsewhere.
    pub captures_ballast: bool,
    pub ops: Vec<Op>,
}

/// A level (the driver, or a coroutine that runs) holds two coroutines. An operation on a missing coroutine creates the
/// coroutine first, from a later body.
#[derive(Clone, Copy)]
pub struct Slot {
    pub index: usize,
    pub child: usize,
    /// Whether a finished coroutine is replaced first.
    pub renews: bool,
    /// Whether the destructor of the sent value panics.
    pub sends_bomb: bool,
}

#[derive(Clone, Copy, Debug)]
pub enum Op {
    /// Records the status of both coroutines, as every operation does.
    Status,
    // On the coroutines that the level holds.
    Send(Slot),
    TrySend(Slot),
    Create(Slot),
    Drop(Slot),
    Close(Slot),
    Throw(Slot),
    TryThrow(Slot),
    /// Sends to both in turn.
    Interleave(Slot),
    /// Sends until it is done.
    Drain(Slot),
    Swap,
    /// Moves it into a frame, which may unwind.
    Bind(Slot),
    /// Puts the coroutine where every level can take it.
    Give(Slot),
    Take(Slot),
    /// Iterates over some items of a generator and drops it.
    Generate {
        child: usize,
        n_items: usize,
    },
    // On the level itself.
    Local,
    /// A local whose destructor panics.
    Bomb,
    Panic,
    Return,
    /// Catches an unwind of the next operations, as many as the number says.
    Catch {
        n_ops: usize,
        then: Then,
    },
    /// A local whose destructor runs the next operations, as many as the number says.
    Defer {
        n_ops: usize,
    },
    /// Executes the next operations, as many as the number says, on another stack.
    OnStack {
        n_ops: usize,
    },
    /// Executes the next operations inside a scope with children; the numbers say how many.
    Scope {
        n_children: usize,
        n_ops: usize,
    },
    /// Raises, or throws, a payload that was caught and kept.
    RaiseKept,
    ThrowKept(Slot),
    // Inside a coroutine only.
    Suspend,
    /// Keeps the sent value as a local.
    SuspendAndKeep,
    TrySuspend(Then),
    Delegate(Slot),
    YieldFrom {
        n_items: usize,
    },
}

/// The use of a caught payload.
#[derive(Clone, Copy, Debug)]
pub enum Then {
    Swallow,
    Rethrow,
    /// Keeps the payload, for a later operation that raises or throws it.
    Keep,
    Return,
}

type Table = [fn(u8) -> Op];

#[rustfmt::skip]
const DRIVER: &Table = &[
    |_| Op::Status,
    |b| Op::Send(slot(b)), |b| Op::Send(slot(b)), |b| Op::Send(slot(b)), |b| Op::Send(slot(b)),
    |b| Op::Create(slot(b)),
    |b| Op::Drop(slot(b)),
    |b| Op::Close(slot(b)), |b| Op::Close(slot(b)),
    |b| Op::Throw(slot(b)),
    |b| Op::Interleave(slot(b)),
    |b| Op::TrySend(slot(b)),
    |b| Op::TryThrow(slot(b)),
    |b| Op::Drain(slot(b)),
    |_| Op::Local,
    |_| Op::Swap,
    |b| Op::Bind(slot(b)),
    |b| Op::Give(slot(b)),
    |b| Op::Take(slot(b)),
    |b| Op::Catch { n_ops: count(b), then: then(b) },
    |_| Op::Panic,
    |b| Op::ThrowKept(slot(b)),
    |b| Op::Defer { n_ops: count(b) },
    |b| Op::OnStack { n_ops: count(b) },
    |b| Op::Scope { n_children: slot(b).child, n_ops: count(b) },
    |b| Op::Generate { child: slot(b).child, n_items: count(b) },
];

#[rustfmt::skip]
const INSIDE: &Table = &[
    |_| Op::Status,
    |_| Op::Suspend, |_| Op::Suspend, |_| Op::Suspend, |_| Op::Suspend, |_| Op::Suspend,
    |_| Op::Local, |_| Op::Local,
    |b| Op::Send(slot(b)), |b| Op::Send(slot(b)),
    |b| Op::Create(slot(b)),
    |b| Op::Drop(slot(b)),
    |b| Op::Close(slot(b)),
    |b| Op::Throw(slot(b)),
    |b| Op::TrySend(slot(b)),
    |b| Op::TryThrow(slot(b)),
    |_| Op::Panic,
    |_| Op::Return,
    |_| Op::SuspendAndKeep, |_| Op::SuspendAndKeep,
    |b| Op::TrySuspend(then(b)), |b| Op::TrySuspend(then(b)),
    |b| Op::Catch { n_ops: count(b), then: then(b) }, |b| Op::Catch { n_ops: count(b), then: then(b) },
    |b| Op::Delegate(slot(b)), |b| Op::Delegate(slot(b)),
    |b| Op::YieldFrom { n_items: count(b) },
    |b| Op::Interleave(slot(b)),
    |b| Op::Drain(slot(b)),
    |b| Op::Bind(slot(b)),
    |b| Op::Give(slot(b)),
    |b| Op::Take(slot(b)),
    |_| Op::Bomb,
    |_| Op::RaiseKept,
    |b| Op::ThrowKept(slot(b)),
    |b| Op::Defer { n_ops: count(b) }, |b| Op::Defer { n_ops: count(b) },
    |b| Op::OnStack { n_ops: count(b) },
    |b| Op::Scope { n_children: slot(b).child, n_ops: count(b) },
    |b| Op::Generate { child: slot(b).child, n_items: count(b) },
];

fn slot(byte: u8) -> Slot {
    Slot {
        index: usize::from(byte & 1),
        child: usize::from(byte >> 1 & 3),
        renews: byte >> 3 & 3 != 3,
        sends_bomb: byte >> 5 == 7,
    }
}

fn count(byte: u8) -> usize {
    1 + usize::from(byte >> 3 & 3)
}

fn then(byte: u8) -> Then {
    match byte & 3 {
        0 => Then::Swallow,
        1 => Then::Rethrow,
        2 => Then::Keep,
        _ => Then::Return,
    }
}

fn op(table: &'static Table) -> impl Strategy<Value = Op> {
    (0..table.len(), any::<u8>()).prop_map(|(kind, byte)| table[kind](byte))
}

fn body() -> impl Strategy<Value = Body> {
    (any::<u8>(), vec(op(INSIDE), 2..12)).prop_map(|(byte, ops)| Body {
        n_captures: byte & 3,
        captures_bomb: byte >> 5 == 7,
        captures_ballast: byte >> 2 & 3 == 3,
        ops,
    })
}

/// Programs of at least ten operations.
pub fn strategy() -> impl Strategy<Value = Rc<Program>> {
    let driver = vec(op(DRIVER), 4..20);
    (0_u8..3, driver, body(), body(), body()).prop_map(|(values, ops, first, second, third)| {
        let driver = Body {
            n_captures: 0,
            captures_bomb: false,
            captures_ballast: false,
            ops,
        };
        Rc::new(Program {
            values: [Values::Words, Values::Wide, Values::Units][usize::from(values)],
            bodies: vec![driver, first, second, third],
        })
    })
}

impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "values: {:?}", self.values)?;
        for (index, body) in self.bodies.iter().enumerate() {
            write!(f, "body {index}: {} captures", body.n_captures)?;
            if body.captures_bomb {
                write!(f, " and a bomb")?;
            }
            if body.captures_ballast {
                write!(f, " and ballast")?;
            }
            writeln!(f)?;
            for op in &body.ops {
                writeln!(f, "    {op:?}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let renews = if self.renews { ", renewed" } else { "" };
        let with = if self.sends_bomb { ", a bomb" } else { "" };
        write!(f, "{}, child {}{renews}{with}", self.index, self.child)
    }
}
