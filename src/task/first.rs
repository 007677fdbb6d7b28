//! [`first`]: the first of several waits of one type.

use crate::error::EmptySet;
use crate::runtime::first::{self as waits, Slice, Wait};

/// May suspend: waits until the first of several waits is done, and returns its index and its output.
///
/// This is [`select!`](crate::select) for a list that is made at run time. It needs no task, and allocates once if there are
/// more than eight waits. Of several waits that are done, the first in the list wins; the others have taken nothing. The waits may have
/// different sources behind `Box<dyn Wait<Output = T>>` or `&mut dyn Wait<Output = T>`.
///
/// ```
/// use selvedge::sync::Queue;
/// use selvedge::task::first;
///
/// selvedge::run(|| {
///     let queues: Vec<Queue<u32>> = (0..5).map(|_| Queue::unbounded()).collect();
///     selvedge::spawn({
///         let queue = queues[3].clone();
///         move || queue.put(7).unwrap()
///     }).detach();
///     let mut waits: Vec<_> = queues.iter().map(Queue::when_item).collect();
///     assert_eq!(first(&mut waits).unwrap(), (3, Ok(7)));
/// });
/// ```
///
/// # Errors
/// If there are no waits.
///
/// # Panics
/// If it has to wait and no task is running, or the thread is panicking.
///
/// # Cancellation
/// Unwinds at once. Nothing was taken.
#[track_caller]
pub fn first<W: Wait>(waits: &mut [W]) -> Result<(usize, W::Output), EmptySet> {
    match waits {
        [] => Err(EmptySet),
        waits => Ok(waits::first(&mut Slice(waits))),
    }
}
