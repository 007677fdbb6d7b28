//! How cancels are delivered, as a model: one task is a recursive interpreter, time is a number, and the rest of the
//! program is a list of times.

use std::rc::Rc;

mod task;

use crate::cancel_model::{Action, Child, Entry, Node, OnCancel, What, last_cancels};

/// How often standing requests are returned as an error before I/O unwinds.
const MAX_ERRORS: u32 = 8;

/// The unwind of a cancel.
struct Unwind;

/// The state of a request.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Request {
    NotMade,
    Stands,
    /// Stands, and was returned as the error with that number.
    Returned(u32),
    Delivered,
}

impl Request {
    fn stands(self) -> bool {
        matches!(self, Self::Stands | Self::Returned(_))
    }
}

#[derive(Debug)]
enum Frame {
    Timeout(Option<u64>, Own),
    /// With the index of the scope.
    Scope(usize, Own),
    Mask {
        n_deferred: u32,
        defers_task: Option<Request>,
        n_errors: u32,
    },
}

/// A frame's own request.
#[derive(Debug)]
struct Own {
    request: Request,
    n_before: u32,
    stood_before: bool,
    is_only: bool,
}

#[derive(Debug)]
struct Scope {
    children: Vec<Running>,
    is_in_body: bool,
    is_ending: bool,
    n_errors: usize,
}

/// Another task.
#[derive(Debug)]
struct Running {
    child: Child,
    has_begun: bool,
    is_joined: bool,
    /// When it ends; `None` when it has ended.
    end: Option<u64>,
    /// When it was cancelled.
    cancelled_at: Option<u64>,
}

/// The task that the task waits for.
#[derive(Debug)]
enum Joined {
    Other(Running),
    /// A child of the innermost scope.
    Child(usize),
}

impl Running {
    fn new(child: &Child, now: u64) -> Self {
        Self {
            child: child.clone(),
            has_begun: false,
            is_joined: false,
            end: Some(now + child.lasts),
            cancelled_at: None,
        }
    }

    fn cancel(&mut self, now: u64) {
        if self.end.is_none() || self.cancelled_at.is_some() {
            return;
        }
        match self.child.on_cancel {
            OnCancel::CleanUp(lasts) if self.has_begun => self.end = Some(now + lasts),
            OnCancel::GoOn if self.has_begun => return,
            _ => self.end = None,
        }
        self.cancelled_at = Some(now);
    }
}

#[derive(Debug, Default)]
pub struct Reference {
    entries: Vec<Entry>,
    /// Two events happen at the same time, so their order is unspecified.
    has_tie: bool,
    now: u64,
    /// Times of cancels from outside, the next one last.
    cancels: Vec<u64>,
    /// Times at which bytes arrive.
    arrivals: Vec<u64>,
    frames: Vec<Frame>,
    scopes: Vec<Scope>,
    joined: Option<Joined>,
    /// A cancel was forwarded to the joined task.
    is_forwarded: bool,
    /// A request that is addressed to the task.
    of_task: Option<Request>,
    /// Requests that no mask defers and that were not taken back.
    n_requests: u32,
    n_errors: u32,
    /// Number of errors so far.
    last_error: u32,
    io_deadline: Option<u64>,
}

impl Reference {
    /// The log of a script; `None` if two things happen at once.
    pub fn play(script: &Rc<[Node]>, cancels: &[u64]) -> Option<Vec<Entry>> {
        let mut this = Self {
            cancels: cancels.iter().copied().chain(last_cancels()).collect(),
            ..Self::default()
        };
        this.cancels.sort_unstable();
        this.has_tie = this.cancels.windows(2).any(|pair| pair[0] == pair[1]);
        this.cancels.reverse();
        Node::visit(script, &mut |node| {
            if let Action::Read { at, .. } = node.action {
                this.arrivals.push(at);
            }
        });
        let result = this.act_all(script);
        let is_cancelled = result.is_err() || this.stands();
        this.n_requests = 0;
        let what = if is_cancelled {
            What::Unwound
        } else {
            What::Done
        };
        this.note(usize::MAX, what);
        (!this.has_tie).then_some(this.entries)
    }

    fn note(&mut self, id: usize, what: What) {
        self.entries.push(Entry {
            time: self.now,
            id,
            what,
            cancelling: self.total(),
        });
    }

    /// What `cancelling` returns.
    fn total(&self) -> u32 {
        let deferred = self.frames.iter().map(|frame| match frame {
            Frame::Mask { n_deferred, .. } => *n_deferred,
            _ => 0,
        });
        self.n_requests + deferred.sum::<u32>()
    }

    /// The index of the first frame inside of the innermost mask.
    fn first_unmasked(&self) -> usize {
        let is_mask = |frame: &Frame| matches!(frame, Frame::Mask { .. });
        self.frames
            .iter()
            .rposition(is_mask)
            .map_or(0, |place| place + 1)
    }

    /// The requests that no mask defers, the task's first, then the outermost frame's.
    fn unmasked(&mut self) -> impl Iterator<Item = &mut Request> {
        let first = self.first_unmasked();
        let of_frames = self.frames[first..].iter_mut().map(|frame| match frame {
            Frame::Timeout(_, own) | Frame::Scope(_, own) => &mut own.request,
            Frame::Mask { .. } => unreachable!("inside of the last mask"),
        });
        self.of_task.iter_mut().chain(of_frames)
    }

    fn standing(&mut self) -> impl Iterator<Item = &mut Request> {
        self.unmasked().filter(|request| request.stands())
    }

    fn stands(&mut self) -> bool {
        self.standing().next().is_some()
    }

    /// Whether a request stands outside of a mask.
    fn is_deferred(&self) -> bool {
        self.frames.iter().any(|frame| match frame {
            Frame::Timeout(_, own) | Frame::Scope(_, own) => own.request.stands(),
            Frame::Mask { defers_task, .. } => defers_task.is_some_and(Request::stands),
        })
    }

    /// All standing requests were delivered, or are not wanted any more.
    fn withdraw(&mut self) {
        self.standing()
            .for_each(|request| *request = Request::Delivered);
        self.n_errors = 0;
    }

    fn unwind<T>(&mut self) -> Result<T, Unwind> {
        self.withdraw();
        Err(Unwind)
    }

    /// A request of a frame, or of other code.
    fn request(&mut self, from: Option<usize>) {
        let stands = self.stands();
        let stands_or_deferred = stands || self.is_deferred();
        if let Some(place) = from {
            let own = self.own(place);
            if own.request != Request::NotMade {
                return;
            }
            own.is_only = !(own.stood_before && stands_or_deferred);
            own.request = Request::Stands;
        }
        let inside = from.map_or(0, |place| place + 1);
        for frame in &mut self.frames[inside..] {
            if let Frame::Mask {
                n_deferred,
                defers_task,
                ..
            } = frame
            {
                *n_deferred += 1;
                if from.is_none() && defers_task.is_none() {
                    *defers_task = Some(Request::Stands);
                }
                return;
            }
        }
        self.n_requests += 1;
        let mut state = Request::Stands;
        let now = self.now;
        let is_forwarded = !stands && !from.is_some_and(|place| self.waits_for_child_of(place));
        if let Some(joined) = self
            .joined()
            .filter(|task| is_forwarded && task.end.is_some())
        {
            joined.cancel(now);
            self.is_forwarded = true;
            state = Request::Delivered;
        }
        match from {
            Some(place) => self.own(place).request = state,
            // A request that was returned still stands.
            None if self.of_task.is_none_or(|task| task == Request::Delivered) => {
                self.of_task = Some(state);
            }
            None => {}
        }
    }

    /// The task that the task waits for.
    fn joined(&mut self) -> Option<&mut Running> {
        match self.joined.as_mut()? {
            Joined::Other(task) => Some(task),
            Joined::Child(n) => {
                let scope = self.scopes.last_mut();
                Some(&mut scope.expect("a scope").children[*n])
            }
        }
    }

    /// Whether the task waits for a child of a scope, given by its frame: the scope is cancelling the child.
    fn waits_for_child_of(&self, place: usize) -> bool {
        let is_child = matches!(self.joined, Some(Joined::Child(_)));
        let last = self.scopes.len().checked_sub(1);
        is_child && matches!(self.frames[place], Frame::Scope(scope, _) if Some(scope) == last)
    }

    fn own(&mut self, place: usize) -> &mut Own {
        match &mut self.frames[place] {
            Frame::Timeout(_, own) | Frame::Scope(_, own) => own,
            Frame::Mask { .. } => unreachable!("a mask requests nothing"),
        }
    }

    /// `uncancel`: inner requests first; the last one withdraws all.
    fn take_back(&mut self) {
        let masks = self
            .frames
            .iter_mut()
            .rev()
            .filter_map(|frame| match frame {
                Frame::Mask { n_deferred, .. } => Some(n_deferred),
                _ => None,
            });
        let mut counts = std::iter::once(&mut self.n_requests).chain(masks);
        if let Some(n) = counts.find(|n| **n > 0) {
            *n -= 1;
        }
        if self.total() > 0 {
            return;
        }
        self.withdraw();
        for frame in &mut self.frames {
            match frame {
                Frame::Timeout(_, own) | Frame::Scope(_, own) => {
                    if own.request != Request::NotMade {
                        own.request = Request::Delivered;
                    }
                }
                Frame::Mask { defers_task, .. } => *defers_task = None,
            }
        }
    }

    fn begin(&mut self) -> Own {
        Own {
            request: Request::NotMade,
            n_before: self.n_requests,
            stood_before: self.stands(),
            is_only: false,
        }
    }

    /// Ends the innermost frame: whether an unwind is its own, and whether its request was returned.
    fn end(&mut self) -> (bool, bool) {
        let frame = self.frames.pop();
        let Some(Frame::Timeout(_, own) | Frame::Scope(_, own)) = frame else {
            unreachable!("frames are nested")
        };
        if own.request == Request::NotMade {
            return (false, false);
        }
        self.take_back();
        if !self.stands() {
            self.n_errors = 0;
        }
        (
            own.is_only && self.n_requests <= own.n_before,
            matches!(own.request, Request::Returned(_)),
        )
    }

    /// Requests that were delivered, and not taken back, stand again.
    fn redeliver(&mut self) {
        let first = self.first_unmasked();
        let mut n_made = 0;
        for frame in &mut self.frames[first..] {
            if let Frame::Timeout(_, own) | Frame::Scope(_, own) = frame
                && own.request != Request::NotMade
            {
                n_made += 1;
                if own.request == Request::Delivered {
                    own.request = Request::Stands;
                }
            }
        }
        // A mask defers what is addressed to the task.
        let is_delivered = self.of_task.is_none_or(|task| task == Request::Delivered);
        if first == 0 && self.n_requests > n_made && is_delivered {
            self.of_task = Some(Request::Stands);
        }
    }
}
