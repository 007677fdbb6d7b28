//! The number of threads of a pool, and the number of jobs that may wait for a thread.

use std::io::{self, Error, ErrorKind, Read};
use std::os::fd::OwnedFd;
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

use selvedge::event_loop::{Builder, current_loop};
use selvedge::{EventLoop, TaskError, fs, run, sleep, spawn, to_thread};

use crate::gates::Gate;
use crate::signals::assert_plays;
use crate::support::finished;

pub const SCENARIOS: &[(&str, fn())] = &[
    ("refused_threads", refused_threads),
    ("refused_for_a_job", refused_for_a_job),
];

/// A meeting of jobs, which wait for each other until `n` run at once.
#[derive(Default)]
struct Meeting {
    state: Mutex<(usize, usize)>,
    changes: Condvar,
}

impl Meeting {
    fn join(&self, n_wanted: usize) {
        let mut state = self.state.lock().unwrap();
        state.0 += 1;
        state.1 = state.1.max(state.0);
        self.changes.notify_all();
        while state.1 < n_wanted {
            state = self.changes.wait(state).unwrap();
        }
        state.0 -= 1;
    }
}

/// Runs more jobs than the pool may have threads; returns the most that ran at once.
fn most_at_once(builder: Builder, n_threads: usize) -> usize {
    let meeting = Arc::new(Meeting::default());
    let theirs = meeting.clone();
    builder.run(move || {
        let jobs: Vec<_> = (0..3 * n_threads)
            .map(|_| {
                let meeting = theirs.clone();
                spawn(move || to_thread(move || meeting.join(n_threads)))
            })
            .collect();
        for job in jobs {
            job.join().unwrap().unwrap();
        }
    });
    let state = meeting.state.lock().unwrap();
    state.1
}

#[test]
fn the_pool_has_four_more_threads_than_cpus_at_most_32() {
    let n_cpus = thread::available_parallelism().unwrap().get();
    let n_threads = (n_cpus + 4).min(32);
    assert_eq!(most_at_once(EventLoop::builder(), n_threads), n_threads);
}

#[test]
fn the_builder_sets_the_number_of_threads() {
    for n_threads in [1, 2, 7] {
        let builder = EventLoop::builder().max_blocking_threads(n_threads);
        assert_eq!(most_at_once(builder, n_threads), n_threads);
    }
    // A pool always has one thread.
    assert_eq!(
        most_at_once(EventLoop::builder().max_blocking_threads(0), 1),
        1
    );
}

#[test]
fn jobs_begin_in_the_order_of_submission() {
    let order = Arc::new(Mutex::new(Vec::new()));
    let theirs = order.clone();
    EventLoop::builder().max_blocking_threads(1).run(move || {
        let jobs: Vec<_> = (0..50)
            .map(|n| {
                let order = theirs.clone();
                let job = move || order.lock().unwrap().push(n);
                current_loop().unwrap().run_in_executor(job).unwrap()
            })
            .collect();
        for job in jobs {
            job.wait().unwrap();
        }
    });
    assert_eq!(*order.lock().unwrap(), (0..50).collect::<Vec<_>>());
}

fn assert_full(error: &TaskError) {
    let full = error.downcast_ref::<Error>().expect("an I/O error");
    assert_eq!(full.kind(), ErrorKind::QuotaExceeded);
    assert!(full.to_string().contains("max_blocking_queued"), "{full}");
}

#[test]
fn a_full_queue_refuses_jobs_until_there_is_room() {
    let builder = EventLoop::builder()
        .max_blocking_threads(1)
        .max_blocking_queued(2);
    finished(builder.build().unwrap().run_until_complete(|| {
        let event_loop = current_loop().unwrap();
        let gate = Gate::default();
        let jobs: Vec<_> = (0..3)
            .map(|_| {
                let gate = gate.clone();
                event_loop.run_in_executor(move || gate.pass()).unwrap()
            })
            .collect();
        // One job has the thread, and two wait.
        assert_full(
            &event_loop
                .run_in_executor(|| ())
                .unwrap()
                .wait()
                .unwrap_err(),
        );
        assert_full(&to_thread(|| ()).unwrap_err());
        // A task that waits for a file and for nothing else is not refused.
        let file = spawn(|| fs::exists("/"));
        // A withdrawn job makes room.
        assert!(jobs[2].cancel());
        let later = event_loop.run_in_executor(|| 4).unwrap();
        gate.open();
        assert_eq!(later.wait().unwrap(), 4);
        assert!(file.join().unwrap().unwrap());
        assert_eq!(to_thread(|| 5).unwrap(), 5);
    }));
}

#[test]
fn a_queue_of_size_zero_takes_only_what_runs_at_once() {
    let builder = EventLoop::builder()
        .max_blocking_threads(2)
        .max_blocking_queued(0);
    builder.run(|| {
        let event_loop = current_loop().unwrap();
        let gate = Gate::default();
        let jobs = [0, 1].map(|_| {
            let gate = gate.clone();
            event_loop.run_in_executor(move || gate.pass()).unwrap()
        });
        assert_full(&to_thread(|| ()).unwrap_err());
        gate.open();
        for job in jobs {
            job.wait().unwrap();
        }
    });
}

/// Each loop has a pool of its own: the jobs of one loop don't delay those of another.
#[test]
fn pools_are_not_shared() {
    let gate = Gate::default();
    let theirs = gate.clone();
    let busy = thread::spawn(move || {
        EventLoop::builder()
            .max_blocking_threads(1)
            .run(|| to_thread(move || theirs.pass()))
    });
    let answer = EventLoop::builder()
        .max_blocking_threads(1)
        .run(|| to_thread(|| 6));
    assert_eq!(answer.unwrap(), 6);
    run(|| gate.wait_for(1));
    gate.open();
    busy.join().unwrap().unwrap();
}

/// The limit of this process's address space.
fn address_space() -> libc::rlimit {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: writes to a value on this stack.
    assert_eq!(unsafe { libc::getrlimit(libc::RLIMIT_AS, &mut limit) }, 0);
    limit
}

fn set_address_space(limit: &libc::rlimit) {
    // SAFETY: sets a limit of this process, from a value on the caller's stack.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_AS, limit) }, 0);
}

/// The system refuses threads while it has no memory for their stacks. `None` if it does not.
fn while_threads_are_refused<T>(f: impl FnOnce() -> T) -> Option<T> {
    // What the allocator keeps is enough for small allocations.
    drop(vec![1; 100_000]);
    let limit = address_space();
    set_address_space(&libc::rlimit {
        rlim_cur: 0,
        ..limit
    });
    let is_refused = thread::Builder::new().spawn(|| ()).is_err();
    let result = f();
    set_address_space(&limit);
    is_refused.then_some(result)
}

fn refused_threads() {
    run(|| {
        // The one thread of the pool.
        assert!(fs::exists("/").unwrap());
        let (reader, writer) = io::pipe().unwrap();
        let readers = [(); 3].map(|()| {
            let reader = OwnedFd::from(reader.try_clone().unwrap());
            let mut file = fs::File::from_std(reader.into());
            spawn(move || file.read(&mut [0]))
        });
        let behind = spawn(|| fs::exists("/"));
        let refused = while_threads_are_refused(|| {
            // The loop tries again after a tenth of a second, and is refused again.
            sleep(Duration::from_millis(300));
        });
        assert!(refused.is_some() && !behind.is_done());
        assert!(behind.join().unwrap().unwrap());
        assert!(readers.iter().all(|reader| !reader.is_done()));
        drop(writer);
        for reader in readers {
            assert_eq!(reader.join().unwrap().unwrap(), 0);
        }
    });
}

/// Where no job may wait for a thread, a job that gets none of its own is refused.
fn refused_for_a_job() {
    let builder = EventLoop::builder()
        .max_blocking_threads(2)
        .max_blocking_queued(0);
    builder.run(|| {
        let event_loop = current_loop().unwrap();
        let gate = Gate::default();
        let theirs = gate.clone();
        let blocked = event_loop.run_in_executor(move || theirs.pass()).unwrap();
        gate.wait_for(1);
        let refused = while_threads_are_refused(|| event_loop.run_in_executor(|| ()));
        let refused = refused.expect("no memory for a stack").unwrap();
        assert!(refused.is_done());
        let error = refused.wait().unwrap_err();
        assert!(error.to_string().contains("thread"), "{error}");
        let job = event_loop.run_in_executor(|| ()).unwrap();
        assert!(job.wait().is_ok());
        gate.open();
        blocked.wait().unwrap();
    });
}

/// Plays a scenario that sets RLIMIT_AS, which qemu does not hand on to its guest.
fn assert_plays_with_limit(scenario: &str) {
    if std::env::var_os("SELVEDGE_UNDER_QEMU").is_none() {
        assert_plays(scenario);
    }
}

#[test]
fn a_thread_that_the_system_refused_is_started_later() {
    assert_plays_with_limit("refused_threads");
}

#[test]
fn a_job_that_may_not_wait_is_refused_with_its_thread() {
    assert_plays_with_limit("refused_for_a_job");
}
