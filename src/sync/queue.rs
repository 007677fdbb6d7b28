//! The three queues, which differ in the order of their items: [`Queue`], [`LifoQueue`] and [`PriorityQueue`].

use std::panic::Location;
use std::rc::Rc;

use super::error::{GetError, NothingUnfinished, PutError};
use super::queue_core::{Core, WhenItem, WhenRoom};
use super::queue_methods::queue_methods;
use super::room::Room;
use super::store::{Fifo, Lifo, Smallest};
use crate::runtime::first::{Listed, Wait};

/// A first-in, first-out queue of items between tasks: asyncio's Queue.
///
/// Clones are the same queue. Waiting tasks are served in order: a later task never takes an item, or room, that
/// another waits for. A task that is cancelled after it was promised an item leaves the item in its place.
///
/// ```
/// use selvedge::sync::Queue;
///
/// let sum = selvedge::run(|| {
///     let queue = Queue::new(100);
///     let consumer = selvedge::spawn({
///         let queue = queue.clone();
///         move || {
///             let mut sum = 0;
///             while let Ok(n) = queue.get() {
///                 sum += n;
///             }
///             sum
///         }
///     });
///     for n in 1..=1000 {
///         queue.put(n).unwrap();
///     }
///     queue.shutdown();
///     consumer.join().unwrap()
/// });
/// assert_eq!(sum, 500_500);
/// ```
pub struct Queue<T>(Rc<Core<T, Fifo<T>>>);

queue_methods!(Queue, Fifo);

/// A last-in, first-out queue: asyncio's LifoQueue. It is otherwise like [`Queue`].
///
/// ```
/// use selvedge::sync::LifoQueue;
///
/// let queue = LifoQueue::unbounded();
/// for n in [1, 2, 3] {
///     queue.try_put(n).unwrap();
/// }
/// assert_eq!(queue.try_get(), Ok(3));
/// assert_eq!(queue.try_get(), Ok(2));
/// ```
pub struct LifoQueue<T>(Rc<Core<T, Lifo<T>>>);

queue_methods!(LifoQueue, Lifo);

/// A queue whose smallest item comes out first: asyncio's PriorityQueue. Equal items come out in the order in
/// which they were put in. It is otherwise like [`Queue`].
///
/// The queue calls `Ord` like a callback: `Ord` can neither wait nor use the queue, and panics if it tries.
///
/// ```
/// use std::cmp::Reverse;
/// use selvedge::sync::PriorityQueue;
///
/// let queue = PriorityQueue::unbounded();
/// for job in [(2, "wash"), (1, "spin"), (3, "dye")] {
///     queue.try_put(job).unwrap();
/// }
/// assert_eq!(queue.try_get(), Ok((1, "spin")));
///
/// // The largest first:
/// let queue = PriorityQueue::unbounded();
/// queue.try_put(Reverse(5)).unwrap();
/// queue.try_put(Reverse(9)).unwrap();
/// assert_eq!(queue.try_get(), Ok(Reverse(9)));
/// ```
pub struct PriorityQueue<T>(Rc<Core<T, Smallest<T>>>);

queue_methods!(PriorityQueue, Smallest, Ord);
