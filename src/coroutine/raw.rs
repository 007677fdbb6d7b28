//! A coroutine without its types: the handle's half of the switch.
//!
//! Whoever holds one enters it by [`Raw::enter`], which is one call of `arch::resume`, and then
//! reads the answer with the right types, which is what `typed` is for.
//!
//! It is plain data, passed by value into whatever is rarely called: a handle whose address
//! never leaves the function can live in registers.

#![allow(unsafe_code)]

use std::io;
use std::panic::Location;
use std::ptr::NonNull;

use super::header::{Header, Outcome};
use super::state::Status;
use super::unwind;
use super::yielder::Yielder;
use crate::arch::{self, Parked, Word};
use crate::stack::{Stack, StackUsage};

/// A coroutine on its stack. [`Raw::forget_name`] or [`Raw::drop_name`] has the last word.
#[derive(Clone, Copy, Debug)]
pub(super) struct Raw {
    /// Where it is parked; `None` while it runs and when it is done.
    parked: Option<Parked>,
    /// Its control block; `None` when it is done and its stack has gone back.
    header: Option<NonNull<Header>>,
    /// From a box: the overflow report reads it at an address that stays.
    name: Option<NonNull<Box<str>>>,
    site: &'static Location<'static>,
}

/// The fields of a [`Raw`].
pub(super) type Parts = (
    Option<Parked>,
    Option<NonNull<Header>>,
    Option<NonNull<Box<str>>>,
    &'static Location<'static>,
);

/// What entering led to.
pub(super) enum Answer {
    /// It suspended with a value, encoded in the word.
    Suspended(Word),
    /// It is over; the outcome is to be fetched by [`Raw::finish`].
    Finished(Finished),
}

/// Where a coroutine left its outcome.
pub(super) struct Finished(Word);

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
        let name = name.map(|name| NonNull::from(Box::leak(Box::new(name.into_boxed_str()))));
        // SAFETY: the box was made just now.
        let text = name.map(|name| std::ptr::from_ref(unsafe { name.as_ref() }.as_bytes()));
        let (header, parked) = Header::build::<_, _, _, _, ()>(stack, text, site, body);
        Ok(Self {
            parked: Some(parked),
            header: Some(header),
            name,
            site,
        })
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
            None => Answer::Finished(Finished(word)),
        }
    }

    /// Fetches the outcome and gives the stack back. `None` if the coroutine was abandoned:
    /// its stack is leaked then, with all that is on it.
    ///
    /// # Safety
    /// `Ret` is what the body returns.
    #[inline(always)]
    pub(super) unsafe fn finish<Ret>(&mut self, finished: Finished) -> Option<Outcome<Ret>> {
        if self.is_abandoned() {
            if self.header().is_some_and(Header::has_task_frame) {
                unwind::give_up_with_task();
            }
            return None;
        }
        let header = self.header.take()?;
        // SAFETY: the entry function left the outcome on the stack, which is not released yet;
        // it is moved out once, part by part, because a wide load of what narrow stores have
        // just written stalls. Then nothing of the coroutine is left there.
        unsafe {
            let outcome = match &*finished.0.assume_init().cast::<Outcome<Ret>>() {
                Outcome::Returned(ret) => Outcome::Returned(std::ptr::from_ref(ret).read()),
                Outcome::Unwound(payload) => Outcome::Unwound(std::ptr::from_ref(payload).read()),
                Outcome::Discarded => Outcome::Discarded,
            };
            Header::release(header);
            Some(outcome)
        }
    }

    /// Leaves the coroutine as it is, for ever, if it is not done.
    pub(super) fn leak(&mut self) {
        if self.header.take().is_some() {
            self.parked = None;
            self.forget_name();
        }
    }

    /// The overflow report may still read the name of a coroutine that was not ended.
    fn forget_name(&mut self) {
        self.name = None;
    }

    /// Whether nothing is left to be ended or freed.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.header.is_none() && self.name.is_none()
    }

    /// What it consists of, to be passed in registers.
    #[inline(always)]
    pub(super) fn into_parts(self) -> Parts {
        (self.parked, self.header, self.name, self.site)
    }

    /// What [`Raw::into_parts`] took apart.
    pub(super) fn from_parts((parked, header, name, site): Parts) -> Self {
        Self {
            parked,
            header,
            name,
            site,
        }
    }

    /// Frees the name.
    pub(super) fn drop_name(&mut self) {
        if let Some(name) = self.name.take() {
            // SAFETY: it came from a box, and this copy of it is the last that is used.
            drop(unsafe { Box::from_raw(name.as_ptr()) });
        }
    }

    /// The control block, as long as there is one.
    #[inline]
    pub(super) fn header(&self) -> Option<&Header> {
        // SAFETY: the header is alive until `finish` or `leak` takes it.
        self.header.map(|header| unsafe { header.as_ref() })
    }

    /// Whether it was left for ever with frames on its stack.
    #[inline]
    pub(super) fn is_abandoned(&self) -> bool {
        self.header().is_some_and(Header::is_abandoned)
    }

    #[inline]
    pub(super) fn status(self) -> Status {
        match (self.header(), self.parked) {
            (None, _) => Status::Done,
            (Some(header), None) if header.is_abandoned() => Status::Done,
            (Some(_), None) => Status::Running,
            (Some(header), Some(_)) if header.has_started() => Status::Suspended,
            (Some(_), Some(_)) => Status::Unstarted,
        }
    }

    pub(super) fn name(&self) -> Option<&str> {
        // SAFETY: the name is alive until `drop_name` takes it.
        self.name.map(|name| unsafe { &**name.as_ref() })
    }

    pub(super) fn site(&self) -> &'static Location<'static> {
        self.site
    }

    pub(super) fn usage(&self) -> Option<StackUsage> {
        let header = self.header.filter(|_| self.status() != Status::Done)?;
        // SAFETY: the header's stack is given back by `finish`, which takes the header.
        Some(unsafe { Header::stack_of(header) }.usage())
    }
}
