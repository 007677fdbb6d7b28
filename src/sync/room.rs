//! [`Room`]: room in a queue that was handed to a task.

use std::mem;

use super::error::PutError;
use crate::util::fmt::impl_debug;

/// Room for one item in a queue: the output of a queue's `when_room`. Dropping this gives the room to the next waiting
/// task.
#[must_use = "the room is given back at once if this is not kept"]
pub struct Room<'a, T>(&'a dyn Slots<T>);

/// The queue that the room is in.
pub(super) trait Slots<T> {
    /// Puts an item into the room.
    fn fill(&self, item: T) -> Result<(), PutError<T>>;

    /// Gives the room back.
    fn free(&self);
}

impl<'a, T> Room<'a, T> {
    pub(super) fn of(queue: &'a dyn Slots<T>) -> Self {
        Self(queue)
    }

    /// Puts an item in. Never suspends.
    ///
    /// ```
    /// use selvedge::select;
    /// use selvedge::sync::Queue;
    ///
    /// selvedge::run(|| {
    ///     let queue = Queue::new(1);
    ///     select! {
    ///         room = queue.when_room() => room.unwrap().put(5).unwrap(),
    ///     }
    ///     assert_eq!(queue.try_get(), Ok(5));
    /// });
    /// ```
    ///
    /// # Errors
    /// The item comes back in the error if the queue was shut down since.
    pub fn put(self, item: T) -> Result<(), PutError<T>> {
        let queue = self.0;
        mem::forget(self);
        queue.fill(item)
    }
}

impl<T> Drop for Room<'_, T> {
    fn drop(&mut self) {
        self.0.free();
    }
}

impl_debug!([T] Room<'_, T>, |_room| {});
