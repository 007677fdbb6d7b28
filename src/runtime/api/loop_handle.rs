//! [`LoopHandle`]: a reference to a loop for other threads.

use std::panic::Location;
use std::sync::{Arc, Mutex};

use crate::error::LoopError;
use crate::runtime::core::context;
use crate::runtime::scheduler::current::current;
use crate::runtime::threads::{Injector, Message};
use crate::util::fmt::impl_debug;
use crate::util::lock::lock;

/// A handle of an event loop for other threads. While one exists, the loop reports no deadlock.
///
/// ```
/// use std::thread;
///
/// let sum = selvedge::run(|| {
///     let handle = selvedge::event_loop::current_loop().unwrap().handle().unwrap();
///     let promise = selvedge::Promise::new();
///     let worker = thread::spawn(move || {
///         // On the loop's thread, as a task of its own:
///         handle.spawn_threadsafe(|| 40).unwrap().join().unwrap() + 2
///     });
///     selvedge::spawn({
///         let promise = promise.clone();
///         move || {
///             while !worker.is_finished() {
///                 selvedge::sleep(std::time::Duration::from_millis(1));
///             }
///             promise.set_result(worker.join().unwrap()).unwrap();
///         }
///     })
///     .detach();
///     promise.wait()
/// });
/// assert_eq!(sum.unwrap(), 42);
/// ```
pub struct LoopHandle(Arc<Injector>);

impl LoopHandle {
    pub(crate) fn new(injector: &Arc<Injector>) -> Self {
        injector.add_handle();
        Self(Arc::clone(injector))
    }

    pub(crate) fn injector(&self) -> &Injector {
        &self.0
    }

    /// Queues a callback on the loop's thread, for the next iteration, and wakes a sleeping loop. Callbacks of one thread
    /// are called in FIFO order; on the loop's thread this includes those of `call_soon`.
    ///
    /// # Errors
    /// The function, if the loop is closed.
    #[track_caller]
    pub fn call_soon_threadsafe<F>(&self, f: F) -> Result<(), LoopError<F>>
    where
        F: FnOnce() + Send + 'static,
    {
        self.push_call(Location::caller(), f, |f| f())
    }

    /// Passes a function to the loop's thread, which calls `run` with it. A closed loop returns the function.
    pub(super) fn push_call<F: Send + 'static>(
        &self,
        site: &'static Location<'static>,
        f: F,
        run: impl FnOnce(F) + Send + 'static,
    ) -> Result<(), LoopError<F>> {
        let slot = Arc::new(Mutex::new(Some(f)));
        let theirs = Arc::clone(&slot);
        let call = Box::new(move || {
            let f = lock(&theirs).take();
            if let Some(f) = f {
                run(f);
            }
        });
        if let Some(inner) = current().filter(|inner| Arc::ptr_eq(&inner.injector, &self.0))
            && !inner.core.is_closed.get()
        {
            // The loop runs on this thread: a message would come after what this code queues next.
            inner.receive_messages();
            inner.core.call_soon(call, site);
            return Ok(());
        }
        self.0.push(Message::Call(call, site)).map_err(|refused| {
            drop(refused);
            let f = lock(&slot).take();
            LoopError::closed(f.expect("a message that was refused was not called"))
        })
    }

    /// Ends the loop's run after the iteration that receives this message.
    ///
    /// # Errors
    /// If the loop is closed.
    #[track_caller]
    pub fn stop(&self) -> Result<(), LoopError> {
        let stop = || {
            if let Some(core) = context::current() {
                core.run_queue.stop();
            }
        };
        self.call_soon_threadsafe(stop)
            .map_err(|_| LoopError::closed(()))
    }
}

impl Clone for LoopHandle {
    fn clone(&self) -> Self {
        Self::new(&self.0)
    }
}

impl Drop for LoopHandle {
    fn drop(&mut self) {
        self.0.remove_handle();
    }
}

impl_debug!(LoopHandle, |this| { loop_id: this.0.loop_id });

const _: () = {
    const fn assert_send_sync<T: Send + Sync>() {}
    assert_send_sync::<LoopHandle>();
};
