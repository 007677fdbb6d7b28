//! Races: the first to finish wins, the others have ended by then, the order of arguments breaks
//! ties, and no value is lost.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use selvedge::error::Elapsed;
use selvedge::sync::Queue;
use selvedge::task::{catch_cancelled, current_task};
use selvedge::{EventLoop, Promise, Task, race, scope, sleep, spawn, timeout, yield_now};

use crate::support::{
    A_SECOND, AN_HOUR, Log, OnDrop, Reports, assert_sentence, finished, in_virtual_loop, soon,
    virtual_loop,
};

#[test]
fn the_first_to_finish_wins_and_the_others_have_ended() {
    let log = Log::default();
    in_virtual_loop({
        let log = log.clone();
        move || {
            let borrowed = String::from("weft");
            let winner = race((
                || {
                    let _guard = log.guard("slow unwound");
                    sleep(2 * A_SECOND);
                    "slow"
                },
                || {
                    sleep(A_SECOND);
                    borrowed.as_str()
                },
                || {
                    let _ = catch_cancelled(|| sleep(AN_HOUR));
                    sleep(A_SECOND);
                    log.push("cleaned up");
                    "too late"
                },
            ));
            assert_eq!(finished(winner), "weft");
            log.push("returned");
        }
    });
    assert_eq!(log.take(), ["slow unwound", "cleaned up", "returned"]);
}

#[test]
fn arrays_and_vectors_race_as_well() {
    in_virtual_loop(|| {
        let sleeper = |n: u32| {
            move || {
                sleep(n * A_SECOND);
                n
            }
        };
        assert_eq!(finished(race([3, 1, 2].map(sleeper))), 1);
        assert_eq!(
            finished(race((2..9).rev().map(sleeper).collect::<Vec<_>>())),
            2
        );
        assert_eq!(finished(race((sleeper(4),))), 4);
    });
}

#[test]
fn ties_go_by_the_order_of_the_arguments() {
    in_virtual_loop(|| {
        let at_once: Vec<_> = (0..10).map(|n| move || n).collect();
        assert_eq!(finished(race(at_once)), 0);
        let at_the_same_time = (0..10).map(|n| {
            move || {
                sleep(A_SECOND);
                n
            }
        });
        assert_eq!(finished(race(at_the_same_time.collect::<Vec<_>>())), 0);
        let after_a_turn = [5, 6].map(|n| {
            move || {
                yield_now();
                n
            }
        });
        assert_eq!(finished(race(after_a_turn)), 5);
    });
}

#[test]
fn an_entrant_that_lost_before_its_first_step_never_runs() {
    in_virtual_loop(|| {
        let ran = Cell::new(false);
        assert_eq!(
            finished(race((
                || 1,
                || {
                    ran.set(true);
                    2
                }
            ))),
            1
        );
        assert!(!ran.get());
    });
}

#[test]
fn a_losers_wake_up_goes_to_the_next_waiter() {
    in_virtual_loop(|| {
        let (first, second) = (Promise::<u32>::new(), Promise::<u32>::new());
        let (one, other) = (first.clone(), second.clone());
        soon(move || {
            other.set_result(2).expect("pending");
            one.set_result(1).expect("pending");
        });
        let winner = finished(race((|| first.take(), || second.take())));
        let left = if finished(winner.clone()) == 2 {
            &first
        } else {
            &second
        };
        assert!(left.try_take().is_ok(), "the item was not lost");
    });
}

#[test]
fn a_panic_of_the_first_is_the_races_error() {
    in_virtual_loop(|| {
        let result: Result<u8, _> = race((
            || panic!("torn"),
            || {
                sleep(AN_HOUR);
                5
            },
        ));
        assert!(result.expect_err("it panicked").is_panic());
    });
}

#[test]
fn losers_that_fail_are_reported_and_the_value_stays() {
    let event_loop = virtual_loop();
    let reports = Reports::of(&event_loop);
    finished(event_loop.run_until_complete(|| {
        let fails = || {
            let _ = catch_cancelled(|| sleep(AN_HOUR));
            panic!("torn loser")
        };
        assert_eq!(
            finished(race((
                || {
                    sleep(A_SECOND);
                    1
                },
                fails
            ))),
            1
        );
    }));
    assert_eq!(
        reports
            .only()
            .exception
            .expect("an error")
            .message()
            .unwrap(),
        "torn loser"
    );
}

#[test]
fn an_entrant_cancelled_from_outside_loses_and_the_race_goes_on() {
    in_virtual_loop(|| {
        let quits = || -> u32 {
            current_task().expect("a task").cancel();
            yield_now();
            panic!("it went on")
        };
        let wins = || {
            sleep(A_SECOND);
            5
        };
        assert_eq!(finished(race((quits, wins))), 5);
        assert!(
            race([quits, quits])
                .expect_err("no entrant is left")
                .is_cancelled()
        );
    });
}

#[test]
fn an_empty_race_is_an_error() {
    in_virtual_loop(|| {
        let error = race(Vec::<fn() -> u8>::new()).expect_err("no entrant");
        assert_sentence(&error.to_string());
        assert!(race([(); 0].map(|()| || 1)).is_err());
    });
}

#[test]
fn a_race_without_a_task_is_an_error_and_runs_nothing() {
    assert!(race([|| panic!("it ran")]).is_err());
    struct OnPanic;
    impl Drop for OnPanic {
        fn drop(&mut self) {
            assert!(race([|| panic!("it ran")]).is_err());
        }
    }
    in_virtual_loop(|| {
        crate::support::caught(|| {
            let _on_panic = OnPanic;
            panic!("torn");
        });
        let asked = Promise::new();
        let answer = asked.clone();
        soon(move || answer.set_result(race([|| ()]).is_err()).expect("pending"));
        assert!(finished(asked.wait()));
    });
}

#[test]
fn a_cancel_reaches_all_and_goes_on() {
    let log = Log::default();
    in_virtual_loop({
        let log = log.clone();
        move || {
            let task = spawn(move || {
                let _ = race(["one", "two"].map(|name| {
                    let log = &log;
                    move || {
                        let _guard = log.guard(name);
                        sleep(AN_HOUR);
                    }
                }));
                log.push("returned");
            });
            sleep(A_SECOND);
            task.cancel_with("enough");
            assert_eq!(
                task.join().expect_err("cancelled").message().unwrap(),
                "enough"
            );
        }
    });
    assert_eq!(log.take(), ["one", "two"]);
}

#[test]
fn a_cancel_while_the_losers_end_keeps_the_value() {
    in_virtual_loop(|| {
        let value = Rc::new(Cell::new(0));
        let inside = Rc::clone(&value);
        let task: Task<()> = spawn(move || {
            let wins = || {
                sleep(A_SECOND);
                5
            };
            let won = race((wins, || {
                let _ = catch_cancelled(|| sleep(AN_HOUR));
                sleep(5 * A_SECOND);
                6
            }));
            inside.set(finished(won));
            yield_now();
            panic!("it went on");
        });
        sleep(2 * A_SECOND);
        task.cancel();
        assert!(task.join().expect_err("cancelled").is_cancelled());
        assert_eq!(value.get(), 5);
    });
}

#[test]
fn a_cancel_after_the_winners_end_loses_nothing() {
    in_virtual_loop(|| {
        let queue = Queue::unbounded();
        let theirs = queue.clone();
        let task = spawn(move || {
            let won = race((
                || theirs.get().ok(),
                || {
                    sleep(AN_HOUR);
                    None
                },
            ));
            assert_eq!(finished(won), Some(7));
            assert!(catch_cancelled(yield_now).is_err(), "met afterwards");
            assert!(catch_cancelled(yield_now).is_ok(), "once");
        });
        sleep(A_SECOND);
        queue.try_put(7).expect("room");
        // The entrant takes the item; the racing task runs after this one.
        yield_now();
        assert!(queue.is_empty() && task.cancel());
        finished(task.join());
    });
}

#[test]
fn a_race_in_a_timeout_and_a_timeout_in_a_race() {
    in_virtual_loop(|| {
        let never = || sleep(AN_HOUR);
        let result = timeout(A_SECOND, || race([never, never]).is_ok());
        assert_eq!(result, Err(Elapsed));
        let first = race((
            || timeout(A_SECOND, || sleep(AN_HOUR)),
            || {
                sleep(2 * A_SECOND);
                Ok(())
            },
        ));
        assert_eq!(finished(first), Err(Elapsed));
    });
}

#[test]
fn values_of_losers_are_dropped_before_the_race_returns() {
    let log = Log::default();
    in_virtual_loop({
        let log = log.clone();
        move || {
            let local = RefCell::new(0);
            let won = race((
                || {
                    sleep(A_SECOND);
                    OnDrop(Box::new(|| *local.borrow_mut() += 1) as Box<dyn FnMut()>)
                },
                || {
                    let _ = catch_cancelled(|| sleep(AN_HOUR));
                    OnDrop(Box::new(|| *local.borrow_mut() += 10) as Box<dyn FnMut()>)
                },
            ));
            assert_eq!(*local.borrow(), 10);
            drop(won);
            assert_eq!(*local.borrow(), 11);
            log.push("done");
        }
    });
    assert_eq!(log.take(), ["done"]);
}

#[test]
fn a_race_of_scopes_ends_every_grandchild() {
    let n_alive = Rc::new(Cell::new(0_i32));
    let inside = Rc::clone(&n_alive);
    let event_loop = EventLoop::builder().virtual_clock(true);
    event_loop.run(move || {
        let branch = |seconds: u32| {
            let n_alive = &inside;
            move || {
                scope(|s| {
                    for _ in 0..3 {
                        n_alive.set(n_alive.get() + 1);
                        let guard = OnDrop(|| n_alive.set(n_alive.get() - 1));
                        s.spawn(move || {
                            let _guard = guard;
                            sleep(seconds * A_SECOND);
                        });
                    }
                })
                .is_ok()
            }
        };
        assert!(finished(race([3, 2, 1].map(branch))));
        assert_eq!(n_alive_of(&inside), 0);
    });
    assert_eq!(n_alive.get(), 0);
}

fn n_alive_of(n: &Cell<i32>) -> i32 {
    n.get()
}
