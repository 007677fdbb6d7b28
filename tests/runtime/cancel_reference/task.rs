//! The model's task: its steps, and the events while it waits.

use super::{Frame, Joined, MAX_ERRORS, Reference, Request, Running, Scope, Unwind};
use crate::cancel_model::{Action, Child, Failure, Node, What};

/// What happens next.
#[derive(Clone, Copy, Debug)]
enum Next {
    Cancel,
    Deadline(usize),
    ChildEnds(usize, usize),
    JoinedEnds,
    /// What the task waits for.
    Own,
}

/// What the task waits for.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Wait {
    Sleep(u64),
    Read(u64),
    Joined,
    Children,
}

impl Reference {
    /// The task waits, so the other tasks get their turn.
    fn suspend(&mut self) {
        let children = self.scopes.iter_mut().flat_map(|scope| &mut scope.children);
        children.for_each(|task| task.has_begun = true);
        if let Some(joined) = self.joined() {
            joined.has_begun = true;
        }
    }

    /// Waits for what happens next; true if that is what the task waits for.
    fn wait_once(&mut self, wait: Wait) -> bool {
        self.suspend();
        let (mut next, mut time) = (Next::Own, u64::MAX);
        let mut n_at_once = 0;
        let mut consider = |at: Option<u64>, what| {
            let Some(at) = at else { return };
            if at < time {
                (next, time, n_at_once) = (what, at, 0);
            } else if at == time {
                n_at_once += 1;
            }
        };
        match wait {
            Wait::Sleep(until) | Wait::Read(until) => consider(Some(until), Next::Own),
            Wait::Joined | Wait::Children => {}
        }
        consider(self.cancels.last().copied(), Next::Cancel);
        for (place, frame) in self.frames.iter().enumerate() {
            if let Frame::Timeout(deadline, own) = frame
                && own.request == Request::NotMade
            {
                consider(*deadline, Next::Deadline(place));
            }
        }
        for (scope, children) in self.scopes.iter().enumerate() {
            for (child, task) in children.children.iter().enumerate() {
                consider(task.end, Next::ChildEnds(scope, child));
            }
        }
        if let Some(Joined::Other(task)) = &self.joined {
            consider(task.end, Next::JoinedEnds);
        }
        let n_arrivals = self.arrivals.iter().filter(|at| **at == time).count();
        let is_read = matches!((next, wait), (Next::Own, Wait::Read(_)));
        self.has_tie |= n_at_once > 0 || n_arrivals > usize::from(is_read);
        self.now = time;
        match next {
            Next::Own => return true,
            Next::Cancel => {
                self.cancels.pop();
                self.request(None);
            }
            Next::Deadline(place) => self.request(Some(place)),
            Next::ChildEnds(scope, child) => self.child_ends(scope, child),
            Next::JoinedEnds => {
                self.joined().expect("a joined task").end = None;
            }
        }
        false
    }

    fn child_ends(&mut self, scope: usize, child: usize) {
        let now = self.now;
        let Scope {
            children,
            is_in_body,
            is_ending,
            n_errors,
        } = &mut self.scopes[scope];
        let task = &mut children[child];
        task.end = None;
        if !task.child.fails || task.cancelled_at.is_some() {
            return;
        }
        *n_errors += 1;
        if !*is_ending {
            *is_ending = true;
            children.iter_mut().for_each(|task| task.cancel(now));
        }
        if *is_in_body {
            let is_it = |frame: &Frame| matches!(frame, Frame::Scope(index, _) if *index == scope);
            let place = self.frames.iter().position(is_it);
            self.request(Some(place.expect("the scope's frame")));
        }
    }

    /// A wait that has no error to return.
    fn sleep(&mut self, until: u64) -> Result<(), Unwind> {
        while !self.stands() {
            if self.wait_once(Wait::Sleep(until)) {
                return Ok(());
            }
        }
        self.unwind()
    }

    fn read(&mut self, at: u64) -> Result<Option<Failure>, Unwind> {
        self.has_tie |= Some(at) == self.io_deadline;
        while self.now < at {
            if self.stands() {
                return self.io_error().map(Some);
            }
            if self
                .io_deadline
                .is_some_and(|deadline| deadline <= self.now)
            {
                return Ok(Some(Failure::TimedOut));
            }
            let until = self.io_deadline.map_or(at, |deadline| at.min(deadline));
            self.wait_once(Wait::Read(until));
        }
        Ok(None)
    }

    fn io_error(&mut self) -> Result<Failure, Unwind> {
        if self.n_errors >= MAX_ERRORS {
            return self.unwind();
        }
        self.n_errors += 1;
        self.last_error += 1;
        let error = self.last_error;
        let is_of_task = self.of_task.is_some_and(|task| task != Request::Delivered);
        let first = self.first_unmasked();
        *self.standing().next().expect("a request") = Request::Returned(error);
        let of_timeout = self.frames[first..].iter().any(|frame| {
            matches!(frame, Frame::Timeout(_, own) if own.request == Request::Returned(error))
        });
        Ok(match of_timeout && !is_of_task {
            true => Failure::TimedOut,
            false => Failure::Cancelled,
        })
    }

    fn join(&mut self, joined: Joined) -> Result<(), Unwind> {
        let (stands, now) = (self.stands(), self.now);
        self.joined = Some(joined);
        if stands {
            self.joined().expect("set just now").cancel(now);
            self.withdraw();
        }
        self.is_forwarded = stands;
        let is_pending = |this: &mut Self| this.joined().is_some_and(|task| task.end.is_some());
        while is_pending(self) && !self.stands() {
            self.wait_once(Wait::Joined);
        }
        self.suspend();
        let is_cancelled = self
            .joined()
            .is_some_and(|task| task.end.is_none() && task.cancelled_at.is_some());
        self.joined = None;
        match self.stands() || self.is_forwarded && is_cancelled {
            true => self.unwind(),
            false => Ok(()),
        }
    }

    pub(super) fn act_all(&mut self, script: &[Node]) -> Result<(), Unwind> {
        script.iter().try_for_each(|node| {
            let result = self.act(node);
            let what = result.as_ref().map_or(What::Unwound, |what| *what);
            self.note(node.id, what);
            result.map(drop)
        })
    }

    fn act(&mut self, node: &Node) -> Result<What, Unwind> {
        match &node.action {
            Action::Sleep(lasts) => self.sleep(self.now + lasts)?,
            Action::Yield => {
                self.suspend();
                if self.stands() {
                    return self.unwind();
                }
            }
            Action::ReadReady => {}
            Action::Read { at, n_tries } => {
                for _ in 0..*n_tries {
                    let Some(failure) = self.read(*at)? else {
                        return Ok(What::Done);
                    };
                    self.note(node.id, What::Failed(failure));
                }
            }
            Action::Join(child) => self.join(Joined::Other(Running::new(child, self.now)))?,
            Action::JoinChild(n) => {
                let children = self.scopes.last_mut().map(|scope| &mut scope.children);
                let child = children.and_then(|children| children.get_mut(*n));
                let child = child.filter(|child| !child.is_joined);
                if let Some(child) = child {
                    child.is_joined = true;
                    // A child that was cancelled just now may not have had its turn.
                    self.has_tie |= child.end.is_none() && child.cancelled_at == Some(self.now);
                    if child.end.is_some() {
                        self.join(Joined::Child(*n))?;
                    }
                }
            }
            Action::CancelSelf => self.request(None),
            Action::Uncancel => self.take_back(),
            Action::Timeout(lasts, inner) => return self.timeout(*lasts, inner),
            Action::Deadline(lasts, inner) => {
                let outer = self.io_deadline;
                let at = self.now + lasts;
                self.io_deadline = Some(outer.map_or(at, |outer| outer.min(at)));
                let result = self.act_all(inner);
                self.io_deadline = outer;
                result?;
            }
            Action::Scope(children, inner) => return self.scope(children, inner),
            Action::Finally(inner, cleanup) => {
                let result = self.act_all(inner);
                let cleaned = self.clean_up(cleanup);
                cleaned.and(result)?;
            }
            Action::Catch(inner) => {
                let last_error = self.last_error;
                let n_errors = std::mem::take(&mut self.n_errors);
                let result = self.act_all(inner);
                let is_seen = |request: &mut Request| matches!(request, Request::Returned(error) if *error > last_error);
                if result.is_err() || self.standing().any(is_seen) {
                    if result.is_ok() {
                        self.withdraw();
                    }
                    return Ok(What::Caught);
                }
                if self.stands() {
                    self.n_errors += n_errors;
                }
            }
            Action::Swallow(inner) => {
                if self.act_all(inner).is_err() {
                    return Ok(What::Caught);
                }
            }
            Action::Inside(_, inner) => self.act_all(inner)?,
        }
        Ok(What::Done)
    }

    fn timeout(&mut self, lasts: Option<u64>, inner: &[Node]) -> Result<What, Unwind> {
        let own = self.begin();
        let deadline = lasts.map(|lasts| self.now + lasts);
        self.frames.push(Frame::Timeout(deadline, own));
        if lasts == Some(0) {
            self.request(Some(self.frames.len() - 1));
        }
        let result = self.act_all(inner);
        let (is_alone, was_returned) = self.end();
        match result {
            Ok(()) if !was_returned => return Ok(What::Done),
            Err(Unwind) if !is_alone => return Err(Unwind),
            _ => {}
        }
        if lasts == Some(0) {
            // A timeout that has elapsed at its start gives the others a turn.
            self.suspend();
        }
        Ok(What::Elapsed)
    }

    fn clean_up(&mut self, cleanup: &[Node]) -> Result<(), Unwind> {
        self.frames.push(Frame::Mask {
            n_deferred: 0,
            defers_task: self.of_task.take().filter(|request| request.stands()),
            n_errors: std::mem::take(&mut self.n_errors),
        });
        let result = self.act_all(cleanup);
        let Some(Frame::Mask {
            n_deferred,
            defers_task,
            n_errors,
        }) = self.frames.pop()
        else {
            unreachable!("frames are nested")
        };
        self.n_requests += n_deferred;
        self.of_task = defers_task;
        self.n_errors = n_errors;
        if !self.stands() {
            self.n_errors = 0;
        }
        result
    }

    fn scope(&mut self, children: &[Child], inner: &[Node]) -> Result<What, Unwind> {
        let own = self.begin();
        let scope = self.scopes.len();
        let now = self.now;
        self.scopes.push(Scope {
            children: children
                .iter()
                .map(|child| Running::new(child, now))
                .collect(),
            is_in_body: true,
            is_ending: false,
            n_errors: 0,
        });
        self.frames.push(Frame::Scope(scope, own));
        let body = self.act_all(inner);
        self.scopes[scope].is_in_body = false;
        let now = self.now;
        let (is_alone, _) = self.end();
        let is_unwound = body.is_err() && !is_alone;
        let has_live = self.has_live_children();
        if is_unwound {
            self.cancel_children();
        }
        // A child that was cancelled just now may not have had its turn, and a request that stands is then forwarded to it.
        let may_be_live = |task: &Running| task.end.is_none() && task.cancelled_at == Some(now);
        self.has_tie |= self.stands() && self.scopes[scope].children.iter().any(may_be_live);
        let mut is_cancelled = false;
        while self.has_live_children() {
            if self.stands() {
                self.withdraw();
                is_cancelled = true;
                self.cancel_children();
            } else {
                self.wait_once(Wait::Children);
            }
        }
        if has_live {
            self.suspend();
        }
        let n_errors = self.scopes.pop().expect("the scope").n_errors;
        match n_errors {
            0 if is_unwound => Err(Unwind),
            0 if is_cancelled => self.unwind(),
            0 => Ok(What::Done),
            _ => {
                self.redeliver();
                Ok(What::Errors(n_errors))
            }
        }
    }

    /// Whether children of the innermost scope have not ended.
    fn has_live_children(&self) -> bool {
        let scope = self.scopes.last().expect("a scope");
        scope.children.iter().any(|task| task.end.is_some())
    }

    /// Cancels the children of the innermost scope.
    fn cancel_children(&mut self) {
        let now = self.now;
        let scope = self.scopes.last_mut().expect("a scope");
        scope.is_ending = true;
        scope.children.iter_mut().for_each(|task| task.cancel(now));
    }
}
