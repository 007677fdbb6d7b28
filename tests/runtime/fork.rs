//! After a fork the child may not use the parent's loop, and its drops do not disturb the parent.

use std::cell::RefCell;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream as StdStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::time::Duration;

use selvedge::io::Pollable;
use selvedge::net::unix::UnixStream;
use selvedge::task::spawn_eager;
use selvedge::{EventLoop, run, scope, sleep, spawn, try_run, yield_now};

use crate::play;
use crate::support::{AN_HOUR, finished, text};

pub const SCENARIOS: &[(&str, fn())] = &[
    ("child_uses_the_loop", child_uses_the_loop),
    ("child_leaves_the_run", child_leaves_the_run),
    ("child_drops_a_loop", child_drops_a_loop),
    ("child_keeps_a_handle", child_keeps_a_handle),
    ("child_makes_its_own_loop", child_makes_its_own_loop),
    ("child_registers", child_registers),
];

/// Forks. The child process calls `child` and exits with 0 if `child` neither panics nor returns false.
fn fork(child: impl FnOnce() -> bool) -> libc::pid_t {
    // SAFETY: the children here use one thread, and end by `_exit`.
    let pid = unsafe { libc::fork() };
    assert!(pid >= 0, "it forks");
    if pid == 0 {
        let right = catch_unwind(AssertUnwindSafe(child)).unwrap_or(false);
        exit_at_once(if right { 0 } else { 1 });
    }
    pid
}

/// Ends the child without running the parent's destructors.
fn exit_at_once(code: i32) -> ! {
    // SAFETY: ends the process.
    unsafe { libc::_exit(code) }
}

fn wait_for(pid: libc::pid_t) {
    let mut status = 0;
    // SAFETY: waits for a child of this process.
    let waited = unsafe { libc::waitpid(pid, &mut status, 0) };
    assert_eq!((waited, status), (pid, 0), "the child failed");
}

/// The child's copy of the loop detects the fork at the latest when it would have to wait: there it ends its copy of
/// the run.
fn child_uses_the_loop() {
    let mut pid = -1;
    let outcome = try_run(|| {
        let parked = spawn(|| {
            sleep(Duration::from_millis(20));
            5
        });
        yield_now();
        // SAFETY: as in `fork`; the child leaves through the end of the run.
        pid = unsafe { libc::fork() };
        if pid == 0 {
            sleep(AN_HOUR);
            return false;
        }
        wait_for(pid);
        finished(parked.join()) == 5
    });
    if pid == 0 {
        let said = outcome.map_err(|error| error.to_string());
        eprintln!("the child is told: {said:?}");
        let is_told = said.is_err_and(|text| text.contains("fork"));
        exit_at_once(if is_told { 0 } else { 1 });
    }
    assert!(outcome.expect("the parent's run is whole"));
    println!("the parent went on");
}

#[test]
fn a_child_that_uses_its_parents_loop_gets_an_error() {
    let ended = play("child_uses_the_loop");
    ended.assert_exited(0);
    assert!(ended.stdout.contains("the parent went on"), "{ended:#?}");
}

/// A reader is registered and parked at the fork; the child ends its copy of the run by a panic.
fn child_leaves_the_run() {
    let (mut near, mut far) = UnixStream::pair().expect("a pair");
    let mut outcome = None;
    let mut pid = 0;
    let left = catch_unwind(AssertUnwindSafe(|| {
        run(|| {
            let reader = spawn(move || {
                let mut buffer = [0; 4];
                near.read_exact(&mut buffer).expect("four bytes");
                buffer
            });
            yield_now();
            yield_now();
            // SAFETY: as in `fork`; the child leaves through the end of `run`.
            pid = unsafe { libc::fork() };
            if pid == 0 {
                panic!("the child leaves");
            }
            wait_for(pid);
            far.write_all(b"weft").expect("written");
            outcome = Some(finished(reader.join()));
        });
    }));
    if pid == 0 {
        let said_so = left.is_err_and(|payload| text(&payload) == "the child leaves");
        exit_at_once(if said_so { 0 } else { 1 });
    }
    left.expect("the parent's run is whole");
    assert_eq!(outcome, Some(*b"weft"));
    println!("the parent went on");
}

#[test]
fn a_child_that_leaves_the_run_deregisters_no_parent_descriptor() {
    let ended = play("child_leaves_the_run");
    ended.assert_exited(0);
    assert!(ended.stdout.contains("the parent went on"), "{ended:#?}");
}

fn child_drops_a_loop() {
    let event_loop = EventLoop::new().expect("a loop");
    let (mut near, mut far) = UnixStream::pair().expect("a pair");
    let reader = event_loop.create_task(move || {
        let mut buffer = [0; 4];
        near.read_exact(&mut buffer)
            .map(|()| buffer)
            .map_err(|error| error.kind())
    });
    finished(event_loop.run_until_complete(|| {
        yield_now();
        yield_now();
    }));
    let mut event_loop = Some(event_loop);
    let pid = fork(|| {
        drop(event_loop.take());
        true
    });
    wait_for(pid);
    let event_loop = event_loop.take().expect("the parent's copy");
    far.write_all(b"weft").expect("written");
    assert_eq!(
        finished(event_loop.run_until_complete(reader)),
        Ok(*b"weft")
    );
    println!("the parent went on");
}

#[test]
fn a_child_that_drops_its_parents_loop_does_not_disturb_it() {
    let ended = play("child_drops_a_loop");
    ended.assert_exited(0);
    assert!(ended.stdout.contains("the parent went on"), "{ended:#?}");
}

type Shared = Pollable<Rc<StdStream>>;

fn four_bytes(mut from: &Shared) -> [u8; 4] {
    let mut buffer = [0; 4];
    from.read_exact(&mut buffer).expect("four bytes");
    buffer
}

/// Waits for four bytes, which another task sends.
fn received(from: &Shared, mut far: &StdStream, bytes: &[u8; 4]) -> [u8; 4] {
    let received = scope(|s| {
        let reader = s.spawn(|| four_bytes(from));
        yield_now();
        far.write_all(bytes).expect("written");
        finished(reader.join())
    });
    received.expect("no task fails")
}

/// Two tasks of the child wait for a descriptor that the parent has registered.
fn child_registers() {
    run(|| {
        let (near, far) = StdStream::pair().expect("a pair");
        let near = Rc::new(near);
        let pollable = || Pollable::new(Rc::clone(&near)).expect("a socket");
        let mut registered = Some(pollable());
        let bytes = registered
            .as_ref()
            .map(|from| received(from, &far, b"warp"));
        assert_eq!(bytes, Some(*b"warp"));
        let pid = fork(|| {
            drop(registered.take());
            for _ in 0..2 {
                let from = pollable();
                spawn_eager(move || four_bytes(&from)).detach();
            }
            true
        });
        wait_for(pid);
        let bytes = registered
            .as_ref()
            .map(|from| received(from, &far, b"weft"));
        assert_eq!(bytes, Some(*b"weft"));
    });
    println!("the parent went on");
}

#[test]
fn a_child_that_waits_disturbs_no_wait_of_its_parent() {
    let ended = play("child_registers");
    ended.assert_exited(0);
    assert!(ended.stdout.contains("the parent went on"), "{ended:#?}");
}

fn child_makes_its_own_loop() {
    let event_loop = EventLoop::new().expect("a loop");
    finished(event_loop.run_until_complete(yield_now));
    let pid = fork(|| {
        let value = run(|| {
            sleep(Duration::from_millis(1));
            spawn(|| 4).join().expect("a value")
        });
        value == 4
    });
    wait_for(pid);
    assert_eq!(finished(event_loop.run_until_complete(|| 3)), 3);
    println!("the parent went on");
}

#[test]
fn a_child_outside_any_run_may_make_its_own_loop() {
    let ended = play("child_makes_its_own_loop");
    ended.assert_exited(0);
    assert!(ended.stdout.contains("the parent went on"), "{ended:#?}");
}

/// A handle outlives the child's copy of the loop.
fn child_keeps_a_handle() {
    let kept = RefCell::new(None);
    let mut pid = -1;
    let outcome = try_run(|| {
        // In neither process the task is done before the end of the run, however slow the machine is.
        let task = spawn(|| sleep(AN_HOUR));
        yield_now();
        kept.replace(Some(task));
        // SAFETY: as in `fork`; the child leaves through the end of the run.
        pid = unsafe { libc::fork() };
        if pid == 0 {
            yield_now();
            sleep(AN_HOUR);
        } else {
            wait_for(pid);
        }
    });
    let task = kept.take().expect("it was spawned");
    let _reused: Vec<Vec<u8>> = (0..64).map(|n| vec![0x41; 64 * n]).collect();
    let _answers = (task.is_done(), task.cancel(), task.name());
    let joined = task.join();
    if pid == 0 {
        exit_at_once(if outcome.is_err() && joined.is_err() {
            0
        } else {
            1
        });
    }
    outcome.expect("the parent's run is whole");
    println!("the parent went on");
}

#[test]
fn a_handle_may_outlive_the_childs_copy_of_the_loop() {
    let ended = play("child_keeps_a_handle");
    ended.assert_exited(0);
    assert!(ended.stdout.contains("the parent went on"), "{ended:#?}");
}
