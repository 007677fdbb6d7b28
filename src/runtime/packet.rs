//! What outlives a task: its result, its number and its name.
//!
//! A packet is the one allocation that spawning costs. The task's handle, its views and, until
//! its end, its control block share it. While the task lives the packet names its block; at the
//! end, which is when the result comes, it forgets the block and keeps the number.

#![allow(unsafe_code)]

use std::cell::{Cell, OnceCell};
use std::mem::ManuallyDrop;
use std::ptr::NonNull;
use std::rc::Rc;

use super::task::{TaskBlock, TaskId, TaskPtr, default_name};
use crate::error::TaskError;

/// The packet of a task that returns a `T`.
///
/// The result is written once, by the task, and moved out or dropped once, by the one handle of
/// type `T`; views never touch it.
pub(crate) struct Packet<T> {
    link: Link,
    outcome: OnceCell<Result<ManuallyDrop<T>, TaskError>>,
}

/// A word that says who the task is: the address of its block while it lives; then its number, or
/// the address of number and name, with some low bits set.
pub(crate) struct Link(Cell<usize>);

/// Number and name of a task that is done.
type Identity = (TaskId, Box<Box<str>>);

const DONE: usize = 1;
const NAMED: usize = 2;
/// Somebody has seen the error, or it was reported.
const RETRIEVED: usize = 4;
const BITS: u32 = 3;

/// A packet whatever its type.
pub(crate) trait AnyPacket {
    fn link(&self) -> &Link;
    /// The error, of a task that is done and failed.
    fn error(&self) -> Option<&TaskError>;
    /// Ends it with an error, if it has not ended.
    fn fail(&self, error: TaskError);
}

impl Link {
    /// Names the task, which has just been made.
    pub(crate) fn begin(&self, block: NonNull<TaskBlock>) {
        self.0.set(block.as_ptr() as usize);
    }

    /// The task, as long as it is not done.
    pub(crate) fn task(&self) -> Option<TaskPtr> {
        let word = self.0.get();
        if word & DONE != 0 {
            return None;
        }
        NonNull::new(word as *mut TaskBlock).map(TaskPtr)
    }

    pub(crate) fn id(&self) -> TaskId {
        match (self.task(), self.identity()) {
            (Some(task), _) => task.id,
            (None, Some(identity)) => identity.0,
            (None, None) => TaskId((self.0.get() >> BITS) as u64),
        }
    }

    pub(crate) fn name(&self) -> String {
        match (self.task(), self.identity()) {
            (Some(task), _) => task.name(),
            (None, Some(identity)) => identity.1.to_string(),
            (None, None) => default_name(self.id()),
        }
    }

    /// Forgets the task, keeping its number and name.
    pub(crate) fn finish(&self, id: TaskId, name: Option<Box<Box<str>>>) {
        let number = usize::try_from(id.0)
            .ok()
            .filter(|id| id >> (usize::BITS - BITS) == 0);
        self.0.set(match (number, name) {
            (Some(number), None) => number << BITS | DONE,
            (_, name) => {
                let name = name.unwrap_or_else(|| Box::new(default_name(id).into_boxed_str()));
                let identity: Box<Identity> = Box::new((id, name));
                Box::into_raw(identity) as usize | DONE | NAMED
            }
        });
    }

    fn identity(&self) -> Option<&Identity> {
        let word = self.0.get();
        // SAFETY: with both bits set the rest is the address of a box that `finish` made and only
        // `drop` takes back; a box of words has the low bits clear.
        (word & (DONE | NAMED) == DONE | NAMED)
            .then(|| unsafe { &*((word >> BITS << BITS) as *const Identity) })
    }

    pub(crate) fn set_retrieved(&self) {
        if self.0.get() & DONE != 0 {
            self.0.set(self.0.get() | RETRIEVED);
        }
    }

    pub(crate) fn is_retrieved(&self) -> bool {
        self.0.get() & RETRIEVED != 0
    }
}

const _: () = assert!(align_of::<Identity>() >= 1 << BITS || cfg!(target_pointer_width = "32"));

impl Drop for Link {
    fn drop(&mut self) {
        if self.identity().is_some() {
            let address = self.0.get() >> BITS << BITS;
            // SAFETY: as in `identity`; nobody has a reference to it any more.
            drop(unsafe { Box::from_raw(address as *mut Identity) });
        }
    }
}

impl<T> Packet<T> {
    pub(crate) fn new() -> Rc<Self> {
        Rc::new(Self {
            link: Link(Cell::new(0)),
            outcome: OnceCell::new(),
        })
    }

    /// Puts the result in.
    pub(crate) fn put(&self, result: Result<T, TaskError>) {
        if let Err(again) = self.outcome.set(result.map(ManuallyDrop::new)) {
            // A task ends once; were it otherwise, this would lose nothing.
            drop(again.map(ManuallyDrop::into_inner));
        }
    }

    /// The result, once there is one.
    pub(crate) fn outcome(&self) -> Option<Result<&T, &TaskError>> {
        self.outcome
            .get()
            .map(|outcome| outcome.as_ref().map(|value| &**value))
    }

    /// Moves the result out.
    ///
    /// # Safety
    /// The caller is the only one who looks at the result, and does so for the last time.
    pub(crate) unsafe fn take(&self) -> Option<Result<T, TaskError>> {
        self.outcome.get().map(|outcome| match outcome {
            // SAFETY: forwarded to the caller.
            Ok(value) => Ok(ManuallyDrop::into_inner(unsafe {
                std::ptr::from_ref(value).read()
            })),
            Err(error) => Err(error.clone()),
        })
    }
}

impl<T> AnyPacket for Packet<T> {
    fn link(&self) -> &Link {
        &self.link
    }

    fn error(&self) -> Option<&TaskError> {
        self.outcome
            .get()
            .and_then(|outcome| outcome.as_ref().err())
    }

    fn fail(&self, error: TaskError) {
        self.put(Err(error));
    }
}

/// The packet of a block, as that of a task that returns a `T`.
///
/// # Safety
/// It was made as a `Packet<T>`.
pub(crate) unsafe fn typed<T>(packet: Rc<dyn AnyPacket>) -> Rc<Packet<T>> {
    // SAFETY: the type is the caller's word; an `Rc` of a trait object is made from one of the
    // concrete type and shares its allocation.
    unsafe { Rc::from_raw(Rc::into_raw(packet).cast::<Packet<T>>()) }
}
