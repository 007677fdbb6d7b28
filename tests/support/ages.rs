//! The ages of the threads of this process, in rounds of the watchdog.

/// Later threads are ignored until earlier ones have ended.
const MAX_THREADS: usize = 1024;

#[derive(Clone, Copy, Default)]
struct Age {
    tid: libc::pid_t,
    n_rounds: u32,
}

/// The ages of the living threads. It has a fixed size because the watchdog must not allocate.
pub struct Ages {
    ages: [Age; MAX_THREADS],
    n_threads: usize,
}

impl Ages {
    pub fn new() -> Self {
        Self {
            ages: [Age::default(); MAX_THREADS],
            n_threads: 0,
        }
    }

    /// Begins a round: removes the threads that have ended and adds a round to each living one.
    pub fn begin_round(&mut self, is_alive: impl Fn(libc::pid_t) -> bool) {
        let mut n_alive = 0;
        for index in 0..self.n_threads {
            let mut age = self.ages[index];
            if is_alive(age.tid) {
                age.n_rounds += 1;
                self.ages[n_alive] = age;
                n_alive += 1;
            }
        }
        self.n_threads = n_alive;
    }

    /// Adds a thread unless it is known.
    pub fn add(&mut self, tid: libc::pid_t) {
        let is_known = self.ages[..self.n_threads].iter().any(|age| age.tid == tid);
        if !is_known && self.n_threads < MAX_THREADS {
            self.ages[self.n_threads] = Age { tid, n_rounds: 0 };
            self.n_threads += 1;
        }
    }

    /// Returns a thread that has lived for `limit` rounds. Its age begins anew.
    pub fn take_older_than(&mut self, limit: u32) -> Option<libc::pid_t> {
        let ages = self.ages[..self.n_threads].iter_mut();
        let age = ages.into_iter().find(|age| age.n_rounds >= limit)?;
        age.n_rounds = 0;
        Some(age.tid)
    }
}
