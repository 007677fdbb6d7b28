//! `select!`: arms with their own result types, that borrow, and the handlers behind the arrow.

use selvedge::sync::{Event, Queue};
use selvedge::task::{all_tasks, catch_cancelled, current_task};
use selvedge::{Promise, race, select, sleep, spawn, time, yield_now};

use crate::support::{
    A_SECOND, AN_HOUR, Reports, caught, finished, in_virtual_loop, sentence, text, virtual_loop,
};

#[test]
fn the_first_arm_to_finish_runs_its_handler_with_the_value() {
    in_virtual_loop(|| {
        let promise = Promise::<u32>::new();
        let setter = promise.clone();
        spawn(move || {
            sleep(A_SECOND);
            setter.set_result(41).expect("pending");
        })
        .detach();
        let answer = select! {
            value = promise.wait() => finished(value) + 1,
            () = sleep(AN_HOUR) => 0,
        };
        assert_eq!(answer, 42);
    });
}

#[test]
fn arms_have_patterns_blocks_and_types_of_their_own() {
    in_virtual_loop(|| {
        let words = [String::from("warp"), String::from("weft")];
        let told = select! {
            (a, b) = { sleep(3 * A_SECOND); (1, 2) } => { format!("{a}{b}") }
            [first, _] = { sleep(A_SECOND); &words } => {
                let first: &String = first;
                first.clone()
            }
            _ = sleep(2 * A_SECOND) => String::new()
        };
        assert_eq!(told, "warp");
    });
}

#[test]
fn an_arms_handler_may_return_break_and_use_borrowed_values() {
    fn first_of(seconds: u32) -> Result<u32, &'static str> {
        let mut counts = [0, 0];
        let (one, other) = counts.split_at_mut(1);
        for _ in 0..10 {
            select! {
                () = { sleep(A_SECOND); one[0] += 1 } => if one[0] == seconds { break },
                () = { sleep(5 * A_SECOND); other[0] += 1 } => return Err("too late"),
            }
        }
        if counts[0] > 3 {
            Err("too many")?;
        }
        Ok(counts[0])
    }
    in_virtual_loop(|| {
        assert_eq!(first_of(3), Ok(3));
        assert_eq!(first_of(5), Err("too many"));
    });
}

#[test]
fn select_takes_one_to_twelve_arms() {
    in_virtual_loop(|| {
        assert_eq!(select! { n = 1 => n + 1 }, 2);
        let wait = |n: u32| {
            sleep(A_SECOND * (n % 8 + 1));
            n
        };
        let first = select! {
            n = wait(1) => n, n = wait(2) => n, n = wait(3) => n, n = wait(4) => n,
            n = wait(5) => n, n = wait(6) => n, n = wait(9) => n, n = wait(8) => n,
            n = { sleep(A_SECOND / 2); 10 } => n, n = wait(11) => n, n = wait(12) => n,
            n = wait(13) => n,
        };
        assert_eq!(first, 10);
    });
}

fn tear() {
    panic!("torn");
}

#[test]
fn a_panic_of_the_first_arm_propagates() {
    in_virtual_loop(|| {
        let payload = caught(|| {
            select! {
                () = tear() => (),
                () = sleep(AN_HOUR) => (),
            }
        });
        assert_eq!(text(&payload), "torn");
    });
}

#[test]
fn an_arm_whose_condition_is_false_does_not_take_part() {
    in_virtual_loop(|| {
        let mut order = Vec::new();
        let (mut n_begun, mut queue) = (0, vec![3, 2, 1]);
        while !queue.is_empty() || n_begun > 0 {
            select! {
                // The conditions are evaluated before an expression borrows.
                job = queue.pop().unwrap(), if !queue.is_empty() && n_begun < 2 => {
                    n_begun += 1;
                    order.push(job);
                }
                () = sleep(A_SECOND), if n_begun > 0 => n_begun -= 1,
                else => unreachable!(),
            }
        }
        assert_eq!(order, [1, 2, 3]);
        let twelve = select! {
            n = 1, if false => n, n = 2, if false => n, n = 3, if false => n, n = 4, if false => n,
            n = 5, if false => n, n = 6, if false => n, n = 7, if false => n, n = 8, if false => n,
            n = 9, if false => n, n = 10, if false => n, n = 11, if false => n,
            n = { yield_now(); 12 }, if true => n,
        };
        assert_eq!(twelve, 12);
    });
}

/// An expression that is not to be evaluated.
fn untouched() {
    panic!("an arm that does not take part was evaluated");
}

#[test]
fn without_an_arm_that_takes_part_else_is_the_value() {
    let is_ready = false;
    let value = select! {
        () = untouched(), if is_ready => 6,
        else => 7
    };
    assert_eq!(value, 7);
    sentence(|| select! { () = untouched(), if is_ready => () });
}

#[test]
fn select_without_a_task_panics_with_a_sentence() {
    sentence(|| select! { () = () => () });
}

#[test]
fn a_wait_that_is_done_loses_no_result_of_code() {
    in_virtual_loop(|| {
        let (items, is_set) = (Queue::unbounded(), Event::new());
        (0..1_000).for_each(|n| items.put(n).expect("open"));
        is_set.set();
        let mut n_received = 0;
        // Among so many operations without a wait, some give the other tasks a turn.
        for _ in 0..1_000 {
            select! {
                item = items.get() => { item.expect("an item"); n_received += 1; }
                () = is_set.when_set() => {}
            }
        }
        assert_eq!(n_received + items.len(), 1_000);
    });
}

#[test]
fn code_that_never_ends_is_an_arm() {
    fn tick() -> ! {
        loop {
            sleep(A_SECOND);
        }
    }

    in_virtual_loop(|| {
        let within_loop = select! {
            _ = loop { sleep(A_SECOND) } => unreachable!("a loop without a break"),
            () = time::after(A_SECOND / 2) => true,
        };
        let within_function = select! {
            _ = tick() => unreachable!("it never returns"),
            () = sleep(A_SECOND / 2) => true,
        };
        assert!(within_loop && within_function);
    });
}

fn fails_late() {
    let _ = catch_cancelled(|| sleep(AN_HOUR));
    panic!("torn");
}

#[test]
fn a_failure_of_code_that_loses_to_a_wait_is_reported() {
    let event_loop = virtual_loop();
    let reports = Reports::of(&event_loop);
    finished(event_loop.run_until_complete(|| {
        select! {
            () = fails_late() => panic!("a wait is done first"),
            () = time::after(A_SECOND) => {}
        }
    }));
    assert_eq!(reports.only().exception.unwrap().message().unwrap(), "torn");
}

#[test]
fn a_failure_in_a_race_that_was_cancelled_is_reported() {
    let event_loop = virtual_loop();
    let reports = Reports::of(&event_loop);
    finished(event_loop.run_until_complete(|| {
        let racing = spawn(|| drop(race([fails_late])));
        sleep(A_SECOND);
        racing.cancel();
        assert!(racing.join().is_err_and(|error| error.is_cancelled()));
    }));
    assert_eq!(reports.only().exception.unwrap().message().unwrap(), "torn");
}

/// As at the end of a loop, which cancels all tasks, with arms that were ready to run.
#[test]
fn a_host_that_is_cancelled_after_its_arms_is_cancelled() {
    in_virtual_loop(|| {
        let selecting = spawn(|| {
            select! {
                () = sleep(AN_HOUR) => {}
                () = sleep(A_SECOND) => {}
            }
        });
        while all_tasks().len() < 4 {
            yield_now();
        }
        let this = current_task().unwrap().id();
        // The arms are younger than their host, and run before it.
        for task in all_tasks().into_iter().rev() {
            assert!(task.id() == this || task.cancel());
        }
        let error = selecting.join().unwrap_err();
        assert!(error.is_cancelled(), "{error}");
    });
}
