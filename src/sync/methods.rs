//! The methods that the three queues have in common, with their documentation.

/// Implements a queue's methods: its name, its store, and what its items have to be.
macro_rules! queue_methods {
    ($Queue:ident, $Store:ident $(, $Bound:ident)?) => {
        impl<T $(: $Bound)?> $Queue<T> {
            /// Creates a queue that holds at most `capacity` items. Nothing is allocated ahead.
            ///
            /// # Panics
            /// If the capacity is 0.
            #[track_caller]
            #[must_use]
            pub fn new(capacity: usize) -> Self {
                Self(Rc::new(Core::new(Some(capacity), Location::caller())))
            }

            /// Creates a queue without a limit.
            #[track_caller]
            #[must_use]
            pub fn unbounded() -> Self {
                Self(Rc::new(Core::new(None, Location::caller())))
            }

            /// May suspend: puts an item in, when there is room. It does not suspend if there is
            /// room and nobody waits for it.
            ///
            /// ```
            #[doc = concat!("use selvedge::sync::", stringify!($Queue), ";")]
            ///
            /// selvedge::run(|| {
            #[doc = concat!("    let queue = ", stringify!($Queue), "::new(1);")]
            ///     let producer = selvedge::spawn({
            ///         let queue = queue.clone();
            ///         move || (0..3).for_each(|n| queue.put(n).unwrap())
            ///     });
            ///     let items: Vec<i32> = (0..3).map(|_| queue.get().unwrap()).collect();
            ///     assert_eq!(items, [0, 1, 2]);
            ///     producer.join().unwrap();
            ///
            ///     queue.shutdown();
            ///     assert_eq!(queue.put(4).unwrap_err().into_inner(), 4);
            /// });
            /// ```
            ///
            /// # Errors
            /// The item: that the queue was shut down, before or meanwhile; that there is no room
            /// and it can't be waited for here.
            ///
            /// # Cancellation
            /// The item is dropped, and the queue is as before. Room that was promised to this task
            /// goes to the next that waits.
            #[inline]
            pub fn put(&self, item: T) -> Result<(), PutError<T>> {
                self.0.put(item)
            }

            /// Puts an item in, if there is room now and nobody waits for it.
            ///
            /// ```
            #[doc = concat!("let queue = selvedge::sync::", stringify!($Queue), "::new(1);")]
            /// queue.try_put('a').unwrap();
            /// let refused = queue.try_put('b').unwrap_err();
            /// assert!(refused.is_full());
            /// assert_eq!(refused.into_inner(), 'b');
            /// ```
            ///
            /// # Errors
            /// The item: that the queue is full, or was shut down.
            #[inline]
            #[doc(alias = "put_nowait")]
            pub fn try_put(&self, item: T) -> Result<(), PutError<T>> {
                self.0.try_put(item)
            }

            /// May suspend: takes the next item out, when there is one. It does not suspend if there
            /// is one and nobody waits for it.
            ///
            /// ```
            #[doc = concat!("use selvedge::sync::{GetError, ", stringify!($Queue), "};")]
            ///
            #[doc = concat!("let queue = ", stringify!($Queue), "::unbounded();")]
            /// queue.put(7).unwrap();
            /// queue.shutdown();
            /// assert_eq!(queue.get(), Ok(7));
            /// assert_eq!(queue.get(), Err(GetError::ShutDown));
            /// ```
            ///
            /// # Errors
            /// That the queue was shut down and is empty, now or in the course of the wait; that it
            /// is empty and nothing can be waited for here.
            ///
            /// # Cancellation
            /// Takes nothing: an item that was promised to this task is left where it is, for the next.
            #[inline]
            pub fn get(&self) -> Result<T, GetError> {
                self.0.get()
            }

            /// Takes the next item out, if there is one now that nobody waits for.
            ///
            /// # Errors
            /// That the queue is empty, or shut down as well.
            #[inline]
            #[doc(alias = "get_nowait")]
            pub fn try_get(&self) -> Result<T, GetError> {
                self.0.try_get()
            }

            /// May suspend: waits until `task_done` was called for each item that was put in.
            ///
            /// ```
            /// selvedge::run(|| {
            #[doc = concat!("    let queue = selvedge::sync::", stringify!($Queue), "::new(10);")]
            ///     let worker = selvedge::spawn({
            ///         let queue = queue.clone();
            ///         move || {
            ///             while let Ok(n) = queue.get() {
            ///                 assert!(n < 100);
            ///                 queue.task_done().unwrap();
            ///             }
            ///         }
            ///     });
            ///     (0..100).for_each(|n| queue.put(n).unwrap());
            ///     queue.join();
            ///     assert!(queue.is_empty());
            ///     queue.shutdown();
            ///     worker.join().unwrap();
            /// });
            /// ```
            ///
            /// # Panics
            /// If there is something to wait for and no task is running, or the thread is panicking.
            ///
            /// # Cancellation
            /// The items are not concerned.
            #[track_caller]
            pub fn join(&self) {
                self.0.join();
            }

            /// Tells that an item that was got is done with.
            ///
            /// ```
            #[doc = concat!("let queue = selvedge::sync::", stringify!($Queue), "::unbounded();")]
            /// queue.try_put(1).unwrap();
            /// assert_eq!(queue.try_get(), Ok(1));
            /// assert!(queue.task_done().is_ok());
            /// assert!(queue.task_done().is_err());
            /// ```
            ///
            /// # Errors
            /// That it was called more often than items were put in.
            pub fn task_done(&self) -> Result<(), NothingUnfinished> {
                self.0.task_done()
            }

            /// Shuts the queue down: from now on nothing can be put in, and whoever waits to put gets an
            /// error. What is in the queue can still be got; then there is an error, too.
            ///
            /// It can't be opened again; shutting it down again changes nothing.
            pub fn shutdown(&self) {
                self.0.shutdown();
            }

            /// Shuts the queue down as [`shutdown`](Self::shutdown), and drops all that is in it. Those items
            /// count as done, so that [`join`](Self::join) waits only for the ones that were got.
            ///
            /// ```
            #[doc = concat!("let queue = selvedge::sync::", stringify!($Queue), "::unbounded();")]
            /// queue.try_put(1).unwrap();
            /// queue.shutdown_immediate();
            /// assert!(queue.try_get().is_err());
            /// queue.join();
            /// ```
            pub fn shutdown_immediate(&self) {
                self.0.shutdown_immediate();
            }

            /// Whether the queue was shut down.
            #[must_use]
            pub fn is_shut_down(&self) -> bool {
                self.0.is_shut_down()
            }

            /// The most items that the queue holds; `None` without a limit.
            #[must_use]
            #[doc(alias = "maxsize")]
            pub fn capacity(&self) -> Option<usize> {
                self.0.capacity()
            }

            /// How many items are in the queue. One that is promised to a task counts until the task has
            /// run and taken it.
            #[must_use]
            pub fn len(&self) -> usize {
                self.0.len()
            }

            /// Whether no item is in the queue.
            #[must_use]
            pub fn is_empty(&self) -> bool {
                self.0.len() == 0
            }

            /// Whether as many items are in the queue as fit in.
            #[must_use]
            pub fn is_full(&self) -> bool {
                self.0.is_full()
            }
        }

        impl<T> Clone for $Queue<T> {
            fn clone(&self) -> Self {
                Self(Rc::clone(&self.0))
            }
        }

        impl<T $(: $Bound)?> Default for $Queue<T> {
            #[track_caller]
            fn default() -> Self {
                Self::unbounded()
            }
        }

        impl<T $(: $Bound)?> fmt::Debug for $Queue<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.debug(stringify!($Queue), f)
            }
        }
    };
}

pub(super) use queue_methods;
