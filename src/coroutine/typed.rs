//! A coroutine with its types, and the rules of sending, throwing and closing: the implementation of the
//! owned and the scoped handle.

#![allow(unsafe_code)]

use std::fmt;
use std::io;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, Location, catch_unwind, resume_unwind};
use std::ptr::NonNull;
use std::thread;

use super::entry::{self, DISCARD, Outcome};
use super::header::Header;
use super::open_frame::closed_from;
use super::payload::{Payload, drop_payload};
use super::raw::{Entered, Finished, Raw};
use super::state::{CoroutineState, IgnoredClose, Refused, Status};
use super::unwind::{MAX_UNWIND_RETRIES, RAISE, close_payload, is_close, next_request};
use super::value;
use super::yielder::Yielder;
use crate::arch::{Parked, VALUE, Word};
use crate::stack::{self, DEFAULT_STACK_SIZE_BYTES, Stack};

/// A coroutine. Dropping it ends it.
pub(super) struct Typed<In, Out, Ret> {
    pub(super) raw: Raw,
    types: PhantomData<*mut (In, Out, Ret)>,
}

/// The result of ending a coroutine.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum End {
    /// It is over, with everything on its stack dropped.
    Ended,
    /// It can't be ended: it swallows each close, or panics abort in this program.
    Stuck,
    /// It was abandoned, with everything on its stack.
    Abandoned,
}

/// The coroutine was abandoned and has no result.
struct Abandoned;

impl<In, Out, Ret> Typed<In, Out, Ret> {
    /// Lays a coroutine out on a stack from the thread's pool.
    #[inline]
    pub(super) fn new<F>(
        stack_size_bytes: usize,
        name: Option<String>,
        site: &'static Location<'static>,
        body: F,
    ) -> io::Result<Self>
    where
        F: FnOnce(&Yielder<In, Out>, In) -> Ret,
    {
        let stack = Stack::acquire(stack_size_bytes)?;
        let name = name.map(|name| NonNull::from(Box::leak(Box::new(name.into_boxed_str()))));
        // SAFETY: the box was made just now.
        let text = name.map(|name| std::ptr::from_ref(unsafe { name.as_ref() }.as_bytes()));
        let (header, parked) = entry::build::<_, _, _, _, ()>(stack, text, 0, site, body);
        let raw = Raw {
            parked: Some(parked),
            header: Some(header),
            name,
            site,
        };
        Ok(Self {
            raw,
            types: PhantomData,
        })
    }

    /// As [`new`](Self::new), unnamed, on a stack of the default size.
    ///
    /// # Panics
    /// If no stack can be allocated.
    #[inline]
    #[track_caller]
    pub(super) fn with_default_stack<F>(site: &'static Location<'static>, body: F) -> Self
    where
        F: FnOnce(&Yielder<In, Out>, In) -> Ret,
    {
        match Self::new(DEFAULT_STACK_SIZE_BYTES, None, site, body) {
            Ok(typed) => typed,
            Err(error) => no_stack(&error),
        }
    }

    #[cfg_attr(debug_assertions, inline)]
    #[cfg_attr(not(debug_assertions), inline(always))]
    #[track_caller]
    pub(super) fn send(&mut self, value: In) -> CoroutineState<Out, Ret> {
        let Some(parked) = self.raw.parked else {
            drop(value);
            cannot_send(self.raw.status());
        };
        let mut value = ManuallyDrop::new(value);
        // SAFETY: it is parked there, and takes a value of this type.
        let entered = unsafe { self.raw.enter(parked, value::encode(&mut value), VALUE) };
        match entered {
            // SAFETY: it suspends with a value of this type.
            Entered::Suspended(word) => CoroutineState::Yielded(unsafe { value::decode(word) }),
            Entered::Finished(finished) => CoroutineState::Complete(self.returned(finished)),
        }
    }

    #[inline]
    pub(super) fn try_send(&mut self, value: In) -> Result<CoroutineState<Out, Ret>, Refused<In>> {
        match self.raw.parked {
            Some(_) => Ok(self.send(value)),
            None => Err(Refused::new(value, self.raw.status())),
        }
    }

    pub(super) fn throw(&mut self, payload: Payload) -> CoroutineState<Out, Ret> {
        match self.try_throw(payload) {
            Ok(state) => state,
            Err(refused) => {
                if refused.status == Status::Unstarted {
                    self.discard();
                }
                resume_unwind(refused.value)
            }
        }
    }

    pub(super) fn try_throw(
        &mut self,
        payload: Payload,
    ) -> Result<CoroutineState<Out, Ret>, Refused<Payload>> {
        match self.status() {
            Status::Suspended => Ok(match self.raise(payload) {
                Ok(out) => CoroutineState::Yielded(out),
                Err(finished) => CoroutineState::Complete(self.returned(finished)),
            }),
            status => Err(Refused::new(payload, status)),
        }
    }

    pub(super) fn close(&mut self) -> Result<Option<Ret>, IgnoredClose<Out>> {
        self.try_close()
            .unwrap_or_else(|Abandoned| abandoned(self.raw.site))
    }

    /// Ends it: closes it until it is over, up to [`MAX_UNWIND_RETRIES`] times.
    ///
    /// # Panics
    /// If a destructor panicked meanwhile: with the first such payload, once the coroutine is over.
    pub(super) fn end(&mut self) -> End {
        if self.raw.is_abandoned() {
            return End::Abandoned;
        }
        let mut panicked = None;
        for _ in 0..MAX_UNWIND_RETRIES {
            match self.try_close() {
                Ok(Ok(_)) => return panicked.map_or(End::Ended, |payload| resume_unwind(payload)),
                Ok(Err(ignored)) => match ignored.into_value() {
                    // The value that it suspended with may panic when dropped; the coroutine must be
                    // ended nevertheless.
                    Some(out) => match catch_unwind(AssertUnwindSafe(|| drop(out))) {
                        Err(payload) if panicked.is_none() => panicked = Some(payload),
                        Err(payload) => drop_payload(payload),
                        Ok(()) => {}
                    },
                    None => return End::Stuck,
                },
                Err(Abandoned) => return End::Abandoned,
            }
        }
        if let Some(payload) = panicked {
            drop_payload(payload);
        }
        End::Stuck
    }

    pub(super) fn status(&self) -> Status {
        self.raw.status()
    }

    fn try_close(&mut self) -> Result<Result<Option<Ret>, IgnoredClose<Out>>, Abandoned> {
        match self.status() {
            Status::Done => Ok(Ok(None)),
            Status::Running => Ok(Err(IgnoredClose::new(None))),
            Status::Unstarted => {
                self.discard();
                if self.raw.is_abandoned() {
                    return Err(Abandoned);
                }
                Ok(Ok(None))
            }
            Status::Suspended if cfg!(panic = "abort") => Ok(Err(IgnoredClose::new(None))),
            Status::Suspended => {
                let request = next_request();
                self.request_close(request);
                let finished = match self.raise(close_payload(request)) {
                    Ok(out) => {
                        self.request_close(0);
                        return Ok(Err(IgnoredClose::new(Some(out))));
                    }
                    Err(finished) => finished,
                };
                // SAFETY: the body returns this type.
                match unsafe { self.raw.finish::<Ret>(finished) } {
                    None => Err(Abandoned),
                    Some(Outcome::Returned(ret)) => Ok(Ok(Some(ret))),
                    Some(Outcome::Unwound(payload)) if !is_close(&payload, request) => {
                        resume_unwind(payload)
                    }
                    Some(Outcome::Unwound(_) | Outcome::Discarded) => Ok(Ok(None)),
                }
            }
        }
    }

    fn request_close(&self, request: u64) {
        if let Some(header) = self.raw.header() {
            if request != 0 {
                header.closed_from.set(closed_from());
            }
            header.set_close_request(request);
            header.n_swallowed.set(0);
            header.closed_in_panic.set(thread::panicking());
        }
    }

    /// Enters a suspended coroutine with a payload to raise; returns the value with which it suspends
    /// again, if it does.
    fn raise(&mut self, payload: Payload) -> Result<Out, Finished> {
        let parked = self.raw.parked.expect("a suspended coroutine is parked");
        let mut payload = ManuallyDrop::new(payload);
        let word = Word::new((&raw mut payload).cast());
        // SAFETY: it is parked there, has begun, and takes the payload.
        match unsafe { self.raw.enter(parked, word, RAISE) } {
            // SAFETY: it suspends with a value of this type.
            Entered::Suspended(word) => Ok(unsafe { value::decode(word) }),
            Entered::Finished(finished) => Err(finished),
        }
    }

    /// Drops the body of an unstarted coroutine; a panic of its destructor goes to the caller.
    fn discard(&mut self) {
        let parked = self.raw.parked.expect("an unstarted coroutine is parked");
        // SAFETY: it is parked there and has not begun; with this tag the word is not read.
        let entered = unsafe { self.raw.enter(parked, Word::uninit(), DISCARD) };
        let Entered::Finished(finished) = entered else {
            unreachable!("a coroutine that is discarded does not suspend")
        };
        // SAFETY: the body would return this type.
        match unsafe { self.raw.finish::<Ret>(finished) } {
            Some(Outcome::Unwound(payload)) => resume_unwind(payload),
            Some(Outcome::Returned(_) | Outcome::Discarded) | None => {}
        }
    }

    /// The value that the body returned; resumes its panic.
    #[cfg_attr(debug_assertions, inline)]
    #[cfg_attr(not(debug_assertions), inline(always))]
    fn returned(&mut self, finished: Finished) -> Ret {
        // SAFETY: the body returns this type.
        match unsafe { self.raw.finish(finished) } {
            Some(Outcome::Returned(ret)) => ret,
            Some(Outcome::Unwound(payload)) => resume_unwind(payload),
            Some(Outcome::Discarded) => unreachable!("a body that was entered is not discarded"),
            None => abandoned(self.raw.site),
        }
    }

    /// Ends a coroutine whose handle is dropped.
    #[cold]
    #[inline(never)]
    fn end_in_drop(
        parked: Option<Parked>,
        header: Option<NonNull<Header>>,
        name: Option<NonNull<Box<str>>>,
        site: &'static Location<'static>,
    ) {
        let raw = Raw {
            parked,
            header,
            name,
            site,
        };
        let mut this = ManuallyDrop::new(Self {
            raw,
            types: PhantomData,
        });
        // A running coroutine is dropped from within itself, or while the process exits. While the thread
        // is torn down, what the frames refer to may be gone already.
        let ended = match this.status() {
            Status::Running => Ok(End::Stuck),
            Status::Suspended if stack::in_teardown() => Ok(End::Stuck),
            _ => catch_unwind(AssertUnwindSafe(|| this.end())),
        };
        this.raw.leak();
        this.raw.drop_name();
        match ended {
            Ok(_) => {}
            // A second panic would abort the process; the panic hook has reported it.
            Err(payload) if thread::panicking() => drop_payload(payload),
            Err(payload) => resume_unwind(payload),
        }
    }
}

#[cold]
fn abandoned(site: &'static Location<'static>) -> ! {
    panic!(
        "selvedge: the coroutine created at {site} was abandoned: a scope on its stack has a child \
         that can't be ended; its stack is leaked"
    )
}

#[cold]
#[track_caller]
fn no_stack(error: &io::Error) -> ! {
    panic!("selvedge: no stack for a coroutine: {error}")
}

#[cold]
#[track_caller]
fn cannot_send(status: Status) -> ! {
    match status {
        Status::Running => panic!("selvedge: send to a coroutine that is running"),
        _ => panic!(
            "selvedge: send to a finished coroutine; try_send returns the value instead of \
             panicking"
        ),
    }
}

impl<In, Out, Ret> Drop for Typed<In, Out, Ret> {
    #[inline]
    fn drop(&mut self) {
        if !self.raw.is_empty() {
            let Raw {
                parked,
                header,
                name,
                site,
            } = self.raw;
            Self::end_in_drop(parked, header, name, site);
        }
    }
}

impl<In, Out, Ret> fmt::Debug for Typed<In, Out, Ret> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Coroutine")
            .field("name", &self.raw.name())
            .field("status", &self.status())
            .field("created_at", &format_args!("{}", self.raw.site))
            .finish()
    }
}
