//! What the owned and the scoped handle share: a coroutine with its types, and the rules of
//! sending, throwing and closing.

#![allow(unsafe_code)]

use std::fmt;
use std::io;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, Location, catch_unwind, resume_unwind};
use std::ptr::NonNull;
use std::thread;

use super::header::{DISCARD, Header, Outcome, RAISE};
use super::raw::{Answer, Finished, Raw};
use super::state::{CloseIgnored, CoroutineState, Refused, Status};
use super::unwind::{CLOSE_ATTEMPTS, Payload, close_payload, drop_payload, is_close, next_request};
use super::value;
use super::yielder::Yielder;
use crate::arch::{Parked, VALUE, Word};
use crate::stack;

/// A coroutine. Dropping it ends it.
pub(super) struct Typed<In, Out, Ret> {
    pub(super) raw: Raw,
    types: PhantomData<*mut (In, Out, Ret)>,
}

/// What came of ending a coroutine.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum End {
    /// It is over, with everything on its stack dropped.
    Ended,
    /// It can't be ended: it swallows each close, or panics abort in this program.
    Stubborn,
    /// It was abandoned, with all that is on its stack.
    Abandoned,
}

/// Of a coroutine that was abandoned there is no answer.
struct Abandoned;

impl<In, Out, Ret> Typed<In, Out, Ret> {
    #[inline]
    pub(super) fn new<F>(
        stack_size: usize,
        name: Option<String>,
        site: &'static Location<'static>,
        body: F,
    ) -> io::Result<Self>
    where
        F: FnOnce(&Yielder<In, Out>, In) -> Ret,
    {
        Ok(Self {
            raw: Raw::new(stack_size, name, site, body)?,
            types: PhantomData,
        })
    }

    #[cfg_attr(debug_assertions, inline)]
    #[cfg_attr(not(debug_assertions), inline(always))]
    #[track_caller]
    pub(super) fn send(&mut self, value: In) -> CoroutineState<Out, Ret> {
        let Some(parked) = self.raw.parked() else {
            drop(value);
            cannot_send(self.raw.status());
        };
        let mut value = ManuallyDrop::new(value);
        // SAFETY: it is parked there, and expects a value of this type, which it takes.
        let answer = unsafe { self.raw.enter(parked, value::encode(&mut value), VALUE) };
        match answer {
            // SAFETY: what it suspends with is a value of this type.
            Answer::Suspended(word) => CoroutineState::Yielded(unsafe { value::decode(word) }),
            Answer::Finished(finished) => CoroutineState::Complete(self.returned(finished)),
        }
    }

    #[inline]
    pub(super) fn try_send(&mut self, value: In) -> Result<CoroutineState<Out, Ret>, Refused<In>> {
        match self.raw.parked() {
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

    pub(super) fn close(&mut self) -> Result<Option<Ret>, CloseIgnored<Out>> {
        self.try_close()
            .unwrap_or_else(|Abandoned| abandoned(self.raw.site()))
    }

    /// Ends it however often that takes, within reason, whatever its types.
    ///
    /// # Panics
    /// With the first panic of a destructor, once it is over.
    pub(super) fn end(&mut self) -> End {
        if self.raw.is_abandoned() {
            return End::Abandoned;
        }
        let mut panicked = None;
        for _ in 0..CLOSE_ATTEMPTS {
            match self.try_close() {
                Ok(Ok(_)) => return panicked.map_or(End::Ended, |payload| resume_unwind(payload)),
                Ok(Err(ignored)) => match ignored.into_value() {
                    // What it suspends with may panic as it is dropped; it is to be ended all
                    // the same.
                    Some(out) => match catch_unwind(AssertUnwindSafe(|| drop(out))) {
                        Err(payload) if panicked.is_none() => panicked = Some(payload),
                        Err(payload) => drop_payload(payload),
                        Ok(()) => {}
                    },
                    None => return End::Stubborn,
                },
                Err(Abandoned) => return End::Abandoned,
            }
        }
        if let Some(payload) = panicked {
            drop_payload(payload);
        }
        End::Stubborn
    }

    pub(super) fn status(&self) -> Status {
        self.raw.status()
    }

    fn try_close(&mut self) -> Result<Result<Option<Ret>, CloseIgnored<Out>>, Abandoned> {
        match self.status() {
            Status::Done => Ok(Ok(None)),
            Status::Running => Ok(Err(CloseIgnored::new(None))),
            Status::Unstarted => {
                self.discard();
                if self.raw.is_abandoned() {
                    return Err(Abandoned);
                }
                Ok(Ok(None))
            }
            Status::Suspended if cfg!(panic = "abort") => Ok(Err(CloseIgnored::new(None))),
            Status::Suspended => {
                let request = next_request();
                self.request_close(request);
                let finished = match self.raise(close_payload(request)) {
                    Ok(out) => {
                        self.request_close(0);
                        return Ok(Err(CloseIgnored::new(Some(out))));
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
            header.close_request.set(request);
            header.n_swallowed.set(0);
            header.closed_in_panic.set(thread::panicking());
        }
    }

    /// Enters a suspended coroutine with something to raise; answers what it suspends with
    /// then, if it does.
    fn raise(&mut self, payload: Payload) -> Result<Out, Finished> {
        let parked = self.raw.parked().expect("a suspended coroutine is parked");
        let mut payload = ManuallyDrop::new(payload);
        let word = Word::new((&raw mut payload).cast());
        // SAFETY: it is parked there, has begun, and takes the payload.
        match unsafe { self.raw.enter(parked, word, RAISE) } {
            // SAFETY: what it suspends with is a value of this type.
            Answer::Suspended(word) => Ok(unsafe { value::decode(word) }),
            Answer::Finished(finished) => Err(finished),
        }
    }

    /// Drops the body of an unstarted coroutine. A panic of that goes to the caller.
    fn discard(&mut self) {
        let parked = self.raw.parked().expect("an unstarted coroutine is parked");
        // SAFETY: it is parked there and has not begun; this tag has no word.
        let answer = unsafe { self.raw.enter(parked, Word::uninit(), DISCARD) };
        let Answer::Finished(finished) = answer else {
            unreachable!("a coroutine that is discarded does not suspend")
        };
        // SAFETY: the body would return this type.
        match unsafe { self.raw.finish::<Ret>(finished) } {
            Some(Outcome::Unwound(payload)) => resume_unwind(payload),
            Some(Outcome::Returned(_) | Outcome::Discarded) | None => {}
        }
    }

    /// What the body returned; what it panicked with goes on here.
    #[cfg_attr(debug_assertions, inline)]
    #[cfg_attr(not(debug_assertions), inline(always))]
    fn returned(&mut self, finished: Finished) -> Ret {
        // SAFETY: the body returns this type.
        match unsafe { self.raw.finish(finished) } {
            Some(Outcome::Returned(ret)) => ret,
            Some(Outcome::Unwound(payload)) => resume_unwind(payload),
            Some(Outcome::Discarded) => unreachable!("a body that was entered is not discarded"),
            None => abandoned(self.raw.site()),
        }
    }

    /// Ends a coroutine as its handle goes.
    #[cold]
    #[inline(never)]
    fn end_in_drop(
        parked: Option<Parked>,
        header: Option<NonNull<Header>>,
        name: Option<NonNull<Box<str>>>,
        site: &'static Location<'static>,
    ) {
        let raw = Raw::from_parts((parked, header, name, site));
        let mut this = ManuallyDrop::new(Self {
            raw,
            types: PhantomData,
        });
        // Whoever drops a running coroutine does so from within it, or as the process exits.
        // As the thread is torn down, what the frames refer to may be gone already.
        let ended = match this.status() {
            Status::Running => Ok(End::Stubborn),
            Status::Suspended if stack::in_teardown() => Ok(End::Stubborn),
            _ => catch_unwind(AssertUnwindSafe(|| this.end())),
        };
        this.raw.leak();
        this.raw.drop_name();
        match ended {
            Ok(_) => {}
            // A second panic would abort the process; the hook has told of it.
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
fn cannot_send(status: Status) -> ! {
    match status {
        Status::Running => panic!("selvedge: send to a coroutine that is running"),
        _ => panic!(
            "selvedge: send to a finished coroutine; try_send hands the value back instead of \
             panicking"
        ),
    }
}

impl<In, Out, Ret> Drop for Typed<In, Out, Ret> {
    #[inline]
    fn drop(&mut self) {
        if !self.raw.is_empty() {
            let (parked, header, name, site) = self.raw.into_parts();
            Self::end_in_drop(parked, header, name, site);
        }
    }
}

impl<In, Out, Ret> fmt::Debug for Typed<In, Out, Ret> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Coroutine")
            .field("name", &self.raw.name())
            .field("status", &self.status())
            .field("created_at", &format_args!("{}", self.raw.site()))
            .finish()
    }
}
