//! A socket that is always ready takes turns with other sockets, timers and tasks.

use std::cell::Cell;
use std::io::{Read, Write};
use std::rc::Rc;
use std::time::Duration;

use selvedge::event_loop::current_loop;
use selvedge::net::unix::UnixStream;
use selvedge::{run, sleep, spawn};

use crate::loop_support::{counter, shared_unix};
use crate::sockets::{MOMENT, beside};

/// Does two operations that never have to wait.
fn bounce(a: &UnixStream, b: &UnixStream) {
    assert_eq!((&*a).write(b"x").unwrap(), 1);
    assert_eq!((&*b).read(&mut [0; 1]).unwrap(), 1);
}

#[test]
fn an_operation_that_succeeds_at_once_does_not_suspend() {
    run(|| {
        let (a, b) = shared_unix();
        let turns = spawn(move || {
            let (counter, turns) = counter();
            for _ in 0..50 {
                bounce(&a, &b);
            }
            counter.cancel();
            turns.get()
        });
        assert_eq!(turns.join().unwrap(), 0);
    });
}

#[test]
fn a_task_yields_after_a_budget_of_operations() {
    run(|| {
        let (a, b) = shared_unix();
        let turns = spawn(move || {
            let (counter, turns) = counter();
            for _ in 0..128 * 5 {
                bounce(&a, &b);
            }
            counter.cancel();
            turns.get()
        });
        let turns = turns.join().unwrap();
        assert!((9..=11).contains(&turns), "{turns}");
    });
}

#[test]
fn timers_go_off_beside_a_socket_that_is_always_ready() {
    run(|| {
        let (a, b) = shared_unix();
        let fired = Rc::new(Cell::new(0));
        drop(spawn({
            let fired = Rc::clone(&fired);
            move || {
                sleep(MOMENT);
                fired.set(fired.get() + 1);
            }
        }));
        let here = current_loop().unwrap();
        let later = Rc::clone(&fired);
        here.call_later(Duration::from_millis(1), move || later.set(later.get() + 1))
            .unwrap();
        // Ends because the timers do fire.
        while fired.get() < 2 {
            bounce(&a, &b);
        }
    });
}

#[test]
fn other_sockets_are_served_beside_one_that_is_always_ready() {
    run(|| {
        let (a, b) = shared_unix();
        let (ours, theirs) = UnixStream::pair().unwrap();
        let heard = Rc::new(Cell::new(false));
        drop(spawn({
            let heard = Rc::clone(&heard);
            move || {
                assert_eq!((&ours).read(&mut [0; 1]).unwrap(), 1);
                heard.set(true);
            }
        }));
        let thread = beside(move || {
            (&theirs).write_all(b"x").unwrap();
            theirs
        });
        while !heard.get() {
            bounce(&a, &b);
        }
        drop(thread.join().unwrap());
    });
}

#[test]
fn two_sockets_that_are_always_ready_share() {
    run(|| {
        let counts = [(); 2].map(|()| Rc::new(Cell::new(0usize)));
        let is_over = Rc::new(Cell::new(false));
        let tasks = counts.clone().map(|count| {
            let is_over = Rc::clone(&is_over);
            spawn(move || {
                let (a, b) = shared_unix();
                while !is_over.get() {
                    bounce(&a, &b);
                    count.set(count.get() + 1);
                }
            })
        });
        sleep(MOMENT);
        is_over.set(true);
        tasks.into_iter().for_each(|task| task.join().unwrap());
        let [less, more] = {
            let mut both = counts.map(|count| count.get());
            both.sort_unstable();
            both
        };
        assert!(less > 0 && more - less <= 128, "{less} and {more}");
    });
}
