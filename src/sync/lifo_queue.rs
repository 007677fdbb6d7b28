//! [`LifoQueue`]: last in, first out.

use std::fmt;
use std::panic::Location;
use std::rc::Rc;

use super::error::{GetError, NothingUnfinished, PutError};
use super::queue_core::Core;
use super::queue_methods::queue_methods;
use super::store::Lifo;

/// A last-in, first-out queue: asyncio's LifoQueue. It is otherwise like [`Queue`](super::Queue).
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
