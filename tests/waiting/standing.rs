//! Requests that stand during several operations of a task: which errors they cause, for how long, and how they end.

use std::cell::RefCell;
use std::io::{self, ErrorKind, Read, Write};
use std::rc::Rc;
use std::time::{Duration, Instant};

use selvedge::error::Elapsed;
use selvedge::io::is_cancelled;
use selvedge::net::unix::UnixStream;
use selvedge::task::{catch_cancelled, current_task, finally};
use selvedge::time::{deadline, deadline_at, timeout_with};
use selvedge::{Coroutine, Task, Yielder, fs, run, scope, sleep, spawn, timeout, yield_now};

use crate::support::{A_SECOND, AN_HOUR, finished, in_virtual_loop, shared};

/// How many errors a standing request returns.
const N_ERRORS: usize = 8;

fn pair() -> (UnixStream, UnixStream) {
    UnixStream::pair().expect("a pair")
}

fn read(mut stream: &UnixStream) -> io::Result<u8> {
    let mut byte = [0];
    stream.read_exact(&mut byte)?;
    Ok(byte[0])
}

/// Cancels a task once it waits, and asserts that the cancel ends it.
#[track_caller]
fn cancel<T>(task: Task<T>) {
    yield_now();
    assert!(task.cancel());
    let result = task.join().map(drop);
    assert!(result.expect_err("cancelled").is_cancelled());
}

fn cancel_itself() {
    assert!(current_task().expect("a task").cancel());
}

/// A body that drops errors, and does something else after each.
#[track_caller]
fn assert_ends(between: impl Fn(&UnixStream) + 'static) {
    let n_errors = shared(0);
    let n = Rc::clone(&n_errors);
    let (near, _far) = pair();
    cancel(spawn(move || {
        loop {
            assert!(is_cancelled(&read(&near).unwrap_err()));
            n.set(n.get() + 1);
            between(&near);
        }
    }));
    assert!(n_errors.get() <= N_ERRORS, "{} errors", n_errors.get());
}

#[test]
fn cleanups_between_errors_do_not_make_them_endless() {
    in_virtual_loop(|| {
        assert_ends(|_| finally(|| (), || ()));
        assert_ends(|_| finally(|| (), || sleep(A_SECOND)));
        let times_out = |near: &UnixStream| assert!(timeout(A_SECOND, || read(near)).is_err());
        assert_ends(move |near| finally(|| (), || times_out(near)));
    });
}

#[test]
fn frames_between_errors_do_not_make_them_endless() {
    in_virtual_loop(|| {
        assert_ends(|_| drop(catch_cancelled(|| ())));
        assert_ends(|_| assert!(timeout(Duration::ZERO, || ()).is_ok()));
        assert_ends(|_| assert!(scope(|_| ()).is_ok()));
        assert_ends(|near| _ = timeout(Duration::ZERO, || read(near).is_err()));
    });
}

#[test]
fn a_cleanup_has_its_own_number_of_errors() {
    in_virtual_loop(|| {
        let n_errors = shared(0);
        let n = Rc::clone(&n_errors);
        let (near, _far) = pair();
        cancel(spawn(move || {
            (0..N_ERRORS).for_each(|_| assert!(read(&near).is_err()));
            let count = || {
                timeout(A_SECOND, || {
                    while read(&near).is_err() {
                        n.set(n.get() + 1);
                    }
                })
            };
            finally(|| (), || assert_eq!(count(), Err(Elapsed)));
            drop(read(&near));
            unreachable!("the last error was returned before the cleanup");
        }));
        assert_eq!(n_errors.get(), N_ERRORS);
    });
}

#[test]
fn a_scope_in_a_cleanup_does_not_let_the_cancel_in() {
    in_virtual_loop(|| {
        let has_slept = shared(false);
        let slept = Rc::clone(&has_slept);
        cancel(spawn(move || {
            finally(
                || sleep(AN_HOUR),
                || {
                    let result = scope(|s| drop(s.spawn_fallible(|| "weft".parse::<u8>())));
                    assert_eq!(result.unwrap_err().errors().len(), 1);
                    sleep(A_SECOND);
                    slept.set(true);
                },
            );
        }));
        assert!(has_slept.get());
    });
}

#[test]
fn a_request_taken_back_in_a_cleanup_stays_withdrawn() {
    in_virtual_loop(|| {
        let task = spawn(|| {
            let own = current_task().unwrap();
            cancel_itself();
            finally(|| (), || assert_eq!(own.uncancel(), 0));
            sleep(A_SECOND);
            // One of two: the other one stands after the cleanup.
            cancel_itself();
            cancel_itself();
            finally(|| (), || assert_eq!(own.uncancel(), 1));
            assert!(catch_cancelled(|| sleep(AN_HOUR)).is_err());
            own.uncancel()
        });
        assert_eq!(finished(task.join()), 0);
    });
}

#[test]
fn a_catch_leaves_a_request_that_no_error_has_told_of() {
    in_virtual_loop(|| {
        let (near, _far) = pair();
        cancel(spawn(move || {
            let caught = catch_cancelled(|| {
                timeout(Duration::ZERO, || {
                    // The timeout's error; then a cancel that arrives while a cleanup defers it.
                    assert_eq!(read(&near).unwrap_err().kind(), ErrorKind::TimedOut);
                    finally(|| (), || sleep(A_SECOND));
                })
            });
            assert_eq!(caught.unwrap(), Err(Elapsed));
            sleep(AN_HOUR);
        }));
    });
}

/// The errors were returned outside of the catch.
#[test]
fn a_catch_in_a_coroutine_leaves_its_resumers_request() {
    in_virtual_loop(|| {
        let body = |yielder: &Yielder<(), ()>, ()| catch_cancelled(|| yielder.suspend(())).is_err();
        let mut coroutine = Coroutine::new(body);
        coroutine.resume();
        let (near, _far) = pair();
        cancel(spawn(move || {
            assert!(read(&near).is_err());
            assert_eq!(coroutine.resume().complete(), Some(false));
            sleep(A_SECOND);
            unreachable!("the request stands");
        }));
    });
}

#[test]
fn a_request_that_a_scope_repeats_still_elapses() {
    in_virtual_loop(|| {
        let (near, _far) = pair();
        let result = timeout(A_SECOND, || {
            let result = scope(|s| {
                // Fails while the body cleans up, so that the scope has errors to return.
                s.spawn_fallible(|| {
                    sleep(2 * A_SECOND);
                    "weft".parse::<u8>()
                });
                assert_eq!(read(&near).unwrap_err().kind(), ErrorKind::TimedOut);
                finally(|| (), || sleep(2 * A_SECOND));
            });
            assert_eq!(result.unwrap_err().errors().len(), 1);
        });
        assert_eq!(result, Err(Elapsed));
        assert_eq!(current_task().unwrap().cancelling(), 0);
    });
}

#[test]
fn a_moved_deadline_that_passes_at_once_elapses() {
    in_virtual_loop(|| {
        let (near, _far) = pair();
        let outer = timeout_with(None, |outer| {
            let inner = timeout(Duration::ZERO, || {
                assert!(read(&near).is_err());
                outer.reschedule(Instant::now() - A_SECOND).unwrap();
                assert!(outer.reschedule(None).is_err());
                sleep(AN_HOUR);
            });
            unreachable!("{inner:?}: the outer one unwinds");
        });
        assert_eq!(outer, Err::<(), _>(Elapsed));
        assert_eq!(current_task().unwrap().cancelling(), 0);
        sleep(A_SECOND);
    });
}

#[test]
fn a_cancel_takes_precedence_over_a_deadline() {
    in_virtual_loop(|| {
        let (near, _far) = pair();
        let task = spawn(move || {
            deadline(Duration::ZERO, || {
                assert_eq!(read(&near).unwrap_err().kind(), ErrorKind::TimedOut);
                cancel_itself();
                for _ in 0..N_ERRORS {
                    assert!(is_cancelled(&read(&near).unwrap_err()));
                }
                drop(read(&near));
                unreachable!("too many errors");
            })
        });
        let result: Result<(), _> = task.join();
        assert!(result.expect_err("cancelled").is_cancelled());
    });
}

#[test]
fn file_operations_do_not_begin_after_the_deadline() {
    let folder = std::env::temp_dir().join(format!("selvedge-late-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let late = Instant::now();
    let path = folder.clone();
    run(move || {
        for n in 0..100 {
            let written = deadline_at(late, || fs::write(path.join(n.to_string()), "warp"));
            assert_eq!(written.unwrap_err().kind(), ErrorKind::TimedOut);
        }
    });
    // The loop has waited for the jobs that had begun.
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0);
    std::fs::remove_dir_all(folder).unwrap();
}

/// Two tasks wait for one stream. The first one is cancelled when a poll wakes it, in one order or the other.
fn cancel_a_woken_reader(is_signal_first: bool) {
    let (near, mut far) = pair();
    let near = Rc::new(near);
    let log = Rc::new(RefCell::new(Vec::new()));
    let reader = |name: &'static str| {
        let (near, log) = (Rc::clone(&near), Rc::clone(&log));
        move || {
            let byte = read(&near).ok();
            log.borrow_mut().push((name, byte));
        }
    };
    let (first, second) = (spawn(reader("first")), spawn(reader("second")));
    let view = first.task_ref();
    let (signal, mut signals) = pair();
    let cancels = spawn(move || {
        read(&signal).unwrap();
        view.cancel()
    });
    sleep(A_SECOND);
    // One poll wakes both tasks, in an unspecified order.
    if is_signal_first {
        signals.write_all(b"x").unwrap();
    }
    far.write_all(b"xy").unwrap();
    if !is_signal_first {
        signals.write_all(b"x").unwrap();
    }
    finished(second.join());
    let is_cancelled = finished(cancels.join());
    assert_eq!(first.join().is_err(), is_cancelled);
    // Cancelled before it was woken, or after.
    let read = log.take();
    let before = [("first", None), ("second", Some(b'x'))];
    let after = [("first", Some(b'x')), ("second", Some(b'y'))];
    assert!(read == after || is_cancelled && read == before, "{read:?}");
}

#[test]
fn a_cancelled_readers_wake_up_is_not_lost() {
    in_virtual_loop(|| (0..20).for_each(|n| cancel_a_woken_reader(n % 2 == 0)));
}

#[test]
fn a_reader_cancelled_in_line_leaves_the_others_their_bytes() {
    in_virtual_loop(|| {
        let (near, mut far) = pair();
        let near = Rc::new(near);
        let readers: Vec<_> = (0..3)
            .map(|_| {
                let near = Rc::clone(&near);
                spawn(move || read(&near).unwrap())
            })
            .collect();
        yield_now();
        readers[0].cancel();
        far.write_all(b"xy").unwrap();
        let bytes: Vec<_> = readers
            .into_iter()
            .map(|reader| reader.join().ok())
            .collect();
        assert_eq!(bytes, [None, Some(b'x'), Some(b'y')]);
    });
}
