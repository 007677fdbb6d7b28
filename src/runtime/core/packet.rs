//! What outlives a task: its result, its number and its name.
//!
//! A packet is the one allocation of a spawn. The task's handle, its views and, until its end, its control block share
//! the packet. While the task lives the packet names its block. At the end the packet takes the result, forgets the
//! block and keeps the number.
//!
//! A *share* is a counted reference. The count is kept here, because `Rc` can't reuse its memory through a free list.

#![allow(unsafe_code)]

use std::alloc::Layout;
use std::cell::{Cell, OnceCell};
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::ptr::NonNull;

use super::{TaskBlock, TaskId, TaskPtr, default_name};
use crate::error::TaskError;
use crate::util::free_list;

/// A share in a packet of unknown type. It gives access to an error, and to no other result.
pub(crate) struct AnyPacket(NonNull<Head>);

/// A share in the packet of a task that returns a `T`.
///
/// The task writes the result once; the one handle of type `T` moves it out or drops it once.
pub(crate) struct Packet<T> {
    /// Released by this type's own destructor.
    any: ManuallyDrop<AnyPacket>,
    result: PhantomData<T>,
}

/// The allocation.
#[repr(C)]
struct Body<T> {
    head: Head,
    outcome: OnceCell<Result<ManuallyDrop<T>, TaskError>>,
}

/// The part of a packet that does not depend on the type.
pub(crate) struct Head {
    n_shares: Cell<usize>,
    link: TaskLink,
    methods: &'static Methods,
}

/// Functions that depend on the type.
struct Methods {
    error: unsafe fn(NonNull<Head>) -> Option<NonNull<TaskError>>,
    fail: unsafe fn(NonNull<Head>, TaskError),
    free: unsafe fn(NonNull<Head>),
}

impl<T> Body<T> {
    const METHODS: &'static Methods = &Methods {
        // SAFETY: for all three: they are called only for heads of a `Body<T>`, by a share in it.
        error: |head| unsafe {
            let outcome = head.cast::<Self>().as_ref().outcome.get()?;
            outcome.as_ref().err().map(NonNull::from)
        },
        // SAFETY: as above.
        fail: |head, error| unsafe { head.cast::<Self>().as_ref() }.put(Err(error)),
        // SAFETY: as above; the caller releases the last share.
        free: |head| unsafe { Self::free(head.cast()) },
    };

    /// # Safety
    /// The caller releases the last share.
    #[inline]
    unsafe fn free(body: NonNull<Self>) {
        // SAFETY: by the caller's promise; a body is allocated with this layout.
        unsafe {
            body.drop_in_place();
            free_list::free(body.cast(), Layout::new::<Self>());
        }
    }

    fn put(&self, result: Result<T, TaskError>) {
        if let Err(again) = self.outcome.set(result.map(ManuallyDrop::new)) {
            // A task ends once; a second result is dropped.
            drop(again.map(ManuallyDrop::into_inner));
        }
    }
}

impl AnyPacket {
    /// The error of a task that has failed.
    pub(crate) fn error(&self) -> Option<&TaskError> {
        // SAFETY: the head is that of the methods' body; an error stays as long as the packet.
        unsafe { (self.0.as_ref().methods.error)(self.0).map(|error| error.as_ref()) }
    }

    /// Stores an error as the result, unless there is a result.
    pub(crate) fn fail(&self, error: TaskError) {
        // SAFETY: the head is that of the methods' body.
        unsafe { (self.0.as_ref().methods.fail)(self.0, error) }
    }

    /// The task's identity.
    #[inline(always)]
    pub(crate) fn link(&self) -> &TaskLink {
        // SAFETY: a share keeps the packet.
        &unsafe { self.0.as_ref() }.link
    }

    /// The packet with its type.
    ///
    /// # Safety
    /// The packet was made as a `Packet<T>`.
    pub(crate) unsafe fn typed<T>(self) -> Packet<T> {
        Packet {
            any: ManuallyDrop::new(self),
            result: PhantomData,
        }
    }
}

impl Clone for AnyPacket {
    #[inline]
    fn clone(&self) -> Self {
        // SAFETY: a share keeps the packet.
        let n_shares = &unsafe { self.0.as_ref() }.n_shares;
        let n = n_shares.get().wrapping_add(1);
        n_shares.set(n);
        if n == 0 {
            // As `Rc` does: so many shares were forgotten.
            std::process::abort();
        }
        Self(self.0)
    }
}

impl AnyPacket {
    /// Releases a share; true if it was the last one.
    #[inline(always)]
    fn release_share(&self) -> bool {
        // SAFETY: a share keeps the packet.
        let n_shares = &unsafe { self.0.as_ref() }.n_shares;
        let left = n_shares.get() - 1;
        n_shares.set(left);
        left == 0
    }
}

impl Drop for AnyPacket {
    #[inline]
    fn drop(&mut self) {
        if self.release_share() {
            // SAFETY: no share is left, and the head has the methods of its body.
            unsafe { (self.0.as_ref().methods.free)(self.0) };
        }
    }
}

impl<T> Drop for Packet<T> {
    /// As for `AnyPacket`; the type is known, so no function pointer is needed.
    #[inline]
    fn drop(&mut self) {
        if self.any.release_share() {
            // SAFETY: no share is left, and the body has this type.
            unsafe { Body::<T>::free(self.any.0.cast()) };
        }
    }
}

impl<T> Packet<T> {
    /// A packet with one share.
    #[inline]
    pub(crate) fn new() -> Self {
        let body = free_list::allocate(Layout::new::<Body<T>>()).cast::<Body<T>>();
        // SAFETY: fresh memory of the layout.
        unsafe {
            body.write(Body {
                head: Head {
                    n_shares: Cell::new(1),
                    link: TaskLink(Cell::new(0)),
                    methods: Body::<T>::METHODS,
                },
                outcome: OnceCell::new(),
            });
        }
        Self {
            any: ManuallyDrop::new(AnyPacket(body.cast())),
            result: PhantomData,
        }
    }

    /// This share, without the type.
    #[inline]
    pub(crate) fn into_any(self) -> AnyPacket {
        let mut this = ManuallyDrop::new(self);
        // SAFETY: taken once: the destructor, which would take it as well, does not run.
        unsafe { ManuallyDrop::take(&mut this.any) }
    }

    /// Another share, without the type.
    #[inline]
    pub(crate) fn erase(&self) -> AnyPacket {
        (*self.any).clone()
    }

    #[inline(always)]
    fn body(&self) -> &Body<T> {
        // SAFETY: a share keeps the packet, and this one knows its type.
        unsafe { self.any.0.cast::<Body<T>>().as_ref() }
    }

    /// Stores the result.
    #[inline]
    pub(crate) fn put(&self, result: Result<T, TaskError>) {
        self.body().put(result);
    }

    /// The result; `None` while the task is pending.
    pub(crate) fn outcome(&self) -> Option<Result<&T, &TaskError>> {
        let outcome = self.body().outcome.get();
        outcome.map(|outcome| outcome.as_ref().map(|value| &**value))
    }

    /// Moves the result out.
    ///
    /// # Safety
    /// No other code looks at the result any more.
    #[inline]
    pub(crate) unsafe fn take(&self) -> Option<Result<T, TaskError>> {
        self.body().outcome.get().map(|outcome| match outcome {
            // SAFETY: forwarded to the caller.
            Ok(value) => Ok(ManuallyDrop::into_inner(unsafe {
                std::ptr::from_ref(value).read()
            })),
            Err(error) => Err(error.clone()),
        })
    }
}

impl<T> Deref for Packet<T> {
    type Target = AnyPacket;

    fn deref(&self) -> &AnyPacket {
        &self.any
    }
}

/// The identity of a task in one word: the address of its block while the task lives; afterwards its number, or the
/// address of number and name, with some low bits set.
pub(crate) struct TaskLink(Cell<usize>);

/// What is kept of a task that is done and that has a name, or requests to cancel that were not taken back.
struct Identity {
    id: TaskId,
    name: Option<Box<Box<str>>>,
    n_cancels: Cell<u32>,
}

const DONE: usize = 1;
const BOXED: usize = 2;
/// The error was retrieved or reported.
const RETRIEVED: usize = 4;
const BITS: u32 = 3;

impl TaskLink {
    /// Names a new task.
    pub(crate) fn begin(&self, block: NonNull<TaskBlock>) {
        self.0.set(block.as_ptr() as usize);
    }

    /// The task, while it is not done.
    #[inline(always)]
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
            (None, Some(identity)) => identity.id,
            (None, None) => TaskId((self.0.get() >> BITS) as u64),
        }
    }

    pub(crate) fn name(&self) -> String {
        let name = || self.identity()?.name.as_ref().map(ToString::to_string);
        match self.task() {
            Some(task) => task.name(),
            None => name().unwrap_or_else(|| default_name(self.id())),
        }
    }

    /// Forgets the task, and keeps its number, its name and its requests to cancel.
    #[inline]
    pub(crate) fn finish(&self, id: TaskId, name: Option<Box<Box<str>>>, n_cancels: u32) {
        match (usize::try_from(id.0), name) {
            (Ok(number), None) if number >> (usize::BITS - BITS) == 0 && n_cancels == 0 => {
                self.0.set(number << BITS | DONE);
            }
            (_, name) => self.finish_boxed(id, name, n_cancels),
        }
    }

    #[cold]
    fn finish_boxed(&self, id: TaskId, name: Option<Box<Box<str>>>, n_cancels: u32) {
        let n_cancels = Cell::new(n_cancels);
        let identity = Box::new(Identity {
            id,
            name,
            n_cancels,
        });
        self.0.set(Box::into_raw(identity) as usize | DONE | BOXED);
    }

    /// Requests to cancel that were not taken back, of a task that is done.
    pub(crate) fn n_cancels(&self) -> u32 {
        self.identity()
            .map_or(0, |identity| identity.n_cancels.get())
    }

    /// Takes back a request to cancel of a task that is done, and returns how many are left.
    pub(crate) fn take_back(&self) -> u32 {
        if let Some(identity) = self.identity() {
            identity
                .n_cancels
                .set(identity.n_cancels.get().saturating_sub(1));
        }
        self.n_cancels()
    }

    fn identity(&self) -> Option<&Identity> {
        let word = self.0.get();
        // SAFETY: with both bits set the rest is the address of a box that `finish` made and only `drop` frees; the
        // low bits of a box of words are clear.
        (word & (DONE | BOXED) == DONE | BOXED)
            .then(|| unsafe { &*((word >> BITS << BITS) as *const Identity) })
    }

    #[inline]
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

impl Drop for TaskLink {
    #[inline]
    fn drop(&mut self) {
        if self.identity().is_some() {
            let address = self.0.get() >> BITS << BITS;
            // SAFETY: as in `identity`; no reference to the box is left.
            drop(unsafe { Box::from_raw(address as *mut Identity) });
        }
    }
}
