//! A loop's pool of threads for work that blocks. It knows jobs; what a job is for and how its
//! result comes back is [`blocking`](super::blocking)'s affair.
//!
//! A thread is started when there is a job and none is idle, up to a limit, and leaves when it has
//! been idle for a while. Jobs begin in the order in which they came. One that has not begun can be
//! taken back; one that runs can't be stopped, by nobody.

use crate::coroutine::drop_quietly;
use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use crate::util::lock::{ignore_poison, lock};

/// How long an idle thread stays.
const IDLE: Duration = Duration::from_secs(5);

/// The most threads that a pool has unless told otherwise.
const MANY: usize = 32;

/// What a thread does. It does not panic.
pub(crate) type Job = Box<dyn FnOnce() + Send>;

/// What becomes of a job that still runs when its loop closes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AtClose {
    /// The loop waits for it, for a bounded time: it may have effects.
    Awaited,
    /// All that it has is a result, which nobody wants any more.
    LeftBehind,
}

/// Who hands a job over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// The program, which may have set a limit.
    User,
    /// This library, for a task that waits for nothing else: there are no more of these than tasks.
    Ours,
}

/// Names a job that was queued.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ticket(u64);

/// Why a job was not taken. It was dropped.
#[derive(Debug)]
pub(crate) enum Refused {
    Closed,
    Full(usize),
    /// There is no thread that would come to it, and none can be started.
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
    /// The last job that is awaited has ended.
    is_quiet: Condvar,
    n_threads_max: usize,
    n_queued_max: usize,
}

#[derive(Default)]
struct State {
    /// By ticket, so in the order in which they came.
    queue: BTreeMap<u64, (Job, AtClose)>,
    n_tickets: u64,
    n_threads: usize,
    /// How many of them run a job; the others take the next ones.
    n_busy: usize,
    /// How many run that are awaited.
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
        if let Some(refused) = shared.why_not(&state, source) {
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

    /// Starts a thread for a job that has been queued.
    fn start_thread(&self, ticket: Ticket) -> Result<(), Refused> {
        let shared = Arc::clone(&self.0);
        let builder = thread::Builder::new().name("selvedge-pool".to_owned());
        let Err(error) = builder.spawn(move || shared.work()) else {
            return Ok(());
        };
        let mut state = lock(&self.0.state);
        state.n_threads -= 1;
        if state.n_threads > 0 {
            // One of those will come to it.
            return Ok(());
        }
        let job = state.queue.remove(&ticket.0);
        drop(state);
        drop_quietly(job);
        Err(Refused::NoThread(error))
    }

    /// Takes a job back that has not begun, and drops it; false if it has.
    pub(crate) fn take_back(&self, ticket: Ticket) -> bool {
        let job = lock(&self.0.state).queue.remove(&ticket.0);
        let was_queued = job.is_some();
        drop_quietly(job);
        was_queued
    }

    /// Refuses every further job, drops those that have not begun, and has the threads leave as they
    /// become idle. With patience, waits for so long for the jobs that are awaited.
    pub(crate) fn close(&self, patience: Option<Duration>) {
        let mut state = lock(&self.0.state);
        state.is_closed = true;
        let queue = std::mem::take(&mut state.queue);
        drop(state);
        self.0.has_work.notify_all();
        for (_, job) in queue {
            drop_quietly(job);
        }
        if let Some(patience) = patience {
            self.0.wait_until_quiet(patience);
        }
    }
}

impl State {
    /// How many threads are about to take a job, or wait for one.
    fn n_free(&self) -> usize {
        self.n_threads - self.n_busy
    }
}

impl Shared {
    /// Why a job is not taken, if that is so.
    fn why_not(&self, state: &State, source: Source) -> Option<Refused> {
        if state.is_closed {
            return Some(Refused::Closed);
        }
        // What a thread takes at once does not wait in the queue.
        let n_queued = state.queue.len().saturating_sub(state.n_free());
        let is_full = n_queued >= self.n_queued_max
            && state.queue.len() >= state.n_free()
            && state.n_threads == self.n_threads_max;
        (is_full && source == Source::User).then_some(Refused::Full(self.n_queued_max))
    }

    /// What a thread does.
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

    fn wait_until_quiet(&self, patience: Duration) {
        // A deadline beyond the clock's end is none.
        let deadline = Instant::now().checked_add(patience);
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
