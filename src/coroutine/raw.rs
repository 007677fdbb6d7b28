//! A coroutine without its types: the handle's half of the switch.
//!
//! Whoever holds one enters it by [`Raw::enter`], which is one call of `arch::resume`, and then
//! reads the answer with the right types, which is what `typed` is for.

#![allow(unsafe_code)]

use std::io;
use std::panic::Location;
use std::ptr::NonNull;

use super::header::{Header, Outcome};
use super::state::Status;
use super::yielder::Yielder;
use crate::arch::{self, Parked, Word};
use crate::stack::{Stack, StackUsage, Use};

/// The name of a coroutine, at an address of its own: the overflow report reads it there.
#[derive(Debug)]
pub(super) struct Name(Box<str>);

/// A coroutine on its stack.
#[derive(Debug)]
pub(super) struct Raw {
    /// Where it is parked; `None` while it runs and when it is done.
    parked: Option<Parked>,
    /// Its control block; `None` when it is done and its stack has gone back.
    header: Option<NonNull<Header>>,
    name: Option<Box<Name>>,
    site: &'static Location<'static>,
}

/// What entering led to.
pub(super) enum Answer {
    /// It suspended with a value, encoded in the word.
    Suspended(Word),
    /// It is over; the outcome is to be fetched by [`Raw::finish`].
    Finished(Finished),
}

/// Where a coroutine left its outcome.
pub(super) struct Finished(*mut ());

impl Raw {
    /// Lays a coroutine out on a stack from the thread's pool.
    #[inline]
    pub(super) fn new<In, Out, Ret, F>(
        stack_size: usize,
        name: Option<String>,
        site: &'static Location<'static>,
        body: F,
    ) -> io::Result<Self>
    where
        F: FnOnce(&Yielder<In, Out>, In) -> Ret,
    {
        let stack = Stack::acquire(stack_size)?;
        let name = name.map(|name| Box::new(Name(name.into_boxed_str())));
        let text = name.as_ref().map_or("", |name| &name.0);
        stack.record().label(Use::Coroutine, text, site);
        let (header, parked) = Header::build(stack, body);
        Ok(Self { parked: Some(parked), header: Some(header), name, site })
    }

    /// Where it is parked, if it can be entered.
    #[inline(always)]
    pub(super) fn parked(&self) -> Option<Parked> {
        self.parked
    }

    /// Notes where it is parked, for whoever let it transfer.
    ///
    /// # Safety
    /// It is parked there.
    pub(super) unsafe fn set_parked(&mut self, parked: Option<Parked>) {
        self.parked = parked;
    }

    /// Enters it with a word.
    ///
    /// # Safety
    /// It is parked there. Word and tag are what it expects: a value of its type, or the
    /// address of a payload, which it takes.
    #[inline(always)]
    pub(super) unsafe fn enter(&mut self, parked: Parked, word: Word, tag: usize) -> Answer {
        self.parked = None;
        // SAFETY: forwarded to the caller.
        let (word, parked) = unsafe { arch::resume(parked, word, tag) };
        self.parked = parked;
        match parked {
            Some(_) => Answer::Suspended(word),
            // SAFETY: a coroutine that leaves for ever leaves an address.
            None => Answer::Finished(Finished(unsafe { word.assume_init() })),
        }
    }

    /// Fetches the outcome and gives the stack back. `None` if the coroutine was abandoned:
    /// its stack is leaked then, with all that is on it.
    ///
    /// # Safety
    /// `Ret` is what the body returns.
    #[inline]
    pub(super) unsafe fn finish<Ret>(&mut self, finished: Finished) -> Option<Outcome<Ret>> {
        let header = self.header.take()?;
        if finished.0.is_null() {
            self.leak_name();
            return None;
        }
        // SAFETY: the entry function left the outcome on the stack, which is not released yet;
        // it is read once. Then nothing of the coroutine is left there.
        unsafe {
            let outcome = finished.0.cast::<Outcome<Ret>>().read();
            Header::take_stack(header).release();
            Some(outcome)
        }
    }

    /// Leaves the coroutine as it is, for ever.
    pub(super) fn leak(&mut self) {
        self.parked = None;
        self.header = None;
        self.leak_name();
    }

    /// The overflow report may still read the name of a coroutine that was not ended.
    fn leak_name(&mut self) {
        std::mem::forget(self.name.take());
    }

    /// The control block, as long as there is one.
    #[inline]
    pub(super) fn header(&self) -> Option<&Header> {
        // SAFETY: the header is alive until `finish` or `leak` takes it.
        self.header.map(|header| unsafe { header.as_ref() })
    }

    pub(super) fn status(&self) -> Status {
        match (self.header(), self.parked) {
            (None, _) => Status::Done,
            (Some(_), None) => Status::Running,
            (Some(header), Some(_)) if header.has_started() => Status::Suspended,
            (Some(_), Some(_)) => Status::Unstarted,
        }
    }

    pub(super) fn name(&self) -> Option<&str> {
        self.name.as_ref().map(|name| &*name.0)
    }

    pub(super) fn site(&self) -> &'static Location<'static> {
        self.site
    }

    pub(super) fn usage(&self) -> Option<StackUsage> {
        self.header().map(|header| header.stack().usage())
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        if self.header.is_some() {
            self.leak();
        }
    }
}
