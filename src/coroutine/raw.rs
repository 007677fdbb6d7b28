//! A coroutine without its types: the handle's side of the switch.
//!
//! [`Raw::enter`] is one call of `arch::resume`. Its result is decoded with the right types in `typed`.
//!
//! A `Raw` is plain data and is passed by value to rarely called functions: a handle whose address never
//! leaves the function can live in registers.

#![allow(unsafe_code)]

use std::panic::Location;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicPtr, Ordering::Relaxed};

use super::entry::Outcome;
use super::header::Header;
use super::state::Status;
use super::unwind;
use crate::arch::{self, Parked, Word};
use crate::stack::StackUsage;

/// A coroutine on its stack. Its owner calls [`Raw::leak`] or [`Raw::finish`], then [`Raw::drop_name`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Raw {
    /// The address at which it is parked; `None` while it runs and when it is done.
    pub(super) parked: Option<Parked>,
    /// Its control block; `None` when it is done and its stack was released.
    pub(super) header: Option<NonNull<Header>>,
    /// From a box: the overflow report reads it at a stable address.
    pub(super) name: Option<NonNull<Box<str>>>,
    pub(super) site: &'static Location<'static>,
}

/// How an entered coroutine came back.
pub(super) enum Entered {
    /// It suspended with a value, encoded in the word.
    Suspended(Word),
    /// It is over; [`Raw::finish`] fetches the outcome.
    Finished(Finished),
}

/// The address of a finished coroutine's outcome.
pub(super) struct Finished(Word);

impl Raw {
    /// Enters it with a word.
    ///
    /// # Safety
    /// It is parked at `parked`. Word and tag are what it expects: a value of its type, or the address of
    /// a payload, which it takes.
    #[inline(always)]
    pub(super) unsafe fn enter(&mut self, parked: Parked, word: Word, tag: usize) -> Entered {
        self.set_running();
        // SAFETY: forwarded to the caller.
        let (word, parked) = unsafe { arch::resume(parked, word, tag) };
        match parked {
            Some(_) => {
                self.parked = parked;
                Entered::Suspended(word)
            }
            None => Entered::Finished(Finished(word)),
        }
    }

    /// Notes that it runs.
    ///
    /// An optimized build would leave a plain store out, because the reference to the handle is exclusive. But if the
    /// coroutine exits the process, the destructor of a thread-local meets the handle, and must not enter the coroutine
    /// again. A volatile store would make the compiler load `parked` again for each resume in a loop.
    #[inline(always)]
    fn set_running(&mut self) {
        // SAFETY: the field of an exclusive reference, which has the layout of a pointer.
        let parked = unsafe { AtomicPtr::<u8>::from_ptr((&raw mut self.parked).cast()) };
        parked.store(ptr::null_mut(), Relaxed);
    }

    /// The control block, loaded here: a plain load would be moved out of a loop of resumes, and take a register there
    /// that each switch saves.
    #[inline(always)]
    fn load_header(&mut self) -> Option<NonNull<Header>> {
        // SAFETY: as in `set_running`.
        let header = unsafe { AtomicPtr::<Header>::from_ptr((&raw mut self.header).cast()) };
        NonNull::new(header.load(Relaxed))
    }

    /// Fetches the outcome and releases the stack. `None` if the coroutine was abandoned: then its stack
    /// is leaked as it is.
    ///
    /// # Safety
    /// `Ret` is the type that the body returns.
    #[inline(always)]
    pub(super) unsafe fn finish<Ret>(&mut self, finished: Finished) -> Option<Outcome<Ret>> {
        let header = self.load_header()?;
        // SAFETY: the header is alive until this function releases it.
        if !unsafe { header.as_ref() }.ends_simply() {
            // SAFETY: forwarded to the caller.
            let outcome = unsafe { Self::finish_slow(*self, finished) };
            if outcome.is_some() {
                self.header = None;
            }
            return outcome;
        }
        self.header = None;
        // SAFETY: the entry function left the outcome on the stack, which is not released yet. It is moved
        // out once: a returned value alone, because a wide load of data that narrow stores have just
        // written stalls. After that, the stack holds no data of the coroutine.
        unsafe {
            let outcome = finished.0.assume_init().cast::<Outcome<Ret>>();
            let Outcome::Returned(ret) = &*outcome else {
                return Some(Self::finish_without_value(outcome, header));
            };
            let ret = std::ptr::from_ref(ret).read();
            Header::release(header);
            Some(Outcome::Returned(ret))
        }
    }

    /// As [`finish`](Self::finish); the caller's handle has no header any more if this returns an outcome.
    ///
    /// # Safety
    /// As [`finish`](Self::finish).
    #[cold]
    unsafe fn finish_slow<Ret>(self, finished: Finished) -> Option<Outcome<Ret>> {
        if self.is_abandoned() {
            if self.header().is_some_and(Header::has_task_frame) {
                unwind::abandon_with_task();
            }
            return None;
        }
        let header = self.header?;
        // SAFETY: as in `finish`.
        unsafe {
            let outcome = finished.0.assume_init().cast::<Outcome<Ret>>();
            Some(Self::finish_without_value(outcome, header))
        }
    }

    /// # Safety
    /// As [`finish`](Self::finish), with the address of the outcome.
    #[cold]
    unsafe fn finish_without_value<Ret>(
        outcome: *const Outcome<Ret>,
        header: NonNull<Header>,
    ) -> Outcome<Ret> {
        // SAFETY: as in `finish`.
        unsafe {
            let outcome = outcome.read();
            Header::release(header);
            outcome
        }
    }

    /// Leaks the coroutine as it is, unless it is done. Its name is leaked too, because the overflow report
    /// may still read it.
    pub(super) fn leak(&mut self) {
        if self.header.take().is_some() {
            self.parked = None;
            self.name = None;
        }
    }

    /// Whether nothing is left to be ended or freed.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.header.is_none() && self.name.is_none()
    }

    /// Frees the name.
    pub(super) fn drop_name(&mut self) {
        if let Some(name) = self.name.take() {
            // SAFETY: the name came from a box, and no other copy of it is used after this one.
            drop(unsafe { Box::from_raw(name.as_ptr()) });
        }
    }

    /// The control block, until the stack is released.
    #[inline]
    pub(super) fn header(&self) -> Option<&Header> {
        // SAFETY: the header is alive until `finish` or `leak` takes it.
        self.header.map(|header| unsafe { header.as_ref() })
    }

    /// Whether control left it for good with frames on its stack.
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

    pub(super) fn usage(&self) -> Option<StackUsage> {
        let header = self.header.filter(|_| self.status() != Status::Done)?;
        // SAFETY: the header's stack is released by `finish`, which takes the header.
        Some(unsafe { Header::stack_of(header) }.usage())
    }
}
