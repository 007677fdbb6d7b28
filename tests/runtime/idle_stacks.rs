//! Stacks of tasks that wait for long: their unused pages go back to the system. The backend of the crate corosensei does not
//! tell where a task is parked, so stacks keep their pages there.

#![cfg(not(selvedge_backend = "corosensei"))]

use std::cell::Cell;
use std::hint::black_box;
use std::rc::Rc;
use std::time::Duration;

use selvedge::sync::Event;
use selvedge::{Coroutine, EventLoop, Task, Yielder, sleep, spawn, yield_now};

use crate::support::finished;

const KIB: usize = 1024;
/// How deep the tasks go.
const DEPTH_BYTES: usize = 100 * KIB;
/// A page that waiting frames use, and one that a frame may reach into.
const KEPT_BYTES: usize = 12 * KIB;
const A_MOMENT: Duration = Duration::from_millis(2);

/// Calls itself until the frames take `depth` bytes, and returns the lowest address and a sum over all frames.
fn descend(depth: usize) -> (usize, usize) {
    let frame = black_box([depth as u8; KIB]);
    let here = frame.as_ptr() as usize;
    match depth.checked_sub(KIB) {
        None => (here, frame.len()),
        Some(rest) => {
            let (lowest, sum) = descend(rest);
            (lowest, sum + black_box(&frame).len())
        }
    }
}

/// The bytes in use from an address up to another one.
fn resident_bytes(from: usize, to: usize) -> usize {
    // SAFETY: sysconf has no preconditions.
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) } as usize;
    let from = from & !(page - 1);
    let mut residency = vec![0_u8; (to - from).div_ceil(page)];
    // SAFETY: the range is in a mapping of stacks; the vector has a byte for each page.
    let result = unsafe { libc::mincore(from as *mut _, to - from, residency.as_mut_ptr().cast()) };
    assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
    residency.iter().filter(|byte| **byte & 1 != 0).count() * page
}

/// A task that goes deep, waits for the event, and goes deep again. The cell gets the lowest address, and the highest.
fn goes_deep(event: &Event, range: &Rc<Cell<(usize, usize)>>) -> Task<usize> {
    let (event, range) = (event.clone(), Rc::clone(range));
    spawn(move || {
        let kept = black_box([7_u8; 64]);
        let (lowest, before) = descend(DEPTH_BYTES);
        range.set((lowest, kept.as_ptr() as usize));
        event.wait();
        assert_eq!(kept, [7; 64], "frames that wait are kept");
        let (again, after) = descend(DEPTH_BYTES);
        assert_eq!(again, lowest, "the stack is the same");
        before + after
    })
}

#[test]
fn unused_pages_of_waiting_tasks_go_back_to_the_system() {
    let builder = EventLoop::builder().idle_stack_timeout(Some(A_MOMENT));
    builder.run(|| {
        let event = Event::new();
        let ranges: Vec<_> = (0..200).map(|_| Rc::default()).collect();
        let tasks: Vec<_> = ranges
            .iter()
            .map(|range| goes_deep(&event, range))
            .collect();
        yield_now();
        let resident = || {
            ranges
                .iter()
                .map(|range| resident_bytes(range.get().0, range.get().1))
        };
        assert!(resident().all(|bytes| bytes >= DEPTH_BYTES));
        // Main sleeps, so the loop is idle; it looks at all tasks in time.
        while resident().any(|bytes| bytes > KEPT_BYTES) {
            sleep(A_MOMENT);
        }
        event.set();
        let expected = 2 * (DEPTH_BYTES / KIB + 1) * KIB;
        for task in tasks {
            assert_eq!(finished(task.join()), expected);
        }
    });
}

#[test]
fn tasks_may_come_and_go_while_the_loop_looks() {
    let builder = EventLoop::builder().idle_stack_timeout(Some(Duration::from_micros(50)));
    builder.run(|| {
        let event = Event::new();
        let range = Rc::default();
        let deep = goes_deep(&event, &range);
        yield_now();
        let mut others = std::collections::VecDeque::new();
        let mut n = 0_u64;
        while resident_bytes(range.get().0, range.get().1) > KEPT_BYTES {
            n += 1;
            // More than the loop looks at in one go, and some end between two looks. Later the loop has time for its looks.
            if n <= 1_000 {
                others.push_back(spawn(move || sleep(Duration::from_micros(n * 7919 % 500))));
            } else {
                sleep(A_MOMENT);
            }
            if others.len() > 300 {
                sleep(Duration::from_micros(20));
                finished(others.pop_front().expect("there are some").join());
            }
        }
        event.set();
        finished(deep.join());
        others.into_iter().for_each(|task| finished(task.join()));
    });
}

#[test]
fn the_shortest_and_the_longest_timeout_let_tasks_run() {
    for timeout in [None, Some(Duration::ZERO), Some(Duration::MAX)] {
        let builder = EventLoop::builder().idle_stack_timeout(timeout);
        builder.run(|| {
            let event = Event::new();
            let range = Rc::default();
            let deep = goes_deep(&event, &range);
            (0..40).for_each(|_| sleep(Duration::from_micros(20)));
            event.set();
            finished(deep.join());
        });
    }
}

#[test]
fn frames_below_a_nested_coroutine_stay() {
    let builder = EventLoop::builder().idle_stack_timeout(Some(A_MOMENT));
    builder.run(|| {
        let event = Event::new();
        let waits = spawn({
            let event = event.clone();
            move || {
                // The task waits on the stack of the coroutine; its own frames reach down to here.
                let mut inner = Coroutine::new(move |_: &Yielder<(), ()>, ()| {
                    let kept = black_box([3_u8; 16 * KIB]);
                    event.wait();
                    kept.iter().map(|byte| usize::from(*byte)).sum::<usize>()
                });
                let own = black_box([5_u8; 16 * KIB]);
                let of_inner = match inner.resume() {
                    selvedge::CoroutineState::Complete(sum) => sum,
                    selvedge::CoroutineState::Yielded(()) => unreachable!("it suspends to no one"),
                };
                of_inner + own.iter().map(|byte| usize::from(*byte)).sum::<usize>()
            }
        });
        // Another task shows that the loop has looked at all tasks twice.
        let range = Rc::default();
        let deep = goes_deep(&event, &range);
        yield_now();
        while resident_bytes(range.get().0, range.get().1) > KEPT_BYTES {
            sleep(A_MOMENT);
        }
        event.set();
        finished(deep.join());
        assert_eq!(finished(waits.join()), 8 * 16 * KIB);
    });
}
