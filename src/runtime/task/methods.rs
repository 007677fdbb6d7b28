//! The methods that the three handles of a task share: [`Task`](crate::Task), [`TaskRef`](crate::task::TaskRef)
//! and [`ScopedTask`](crate::task::ScopedTask).

/// Defines the shared methods in an `impl` block of a handle with the fields `packet` and `core`; `TaskRef` is
/// in scope there.
macro_rules! task_methods {
    () => {
        /// Requests a cancel without a message: see [`cancel_with`](Self::cancel_with).
        pub fn cancel(&self) -> bool {
            self.any_handle().request_cancel()
        }

        /// Requests a cancel. False if the task is done, or if it has begun in a program whose panics
        /// abort, where a task can't be unwound.
        ///
        /// The present wait of the task, or its next one, delivers the request: I/O returns an error for
        /// which [`io::is_cancelled`](crate::io::is_cancelled) returns true, and any other wait unwinds
        /// the task, so that its destructors run. The body of a task that has not begun never runs. If
        /// the task waits for another task or a promise, that task or promise is cancelled first. The
        /// task may catch the cancel and continue; a task that returns while the request stands counts as
        /// cancelled.
        ///
        /// A scope does not count the cancel of a child as a failure.
        pub fn cancel_with(&self, message: impl Into<String>) -> bool {
            // The conversion is user code, in which the task may end.
            let message = message.into();
            let task = self.packet.link().task();
            task.is_some_and(|task| $crate::runtime::cancel::request::cancel(task, Some(&message)))
        }

        /// Number of requests to cancel that were not taken back. A task that is done keeps it.
        #[must_use]
        pub fn cancelling(&self) -> u32 {
            let link = self.packet.link();
            let task = link.task();
            task.map_or_else(
                || link.n_cancels(),
                $crate::runtime::core::cancel_frame::n_requests,
            )
        }

        /// Takes back one request to cancel, and returns how many are left. Taking back the last one
        /// also withdraws a cancel that was not delivered yet.
        pub fn uncancel(&self) -> u32 {
            let link = self.packet.link();
            let task = link.task();
            task.map_or_else(
                || link.take_back(),
                $crate::runtime::core::cancel_frame::take_back,
            )
        }

        /// The wait until the task has ended, for [`select!`](crate::select) and
        /// [`first`](crate::task::first()). It retrieves no error, and a cancel of the waiting task does not cancel
        /// this one.
        ///
        /// The wait panics if the task is the running one, or belongs to another loop.
        pub fn when_done(&self) -> impl $crate::runtime::first::Wait<Output = ()> {
            $crate::runtime::first::Listed(self.any_handle())
        }

        /// Whether the task has ended, in whatever way.
        #[must_use]
        pub fn is_done(&self) -> bool {
            self.packet.link().task().is_none()
        }

        /// Whether the task has ended by a cancel.
        #[must_use]
        pub fn is_cancelled(&self) -> bool {
            self.packet
                .error()
                .is_some_and($crate::error::TaskError::is_cancelled)
        }

        /// Name of the task: `Task-N` unless another name was given.
        #[must_use]
        pub fn name(&self) -> String {
            self.packet.link().name()
        }

        /// Number of the task.
        #[must_use]
        pub fn id(&self) -> $crate::runtime::core::id::TaskId {
            self.packet.link().id()
        }

        /// Schedules a function for when the task is done: the loop calls the function after the
        /// callbacks that are queued by then. For a task that is done, the call comes in the next
        /// iteration.
        #[track_caller]
        pub fn add_done_callback(
            &self,
            f: impl FnOnce(&TaskRef) + 'static,
        ) -> $crate::runtime::core::id::CallbackId {
            let site = std::panic::Location::caller();
            let view = self.view();
            self.any_handle()
                .add_callback(Box::new(move || f(&view)), site)
        }

        /// Removes a callback, and drops it; false if it was called or removed before.
        pub fn remove_done_callback(&self, id: $crate::runtime::core::id::CallbackId) -> bool {
            self.any_handle().remove_callback(id)
        }

        /// Removes and drops all callbacks, and returns how many there were.
        pub fn clear_done_callbacks(&self) -> usize {
            let task = self.packet.link().task();
            let removed =
                task.map(|task| task.with_extras(|extras| std::mem::take(&mut extras.callbacks)));
            removed.map_or(0, |removed| removed.len())
        }

        /// Where the task stands: its status, where it was spawned, what it waits for, and its
        /// backtrace. Looking does not disturb the task.
        ///
        /// ```
        /// use selvedge::coroutine::Status;
        /// use selvedge::{Promise, yield_now};
        ///
        /// #[inline(never)]
        /// fn wait_for_an_answer(promise: &Promise<u32>) {
        ///     promise.wait().unwrap();
        /// }
        ///
        /// selvedge::run(|| {
        ///     let promise = Promise::new();
        ///     let other = promise.clone();
        ///     let task = selvedge::spawn(move || wait_for_an_answer(&other));
        ///     yield_now();
        ///
        ///     let stack = task.stack();
        ///     assert_eq!(stack.status(), Status::Suspended);
        ///     assert!(stack.waits_for().unwrap().starts_with("a promise made at"));
        ///     # #[cfg(not(selvedge_backend = "corosensei"))]
        ///     assert!(stack.to_string().contains("wait_for_an_answer"));
        ///
        ///     promise.set_result(42).unwrap();
        ///     task.join().unwrap();
        /// });
        /// ```
        #[must_use]
        #[doc(alias = "get_stack")]
        pub fn stack(&self) -> $crate::runtime::core::task_stack::TaskStack {
            $crate::runtime::core::task_stack::TaskStack::of(&self.packet)
        }

        /// Prints where the task stands to standard error, in one write: the text of
        /// [`TaskStack`](crate::task::TaskStack).
        pub fn print_stack(&self) {
            self.stack().print();
        }

        /// The handle without the type of the result.
        #[inline]
        pub(crate) fn any_handle(&self) -> $crate::runtime::task::any_handle::AnyHandle<'_> {
            $crate::runtime::task::any_handle::AnyHandle::task(&self.packet, &self.core)
        }

        fn view(&self) -> TaskRef {
            let packet = $crate::runtime::core::packet::AnyPacket::clone(&self.packet);
            TaskRef::new(packet, self.core.clone())
        }
    };
}

pub(crate) use task_methods;
