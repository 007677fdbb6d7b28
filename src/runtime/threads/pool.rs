//! [`Pool`]: a loop's threads for blocking work. [`blocking`](super::blocking) builds the jobs and returns their results.
//!
//! A thread is started when there is a job and no idle thread, up to a limit, and ends when it has been idle for a while.
//! Jobs begin in FIFO order. A job that has not begun can be taken back; a running job can't be stopped.

use crate::coroutine::drop_quietly;
use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use crate::util::lock::{ignore_poison, lock};

/// How long a thread stays idle before it ends.
const IDLE: Duration = Duration::from_secs(5);

/// The default limit of threads.
const MANY: usize = 32;

/// A function for a thread of the pool. It does not panic.
pub(crate) type Job = Box<dyn FnOnce() + Send>;

/// What happens to a job that still runs when its loop closes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AtClose {
    /// The loop waits for it, for a bounded time: it may have effects.
    Awaited,
    /// The loop does not wait: the job's only effect is a result, which is dropped.
    Detached,
}

/// The origin of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// The program, which may have set a limit.
    User,
    /// This library, for a task that waits for this job alone. So there are at most as many as tasks.
    Ours,
}

/// Names a queued job.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ticket(u64);

/// Why a job was refused, and dropped.
#[derive(Debug)]
pub(crate) enum Refused {
    Closed,
    Full(usize),
    /// The pool has no thread, and none can be started.
    NoThread(io::Error),
}

impl From<Refused> for io::Error {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Closed => Self::other("event loop is closed"),
            Refused::Full(limit) => Self::new(
                io::ErrorKind::QuotaExceeded,
                format!(
                    "the queue of the loop's blocking pool is full: {limit} jobs wait for a thread; wait \
                     for some of them first, or raise `event_loop::Builder::max_blocking_queued`"
                ),
            ),
            Refused::NoThread(error) => Self::new(
                error.kind(),
                format!("no thread can be started for blocking work: {error}"),
            ),
        }
    }
}

/// The loop's side of the pool.
pub(crate) struct Pool(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    has_work: Condvar,
    /// Notified when the last awaited job has ended.
    is_quiet: Condvar,
    n_threads_max: usize,
    n_queued_max: usize,
}

#[derive(Default)]
struct State {
    /// By ticket, so in FIFO order.
    queue: BTreeMap<u64, (Job, AtClose)>,
    n_tickets: u64,
    n_threads: usize,
    /// Threads that run a job.
    n_busy: usize,
    /// Running jobs that the loop waits for at its close.
    n_awaited: usize,
    is_closed: bool,
}

impl Pool {
    /// A pool with no threads yet.
    pub(crate) fn new(n_threads_max: Option<usize>, n_queued_max: Option<usize>) -> Self {
        let usual = || {
            let n_cpus = thread::available_parallelism().map_or(1, usize::from);
            (n_cpus + 4).min(MANY)
        };
        Self(Arc::new(Shared {
            state: Mutex::default(),
            has_work: Condvar::new(),
            is_quiet: Condvar::new(),
            n_threads_max: n_threads_max.unwrap_or_else(usual).max(1),
            n_queued_max: n_queued_max.unwrap_or(usize::MAX),
        }))
    }

    /// Queues a job.
    pub(crate) fn submit(
        &self,
        job: Job,
        at_close: AtClose,
        source: Source,
    ) -> Result<Ticket, Refused> {
        let shared = &self.0;
        let mut state = lock(&shared.state);
        if let Some(refused) = shared.refusal(&state, source) {
            drop(state);
            drop_quietly(job);
            return Err(refused);
        }
        state.n_tickets += 1;
        let ticket = Ticket(state.n_tickets);
        state.queue.insert(ticket.0, (job, at_close));
        if state.n_free() >= state.queue.len() || state.n_threads == shared.n_threads_max {
            drop(state);
            shared.has_work.notify_one();
            return Ok(ticket);
        }
        state.n_threads += 1;
        drop(state);
        self.start_thread(ticket).map(|()| ticket)
    }

    /// Starts a thread for a queued job.
    fn start_thread(&self, ticket: Ticket) -> Result<(), Refused> {
        let shared = Arc::clone(&self.0);
        let builder = thread::Builder::new().name("selvedge-pool".to_owned());
        let Err(error) = builder.spawn(move || shared.work()) else {
            return Ok(());
        };
        let mut state = lock(&self.0.state);
        state.n_threads -= 1;
        if state.n_threads > 0 {
            // An existing thread will take the job.
            return Ok(());
        }
        let job = state.queue.remove(&ticket.0);
        drop(state);
        drop_quietly(job);
        Err(Refused::NoThread(error))
    }

    /// Takes back and drops a job that has not begun; false if it has.
    pub(crate) fn take_back(&self, ticket: Ticket) -> bool {
        let job = lock(&self.0.state).queue.remove(&ticket.0);
        let was_queued = job.is_some();
        drop_quietly(job);
        was_queued
    }

    /// Refuses every further job, drops jobs that have not begun, and ends threads as they become idle. With a
    /// timeout, waits that long for running jobs that are awaited.
    pub(crate) fn close(&self, timeout: Option<Duration>) {
        let mut state = lock(&self.0.state);
        state.is_closed = true;
        let queue = std::mem::take(&mut state.queue);
        drop(state);
        self.0.has_work.notify_all();
        for (_, job) in queue {
            drop_quietly(job);
        }
        if let Some(timeout) = timeout {
            self.0.wait_until_quiet(timeout);
        }
    }
}

impl State {
    /// Threads that wait for a job, or are about to take one.
    fn n_free(&self) -> usize {
        self.n_threads - self.n_busy
    }
}

impl Shared {
    /// Why the pool refuses a job, if it does.
    fn refusal(&self, state: &State, source: Source) -> Option<Refused> {
        if state.is_closed {
            return Some(Refused::Closed);
        }
        // A job that a thread takes at once does not count as queued.
        let n_queued = state.queue.len().saturating_sub(state.n_free());
        let is_full = n_queued >= self.n_queued_max
            && state.queue.len() >= state.n_free()
            && state.n_threads == self.n_threads_max;
        (is_full && source == Source::User).then_some(Refused::Full(self.n_queued_max))
    }

    /// The body of a thread.
    fn work(&self) {
        let mut state = lock(&self.state);
        loop {
            while let Some((_, (job, at_close))) = state.queue.pop_first() {
                let is_awaited = usize::from(at_close == AtClose::Awaited);
                state.n_busy += 1;
                state.n_awaited += is_awaited;
                drop(state);
                job();
                state = lock(&self.state);
                state.n_busy -= 1;
                state.n_awaited -= is_awaited;
                if state.n_awaited == 0 {
                    self.is_quiet.notify_all();
                }
            }
            if state.is_closed {
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

    fn wait_until_quiet(&self, timeout: Duration) {
        // A deadline that the clock can't represent is no deadline.
        let deadline = Instant::now().checked_add(timeout);
        let mut state = lock(&self.state);
        while state.n_awaited > 0 {
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            if left == Some(Duration::ZERO) {
                return;
            }
            let waited = self
                .is_quiet
                .wait_timeout(state, left.unwrap_or(Duration::from_secs(3600)));
            state = ignore_poison(waited).0;
        }
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = lock(&self.0.state);
        f.debug_struct("Pool")
            .field("n_threads", &state.n_threads)
            .field("n_busy", &state.n_busy)
            .field("n_queued", &state.queue.len())
            .finish_non_exhaustive()
    }
}
