//! [`Pool`]: a loop's threads for blocking work. [`blocking`](super::blocking) builds the jobs and returns their results.
//!
//! The program's jobs and the two kinds of the library's own short work each have a [`Crew`], so an operation on a file
//! or a name lookup never waits for the program's jobs.

use std::cell::Cell;
use std::fmt::{self, Write};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use super::crew::{Crew, HUNG, Limits, Look, Running};
use super::job::{Job, JobKind, Lane, Refused, Ticket};

/// The default limit of threads whose jobs don't take long.
const MANY: usize = 32;

/// The limit of all threads of a lane for which the program has set no limit.
const MAX: usize = 512;

/// The usual maximum duration of the library's own jobs, even on a slow disk.
const SHORT: Duration = Duration::from_millis(100);

/// How long a closing loop waits for running jobs before it reports them.
const SILENT: Duration = Duration::from_secs(1);

/// The maximum number of jobs that a report lists.
const N_LISTED: usize = 8;

/// The loop's side of the pool.
pub(crate) struct Pool {
    /// One crew for each [`Lane`], in the order of its variants.
    crews: [Arc<Crew>; 3],
    /// When to check for jobs that take long; `None` while no job waits behind another.
    next_look: Cell<Option<Instant>>,
}

impl Pool {
    /// A pool with no threads yet. The limits are those of the program's jobs.
    pub(crate) fn new(n_threads_max: Option<usize>, n_queued_max: Option<usize>) -> Self {
        let n_cpus = thread::available_parallelism().map_or(1, usize::from);
        let own = Limits {
            n_usual: (n_cpus + 4).min(MANY),
            n_threads: MAX,
            n_queued: usize::MAX,
            patience: SHORT,
        };
        let limit = n_threads_max.map(|n| n.max(1));
        let program = Limits {
            n_usual: limit.unwrap_or(own.n_usual),
            n_threads: limit.unwrap_or(MAX),
            n_queued: n_queued_max.unwrap_or(usize::MAX),
            patience: HUNG,
        };
        Self {
            crews: Lane::ALL.map(|lane| {
                Crew::new(match lane {
                    Lane::Program => program,
                    Lane::Files | Lane::Network => own,
                })
            }),
            next_look: Cell::new(None),
        }
    }

    fn crew(&self, lane: Lane) -> &Arc<Crew> {
        &self.crews[lane as usize]
    }

    /// Queues a job.
    pub(crate) fn submit(&self, job: Job, kind: JobKind) -> Result<Ticket, Refused> {
        let lane = kind.lane;
        let crew = self.crew(lane);
        let (ticket, waits) = crew.submit(job, kind)?;
        if waits {
            self.look_by(Instant::now() + crew.limits.patience);
        }
        Ok(Ticket(lane, ticket))
    }

    /// Takes back and drops a job that has not begun; false if it has.
    pub(crate) fn take_back(&self, Ticket(lane, ticket): Ticket) -> bool {
        self.crew(lane).take_back(ticket)
    }

    fn look_by(&self, at: Instant) {
        let next = self.next_look.get();
        self.next_look
            .set(Some(next.map_or(at, |next| next.min(at))));
    }

    /// How long the loop may sleep before it calls [`look`](Self::look); `None` for no limit.
    #[inline]
    pub(crate) fn time_to_look(&self) -> Option<Duration> {
        let at = self.next_look.get()?;
        Some(at.saturating_duration_since(Instant::now()))
    }

    /// Starts threads for jobs that wait behind jobs that take long, and reports jobs that hang.
    pub(crate) fn look(&self, now: Instant, mut tell: impl FnMut(String)) {
        self.next_look.set(None);
        for lane in Lane::ALL {
            let crew = self.crew(lane);
            let look = crew.look(now);
            if let Some(at) = look.next {
                self.look_by(at);
            }
            if !look.hung.is_empty() {
                tell(hung_sentence(lane, &crew.limits, &look, now));
            }
        }
    }

    /// Refuses every further job, drops jobs that have not begun, and ends threads as they become idle. With a
    /// timeout, waits that long for running jobs that are awaited, and reports the jobs if the wait takes long.
    pub(crate) fn close(&self, timeout: Option<Duration>, mut tell: impl FnMut(String)) {
        for crew in &self.crews {
            crew.close();
        }
        let Some(timeout) = timeout else {
            return;
        };
        let start = Instant::now();
        let mut running = self.wait_until_quiet(start.checked_add(timeout.min(SILENT)));
        if !running.is_empty() && timeout > SILENT {
            tell(format!(
                "The event loop ends late: it waits, for at most {timeout:?} (`event_loop::Builder::shutdown_timeout`), \
                 for work that can't be stopped: {}",
                list(&running, Instant::now()),
            ));
            // A deadline that the clock can't represent means no deadline.
            running = self.wait_until_quiet(start.checked_add(timeout));
        }
        if !running.is_empty() && !timeout.is_zero() {
            tell(format!(
                "The event loop has ended after {timeout:?} (`event_loop::Builder::shutdown_timeout`) although work \
                 still runs: {}",
                list(&running, Instant::now()),
            ));
        }
    }

    /// Waits until no awaited job runs, or until the deadline. Returns the awaited jobs that still run.
    fn wait_until_quiet(&self, deadline: Option<Instant>) -> Vec<Running> {
        let crews = self.crews.iter();
        crews
            .flat_map(|crew| crew.wait_until_quiet(deadline))
            .collect()
    }
}

/// The text of a report about jobs that hang.
fn hung_sentence(lane: Lane, limits: &Limits, look: &Look, now: Instant) -> String {
    let (n_threads, n_queued) = (look.n_threads, look.n_queued);
    let what_now = if n_threads < limits.n_threads {
        format!("the pool has {n_threads} threads for such work now, and starts more as needed")
    } else {
        let advice = match lane {
            Lane::Program => "raise `event_loop::Builder::max_blocking_threads`",
            Lane::Files | Lane::Network => "the pool starts no more",
        };
        format!("{n_queued} jobs wait for one of the {n_threads} threads; {advice}")
    };
    let hung = list(&look.hung, now);
    format!("Blocking work takes long while other work waits: {hung}; {what_now}")
}

/// "2 jobs (fs::read of "/x", for 5.0 s; the look-up of host "y", for 6.1 s)".
fn list(jobs: &[Running], now: Instant) -> String {
    let n = jobs.len();
    let mut text = format!("{n} job{} (", if n == 1 { "" } else { "s" });
    for (index, job) in jobs.iter().take(N_LISTED).enumerate() {
        let separator = if index > 0 { "; " } else { "" };
        let age = now.saturating_duration_since(job.since).as_secs_f64();
        let _ = write!(text, "{separator}{}, for {age:.1} s", job.label);
    }
    if n > N_LISTED {
        let _ = write!(text, "; and {} more", n - N_LISTED);
    }
    text + ")"
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = f.debug_struct("Pool");
        for lane in Lane::ALL {
            let (n_threads, n_busy, n_queued) = self.crew(lane).counts();
            let counts = format_args!("{n_busy} of {n_threads} threads busy, {n_queued} queued");
            text.field(&format!("{lane:?}"), &counts);
        }
        text.finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::mpsc::{Sender, channel};

    use super::*;
    use crate::runtime::threads::{AtClose, Label};
    use crate::util::lock::lock;

    /// Submits jobs that hang until the sender is dropped. Returns when `n_begun` of them have begun, all of them at the
    /// same time, which is returned as well.
    fn hang(pool: &Pool, kind: &JobKind, n: usize, n_begun: usize) -> (Sender<()>, Instant) {
        let (release, released) = channel::<()>();
        let released = Arc::new(Mutex::new(released));
        let (tell, told) = channel();
        for _ in 0..n {
            let (tell, released) = (tell.clone(), Arc::clone(&released));
            let job = move || {
                tell.send(()).unwrap();
                let _ = lock(&released).recv();
            };
            pool.submit(Box::new(job), kind.clone()).unwrap();
        }
        (0..n_begun).for_each(|_| told.recv().unwrap());
        let since = Instant::now();
        pool.crew(kind.lane).set_begun(since);
        (release, since)
    }

    /// Whether another job begins if the loop calls `look` at the given time.
    fn begins(pool: &Pool, kind: &JobKind, now: Instant) -> (bool, Vec<String>) {
        let (tell, told) = channel();
        let ticket = pool.submit(Box::new(move || tell.send(()).unwrap()), kind.clone());
        assert!(pool.time_to_look().is_some());
        let mut sentences = Vec::new();
        pool.look(now, |sentence| sentences.push(sentence));
        let crew = pool.crew(kind.lane);
        let has_begun = loop {
            let (n_threads, _, n_queued) = crew.counts();
            if told.try_recv().is_ok() {
                break true;
            }
            // No thread was started for the job.
            if n_queued > 0 && n_threads <= crew.limits.n_usual {
                assert!(pool.take_back(ticket.unwrap()));
                break false;
            }
            std::thread::yield_now();
        };
        (has_begun, sentences)
    }

    #[test]
    fn short_work_is_done_past_operations_that_hang() {
        let label = Label::Path("fs::metadata", std::path::Path::new("/mnt/far").into());
        let kind = JobKind::file(AtClose::Detached, label);
        for (after, n_reports) in [(SHORT, 0), (HUNG, 1)] {
            let pool = Pool::new(None, None);
            let n_usual = pool.crew(Lane::Files).limits.n_usual;
            let (release, since) = hang(&pool, &kind, n_usual, n_usual);
            let (has_begun, mut sentences) = begins(&pool, &kind, since + after);
            assert!(has_begun);
            // The jobs are reported once, when it is certain that they hang.
            pool.look(since + after, |sentence| sentences.push(sentence));
            // The last job may still run, and be reported as well.
            let expected = format!("{n_usual} jobs (fs::metadata of \"/mnt/far\", for ");
            sentences.retain(|sentence| sentence.contains(&expected));
            assert_eq!(sentences.len(), n_reports, "{sentences:?}");
            drop(release);
            pool.close(Some(Duration::MAX), |_| ());
        }
    }

    #[test]
    fn jobs_begin_past_those_that_hang_up_to_a_set_limit() {
        let kind = JobKind::program("to_thread", std::panic::Location::caller());
        let pool = Pool::new(None, None);
        let n_usual = pool.crew(Lane::Program).limits.n_usual;
        let (release, since) = hang(&pool, &kind, n_usual, n_usual);
        let (has_begun, sentences) = begins(&pool, &kind, since + HUNG);
        assert!(has_begun && sentences.len() == 1, "{sentences:?}");
        drop(release);
        pool.close(Some(Duration::MAX), |_| ());
        // The program's own limit holds, and the report says how to raise it.
        let pool = Pool::new(Some(2), None);
        let (release, since) = hang(&pool, &kind, 2, 2);
        let (has_begun, sentences) = begins(&pool, &kind, since + HUNG);
        assert!(!has_begun);
        assert!(
            sentences[0].contains("max_blocking_threads"),
            "{sentences:?}"
        );
        drop(release);
        pool.close(Some(Duration::MAX), |_| ());
    }
}
