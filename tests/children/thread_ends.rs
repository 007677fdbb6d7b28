//! The order in which a thread's end destroys thread-locals, and how the library behaves during the destruction.

use std::cell::RefCell;
use std::process;
use std::thread;

use selvedge::coroutine::{on_stack, remaining_stack_bytes, scope};
use selvedge::stack::{pool_stats, set_pool_watermark, trim_pool};
use selvedge::{Coroutine, CoroutineState, Yielder};

use crate::{Reads, run};

pub const SCENARIOS: &[(&str, fn())] = &[
    ("owner_registered_first", owner_registered_first),
    ("owner_in_a_thread", owner_in_a_thread),
    ("used_by_a_destructor", used_by_a_destructor),
    ("first_used_by_a_destructor", first_used_by_a_destructor),
];

type Simple = Coroutine<(), (), ()>;

thread_local! {
    static OWNER: RefCell<Option<Simple>> = const { RefCell::new(None) };
    static KEY: String = String::from("a value with a destructor");
}

fn suspended_inside_the_key() -> Simple {
    let mut coroutine = Coroutine::new(|yielder: &Yielder<(), ()>, ()| {
        KEY.with(|key| {
            let _reads = Reads(key);
            yielder.suspend(());
        });
    });
    coroutine.resume();
    coroutine
}

fn owner_registered_first() {
    OWNER.set(None);
    OWNER.set(Some(suspended_inside_the_key()));
    println!("ready");
    process::exit(0);
}

#[test]
fn a_late_owners_coroutine_is_leaked_at_process_exit() {
    let ended = run("owner_registered_first");
    ended.assert_exited(0);
    assert!(
        ended.stdout.contains("ready") && !ended.stdout.contains("unwound"),
        "{ended:#?}"
    );
}

fn owner_in_a_thread() {
    let thread = thread::spawn(|| {
        OWNER.set(None);
        OWNER.set(Some(suspended_inside_the_key()));
    });
    thread.join().expect("the thread ends without a panic");
    assert_eq!(
        suspended_inside_the_key().resume(),
        CoroutineState::Complete(())
    );
    println!("the process goes on");
}

#[test]
fn a_late_owners_coroutine_is_leaked_at_thread_exit() {
    let ended = run("owner_in_a_thread");
    ended.assert_exited(0);
    assert!(ended.stdout.contains("the process goes on"), "{ended:#?}");
    assert_eq!(
        ended.stdout.matches("unwound").count(),
        1,
        "only the one that ran to its end: {ended:#?}"
    );
}

/// Uses every part of the library in the destructor of a thread-local.
struct UsesEverything;

impl Drop for UsesEverything {
    fn drop(&mut self) {
        let mut coroutine = Coroutine::new(|yielder: &Yielder<(), u8>, ()| {
            yielder.suspend(1);
            2
        });
        assert_eq!(coroutine.resume(), CoroutineState::Yielded(1));
        assert_eq!(coroutine.resume(), CoroutineState::Complete(2));
        let mut dropped = Coroutine::new(|yielder: &Yielder<(), ()>, ()| yielder.suspend(()));
        dropped.resume();
        drop(dropped);
        let borrowed = String::from("lent");
        let length = scope(|s| {
            let mut child =
                s.coroutine(|yielder: &Yielder<(), usize>, ()| yielder.suspend(borrowed.len()));
            let length = child.resume();
            std::mem::forget(child);
            length
        });
        assert_eq!(
            (length, on_stack(64 * 1024, || 5)),
            (CoroutineState::Yielded(4), 5)
        );
        assert!(remaining_stack_bytes().is_some());
        set_pool_watermark(1);
        trim_pool();
        println!("all of it works: {}", pool_stats().n_live);
    }
}

thread_local! {
    static LATE: UsesEverything = const { UsesEverything };
}

fn used_by_a_destructor() {
    let thread = thread::spawn(|| {
        LATE.with(|_| ());
        let mut coroutine = suspended_inside_the_key();
        coroutine.resume();
    });
    thread.join().expect("the thread ends without a panic");
}

fn first_used_by_a_destructor() {
    thread::spawn(|| LATE.with(|_| ()))
        .join()
        .expect("the thread ends without a panic");
}

#[test]
fn a_late_thread_local_destructor_may_use_the_library() {
    for scenario in ["used_by_a_destructor", "first_used_by_a_destructor"] {
        let ended = run(scenario);
        ended.assert_exited(0);
        assert!(ended.stdout.contains("all of it works"), "{ended:#?}");
    }
}
