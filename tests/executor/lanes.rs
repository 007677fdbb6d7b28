//! The library's own short jobs run although jobs of the program take long or hang.

use std::net::{Ipv4Addr, SocketAddr};
use std::thread;
use std::time::Duration;

use selvedge::net::ToSocketAddrs;
use selvedge::{EventLoop, fs, run, spawn, to_thread};

use crate::gates::Gate;
use crate::support::{Reports, finished};

#[test]
fn files_and_names_do_not_wait_for_jobs_of_the_program() {
    let n_cpus = thread::available_parallelism().unwrap().get();
    let n_jobs = 3 * (n_cpus + 4);
    run(|| {
        let gate = Gate::default();
        for _ in 0..n_jobs {
            let gate = gate.clone();
            spawn(move || to_thread(move || gate.pass())).detach();
        }
        // All threads for jobs of the program are taken.
        gate.wait_for(n_cpus.min(28) + 4);
        assert!(fs::metadata("/").unwrap().is_dir());
        let mut addresses = "localhost:80".to_socket_addrs().unwrap();
        let here = SocketAddr::from((Ipv4Addr::LOCALHOST, 80));
        assert!(addresses.all(|address| address == here || address.is_ipv6()));
        gate.open();
    });
}

/// A limit that the program sets applies to the program's jobs only.
#[test]
fn a_limit_of_threads_does_not_hold_files_up() {
    EventLoop::builder().max_blocking_threads(1).run(|| {
        let gate = Gate::default();
        let at_gate = gate.clone();
        let job = spawn(move || to_thread(move || at_gate.pass()));
        gate.wait_for(1);
        assert!(fs::exists("/").unwrap());
        gate.open();
        job.join().unwrap().unwrap();
    });
}

/// The report opens the gate for which the job waits: without it the run would end after its time limit only.
#[test]
fn a_run_that_waits_for_a_cancelled_job_says_so() {
    let event_loop = EventLoop::new().unwrap();
    let reports = Reports::default();
    let gate = Gate::default();
    let (log, opener) = (reports.clone(), gate.clone());
    event_loop.set_exception_handler(move |context| {
        log.push(context);
        opener.open();
    });
    let at_gate = gate.clone();
    finished(event_loop.run_until_complete(move || {
        let theirs = at_gate.clone();
        let job = spawn(move || to_thread(move || theirs.pass()));
        at_gate.wait_for(1);
        job.cancel();
        assert!(job.join().unwrap_err().is_cancelled());
    }));
    event_loop.close().unwrap();
    let message = reports.only().message;
    assert!(message.contains("1 job (to_thread at "), "{message}");
    assert!(message.contains("lanes.rs"), "{message}");
    assert!(message.contains("shutdown_timeout"), "{message}");
}

#[test]
fn a_loop_that_ends_before_its_job_says_so() {
    let builder = EventLoop::builder().shutdown_timeout(Duration::from_millis(1));
    let event_loop = builder.build().unwrap();
    let reports = Reports::of(&event_loop);
    let gate = Gate::default();
    let at_gate = gate.clone();
    let _promise = event_loop.run_in_executor(move || at_gate.pass());
    while gate.n_waiting() == 0 {
        thread::yield_now();
    }
    event_loop.close().unwrap();
    gate.open();
    let message = reports.only().message;
    assert!(message.contains("run_in_executor at"), "{message}");
}
