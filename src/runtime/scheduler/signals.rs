//! The signals that a loop handles: callbacks, listeners, and the interrupt that ends `run`.
//!
//! The signal handler is in `sys::signal_watch`. Here is what the loop does after a signal: it queues the callback, wakes
//! the listeners, and cancels `run`'s main task.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::io;
use std::panic::Location;
use std::rc::{Rc, Weak};

use crate::coroutine::drop_quietly;
use crate::runtime::cancel::request;
use crate::runtime::core::{Core, InsertAt, NEVER, TaskContext, TaskId, WaitList};
use crate::runtime::first::Source;
use crate::runtime::io::Reactor;
use crate::runtime::time::Alarm;
use crate::sys::signal_watch::{Watcher, number};
use crate::util::fmt::impl_debug;

/// The message of the cancel of `run`'s main task.
pub(crate) const INTERRUPTED: &str = "interrupted by SIGINT";

/// The error of a wait on another loop than the listener's.
pub(crate) const ELSEWHERE: &str =
    "selvedge: this listener belongs to another event loop; make one on this loop";

/// The signals of a loop.
#[derive(Default)]
pub(crate) struct Signals {
    /// Made when the first signal is handled, with its token in the reactor.
    watcher: RefCell<Option<(Rc<Watcher>, u64)>>,
    entries: RefCell<Vec<Entry>>,
    /// The task that an otherwise unhandled interrupt cancels.
    main: Cell<Option<TaskId>>,
}

/// A handled signal.
struct Entry {
    signal: i32,
    handler: Option<Rc<Handler>>,
    listeners: Vec<Weak<Listening>>,
    /// Once a task has waited for the signal without a listener, the loop handles the signal until it is closed.
    kept: Option<Rc<Kept>>,
}

/// A callback for a signal.
struct Handler {
    function: Box<dyn Fn()>,
    site: &'static Location<'static>,
    is_removed: Cell<bool>,
}

/// A listener: waits for a signal, repeatedly.
pub(crate) struct Listening {
    signal: i32,
    has_arrived: Cell<bool>,
    waiters: WaitList,
    signals: Weak<Signals>,
    loop_id: u64,
}

/// A signal that tasks wait for without a listener. All tasks that wait when the signal arrives are woken. A signal
/// that arrives while no task waits is kept for the next wait.
pub(crate) struct Kept {
    n_arrived: Cell<u64>,
    n_taken: Cell<u64>,
    waiters: WaitList,
}

impl Signals {
    pub(crate) fn new() -> Rc<Self> {
        Rc::default()
    }

    /// Whether a signal may wake a task or run a callback.
    pub(crate) fn may_wake(&self) -> bool {
        let is_waited_for = |listening: &Weak<Listening>| {
            let listening = listening.upgrade();
            listening.is_some_and(|listening| !listening.waiters.is_empty())
        };
        let entries = self.entries.borrow();
        entries.iter().any(|entry| {
            let kept = entry.kept.as_ref();
            entry.handler.is_some()
                || entry.listeners.iter().any(is_waited_for)
                || kept.is_some_and(|kept| !kept.waiters.is_empty())
        })
    }

    /// Sets the callback for a signal.
    pub(crate) fn set_handler(
        &self,
        reactor: &Reactor,
        signal: i32,
        function: Box<dyn Fn()>,
        site: &'static Location<'static>,
    ) -> io::Result<()> {
        self.want(reactor, signal)?;
        let handler = Rc::new(Handler {
            function,
            site,
            is_removed: Cell::new(false),
        });
        let before = self.with_entry(signal, |entry| entry.handler.replace(handler));
        drop(before.inspect(|before| before.is_removed.set(true)));
        Ok(())
    }

    /// Removes the callback for a signal; false if there is none.
    pub(crate) fn remove_handler(&self, signal: i32) -> bool {
        let is_known = |entry: &Entry| entry.signal == signal;
        if !self.entries.borrow().iter().any(is_known) {
            return false;
        }
        let handler = self.with_entry(signal, |entry| entry.handler.take());
        self.release_if_unused(signal);
        // The captures are dropped when nothing is borrowed.
        handler
            .inspect(|handler| handler.is_removed.set(true))
            .is_some()
    }

    /// Begins to listen for a signal.
    pub(crate) fn listen(
        self: &Rc<Self>,
        reactor: &Reactor,
        signal: i32,
    ) -> io::Result<Rc<Listening>> {
        self.want(reactor, signal)?;
        let listening = Rc::new(Listening {
            signal,
            has_arrived: Cell::new(false),
            waiters: WaitList::new(),
            signals: Rc::downgrade(self),
            loop_id: reactor.injector.loop_id,
        });
        let theirs = Rc::downgrade(&listening);
        self.with_entry(signal, |entry| entry.listeners.push(theirs));
        Ok(listening)
    }

    /// Makes the loop handle a signal until the loop is closed, for [`Kept::wait`].
    pub(crate) fn keep(&self, reactor: &Reactor, signal: i32) -> io::Result<Rc<Kept>> {
        self.want(reactor, signal)?;
        Ok(self.with_entry(signal, |entry| {
            Rc::clone(entry.kept.get_or_insert_with(Kept::new))
        }))
    }

    /// Makes an interrupt cancel a task, if the interrupt would end the process otherwise.
    pub(crate) fn set_main(&self, reactor: &Reactor, main: TaskId) {
        // Without descriptors for a pipe, the interrupt keeps its disposition.
        if let Ok(watcher) = self.watcher(reactor)
            && watcher.want_interrupt()
        {
            self.main.set(Some(main));
        }
    }

    /// Restores the interrupt's previous disposition.
    pub(crate) fn clear_main(&self) {
        if self.main.take().is_some()
            && let Some((watcher, _)) = &*self.watcher.borrow()
        {
            watcher.release_interrupt();
        }
    }

    /// Processes the signals that have arrived.
    pub(crate) fn receive(&self, core: &Core) {
        let watcher = match &*self.watcher.borrow() {
            Some((watcher, _)) => Rc::clone(watcher),
            None => return,
        };
        for signal in watcher.take() {
            self.deliver(core, signal);
        }
    }

    fn deliver(&self, core: &Core, signal: i32) {
        let entries = self.entries.borrow();
        let Some(entry) = entries.iter().find(|entry| entry.signal == signal) else {
            drop(entries);
            return self.interrupt(core, signal);
        };
        for listening in entry.listeners.iter().filter_map(Weak::upgrade) {
            listening.has_arrived.set(true);
            listening.waiters.wake_all();
        }
        if let Some(kept) = &entry.kept {
            kept.n_arrived.set(kept.n_arrived.get() + 1);
            kept.waiters.wake_all();
        }
        if let Some(handler) = &entry.handler {
            let (handler, site) = (Rc::clone(handler), handler.site);
            let call = move || {
                if !handler.is_removed.get() {
                    (handler.function)();
                }
            };
            core.call_soon(Box::new(call), site);
        }
    }

    fn interrupt(&self, core: &Core, signal: i32) {
        if signal == number::SIGINT
            && let Some(id) = self.main.get()
            && let Some(main) = core.find_task(id)
        {
            request::cancel(main, Some(INTERRUPTED));
        }
    }

    /// Stops handling signals, because the loop closes.
    pub(crate) fn close(&self, reactor: &Reactor) {
        self.main.set(None);
        let watcher = self.watcher.take();
        if let Some((_watcher, token)) = watcher {
            reactor.forget(token);
        }
        let entries = self.entries.take();
        for entry in entries {
            drop_quietly(entry.handler);
        }
    }

    fn want(&self, reactor: &Reactor, signal: i32) -> io::Result<()> {
        self.watcher(reactor)?.want(signal)
    }

    fn watcher(&self, reactor: &Reactor) -> io::Result<Rc<Watcher>> {
        if let Some((watcher, _)) = &*self.watcher.borrow() {
            return Ok(Rc::clone(watcher));
        }
        let watcher = Rc::new(Watcher::new()?);
        let token = reactor.register(watcher.fd())?;
        *self.watcher.borrow_mut() = Some((Rc::clone(&watcher), token));
        Ok(watcher)
    }

    fn with_entry<R>(&self, signal: i32, f: impl FnOnce(&mut Entry) -> R) -> R {
        let mut entries = self.entries.borrow_mut();
        let index = entries.iter().position(|entry| entry.signal == signal);
        let index = index.unwrap_or_else(|| {
            entries.push(Entry {
                signal,
                handler: None,
                listeners: Vec::new(),
                kept: None,
            });
            entries.len() - 1
        });
        f(&mut entries[index])
    }

    fn release_if_unused(&self, signal: i32) {
        let mut entries = self.entries.borrow_mut();
        let is_unused = |entry: &Entry| {
            entry.signal == signal
                && entry.handler.is_none()
                && entry.kept.is_none()
                && entry
                    .listeners
                    .iter()
                    .all(|theirs| theirs.strong_count() == 0)
        };
        if let Some(index) = entries.iter().position(is_unused) {
            entries.swap_remove(index);
            if let Some((watcher, _)) = &*self.watcher.borrow() {
                watcher.release(signal);
            }
        }
    }
}

impl Listening {
    /// Parks the running task until the signal has arrived since the last `wait` or `take`.
    ///
    /// # Errors
    /// `TimedOut` if the deadline of the task's I/O passes; the error of a cancel.
    pub(crate) fn wait(&self, here: TaskContext) -> io::Result<()> {
        wait_until(&self.waiters, here, || self.has_arrived.get())?;
        self.has_arrived.set(false);
        Ok(())
    }

    /// Whether the signal has arrived since the last `wait` or `take`.
    pub(crate) fn take(&self) -> bool {
        self.has_arrived.take()
    }

    pub(crate) fn signal(&self) -> i32 {
        self.signal
    }

    /// Whether the listener belongs to a loop.
    pub(crate) fn is_of(&self, core: &Core) -> bool {
        self.loop_id == core.id
    }

    /// Removes the listener, before its last share is dropped.
    pub(crate) fn end(&self) {
        if let Some(signals) = self.signals.upgrade() {
            signals.with_entry(self.signal, |entry| {
                entry
                    .listeners
                    .retain(|theirs| !std::ptr::eq(theirs.as_ptr(), self));
            });
            signals.release_if_unused(self.signal);
        }
    }
}

/// The wait for the signal, among other waits.
impl Source for &Listening {
    type Output = ();

    fn try_now(&self) -> Option<()> {
        self.take().then_some(())
    }

    fn check(&self, here: TaskContext) {
        assert!(self.is_of(&here.core), "{ELSEWHERE}");
    }

    fn with_list(&self, f: impl FnOnce(&WaitList)) {
        f(&self.waiters);
    }

    fn finish(&self, _is_handed: bool) {
        self.take();
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a signal")
    }
}

impl Kept {
    fn new() -> Rc<Self> {
        Rc::new(Self {
            n_arrived: Cell::new(0),
            n_taken: Cell::new(0),
            waiters: WaitList::new(),
        })
    }

    /// Parks the running task until the signal arrives, unless the signal has arrived since the
    /// last wait of any task.
    ///
    /// # Errors
    /// As [`Listening::wait`].
    pub(crate) fn wait(&self, here: TaskContext) -> io::Result<()> {
        let before = self.n_arrived.get();
        if before > self.n_taken.get() {
            self.n_taken.set(before);
            return Ok(());
        }
        wait_until(&self.waiters, here, || self.n_arrived.get() != before)?;
        self.n_taken.set(self.n_taken.get().max(before + 1));
        Ok(())
    }
}

/// Parks the running task until a signal has arrived.
fn wait_until(
    waiters: &WaitList,
    here: TaskContext,
    has_arrived: impl Fn() -> bool,
) -> io::Result<()> {
    let deadline = here.task.io_deadline().unwrap_or(NEVER);
    Alarm::with(here, deadline, |alarm| {
        while !has_arrived() {
            let gives_up = || has_arrived() || alarm.has_fired();
            waiters.wait_io(here, InsertAt::Back, &"a signal", gives_up)?;
            if alarm.has_fired() && !has_arrived() {
                return Err(io::ErrorKind::TimedOut.into());
            }
        }
        Ok(())
    })
}

impl_debug!(Listening, |this| { signal: this.signal, has_arrived: this.has_arrived.get() });
