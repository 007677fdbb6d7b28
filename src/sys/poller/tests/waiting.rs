//! How long a wait takes, what ends it, and what the poller costs.

#![allow(unsafe_code)]

use super::*;

use std::ffi::OsStr;
use std::io::Write;
use std::os::unix::net::UnixDatagram;
use std::thread;

#[test]
fn more_events_than_a_batch_come_in_several_waits() {
    let poller = Poller::new().unwrap();
    let n_descriptors = BATCH + 100;
    raise_limit_of_open_files(4 * BATCH as libc::rlim_t);
    let descriptors: Vec<_> = (0..n_descriptors)
        .map(|_| UnixDatagram::unbound().unwrap())
        .collect();
    for (token, descriptor) in (0..).zip(&descriptors) {
        poller.add(descriptor.as_fd(), token).unwrap();
    }
    let first = look(&poller);
    let second = look(&poller);
    assert_eq!(first.len(), BATCH);
    assert_eq!(first.len() + second.len(), n_descriptors);
    assert!(first.keys().all(|token| !second.contains_key(token)));
}

/// The usual limit is 1,024, which the tests beside this one need too.
fn raise_limit_of_open_files(n_descriptors: libc::rlim_t) {
    // SAFETY: the limit is readable and writable.
    unsafe {
        let mut limit: libc::rlimit = std::mem::zeroed();
        assert_eq!(libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit), 0);
        limit.rlim_cur = limit.rlim_cur.max(n_descriptors.min(limit.rlim_max));
        assert_eq!(libc::setrlimit(libc::RLIMIT_NOFILE, &limit), 0);
    }
}

#[test]
fn a_sleep_is_not_shorter_than_its_timeout() {
    let poller = Poller::new().unwrap();
    let microseconds = [1, 100, 999, 1_000, 1_001, 2_500];
    for timeout in microseconds.map(Duration::from_micros) {
        let start = Instant::now();
        assert_eq!(wait(&poller, Some(timeout)), BTreeMap::new());
        assert!(start.elapsed() >= timeout, "{timeout:?}");
    }
}

/// The machine may be busy, so one short sleep among very many is enough. Emulators may lack the system
/// call.
#[test]
fn a_sleep_may_be_shorter_than_a_millisecond() {
    let poller = Poller::new().unwrap();
    let sleep = || {
        let start = Instant::now();
        wait(&poller, Some(Duration::from_micros(100)));
        start.elapsed()
    };
    let is_short = |_| sleep() < Duration::from_millis(1) || !poller.queue.is_precise();
    assert!((0..20_000).any(is_short));
}

#[test]
fn the_longest_timeout_does_not_overflow() {
    let poller = Poller::new().unwrap();
    for timeout in [Duration::MAX, Duration::from_secs(u64::MAX / 2)] {
        poller.notifier().notify();
        assert_eq!(wait(&poller, Some(timeout)), BTreeMap::new());
        let (_one, other) = watched_pair(&poller, 1);
        drop(other);
        assert!(wait(&poller, Some(timeout))[&1].read_closed);
    }
}

#[test]
fn a_notification_from_another_thread_wakes() {
    let poller = Poller::new().unwrap();
    let notifier = poller.notifier();
    let notifying = thread::spawn(move || notifier.notify());
    assert_eq!(wait(&poller, None), BTreeMap::new());
    notifying.join().unwrap();
}

#[test]
fn a_notification_before_the_wait_is_not_lost() {
    let poller = Poller::new().unwrap();
    let notifier = poller.notifier();
    for _ in 0..3 {
        notifier.notify();
        assert_eq!(wait(&poller, None), BTreeMap::new());
    }
}

#[test]
fn many_notifications_wake_once() {
    let poller = Poller::new().unwrap();
    for _ in 0..1000 {
        poller.notifier().notify();
    }
    wait(&poller, None);
    let timeout = Duration::from_millis(5);
    let start = Instant::now();
    wait(&poller, Some(timeout));
    assert!(start.elapsed() >= timeout, "the second wait slept");
}

#[test]
fn a_notification_hides_no_event() {
    let poller = Poller::new().unwrap();
    let (_one, mut other) = watched_pair(&poller, 1);
    poller.notifier().notify();
    other.write_all(b"x").unwrap();
    assert!(look(&poller)[&1].readable);
}

#[test]
fn a_notifier_outlives_its_poller() {
    fn is_send_and_sync<T: Send + Sync + Clone>(_: &T) {}
    let notifier = Poller::new().unwrap().notifier();
    is_send_and_sync(&notifier);
    notifier.clone().notify();
    notifier.notify();
}

#[test]
fn the_poller_can_be_used_while_events_are_delivered() {
    let poller = Poller::new().unwrap();
    let (one, _other) = nonblocking_pair();
    let (another, _its_peer) = nonblocking_pair();
    poller.add(one.as_fd(), 1).unwrap();
    let mut inner = BTreeMap::new();
    let on_events = &mut |events: &[Event]| {
        assert_eq!(events[0].token, 1);
        poller.remove(one.as_fd()).unwrap();
        poller.add(another.as_fd(), 2).unwrap();
        inner = look(&poller);
    };
    poller.wait(None, BATCH, on_events).unwrap();
    assert!(inner[&2].writable);
}

#[test]
fn no_descriptor_of_a_poller_reaches_a_program_that_is_run() {
    let poller = Poller::new().unwrap();
    for fd in poller.queue.descriptors() {
        // SAFETY: reading a flag of a descriptor that is open.
        let flags = unsafe { libc::fcntl(fd, libc::F_GETFD) };
        assert_eq!(flags & libc::FD_CLOEXEC, libc::FD_CLOEXEC);
    }
}

/// In a child, since a limit is for the process.
#[test]
fn the_limit_of_open_files_is_a_clear_error() {
    const CHILD: &str = "SELVEDGE_POLLER_AT_LIMIT";
    if std::env::var_os(CHILD).is_none() {
        let name = "sys::poller::tests::waiting::the_limit_of_open_files_is_a_clear_error";
        // Under qemu a child can't be started without it.
        let runner = std::env::var("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER");
        let runner = runner.ok().filter(|_| cfg!(target_arch = "aarch64"));
        let runner = runner.iter().flat_map(|runner| runner.split(' '));
        let test = std::env::current_exe().unwrap();
        let mut words = runner.map(OsStr::new).chain([test.as_os_str()]);
        let child = std::process::Command::new(words.next().unwrap())
            .args(words)
            .args(["--exact", name, "--nocapture"])
            .env(CHILD, "1")
            .output()
            .unwrap();
        let output = String::from_utf8_lossy(&child.stdout);
        assert!(
            child.status.success() && output.contains("1 passed"),
            "{child:?}"
        );
        return;
    }
    // One that works first, for whatever the system needs only once.
    drop(Poller::new().unwrap());
    let none = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: the limit is readable.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &none) }, 0);
    let error = Poller::new().err().expect("no descriptor is left");
    let message = error.to_string();
    assert!(
        message.starts_with("cannot make the poller of an event loop"),
        "{message}"
    );
    assert!(message.contains("ulimit -n"), "{message}");
}

#[test]
fn events_beyond_the_limit_come_with_the_next_wait() {
    let poller = Poller::new().unwrap();
    let pairs: Vec<_> = (0..5).map(|_| nonblocking_pair()).collect();
    for (token, (one, _)) in pairs.iter().enumerate() {
        poller.add(one.as_fd(), token as u64).unwrap();
    }
    let mut seen = BTreeMap::new();
    let mut waits = 0;
    while seen.len() < pairs.len() {
        let on_events = &mut |events: &[Event]| {
            seen.extend(events.iter().map(|event| (event.token, *event)));
        };
        let n_events = poller.wait(Some(Duration::ZERO), 2, on_events).unwrap();
        assert!((1..=2).contains(&n_events), "{n_events}");
        waits += 1;
    }
    assert!(waits > 2);
}
