//! The actions of the program's code in the middle of a call of the library.

use std::cell::Cell;
use std::cmp::Ordering;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::ptr;

use selvedge::coroutine::scope;
use selvedge::event_loop::current_loop;
use selvedge::{EventLoop, Yielder, sleep, try_run, yield_now};

use crate::support::A_SECOND;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Control leaves the innermost coroutine for ever.
    Abandon,
    Panic,
    AnotherLoop,
    Wait,
    /// The coroutine is suspended, and resumed by another task after this one has ended.
    Suspend,
}

pub const KINDS: [Kind; 5] = [
    Kind::Abandon,
    Kind::Panic,
    Kind::AnotherLoop,
    Kind::Wait,
    Kind::Suspend,
];

thread_local! {
    static ARMED: Cell<Option<Kind>> = const { Cell::new(None) };
    static HAS_STRUCK: Cell<bool> = const { Cell::new(false) };
    static YIELDER: Cell<*const Yielder<(), ()>> = const { Cell::new(ptr::null()) };
}

/// The next strike of this thread is of this kind.
pub fn arm(kind: Kind) {
    ARMED.set(Some(kind));
    HAS_STRUCK.set(false);
}

/// Whether there was a strike.
pub fn disarm() -> bool {
    ARMED.set(None);
    HAS_STRUCK.get()
}

/// The yielder of the place's coroutine.
pub fn set_yielder(yielder: Option<&Yielder<(), ()>>) {
    YIELDER.set(yielder.map_or(ptr::null(), ptr::from_ref));
}

/// Does what this thread is armed for, once.
pub fn strike() {
    let Some(kind) = ARMED.take() else { return };
    HAS_STRUCK.set(true);
    match kind {
        // In the middle of an unwind a panic aborts, as do these: Rust's rule.
        Kind::Abandon | Kind::Panic | Kind::Suspend if std::thread::panicking() => (),
        Kind::Abandon => abandon(),
        Kind::Panic => panic_any(Kind::Panic),
        Kind::AnotherLoop => another_loop(),
        Kind::Wait => {
            let _ = catch_unwind(yield_now);
            let _ = catch_unwind(|| sleep(A_SECOND));
        }
        Kind::Suspend => {
            // SAFETY: the place's coroutine is running, or suspended with its body alive.
            if let Some(yielder) = unsafe { YIELDER.get().as_ref() } {
                yielder.suspend(());
            }
        }
    }
}

fn abandon() {
    scope(|s| {
        let mut child = s.coroutine(|yielder: &Yielder<(), ()>, ()| {
            loop {
                let _ = catch_unwind(AssertUnwindSafe(|| yielder.suspend(())));
            }
        });
        child.resume();
    });
    unreachable!("the scope returned");
}

fn another_loop() {
    let is_inside = current_loop().is_some();
    let other = EventLoop::builder().virtual_clock(true).build();
    let other = other.expect("a loop");
    let task = other.create_task(|| sleep(A_SECOND));
    other.call_soon(|| ());
    assert_eq!(other.run_until_complete(|| 1).is_err(), is_inside);
    assert_eq!(try_run(|| 1).is_err(), is_inside);
    drop(other);
    assert!(task.is_done());
    assert_eq!(current_loop().is_some(), is_inside);
}

/// A value whose methods and destructor strike, where the name says so.
#[derive(Debug)]
pub struct Strikes<const WHERE: u8>;

pub const IN_DROP: u8 = 0;
pub const IN_CLONE: u8 = 1;
pub const IN_CMP: u8 = 2;
pub const IN_DISPLAY: u8 = 3;
pub const IN_FROM: u8 = 4;

impl<const WHERE: u8> Drop for Strikes<WHERE> {
    fn drop(&mut self) {
        if WHERE == IN_DROP {
            strike();
        }
    }
}

impl Clone for Strikes<IN_CLONE> {
    fn clone(&self) -> Self {
        strike();
        Self
    }
}

impl<const WHERE: u8> Ord for Strikes<WHERE> {
    fn cmp(&self, _: &Self) -> Ordering {
        if WHERE == IN_CMP {
            strike();
        }
        Ordering::Equal
    }
}

impl<const WHERE: u8> PartialOrd for Strikes<WHERE> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<const WHERE: u8> PartialEq for Strikes<WHERE> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl<const WHERE: u8> Eq for Strikes<WHERE> {}

impl<const WHERE: u8> fmt::Display for Strikes<WHERE> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if WHERE == IN_DISPLAY {
            strike();
        }
        f.write_str("an error")
    }
}

impl<const WHERE: u8> std::error::Error for Strikes<WHERE> {}

/// Of a name or a message.
impl From<Strikes<IN_FROM>> for String {
    fn from(_: Strikes<IN_FROM>) -> Self {
        strike();
        "text".to_owned()
    }
}

/// Of a deadline.
impl From<Strikes<IN_FROM>> for Option<std::time::Instant> {
    fn from(_: Strikes<IN_FROM>) -> Self {
        strike();
        current_loop()?.time().ok().map(|now| now + A_SECOND)
    }
}

/// Of a signal's number.
impl From<Strikes<IN_FROM>> for i32 {
    fn from(_: Strikes<IN_FROM>) -> Self {
        strike();
        10
    }
}

/// Of a body's error.
#[derive(Debug)]
pub struct IntoError;

impl From<IntoError> for Box<dyn std::error::Error + Send + Sync> {
    fn from(_: IntoError) -> Self {
        strike();
        "an error".into()
    }
}
