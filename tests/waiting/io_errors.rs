//! A cancel or a timeout makes I/O that waits return an error: code of other crates returns the error by `?`, and its
//! objects stay valid. A body that ignores the errors still ends.

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::rc::Rc;
use std::time::Duration;

use selvedge::error::Elapsed;
use selvedge::io::is_cancelled;
use selvedge::net::unix::{UnixListener, UnixStream};
use selvedge::task::{catch_cancelled, current_task};
use selvedge::time::timeout_at;
use selvedge::{race, run, scope, select, sleep, spawn, spawn_fallible, timeout, yield_now};

use crate::support::{A_SECOND, AN_HOUR, OnDrop, finished, in_virtual_loop, shared};

/// How many errors a standing request returns.
const N_ERRORS: usize = 8;

fn pair() -> (UnixStream, UnixStream) {
    UnixStream::pair().expect("a pair")
}

fn read_one(mut stream: &UnixStream) -> io::Result<u8> {
    let mut byte = [0];
    stream.read_exact(&mut byte)?;
    Ok(byte[0])
}

#[test]
fn a_cancelled_read_returns_an_error_with_the_message() {
    in_virtual_loop(|| {
        let seen = shared(None);
        let (near, _far) = pair();
        let error = Rc::clone(&seen);
        let task = spawn(move || error.set(read_one(&near).err()));
        yield_now();
        assert!(task.cancel_with("enough"));
        assert!(task.join().expect_err("cancelled").is_cancelled());
        let error = seen.take().expect("an error");
        assert!(is_cancelled(&error), "{error:?}");
        assert_eq!(error.kind(), ErrorKind::Other);
        assert_eq!(error.to_string(), "cancelled: enough");
    });
}

#[test]
fn a_cancel_that_comes_with_the_byte_takes_nothing() {
    in_virtual_loop(|| {
        let (near, mut far) = pair();
        let near = Rc::new(near);
        for n_yields in 0..4 {
            let reader = Rc::clone(&near);
            let task = spawn(move || read_one(&reader));
            yield_now();
            far.write_all(b"x").unwrap();
            for _ in 0..n_yields {
                yield_now();
            }
            task.cancel();
            let byte = match task.join() {
                // The byte came before the cancel.
                Ok(byte) => byte,
                Err(error) => {
                    assert!(error.is_cancelled());
                    timeout(AN_HOUR, || read_one(&near)).expect("the byte is still there")
                }
            };
            assert_eq!(byte.unwrap(), b'x');
        }
    });
}

#[test]
fn a_timed_out_read_returns_timed_out_and_elapses() {
    in_virtual_loop(|| {
        let (near, mut far) = pair();
        let mut kind = None;
        let result = timeout(A_SECOND, || kind = read_one(&near).err().map(|e| e.kind()));
        assert_eq!(result, Err(Elapsed));
        assert_eq!(kind, Some(ErrorKind::TimedOut));
        far.write_all(b"x").unwrap();
        assert_eq!(timeout(A_SECOND, || read_one(&near).unwrap()), Ok(b'x'));
    });
}

#[test]
fn timeouts_of_zero_give_the_others_turns() {
    run(|| {
        let (near, mut far) = pair();
        let peer = spawn(move || far.write_all(b"x").unwrap());
        let read = || timeout(Duration::ZERO, || read_one(&near));
        assert!((0..1000).any(|_| matches!(read(), Ok(Ok(b'x')))));
        peer.join().unwrap();
    });
}

#[test]
fn a_timed_out_read_line_keeps_the_half_that_came() {
    in_virtual_loop(|| {
        let (near, mut far) = pair();
        let mut reader = BufReader::new(near);
        let mut line = String::new();
        far.write_all(b"warp and ").unwrap();
        let result = timeout(A_SECOND, || reader.read_line(&mut line));
        assert_eq!(result.map_err(drop).map(drop), Err(()));
        far.write_all(b"weft\n").unwrap();
        assert!(timeout(A_SECOND, || reader.read_line(&mut line)).is_ok());
        assert_eq!(line, "warp and weft\n");
    });
}

#[test]
fn ready_io_succeeds_while_a_request_stands() {
    in_virtual_loop(|| {
        let (near, far) = pair();
        let task = spawn(move || {
            assert!(is_cancelled(&read_one(&near).unwrap_err()));
            (&near).write_all(b"goodbye").unwrap();
        });
        yield_now();
        task.cancel();
        assert!(task.join().expect_err("cancelled").is_cancelled());
        let mut text = String::new();
        (&far).read_to_string(&mut text).unwrap();
        assert_eq!(text, "goodbye");
    });
}

#[test]
fn a_body_that_ignores_the_errors_is_unwound() {
    in_virtual_loop(|| {
        let n_errors = shared(0);
        let (near, _far) = pair();
        let n = Rc::clone(&n_errors);
        let task = spawn(move || {
            loop {
                assert!(is_cancelled(&read_one(&near).unwrap_err()));
                n.set(n.get() + 1);
            }
        });
        yield_now();
        task.cancel();
        assert!(task.join().expect_err("cancelled").is_cancelled());
        assert_eq!(n_errors.get(), N_ERRORS);
    });
}

#[test]
fn an_accept_loop_that_drops_errors_ends() {
    let folder = std::env::temp_dir().join(format!("selvedge-accept-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("socket");
    let listener = UnixListener::bind(&path).unwrap();
    run(move || {
        let server = spawn(move || for _stream in listener.incoming().flatten() {});
        yield_now();
        server.cancel();
        assert!(server.join().expect_err("cancelled").is_cancelled());
    });
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_sleep_after_the_error_is_unwound() {
    in_virtual_loop(|| {
        let (near, _far) = pair();
        let has_slept = shared(false);
        let slept = Rc::clone(&has_slept);
        let task = spawn(move || {
            assert!(read_one(&near).is_err());
            sleep(A_SECOND);
            slept.set(true);
        });
        yield_now();
        task.cancel();
        assert!(task.join().expect_err("cancelled").is_cancelled());
        assert!(!has_slept.get());
    });
}

#[test]
fn a_join_after_the_error_cancels_the_joined_task() {
    in_virtual_loop(|| {
        let (near, _far) = pair();
        let inner = spawn(|| sleep(AN_HOUR));
        let view = inner.task_ref();
        let task = spawn(move || {
            assert!(read_one(&near).is_err());
            drop(inner.join());
        });
        yield_now();
        task.cancel();
        assert!(task.join().expect_err("cancelled").is_cancelled());
        assert!(view.is_cancelled());
    });
}

#[test]
fn the_value_of_a_body_that_got_the_error_is_dropped() {
    in_virtual_loop(|| {
        let is_dropped = shared(false);
        let (near, _far) = pair();
        let dropped = Rc::clone(&is_dropped);
        let task = spawn(move || {
            drop(read_one(&near));
            OnDrop(move || dropped.set(true))
        });
        yield_now();
        task.cancel();
        assert!(task.join().map(drop).expect_err("cancelled").is_cancelled());
        assert!(is_dropped.get());
    });
}

#[test]
fn the_error_of_a_cancelled_child_is_no_failure() {
    in_virtual_loop(|| {
        let (near, _far) = pair();
        let result = scope(|s| {
            let child = s.spawn_fallible(|| read_one(&near));
            yield_now();
            child.cancel();
            child.join().expect_err("cancelled").is_cancelled()
        });
        assert!(result.unwrap());
    });
}

#[test]
fn a_failed_sibling_ends_the_io_of_body_and_children() {
    in_virtual_loop(|| {
        let (near, _far) = pair();
        let error = scope(|s| {
            s.spawn_fallible(|| read_one(&near));
            s.spawn_fallible(|| {
                sleep(A_SECOND);
                "weft".parse::<u8>()
            });
            assert!(is_cancelled(&read_one(&near).unwrap_err()));
        })
        .unwrap_err();
        assert_eq!(error.errors().len(), 1);
        assert_eq!(current_task().unwrap().cancelling(), 0);
    });
}

#[test]
fn a_caught_error_is_taken_back() {
    in_virtual_loop(|| {
        let (near, mut far) = pair();
        let task = spawn(move || {
            let caught = catch_cancelled(|| read_one(&near).is_err());
            assert_eq!(caught.unwrap_err().message(), Some("once"));
            assert_eq!(current_task().unwrap().cancelling(), 1);
            read_one(&near).unwrap()
        });
        yield_now();
        task.cancel_with("once");
        yield_now();
        far.write_all(b"x").unwrap();
        assert_eq!(finished(task.join()), b'x');
    });
}

#[test]
fn an_uncancelled_error_is_taken_back() {
    in_virtual_loop(|| {
        let (near, mut far) = pair();
        let task = spawn(move || {
            assert!(read_one(&near).is_err());
            assert_eq!(current_task().unwrap().uncancel(), 0);
            read_one(&near).unwrap()
        });
        yield_now();
        task.cancel();
        yield_now();
        far.write_all(b"x").unwrap();
        assert_eq!(finished(task.join()), b'x');
    });
}

#[test]
fn of_two_timeouts_the_outer_one_elapses() {
    in_virtual_loop(|| {
        let (near, _far) = pair();
        let at = std::time::Instant::now();
        let mut inner = None;
        let outer = timeout_at(at, || {
            inner = Some(timeout_at(at, || read_one(&near).is_err()))
        });
        assert_eq!(outer, Err(Elapsed));
        assert_eq!(
            inner,
            Some(Ok(true)),
            "the outer timeout's error was no expiry of the inner one"
        );
    });
}

#[test]
fn a_cancel_takes_precedence_over_a_timeout() {
    in_virtual_loop(|| {
        let (near, _far) = pair();
        let results = shared(None);
        let seen = Rc::clone(&results);
        let task = spawn(move || {
            let inner = timeout(2 * A_SECOND, || {
                sleep_in_thread_of_the_test();
                read_one(&near).map_err(|error| is_cancelled(&error))
            });
            seen.set(Some(inner));
            drop(read_one(&near));
            sleep(AN_HOUR);
        });
        yield_now();
        task.cancel();
        assert!(task.join().expect_err("cancelled").is_cancelled());
        assert_eq!(results.take(), Some(Ok(Err(true))));
    });
}

/// No wait: the request stands before the read begins.
fn sleep_in_thread_of_the_test() {
    assert_eq!(current_task().unwrap().cancelling(), 0);
}

#[test]
fn the_loser_of_a_race_leaves_its_reader_whole() {
    in_virtual_loop(|| {
        let (near, mut far) = pair();
        let mut reader = BufReader::new(near);
        let mut line = String::new();
        far.write_all(b"warp and ").unwrap();
        let winner = race((
            || reader.read_line(&mut line).map_err(drop).map(drop),
            || {
                sleep(A_SECOND);
                Err(())
            },
        ));
        assert_eq!(finished(winner), Err(()));
        far.write_all(b"weft\n").unwrap();
        select! {
            n = reader.read_line(&mut line) => assert!(n.is_ok()),
            () = sleep(A_SECOND) => panic!("the line is there"),
        }
        assert_eq!(line, "warp and weft\n");
    });
}

#[test]
fn io_that_is_always_ready_is_ended_at_its_turn() {
    in_virtual_loop(|| {
        let (near, far) = pair();
        let (sent, received) = (shared(0u32), shared(0u32));
        let counts = (Rc::clone(&sent), Rc::clone(&received));
        let task = spawn_fallible(move || -> io::Result<()> {
            loop {
                (&near).write_all(b"x")?;
                counts.0.set(counts.0.get() + 1);
                read_one(&far)?;
                counts.1.set(counts.1.get() + 1);
            }
        });
        yield_now();
        task.cancel();
        assert!(task.join().expect_err("cancelled").is_cancelled());
        assert!(sent.get() - received.get() <= 1 && sent.get() > 0);
    });
}

#[test]
fn a_closing_loop_cancels_by_an_error_first() {
    let farewell = shared(None);
    let seen = Rc::clone(&farewell);
    run(move || {
        let (near, far) = pair();
        spawn(move || {
            let _far = far;
            seen.set(Some(is_cancelled(&read_one(&near).unwrap_err())));
        })
        .detach();
        yield_now();
    });
    assert_eq!(farewell.take(), Some(true));
}

#[test]
fn an_error_in_cleanup_is_bounded_by_its_own_timeout() {
    in_virtual_loop(|| {
        let (near, mut far) = pair();
        let (near, reader) = (Rc::new(near), Rc::new(far.try_clone().unwrap()));
        let log = shared(Vec::new());
        let seen = Rc::clone(&log);
        let task = spawn(move || {
            selvedge::task::finally(
                || drop(read_one(&near)),
                || {
                    // The request that stands is deferred: this read is ready after a second.
                    let byte = timeout(AN_HOUR, || read_one(&near).ok());
                    let late =
                        timeout(A_SECOND, || read_one(&reader).map_err(|error| error.kind()));
                    seen.set(vec![byte == Ok(Some(b'x')), late == Err(Elapsed)]);
                },
            );
        });
        yield_now();
        task.cancel();
        sleep(A_SECOND);
        far.write_all(b"x").unwrap();
        assert!(task.join().expect_err("cancelled").is_cancelled());
        assert_eq!(log.take(), [true, true]);
    });
}

mod deadlines {
    //! `deadline`: I/O fails, and nothing else changes.

    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::time::Instant;

    use selvedge::time::{deadline, deadline_at};

    use super::*;

    fn kind<T>(result: io::Result<T>) -> Option<ErrorKind> {
        result.err().map(|error| error.kind())
    }

    #[test]
    fn io_that_waits_fails_and_the_own_value_is_returned() {
        in_virtual_loop(|| {
            let (near, mut far) = pair();
            let seen = deadline(A_SECOND, || {
                let first = kind(read_one(&near));
                // Ready: succeeds, although the deadline has passed.
                far.write_all(b"x").unwrap();
                [first, kind(read_one(&near)), kind(read_one(&near))]
            });
            assert_eq!(
                seen,
                [Some(ErrorKind::TimedOut), None, Some(ErrorKind::TimedOut)]
            );
        });
    }

    #[test]
    fn it_ends_with_its_function() {
        in_virtual_loop(|| {
            let (near, mut far) = pair();
            assert!(deadline(A_SECOND, || read_one(&near)).is_err());
            let unwound = catch_unwind(AssertUnwindSafe(|| deadline(A_SECOND, || panic!("out"))));
            assert!(unwound.is_err());
            let reader = spawn(move || read_one(&near));
            sleep(A_SECOND * 5);
            far.write_all(b"x").unwrap();
            assert_eq!(finished(reader.join()).unwrap(), b'x');
        });
    }

    #[test]
    fn of_nested_ones_the_earliest_counts() {
        in_virtual_loop(|| {
            let (near, _far) = pair();
            let now = current_time();
            deadline(A_SECOND, || {
                deadline(AN_HOUR, || assert!(read_one(&near).is_err()));
            });
            assert_eq!(current_time() - now, A_SECOND);
            let start = Instant::now();
            deadline_at(start, || assert!(read_one(&near).is_err()));
            assert!(current_time() - now < 2 * A_SECOND);
            deadline(AN_HOUR, || {
                deadline(A_SECOND, || assert!(read_one(&near).is_err()));
            });
            assert!(current_time() - now < 3 * A_SECOND);
        });
    }

    #[test]
    fn scoped_children_inherit_it() {
        in_virtual_loop(|| {
            let (near, _far) = pair();
            let kinds = deadline(A_SECOND, || {
                scope(|s| {
                    let child = s.spawn(|| {
                        let kind = kind(read_one(&near));
                        let grandchild = scope(|s| s.spawn(|| read_one(&near).is_err()).join());
                        (kind, grandchild.unwrap().unwrap())
                    });
                    child.join().unwrap()
                })
            });
            assert_eq!(kinds.unwrap(), (Some(ErrorKind::TimedOut), true));
        });
    }

    #[test]
    fn other_waits_go_on() {
        in_virtual_loop(|| {
            let now = current_time();
            deadline(A_SECOND, || sleep(5 * A_SECOND));
            assert_eq!(current_time() - now, 5 * A_SECOND);
        });
    }

    #[test]
    fn io_that_is_always_ready_is_ended_at_its_turn() {
        in_virtual_loop(|| {
            let (near, far) = pair();
            let result: io::Result<()> = deadline(Duration::ZERO, || {
                loop {
                    (&near).write_all(b"x")?;
                    read_one(&far)?;
                }
            });
            assert_eq!(kind(result), Some(ErrorKind::TimedOut));
        });
    }

    #[test]
    fn a_socket_timeout_that_is_earlier_counts() {
        in_virtual_loop(|| {
            let (near, _far) = pair();
            near.set_read_timeout(Some(A_SECOND)).unwrap();
            let now = current_time();
            assert!(deadline(AN_HOUR, || read_one(&near)).is_err());
            assert_eq!(current_time() - now, A_SECOND);
        });
    }

    #[test]
    fn a_file_operation_that_waits_fails() {
        run(|| {
            // A pipe as a file: the read waits on a thread of the pool.
            let (reader, _writer) = io::pipe().unwrap();
            let mut file = selvedge::fs::File::from_std(std::os::fd::OwnedFd::from(reader).into());
            let result = deadline(Duration::from_millis(5), || file.read(&mut [0]));
            assert_eq!(kind(result), Some(ErrorKind::TimedOut));
        });
    }

    fn current_time() -> Duration {
        crate::elapsed()
    }
}
