//! [`Crew`]: the worker threads and the job queue for one kind of jobs (a `Lane`) of the
//! [`pool`](super::pool).
//!
//! A thread is started when there is a job and no idle thread, up to a limit, and ends when it has been idle for a while.
//! Jobs begin in FIFO order. A job that has not begun can be taken back; a running job can't be stopped.
//!
//! A job may hang in the kernel: on a network file system, in the system's resolver. So a thread whose job has run for
//! longer than `Limits::patience` does not count towards the usual limit, and another thread is started for the jobs
//! that wait, up to a larger limit. The loop calls [`Crew::look`] in time, between its polls.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use super::job::{AtClose, Job, JobKind, Label, Lane, Refused};
use crate::coroutine::drop_quietly;
use crate::util::lock::{ignore_poison, lock};

/// How long a thread stays idle before it ends.
const IDLE: Duration = Duration::from_secs(5);

/// How long a job has to run before a report may say that the job hangs.
pub(super) const HUNG: Duration = Duration::from_secs(5);

/// The limits of a crew.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Threads whose jobs have run for less than `patience`.
    pub(super) n_usual: usize,
    /// All threads.
    pub(super) n_threads: usize,
    pub(super) n_queued: usize,
    pub(super) patience: Duration,
}

pub(super) struct Crew {
    state: Mutex<State>,
    has_work: Condvar,
    /// Notified when a job of a closed crew has ended.
    has_ended: Condvar,
    pub(super) limits: Limits,
}

#[derive(Default)]
struct State {
    /// By ticket, so in FIFO order.
    queue: BTreeMap<u64, (Job, JobKind)>,
    n_tickets: u64,
    n_threads: usize,
    running: Vec<Running>,
    is_closed: bool,
}

/// A running job.
#[derive(Clone, Debug)]
pub(super) struct Running {
    ticket: u64,
    at_close: AtClose,
    pub(super) label: Label,
    pub(super) since: Instant,
    /// A report has said that this job hangs.
    is_told: bool,
}

/// The result of [`Crew::look`].
pub(super) struct Look {
    /// When to call [`Crew::look`] again.
    pub(super) next: Option<Instant>,
    /// Jobs that hang and that no report has named yet.
    pub(super) hung: Vec<Running>,
    pub(super) n_queued: usize,
    pub(super) n_threads: usize,
}

impl Crew {
    /// A crew with no threads yet.
    pub(super) fn new(limits: Limits) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::default(),
            has_work: Condvar::new(),
            has_ended: Condvar::new(),
            limits,
        })
    }

    /// Queues a job. Returns its ticket, and whether a job waits for a thread.
    pub(super) fn submit(
        self: &Arc<Self>,
        job: Job,
        kind: JobKind,
    ) -> Result<(u64, bool), Refused> {
        let mut state = lock(&self.state);
        let starts = self.starts_thread(&state, 1, Instant::now());
        if let Some(refused) = self.refusal(&state, starts, kind.lane) {
            drop(state);
            drop_quietly(job);
            return Err(refused);
        }
        state.n_tickets += 1;
        let ticket = state.n_tickets;
        state.queue.insert(ticket, (job, kind));
        if starts {
            state.n_threads += 1;
            drop(state);
            let is_started = self.start_thread(Some(ticket))?;
            return Ok((ticket, !is_started));
        }
        let waits = state.queue.len() > state.n_free();
        drop(state);
        self.has_work.notify_one();
        Ok((ticket, waits))
    }

    /// The reason for which the crew refuses another job, if there is one.
    fn refusal(&self, state: &State, starts: bool, lane: Lane) -> Option<Refused> {
        if state.is_closed {
            return Some(Refused::Closed);
        }
        // A job that a thread takes at once does not count as queued.
        let has_thread = starts || state.queue.len() < state.n_free();
        let n_queued = state.queue.len().saturating_sub(state.n_free());
        let is_full = !has_thread && n_queued >= self.limits.n_queued;
        (is_full && lane == Lane::Program).then_some(Refused::Full(self.limits.n_queued))
    }

    /// Whether to start another thread, if the queue gets `n_more` further jobs.
    fn starts_thread(&self, state: &State, n_more: usize, now: Instant) -> bool {
        let limits = &self.limits;
        if state.queue.len() + n_more <= state.n_free() || state.n_threads >= limits.n_threads {
            return false;
        }
        state.n_threads < limits.n_usual || state.n_active(now, limits.patience) < limits.n_usual
    }

    /// Starts a thread, which was counted, for the job with a ticket if there is one. False if the system has refused the
    /// thread, and an existing one will take the job; an error if none may.
    fn start_thread(self: &Arc<Self>, ticket: Option<u64>) -> Result<bool, Refused> {
        let this = Arc::clone(self);
        let builder = thread::Builder::new().name("selvedge-pool".to_owned());
        let Err(error) = builder.spawn(move || this.work()) else {
            return Ok(true);
        };
        let mut state = lock(&self.state);
        state.n_threads -= 1;
        let waits = |(_, kind): &(Job, JobKind)| {
            let n_queued = state.queue.len().saturating_sub(state.n_free());
            kind.lane != Lane::Program || n_queued <= self.limits.n_queued
        };
        let job = ticket.and_then(|ticket| state.queue.get(&ticket));
        if state.n_threads > 0 && job.is_none_or(waits) {
            return Ok(false);
        }
        let job = ticket.and_then(|ticket| state.queue.remove(&ticket));
        drop(state);
        drop_quietly(job);
        Err(Refused::NoThread(error))
    }

    /// Takes back and drops a job that has not begun; false if it has.
    pub(super) fn take_back(&self, ticket: u64) -> bool {
        let job = lock(&self.state).queue.remove(&ticket);
        let was_queued = job.is_some();
        drop_quietly(job);
        was_queued
    }

    /// Starts threads for jobs that wait behind jobs that take long, and finds jobs that hang.
    pub(super) fn look(self: &Arc<Self>, now: Instant) -> Look {
        let mut state = lock(&self.state);
        let n_before = state.n_threads;
        while self.starts_thread(&state, 0, now) {
            state.n_threads += 1;
        }
        let n_started = state.n_threads - n_before;
        let waits = state.queue.len() > state.n_free();
        let is_concerned = waits || state.n_threads > self.limits.n_usual;
        let mut hung = Vec::new();
        for job in state.running.iter_mut().filter(|job| !job.is_told) {
            if is_concerned && now.saturating_duration_since(job.since) >= HUNG {
                job.is_told = true;
                hung.push(job.clone());
            }
        }
        let untold = state.running.iter().filter(|job| !job.is_told);
        let mut look = Look {
            next: untold
                .map(|job| job.since + HUNG)
                .chain(waits.then(|| now + self.limits.patience))
                .filter(|_| is_concerned)
                .min(),
            hung,
            n_queued: state.queue.len(),
            n_threads: state.n_threads,
        };
        drop(state);
        for _ in 0..n_started {
            // Without another thread the jobs wait for those that exist, or for the next look.
            if !self.start_thread(None).unwrap_or(false) {
                let again = now + self.limits.patience;
                look.next = Some(look.next.map_or(again, |next| next.min(again)));
            }
        }
        look
    }

    /// Refuses every further job, drops jobs that have not begun, and ends threads as they become idle.
    pub(super) fn close(&self) {
        let mut state = lock(&self.state);
        state.is_closed = true;
        let queue = std::mem::take(&mut state.queue);
        drop(state);
        self.has_work.notify_all();
        for (_, job) in queue {
            drop_quietly(job);
        }
    }

    /// Waits until no awaited job of a closed crew runs, or until the deadline. Returns the awaited jobs that still run.
    pub(super) fn wait_until_quiet(&self, deadline: Option<Instant>) -> Vec<Running> {
        let mut state = lock(&self.state);
        loop {
            let mut awaited = state.running.iter().filter(|job| job.is_awaited());
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            if awaited.next().is_none() || left == Some(Duration::ZERO) {
                let awaited = state.running.iter().filter(|job| job.is_awaited());
                return awaited.cloned().collect();
            }
            let left = left.unwrap_or(Duration::from_secs(3600));
            state = ignore_poison(self.has_ended.wait_timeout(state, left)).0;
        }
    }

    /// The body of a thread.
    fn work(&self) {
        let mut state = lock(&self.state);
        loop {
            while let Some((ticket, (job, kind))) = state.queue.pop_first() {
                state.running.push(Running {
                    ticket,
                    at_close: kind.at_close,
                    label: kind.label,
                    since: Instant::now(),
                    is_told: false,
                });
                drop(state);
                job();
                state = lock(&self.state);
                state.running.retain(|job| job.ticket != ticket);
                if state.is_closed {
                    self.has_ended.notify_all();
                }
            }
            if state.is_closed || self.is_superfluous(&state) {
                state.n_threads -= 1;
                return;
            }
            let (after, timeout) = ignore_poison(self.has_work.wait_timeout(state, IDLE));
            state = after;
            if timeout.timed_out() && state.queue.is_empty() {
                state.n_threads -= 1;
                return;
            }
        }
    }

    /// Whether an idle thread is above the usual limit because threads were started while other
    /// jobs took long.
    fn is_superfluous(&self, state: &State) -> bool {
        let limits = &self.limits;
        state.n_threads > limits.n_usual
            && state.n_active(Instant::now(), limits.patience) > limits.n_usual
    }

    /// Numbers of threads, of running and of queued jobs.
    pub(super) fn counts(&self) -> (usize, usize, usize) {
        let state = lock(&self.state);
        (state.n_threads, state.running.len(), state.queue.len())
    }
}

#[cfg(test)]
impl Crew {
    /// Makes all running jobs have begun at a time, so that a test does not depend on the speed of the machine.
    pub(super) fn set_begun(&self, at: Instant) {
        for job in &mut lock(&self.state).running {
            job.since = at;
        }
    }
}

impl State {
    /// Threads that wait for a job, or are about to take one.
    fn n_free(&self) -> usize {
        self.n_threads - self.running.len()
    }

    /// Threads that are free or will be soon.
    fn n_active(&self, now: Instant, patience: Duration) -> usize {
        let is_young = |job: &&Running| now.saturating_duration_since(job.since) < patience;
        self.n_free() + self.running.iter().filter(is_young).count()
    }
}

impl Running {
    fn is_awaited(&self) -> bool {
        self.at_close == AtClose::Awaited
    }
}
