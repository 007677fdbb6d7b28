//! [`ScopeState`]: the children of a scope, what happens to the others when one fails, and the wait for the last one.
//!
//! The state lies in the scope's frame, on the stack of the task that opened the scope, the *host*. A child's control
//! block names the state. The frame is not left before each child has ended; if a child was abandoned, the frame is never
//! left. Results are in the public half of a scope (`src/task/scope.rs`).

use std::cell::{Cell, RefCell};
use std::fmt;
use std::thread;

use super::request;
use crate::coroutine::abandon_innermost;
use crate::error::TaskError;
use crate::error::WaitError;
use crate::runtime::core::{
    AnyPacket, Awaiting, CANCEL_FORWARDED, CancelFrame, FORCE_UNWIND, FrameKind, MUST_CANCEL,
    ParentScope, TaskContext, TaskId, TaskPtr, cancel_frame, unpark,
};
use crate::runtime::wait::{WaitGraphWalk, delivery, park};

/// What ends the remaining children.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EndsAfter {
    /// A failure: for a scope.
    Failure,
    /// The first end, of whatever kind: for a race.
    First,
}

/// The children of a scope.
pub(crate) struct ScopeState {
    ends_after: EndsAfter,
    host: Result<Host, WaitError>,
    /// The children, and some that have ended.
    members: RefCell<Vec<AnyPacket>>,
    n_live: Cell<usize>,
    errors: RefCell<Vec<TaskError>>,
    /// The first child that ended, of a race.
    winner: Cell<Option<TaskId>>,
    is_ending: Cell<bool>,
    is_in_body: Cell<bool>,
    has_body_failed: Cell<bool>,
    /// A child was abandoned: its frames live on, with what they borrow.
    has_abandoned: Cell<bool>,
    /// A cancel of the host was forwarded to the children.
    has_passed_on: Cell<bool>,
}

/// The task that opened the scope.
struct Host {
    here: TaskContext,
    own: CancelFrame,
}

const ENDING: &str = "selvedge: the scope is being ended, because a child has failed or it was \
                      cancelled, so nothing can be spawned in it any more";

impl ScopeState {
    /// For a scope that opens here. Where the scope could not wait, it takes no children.
    pub(crate) fn new(here: Result<TaskContext, WaitError>, ends_after: EndsAfter) -> Self {
        let host = here.map(|here| Host {
            here,
            own: CancelFrame::new(here.task, FrameKind::Scope),
        });
        Self {
            ends_after,
            host,
            members: RefCell::default(),
            n_live: Cell::new(0),
            errors: RefCell::default(),
            winner: Cell::new(None),
            is_ending: Cell::new(false),
            is_in_body: Cell::new(true),
            has_body_failed: Cell::new(false),
            has_abandoned: Cell::new(false),
            has_passed_on: Cell::new(false),
        }
    }

    pub(crate) fn here(&self) -> Result<TaskContext, WaitError> {
        self.host.as_ref().map(|host| host.here).map_err(|why| *why)
    }

    /// The context for a new child, or the reason why no child can be made. If the reason is that the scope can't wait,
    /// the scope fails too.
    pub(crate) fn place(&self) -> Result<TaskContext, TaskError> {
        match self.here() {
            Ok(here) if self.is_ending.get() || here.task.has(FORCE_UNWIND) => {
                Err(TaskError::invalid_state(ENDING))
            }
            Ok(here) => Ok(here),
            Err(why) => {
                let error = TaskError::misuse(why.sentence());
                self.errors.borrow_mut().push(error.clone());
                Err(error)
            }
        }
    }

    /// Adds a child, whose block names this scope.
    pub(crate) fn admit(&self, packet: AnyPacket) {
        // First, because dropping the packets below may run user code.
        self.n_live.set(self.n_live.get() + 1);
        let mut members = self.members.borrow_mut();
        let mut over = Vec::new();
        if members.len() == members.capacity() {
            over.extend(members.extract_if(.., |member| member.link().task().is_none()));
        }
        members.push(packet);
        drop(members);
        // A packet may hold an error of the user's.
        drop(over);
    }

    fn child_is_done(&self, is_first: bool) {
        self.n_live.set(self.n_live.get() - 1);
        let is_waited_for = self.ends_after == EndsAfter::First || !self.is_in_body.get();
        if is_waited_for
            && (is_first || self.n_live.get() == 0)
            && let Some(host) = self.host()
        {
            unpark(host);
        }
    }

    /// Notes a failure, and ends the other children and the body.
    pub(crate) fn fail(&self, error: TaskError) {
        self.errors.borrow_mut().push(error);
        self.end();
        if let Ok(host) = &self.host
            && self.is_in_body.get()
            && self.ends_after == EndsAfter::Failure
        {
            if self.is_waited_for_by(host.here.task) {
                // The child is being ended, and may swallow the cancel: the body does not wait for that.
                host.own.request_at_once();
            } else {
                host.own.request();
            }
        }
    }

    /// Ends the children after an error of the body. Returns true if the error is a failure, and does not come from a
    /// request.
    pub(crate) fn fail_body(&self) -> bool {
        let is_interrupted = self.host().is_some_and(cancel_frame::is_returned);
        self.has_body_failed.set(!is_interrupted);
        self.cancel();
        !is_interrupted
    }

    pub(crate) fn has_body_failed(&self) -> bool {
        self.has_body_failed.get()
    }

    /// Whether the host waits for a child, in the body.
    fn is_waited_for_by(&self, host: TaskPtr) -> bool {
        let is_ours = |task: TaskPtr| {
            let scope = task.scope.get();
            // By address alone: pointers to one scope may differ in their vtables.
            scope.is_some_and(|scope| std::ptr::addr_eq(scope.as_ptr(), self))
        };
        let mut is_waited_for = false;
        host.with_awaiting(|what| what.tasks(&mut |task| is_waited_for |= is_ours(task)));
        is_waited_for
    }

    /// Cancels the children and closes the scope, once: a second call must not disturb their cleanup.
    pub(crate) fn end(&self) {
        if !self.is_ending.get() {
            self.cancel();
        }
    }

    /// Cancels the children and closes the scope.
    pub(crate) fn cancel(&self) {
        self.is_ending.set(true);
        self.each_live(|child| {
            request::cancel(child, None);
        });
    }

    /// Forwards a cancel of the host to the children, and closes the scope.
    pub(crate) fn pass_on(&self, host: TaskPtr) {
        self.is_ending.set(true);
        // A cancel stops at the host of another scope, which forwards it in a turn of its own. If that scope waits for this
        // one, the cancel comes back, and would go round for ever.
        let is_repeated = self.has_passed_on.replace(true);
        let message = host.message();
        let has_cycle = Cell::new(false);
        self.each_live(|child| {
            // Before the cancel, in which a destructor may free the child.
            let is_back = is_repeated && WaitGraphWalk::from(child).reaches(|task| task == host);
            let is_cycle = request::cancel_child(child, host, message.as_deref());
            has_cycle.set(has_cycle.get() || is_cycle || is_back);
        });
        if has_cycle.get() {
            // Each task of the cycle has forwarded the cancel to the next one.
            self.each_live(request::cancel_at_once);
        }
    }

    /// Calls a function with each child that is not done.
    fn each_live(&self, f: impl Fn(TaskPtr)) {
        // No borrow is held while `f` runs.
        for index in 0.. {
            let member = self.members.borrow().get(index).cloned();
            let Some(member) = member else { break };
            if let Some(task) = member.link().task() {
                f(task);
            }
        }
    }

    /// Whether a child has won.
    pub(crate) fn has_winner(&self) -> bool {
        self.winner.get().is_some()
    }

    /// Parks the host, which is running, until the first child is done, or none is left. Returns the winner's number.
    ///
    /// A cancel unwinds from here, unless there is a winner, whose result must not be lost.
    pub(crate) fn wait_for_first(&self, here: TaskContext) -> Option<TaskId> {
        while !self.has_winner() {
            // Also if the children were cancelled, and have ended, before the host ran.
            if here.task.has(MUST_CANCEL | FORCE_UNWIND) {
                delivery::raise(here);
            }
            if self.n_live.get() == 0 {
                break;
            }
            park::park_shielded(here, self);
        }
        self.winner.get()
    }

    /// The host's frame, which is linked until [`leave_body`](Self::leave_body).
    pub(crate) fn own_frame(&self) -> Option<&CancelFrame> {
        self.host.as_ref().ok().map(|host| &host.own)
    }

    /// Ends the body. True if the scope has cancelled it, and no other code has.
    pub(crate) fn leave_body(&self) -> bool {
        self.is_in_body.set(false);
        let host = self.host.as_ref().ok();
        host.is_some_and(|host| host.own.end().is_alone)
    }

    /// Parks the host, which is running, until no child is left. Forwards a cancel that arrives meanwhile to the
    /// children; returns whether one did.
    ///
    /// Never returns if a child can't be ended, or waited for: the innermost coroutine is abandoned.
    pub(crate) fn wait_for_all(&self) -> bool {
        let (mut is_cancelled, mut has_waited) = (false, false);
        while self.n_live.get() > 0 {
            let Ok(here) = self.here() else {
                abandon_innermost()
            };
            let task = here.task;
            if task.has(FORCE_UNWIND) || thread::panicking() {
                // Unreachable today: a task's children are ended before it is force-unwound, and a panic of the body is
                // caught by now.
                abandon_innermost();
            }
            if task.has(MUST_CANCEL) {
                cancel_frame::withdraw(task);
                task.clear(CANCEL_FORWARDED);
                is_cancelled = true;
                self.pass_on(task);
            } else {
                park::park_shielded(here, self);
                has_waited = true;
            }
        }
        if has_waited
            && let Some(task) = self.host()
            && task.has(MUST_CANCEL)
        {
            // A cancel that arrived together with the last child's end.
            cancel_frame::withdraw(task);
            is_cancelled = true;
        }
        if self.has_abandoned.get() {
            abandon_innermost();
        }
        is_cancelled
    }

    /// Whether a child has failed.
    pub(crate) fn has_failed(&self) -> bool {
        !self.errors.borrow().is_empty()
    }

    /// Takes the failures so far.
    pub(crate) fn take_errors(&self) -> Vec<TaskError> {
        self.errors.take()
    }
}

impl ParentScope for ScopeState {
    fn host(&self) -> Option<TaskPtr> {
        self.here().ok().map(|here| here.task)
    }

    fn close(&self) {
        self.is_ending.set(true);
    }

    fn child_ended(&self, id: TaskId, error: Option<TaskError>) {
        let is_cancelled = error.as_ref().is_some_and(TaskError::is_cancelled);
        // After the end of the race, which a wait beside the tasks may have won, nothing wins.
        let is_first =
            self.ends_after == EndsAfter::First && !is_cancelled && !self.is_ending.get();
        if is_first {
            self.winner.set(Some(id));
            self.end();
        } else if let Some(error) = error.filter(|_| !is_cancelled) {
            self.fail(error);
        }
        self.child_is_done(is_first);
    }

    fn child_abandoned(&self, error: TaskError) {
        self.has_abandoned.set(true);
        self.fail(error);
        self.child_is_done(false);
    }
}

impl Awaiting for ScopeState {
    fn tasks(&self, visit: &mut dyn FnMut(TaskPtr)) {
        if self.ends_after == EndsAfter::Failure || !self.is_in_body.get() {
            let members = self.members.borrow();
            members
                .iter()
                .filter_map(|member| member.link().task())
                .for_each(visit);
        }
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.ends_after {
            EndsAfter::Failure => "scope",
            EndsAfter::First => "race",
        };
        match self.n_live.get() {
            1 => write!(f, "the last task of its {what}"),
            n => write!(f, "the {n} tasks of its {what}"),
        }
    }
}
