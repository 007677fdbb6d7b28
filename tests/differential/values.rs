//! Values with numbers, whose destructors add to the record.

use std::any::Any;
use std::panic;
use std::thread;

use crate::engine::{Engine, Payload};
use crate::record::{Event, Id, What, next_id, note};

/// A value with a number. It owns memory, so that a leak or a double drop shows in the count of
/// allocations too.
pub struct Word(Box<Content>);

struct Content {
    id: Id,
    is_bomb: bool,
}

impl Word {
    pub fn new() -> Self {
        Self(Box::new(Content {
            id: next_id(),
            is_bomb: false,
        }))
    }

    /// A value whose destructor panics, unless the thread panics already.
    pub fn bomb() -> Self {
        let mut word = Self::new();
        word.0.is_bomb = true;
        word
    }
}

impl Drop for Word {
    fn drop(&mut self) {
        note(Event::Dropped(self.0.id));
        if self.0.is_bomb && !thread::panicking() {
            panic::panic_any(Mark::new());
        }
    }
}

/// A value that does not fit into a register, and is aligned more than a stack is.
#[repr(align(32))]
pub struct Wide {
    word: Word,
    copies: [Id; 12],
}

/// A payload of the program's own.
pub struct Mark(Word);

impl Mark {
    pub fn new() -> Self {
        Self(Word::new())
    }

    pub fn payload() -> Payload {
        Box::new(Self::new())
    }
}

/// Identifies a payload by its content: another box would hold another number.
pub fn what(payload: &Payload) -> What {
    if let Some(mark) = payload.downcast_ref::<Mark>() {
        return What::Mark(mark.0.0.id);
    }
    match sentence(&**payload) {
        None => What::Close,
        Some(text) if text.contains("finished") => What::Finished,
        Some(text) if text.contains("panicking") => What::Panicking,
        Some(text) if text.contains("outside") || text.contains("scope") => What::Outside,
        Some(_) => What::OtherSentence,
    }
}

fn sentence(payload: &dyn Any) -> Option<&str> {
    let literal = payload.downcast_ref::<&'static str>().copied();
    literal.or_else(|| payload.downcast_ref::<String>().map(String::as_str))
}

/// The values that coroutines suspend with and return.
pub trait Value: Sized + 'static {
    fn new() -> Self;
    fn id(&self) -> Id;
}

/// The values that coroutines are sent.
pub trait Sent: Sized + 'static {
    fn new(is_bomb: bool) -> Self;
    fn id(&self) -> Id;
    /// Suspends with each of the items.
    fn yield_from<E: Engine, V: Value>(
        inside: &E::Inside<'_, Self, V>,
        items: impl Iterator<Item = V>,
    ) {
        items.for_each(|item| drop(E::suspend(inside, item)));
    }
}

impl Value for Word {
    fn new() -> Self {
        Self::new()
    }

    fn id(&self) -> Id {
        self.0.id
    }
}

impl Value for Wide {
    fn new() -> Self {
        Self::around(Word::new())
    }

    fn id(&self) -> Id {
        let id = self.word.0.id;
        assert_eq!(self.copies, [id; 12], "a wide value was torn");
        id
    }
}

impl Wide {
    fn around(word: Word) -> Self {
        let copies = [word.0.id; 12];
        Self { word, copies }
    }
}

fn word(is_bomb: bool) -> Word {
    if is_bomb { Word::bomb() } else { Word::new() }
}

impl Sent for Word {
    fn new(is_bomb: bool) -> Self {
        word(is_bomb)
    }

    fn id(&self) -> Id {
        Value::id(self)
    }
}

impl Sent for Wide {
    fn new(is_bomb: bool) -> Self {
        Self::around(word(is_bomb))
    }

    fn id(&self) -> Id {
        Value::id(self)
    }
}

impl Sent for () {
    fn new(_: bool) -> Self {}

    fn id(&self) -> Id {
        0
    }

    fn yield_from<E: Engine, V: Value>(
        inside: &E::Inside<'_, Self, V>,
        items: impl Iterator<Item = V>,
    ) {
        E::yield_from(inside, items);
    }
}

/// A few new values, made one at a time; the iterator itself leaves a trace when it is dropped.
pub fn items<V: Value>(n_items: usize) -> impl Iterator<Item = V> {
    let trace = Word::new();
    (0..n_items).map(move |_| {
        let _traced = &trace;
        V::new()
    })
}
