//! The oracle: the coroutine protocol in its plainest form, over `corosensei`'s switches.
//!
//! A coroutine is entered with a [`Command`], and a suspension does what it is told: it returns the
//! value, or it unwinds. Everything else is bookkeeping of which coroutine may be entered. Only the
//! switch and the order of drops on the way are `corosensei`'s, which is never asked to unwind
//! anything.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;
use std::thread;

use corosensei::stack::DefaultStack;
use corosensei::{Coroutine, CoroutineResult, Yielder};
use selvedge::coroutine::Status;

use crate::engine::{Answer, Closed, Payload};

/// The command with which a coroutine is entered.
pub enum Command<In> {
    Send(In),
    Raise(Payload),
    /// The number tells this request from all others.
    Close(u64),
}

/// The payload that unwinds a closed body.
struct CloseMark(u64);

/// How a body ended: `Ok(None)` if it never ran.
type End<Ret> = Result<Option<Ret>, Payload>;

type Inner<In, Out, Ret> = Coroutine<Command<In>, Out, End<Ret>>;

/// A coroutine, as its owner sees it.
pub struct Handle<In: 'static, Out: 'static, Ret: 'static> {
    number: u64,
    /// `None` when the body has ended.
    inner: Option<Inner<In, Out, Ret>>,
    is_started: bool,
}

impl<In, Out, Ret> Handle<In, Out, Ret> {
    pub fn new<F>(body: F) -> Self
    where
        F: FnOnce(&Inside<'_, In, Out>, In) -> Ret + 'static,
    {
        let number = next_number();
        let root = move |yielder: &Yielder<Command<In>, Out>, first: Command<In>| {
            catch_unwind(AssertUnwindSafe(|| match first {
                Command::Send(value) => Some(body(&Inside { number, yielder }, value)),
                Command::Raise(_) | Command::Close(_) => {
                    drop(body);
                    None
                }
            }))
        };
        Self {
            number,
            inner: Some(Coroutine::with_stack(take_stack(), root)),
            is_started: false,
        }
    }

    pub fn status(&self) -> Status {
        match (&self.inner, self.is_started) {
            (None, _) => Status::Done,
            (Some(_), false) => Status::Unstarted,
            (Some(_), true) => Status::Suspended,
        }
    }

    /// The one place where a coroutine is entered.
    fn enter(&mut self, command: Command<In>) -> Answer<Out, End<Ret>> {
        let mut inner = self.inner.take().expect("a done coroutine is not entered");
        self.is_started = true;
        match running(self.number, || inner.resume(command)) {
            CoroutineResult::Yield(out) => {
                self.inner = Some(inner);
                Answer::Yielded(out)
            }
            CoroutineResult::Return(end) => {
                give_stack_back(inner.into_stack());
                Answer::Complete(end)
            }
        }
    }

    pub fn send(&mut self, value: In) -> Answer<Out, Ret> {
        if self.status() == Status::Done {
            drop(value);
            panic!("send to a finished coroutine");
        }
        returned(self.enter(Command::Send(value)))
    }

    pub fn throw(&mut self, payload: Payload) -> Answer<Out, Ret> {
        match self.status() {
            Status::Suspended => return returned(self.enter(Command::Raise(payload))),
            Status::Unstarted => drop(self.close()),
            _ => {}
        }
        resume_unwind(payload)
    }

    pub fn close(&mut self) -> Closed<Out, Ret> {
        if self.status() == Status::Done {
            return Closed::Ended(None);
        }
        let request = next_number();
        match self.enter(Command::Close(request)) {
            Answer::Yielded(out) => Closed::Ignored(out),
            Answer::Complete(Ok(ret)) => Closed::Ended(ret),
            Answer::Complete(Err(payload)) if is_close(&payload, request) => Closed::Ended(None),
            Answer::Complete(Err(payload)) => resume_unwind(payload),
        }
    }

    /// Closes again and again.
    fn end(&mut self) {
        while let Closed::Ignored(out) = self.close() {
            drop(out);
        }
    }
}

/// The value that a body returned; resumes the body's panic.
fn returned<Out, Ret>(answer: Answer<Out, End<Ret>>) -> Answer<Out, Ret> {
    match answer {
        Answer::Yielded(out) => Answer::Yielded(out),
        Answer::Complete(Ok(ret)) => {
            Answer::Complete(ret.expect("a body that was sent to has run"))
        }
        Answer::Complete(Err(payload)) => resume_unwind(payload),
    }
}

thread_local! {
    static LAST_NUMBER: Cell<u64> = const { Cell::new(0) };
    /// The number of the coroutine or call whose stack the running code is on.
    static RUNNING: Cell<u64> = const { Cell::new(0) };
    /// The numbers of those that have a scope open, the innermost last.
    static SCOPED: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
    /// Reuses stacks, because a fresh one costs more than a whole program.
    static STACKS: RefCell<Vec<DefaultStack>> = const { RefCell::new(Vec::new()) };
}

/// A number for a coroutine, a call or a request to close.
fn next_number() -> u64 {
    LAST_NUMBER.set(LAST_NUMBER.get() + 1);
    LAST_NUMBER.get()
}

/// Records the running coroutine during a call that does not unwind.
fn running<R>(number: u64, call: impl FnOnce() -> R) -> R {
    let before = RUNNING.replace(number);
    let result = call();
    RUNNING.set(before);
    result
}

fn is_close(payload: &Payload, request: u64) -> bool {
    let mark = payload.downcast_ref::<CloseMark>();
    mark.is_some_and(|mark| mark.0 == request)
}

/// Dropping ends the coroutine. A panic goes on, unless the thread panics already.
impl<In, Out, Ret> Drop for Handle<In, Out, Ret> {
    fn drop(&mut self) {
        end_in_drop(|| self.end());
    }
}

fn end_in_drop(end: impl FnOnce()) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(end))
        && !thread::panicking()
    {
        resume_unwind(payload);
    }
}

/// A coroutine, as its body sees it.
pub struct Inside<'a, In, Out> {
    number: u64,
    yielder: &'a Yielder<Command<In>, Out>,
}

/// The event that a body meets at a suspension instead of a value.
pub enum Raised {
    Close(u64),
    Payload(Payload),
    /// The thread is panicking: the coroutine can't be left.
    Panicking,
    /// The running code is on another stack, or in a scope: the coroutine can't be left.
    Outside,
}

impl<In, Out> Inside<'_, In, Out> {
    /// The one place where a coroutine suspends and is resumed.
    pub fn exchange(&self, out: Out) -> Result<In, Raised> {
        if let Some(refusal) = self.refusal() {
            drop(out);
            return Err(refusal);
        }
        match self.yielder.suspend(out) {
            Command::Send(value) => Ok(value),
            Command::Raise(payload) => Err(Raised::Payload(payload)),
            Command::Close(request) => Err(Raised::Close(request)),
        }
    }

    /// Passes on the values that the inner coroutine suspends with, until the inner coroutine is
    /// done.
    pub fn delegate<Ret>(&self, inner: &mut Handle<In, Out, Ret>, first: In) -> Ret {
        if self.is_elsewhere() {
            drop(first);
            raise(self.refusal().expect("elsewhere is a reason"));
        }
        let mut answer = inner.send(first);
        loop {
            let out = match answer {
                Answer::Yielded(out) => out,
                Answer::Complete(ret) => return ret,
            };
            answer = match self.exchange(out) {
                Ok(value) => inner.send(value),
                Err(Raised::Payload(payload)) => inner.throw(payload),
                Err(Raised::Close(request)) => match inner.close() {
                    Closed::Ignored(out) => Answer::Yielded(out),
                    Closed::Ended(_) => raise(Raised::Close(request)),
                },
                Err(refusal) => raise(refusal),
            };
        }
    }

    /// The reason why the coroutine can't be left here, if there is one.
    fn refusal(&self) -> Option<Raised> {
        if thread::panicking() {
            Some(Raised::Panicking)
        } else if self.is_elsewhere() {
            Some(Raised::Outside)
        } else {
            None
        }
    }

    /// Whether the running code is on another stack, or in a scope.
    fn is_elsewhere(&self) -> bool {
        RUNNING.get() != self.number || SCOPED.with_borrow(|open| open.contains(&self.number))
    }
}

/// Unwinds with the event that a body met.
pub fn raise(raised: Raised) -> ! {
    match raised {
        Raised::Close(request) => resume_unwind(Box::new(CloseMark(request))),
        Raised::Payload(payload) => resume_unwind(payload),
        Raised::Panicking => panic!("suspended while panicking"),
        Raised::Outside => panic!("suspended outside its own stack"),
    }
}

/// The children of a scope, each as the closure that ends it.
#[derive(Default)]
pub struct Scope {
    children: RefCell<Vec<Box<dyn FnOnce()>>>,
}

/// Calls a function with a scope and ends the scope's children, however the call ends.
pub fn scope<R>(f: impl FnOnce(&Scope) -> R) -> R {
    let scope = Scope::default();
    SCOPED.with_borrow_mut(|scoped| scoped.push(RUNNING.get()));
    let result = catch_unwind(AssertUnwindSafe(|| f(&scope)));
    let panicked = scope.end_all();
    SCOPED.with_borrow_mut(Vec::pop);
    match (result, panicked) {
        (Ok(value), None) => value,
        (Err(payload), _) | (Ok(_), Some(payload)) => resume_unwind(payload),
    }
}

impl Scope {
    pub fn create<In: 'static, V: 'static, F>(&self, body: F) -> Child<In, V>
    where
        F: FnOnce(&Inside<'_, In, V>, In) -> V + 'static,
    {
        let handle = Rc::new(RefCell::new(Handle::new(body)));
        let shared = Rc::clone(&handle);
        let end = Box::new(move || shared.borrow_mut().end());
        self.children.borrow_mut().push(end);
        Child(handle)
    }

    /// Ends the children, the newest first; returns the first panic.
    fn end_all(&self) -> Option<Payload> {
        let mut panicked = None;
        loop {
            let newest = self.children.borrow_mut().pop();
            let Some(end) = newest else {
                return panicked;
            };
            if let Err(payload) = catch_unwind(AssertUnwindSafe(end)) {
                panicked = panicked.or(Some(payload));
            }
        }
    }
}

/// A handle that owns nothing, but ends its coroutine when it is dropped.
pub struct Child<In: 'static, V: 'static>(Rc<RefCell<Handle<In, V, V>>>);

impl<In, V> Child<In, V> {
    pub fn send(&mut self, value: In) -> Answer<V> {
        self.0.borrow_mut().send(value)
    }
}

impl<In, V> Drop for Child<In, V> {
    fn drop(&mut self) {
        end_in_drop(|| self.0.borrow_mut().end());
    }
}

/// Calls a function as if on a stack of its own.
pub fn on_stack(f: impl FnOnce()) {
    let result = running(next_number(), || catch_unwind(AssertUnwindSafe(f)));
    result.unwrap_or_else(|payload| resume_unwind(payload));
}

fn take_stack() -> DefaultStack {
    let reused = STACKS.with_borrow_mut(Vec::pop);
    reused.unwrap_or_default()
}

fn give_stack_back(stack: DefaultStack) {
    STACKS.with_borrow_mut(|stacks| stacks.push(stack));
}
