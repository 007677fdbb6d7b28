//! The methods of all three queues, with their documentation.

/// Implements the methods of a queue, given its name, its store and the bound of its items.
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

            /// May suspend: puts an item in as soon as there is room. It does not suspend if there is room that
            /// no other task waits for.
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
            /// The item comes back in the error if the queue is shut down, before the call or during it, or if
            /// there is no room and the caller can't wait.
            ///
            /// # Cancellation
            /// The item is dropped, and the queue does not change. Room that was promised to this task goes to
            /// the next waiting one.
            #[inline]
            pub fn put(&self, item: T) -> Result<(), PutError<T>> {
                self.0.put(item)
            }

            /// Puts an item in if there is room that no other task waits for. Never suspends.
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
            /// The item comes back in the error if the queue is full or shut down.
            #[inline]
            #[doc(alias = "put_nowait")]
            pub fn try_put(&self, item: T) -> Result<(), PutError<T>> {
                self.0.try_put(item)
            }

            /// May suspend: takes the next item out as soon as there is one. It does not suspend if there is an
            /// item that no other task waits for.
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
            /// If the queue is shut down and empty, before the call or during it, or if it is empty and the
            /// caller can't wait.
            ///
            /// # Cancellation
            /// Takes nothing: an item that was promised to this task stays in its place, for the next one.
            #[inline]
            pub fn get(&self) -> Result<T, GetError> {
                self.0.get()
            }

            /// Takes the next item out if there is one that no other task waits for. Never suspends.
            ///
            /// # Errors
            /// If the queue is empty. The error says whether the queue is shut down too.
            #[inline]
            #[doc(alias = "get_nowait")]
            pub fn try_get(&self) -> Result<T, GetError> {
                self.0.try_get()
            }

            /// The wait for the next item, for [`select!`](crate::select) and [`first`](crate::task::first()). It keeps
            /// this task's place among the waiting tasks only while it lasts, and takes nothing if it loses. Its output
            /// is that of [`get`](Self::get).
            pub fn when_item(&self) -> impl Wait<Output = Result<T, GetError>> {
                Listed(WhenItem(&*self.0))
            }

            /// The wait for room for an item, for [`select!`](crate::select) and [`first`](crate::task::first()). The
            /// item itself is needed only by [`Room::put`], so it is not lost if the wait loses. The error is that the
            /// queue is shut down.
            pub fn when_room(&self) -> impl Wait<Output = Result<Room<'_, T>, PutError<()>>> {
                Listed(WhenRoom(&*self.0))
            }

            /// May suspend: waits until `task_done` was called once for each item that was put in.
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
            /// If it has to wait and no task is running, or the thread is panicking.
            ///
            /// # Cancellation
            /// The queue does not change.
            #[track_caller]
            pub fn join(&self) {
                self.0.join();
            }

            /// Marks an item that was taken out as done, for [`join`](Self::join).
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
            /// If it was called more often than items were put in.
            pub fn task_done(&self) -> Result<(), NothingUnfinished> {
                self.0.task_done()
            }

            /// Shuts the queue down: every later put returns an error, and so do puts that wait. Items in the
            /// queue can still be taken out; after the last one every get returns an error, too.
            ///
            /// A shut-down queue can't be opened again; a second shutdown changes nothing.
            pub fn shutdown(&self) {
                self.0.shutdown();
            }

            /// Shuts the queue down like [`shutdown`](Self::shutdown), and drops all items in it. They count as
            /// done, so [`join`](Self::join) waits only for those that were taken out.
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

            /// Whether the queue is shut down.
            #[must_use]
            pub fn is_shut_down(&self) -> bool {
                self.0.is_shut_down()
            }

            crate::sync::size_methods::size_methods!(
                "queue",
                "An item that is promised to a task counts until the task has run and taken it."
            );
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

        crate::util::fmt::impl_debug!([T $(: $Bound)?] $Queue<T>, |queue| {
            len: queue.len(),
            capacity: queue.0.capacity(),
            n_unfinished: queue.0.n_unfinished.get(),
            is_shut_down: queue.0.is_shut_down(),
            created_at: format_args!("{}", queue.0.site)
        });
    };
}

pub(super) use queue_methods;
