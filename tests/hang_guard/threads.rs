//! The parts of the guard: the ages of threads, and their names.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc;
use std::thread;

use crate::hang_guard::ages::Ages;
use crate::hang_guard::question::name_of;

#[test]
fn a_thread_is_taken_each_time_it_reaches_the_limit() {
    let mut ages = Ages::new();
    ages.add(7);
    for _ in 0..2 {
        ages.begin_round(|_| true);
        assert_eq!(ages.take_older_than(3), None);
        ages.add(7);
        ages.add(8);
    }
    ages.begin_round(|_| true);
    assert_eq!(ages.take_older_than(3), Some(7));
    assert_eq!(ages.take_older_than(3), None);
    ages.begin_round(|_| true);
    assert_eq!(ages.take_older_than(3), Some(8));
    assert_eq!(ages.take_older_than(3), None);
    ages.begin_round(|_| true);
    assert_eq!(ages.take_older_than(3), None);
    ages.begin_round(|_| true);
    assert_eq!(ages.take_older_than(3), Some(7));
}

#[test]
fn a_thread_number_used_again_starts_at_age_zero() {
    let mut ages = Ages::new();
    ages.add(7);
    ages.add(8);
    ages.begin_round(|_| true);
    ages.begin_round(|tid| tid != 7);
    ages.add(7);
    ages.begin_round(|_| true);
    assert_eq!(ages.take_older_than(3), Some(8));
    assert_eq!(ages.take_older_than(3), None);
    assert_eq!(ages.take_older_than(1), Some(7));
}

#[test]
fn threads_beyond_the_capacity_wait_for_a_free_place() {
    let mut ages = Ages::new();
    (0..5000).for_each(|tid| ages.add(tid));
    ages.begin_round(|tid| tid == 0);
    ages.add(4999);
    ages.begin_round(|_| true);
    assert_eq!(ages.take_older_than(2), Some(0));
    assert_eq!(ages.take_older_than(1), Some(4999));
}

/// One test for all cases, because there is one slot for answers.
#[test]
fn a_thread_tells_its_name_whether_it_sleeps_or_spins() {
    static GOES_ON: AtomicBool = AtomicBool::new(true);
    let (numbers, receiver) = mpsc::channel();
    // SAFETY: asks for a number.
    let number = || unsafe { libc::gettid() };
    let mut threads = Vec::new();
    for name in ["a::path::that_the_kernel_would_cut", "selvedge-pool"] {
        for spins in [false, true] {
            let numbers = numbers.clone();
            let body = move || {
                numbers.send((number(), Some(name))).expect("it listens");
                while GOES_ON.load(Relaxed) {
                    if !spins {
                        thread::park();
                    }
                }
            };
            let builder = thread::Builder::new().name(name.to_owned());
            threads.push(builder.spawn(body).expect("a thread"));
        }
    }
    threads.push(thread::spawn(move || {
        numbers.send((number(), None)).expect("it listens");
        while GOES_ON.load(Relaxed) {
            thread::park();
        }
    }));
    for _ in 0..threads.len() {
        let (number, name) = receiver.recv().expect("each sends its own");
        assert_eq!(name_of(number).as_deref(), name);
    }
    // No thread of this number, no name.
    assert_eq!(name_of(i32::MAX), None);
    GOES_ON.store(false, Relaxed);
    for thread in threads {
        thread.thread().unpark();
        thread.join().expect("the question did no harm");
    }
}
