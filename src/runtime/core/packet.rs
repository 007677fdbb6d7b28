//! What outlives a task: its result, its number and its name.
//!
//! A packet is the one allocation of a spawn. The task's handle, its views and, until its end, its control block share
//! the packet. While the task lives the packet names its block. The packet takes the value as soon as the body has
//! returned it. At the end the packet shows the value, or takes the error, forgets the block and keeps the number.
//!
//! A *share* is a counted reference. The count is kept here, because `Rc` can't reuse its memory through a free list.

#![allow(unsafe_code)]

use std::alloc::Layout;
use std::cell::{Cell, UnsafeCell};
use std::marker::PhantomData;
use std::mem::{ManuallyDrop, needs_drop};
use std::ops::Deref;
use std::ptr::NonNull;

use super::TaskLink;
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
    outcome: UnsafeCell<Outcome<T>>,
}

/// The part of a packet that does not depend on the type.
pub(crate) struct Head {
    n_shares: Cell<usize>,
    link: TaskLink,
    methods: &'static Methods,
    status: Cell<Status>,
}

/// Which part of a packet's outcome is initialised, and whether the task is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    Pending,
    /// The value is stored, but shares don't see it yet: the task may still drop it.
    Stored,
    /// The value is visible to shares.
    Returned,
    /// The outcome is the error.
    Failed,
}

#[allow(
    dead_code,
    reason = "the fields give the place its size; they are used by pointers"
)]
union Outcome<T> {
    value: ManuallyDrop<T>,
    error: ManuallyDrop<TaskError>,
}

/// Functions that depend on the type.
struct Methods {
    error: unsafe fn(NonNull<Head>) -> *mut TaskError,
    free: unsafe fn(NonNull<Head>),
}

impl<T> Body<T> {
    const METHODS: &'static Methods = &Methods {
        // SAFETY: for both: they are called only for heads of a `Body<T>`, by a share in it.
        error: |head| unsafe { head.cast::<Self>().as_ref() }.outcome.get().cast(),
        // SAFETY: as above; the caller releases the last share.
        free: |head| unsafe { Self::free(head.cast()) },
    };

    /// # Safety
    /// The caller releases the last share.
    #[inline]
    unsafe fn free(body: NonNull<Self>) {
        // SAFETY: by the caller's promise; a failed outcome holds an error, and a body is allocated with this layout.
        unsafe {
            let this = body.as_ref();
            if this.head.status.get() == Status::Failed {
                this.outcome.get().cast::<TaskError>().drop_in_place();
            }
            body.cast::<Head>().drop_in_place();
            free_list::free(body.cast(), Layout::new::<Self>());
        }
    }
}

/// Where a task stores its value, in its packet.
pub(crate) struct Place<T>(NonNull<Body<T>>);

impl<T> Place<T> {
    /// Calls a function, and stores the value that it returns. The value is moved as little as possible: without
    /// optimization each move takes as much of the task's stack as the value.
    #[inline]
    pub(crate) fn store(&self, f: impl FnOnce() -> Result<T, TaskError>) -> Result<(), TaskError> {
        match f() {
            Ok(value) => {
                // SAFETY: `Packet::place` promises that the packet lives; no one uses a pending outcome.
                unsafe { self.0.as_ref().outcome.get().cast::<T>().write(value) };
                self.status().set(Status::Stored);
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// The stored value.
    pub(crate) fn stored(&self) -> Option<&T> {
        // SAFETY: the value was stored, and is dropped by `discard` alone; the packet lives, as in `store`.
        (self.status().get() == Status::Stored)
            .then(|| unsafe { &*self.0.as_ref().outcome.get().cast::<T>() })
    }

    /// Drops the stored value, outside of the packet: the destructor may lend the value to the children of a scope and
    /// be abandoned, and then the packet takes an error and is freed. In a box, because a move takes stack.
    pub(crate) fn discard(&mut self) {
        let was_stored = self.status().replace(Status::Pending) == Status::Stored;
        if was_stored && needs_drop::<T>() {
            let mut value = Box::<T>::new_uninit();
            // SAFETY: the value was stored, and no share has seen it; the packet lives, as in `store`, and forgets the
            // value that is moved out here.
            unsafe {
                let stored = self.0.as_ref().outcome.get().cast::<T>();
                value.as_mut_ptr().copy_from_nonoverlapping(stored, 1);
                drop(value.assume_init());
            }
        }
    }

    fn status(&self) -> &Cell<Status> {
        // SAFETY: the packet lives, as in `store`.
        &unsafe { self.0.as_ref() }.head.status
    }
}

impl AnyPacket {
    #[inline(always)]
    fn head(&self) -> &Head {
        // SAFETY: a share keeps the packet.
        unsafe { self.0.as_ref() }
    }

    fn error_place(&self) -> *mut TaskError {
        // SAFETY: the head is that of the methods' body.
        unsafe { (self.head().methods.error)(self.0) }
    }

    /// The error of a task that has failed.
    pub(crate) fn error(&self) -> Option<&TaskError> {
        // SAFETY: a failed outcome holds an error, which stays as long as the packet.
        (self.head().status.get() == Status::Failed).then(|| unsafe { &*self.error_place() })
    }

    /// Stores an error as the result, unless there is a result.
    pub(crate) fn fail(&self, error: TaskError) {
        if !self.is_done() {
            // SAFETY: the outcome is the task's, which has ended, or was abandoned and leaks a value that it has stored.
            unsafe { self.error_place().write(error) };
            self.head().status.set(Status::Failed);
        }
    }

    /// Makes the value that the task has stored visible to the shares.
    #[inline]
    pub(crate) fn set_returned(&self) {
        let status = &self.head().status;
        debug_assert_eq!(status.get(), Status::Stored);
        if status.get() == Status::Stored {
            status.set(Status::Returned);
        }
    }

    fn is_done(&self) -> bool {
        matches!(self.head().status.get(), Status::Returned | Status::Failed)
    }

    /// The task's identity.
    #[inline(always)]
    pub(crate) fn link(&self) -> &TaskLink {
        &self.head().link
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
            // As in `Rc`: this overflow needs forgotten shares.
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
            body.cast::<Head>().write(Head {
                n_shares: Cell::new(1),
                link: TaskLink::new(),
                methods: Body::<T>::METHODS,
                status: Cell::new(Status::Pending),
            });
        }
        Self {
            any: ManuallyDrop::new(AnyPacket(body.cast())),
            result: PhantomData,
        }
    }

    /// Another share, without the type.
    #[inline]
    pub(crate) fn erase(&self) -> AnyPacket {
        (*self.any).clone()
    }

    /// Where the task stores its value.
    ///
    /// # Safety
    /// The place is used only by the task, before the packet has an outcome, and while a share keeps the packet.
    #[inline]
    pub(crate) unsafe fn place(&self) -> Place<T> {
        Place(self.any.0.cast())
    }

    fn value(&self) -> *mut T {
        // SAFETY: a share keeps the packet alive, and this share has the packet's type.
        unsafe { self.any.0.cast::<Body<T>>().as_ref() }
            .outcome
            .get()
            .cast()
    }

    /// The result; `None` while the task is pending.
    pub(crate) fn outcome(&self) -> Option<Result<&T, &TaskError>> {
        match self.any.head().status.get() {
            Status::Pending | Status::Stored => None,
            // SAFETY: the task has stored a value.
            Status::Returned => Some(Ok(unsafe { &*self.value() })),
            Status::Failed => self.any.error().map(Err),
        }
    }

    /// Moves the result out.
    ///
    /// # Safety
    /// No other code looks at the result any more.
    #[inline]
    pub(crate) unsafe fn take(&self) -> Option<Result<T, TaskError>> {
        match self.any.head().status.get() {
            Status::Pending | Status::Stored => None,
            // SAFETY: the task has stored a value; the rest is the caller's.
            Status::Returned => Some(Ok(unsafe { self.value().read() })),
            Status::Failed => self.any.error().cloned().map(Err),
        }
    }
}

impl<T> Deref for Packet<T> {
    type Target = AnyPacket;

    fn deref(&self) -> &AnyPacket {
        &self.any
    }
}
