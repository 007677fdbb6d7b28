//! Children that can't be ended: their scope never returns, so its host is abandoned, with every host that it borrows
//! from; on a thread's own stack the process aborts.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use selvedge::coroutine::{on_stack, scope};
use selvedge::stack::trim_pool;
use selvedge::{Coroutine, CoroutineState, Yielder};

use crate::support::child::Ended;
use crate::support::text;
use crate::{Reads, run};

pub const SCENARIOS: &[(&str, fn())] = &[
    (
        "unclosable_child_on_the_thread",
        unclosable_child_on_the_thread,
    ),
    (
        "unclosable_child_while_unwinding",
        unclosable_child_while_unwinding,
    ),
    (
        "unclosable_child_whose_handle_is_dropped",
        unclosable_child_whose_handle_is_dropped,
    ),
    ("unclosable_child_on_another_stack", || {
        on_stack(64 * 1024, unclosable_child_on_the_thread)
    }),
    (
        "unclosable_child_in_a_coroutine",
        unclosable_child_in_a_coroutine,
    ),
    ("abandoned_while_closed", abandoned_while_closed),
    ("abandoned_by_its_scope", || {
        scope_around_one_that_is_abandoned_while_closed(false)
    }),
    ("abandoned_by_its_handle", || {
        scope_around_one_that_is_abandoned_while_closed(true)
    }),
    (
        "borrowed_from_abandoned_stacks",
        borrowed_from_abandoned_stacks,
    ),
    ("unclosable_grandchild", || unclosable_grandchild(true)),
    ("unclosable_grandchild_uncaught", || {
        unclosable_grandchild(false)
    }),
    (
        "unclosable_grandchild_in_a_coroutine",
        unclosable_grandchild_in_a_coroutine,
    ),
    (
        "unclosable_grandchild_around_a_thread",
        unclosable_grandchild_around_a_thread,
    ),
];

type Simple = Coroutine<(), (), ()>;

/// A body that swallows every close.
fn unclosable(yielder: &Yielder<(), ()>, (): ()) {
    loop {
        let _ = yielder.suspend_catching(());
    }
}

/// Opens a scope with a child that can't be ended and calls `rest` in it.
fn scope_with_an_unclosable_child(rest: impl FnOnce()) {
    let local = Cell::new(1);
    scope(|s| {
        let borrowed = &local;
        let mut child = s.coroutine(move |yielder: &Yielder<(), ()>, ()| {
            borrowed.set(2);
            unclosable(yielder, ());
        });
        child.resume();
        std::mem::forget(child);
        rest();
    });
    println!("the host goes on");
}

fn unclosable_child_on_the_thread() {
    let _reads = Reads("nothing");
    scope_with_an_unclosable_child(|| ());
}

fn assert_aborted_for_its_scope(ended: &Ended) {
    ended.assert_killed_by(libc::SIGABRT);
    let says = |line: &str| line.contains("scope") && line.split_whitespace().count() >= 6;
    assert!(ended.stderr.lines().any(says), "no sentence in {ended:#?}");
    assert!(
        !ended.stdout.contains("goes on") && !ended.stdout.contains("unwound"),
        "{ended:#?}"
    );
}

#[test]
fn an_unclosable_child_on_the_threads_own_stack_aborts() {
    assert_aborted_for_its_scope(&run("unclosable_child_on_the_thread"));
}

fn unclosable_child_while_unwinding() {
    let _reads = Reads("nothing");
    let _ = catch_unwind(|| scope_with_an_unclosable_child(|| panic!("out of the scope")));
    println!("the host goes on");
}

#[test]
fn an_unclosable_child_of_an_unwinding_scope_aborts() {
    assert_aborted_for_its_scope(&run("unclosable_child_while_unwinding"));
}

fn unclosable_child_whose_handle_is_dropped() {
    let local = Cell::new(1);
    scope(|s| {
        let borrowed = &local;
        let mut child = s.coroutine(move |yielder: &Yielder<(), ()>, ()| {
            borrowed.set(2);
            unclosable(yielder, ());
        });
        child.resume();
        drop(child);
    });
    println!("the host goes on");
}

#[test]
fn dropping_an_unclosable_childs_handle_aborts_as_well() {
    assert_aborted_for_its_scope(&run("unclosable_child_whose_handle_is_dropped"));
}

#[test]
fn an_unclosable_child_on_another_stack_aborts_as_well() {
    assert_aborted_for_its_scope(&run("unclosable_child_on_another_stack"));
}

fn fresh() -> Simple {
    let mut coroutine = Coroutine::new(|yielder: &Yielder<(), ()>, ()| yielder.suspend(()));
    coroutine.resume();
    coroutine
}

/// Enters a host that will be abandoned twice, uses its handle in the other ways, then uses the rest of the library.
fn assert_abandoned(mut host: Simple) {
    for attempt in ["the send that ends the scope", "a later send"] {
        let payload = catch_unwind(AssertUnwindSafe(|| host.resume())).expect_err(attempt);
        let said = text(&payload);
        assert!(said.split_whitespace().count() >= 4, "{attempt}: {said}");
    }
    println!("abandoned: {host:?}");
    let _ = catch_unwind(AssertUnwindSafe(|| host.close().is_ok()));
    drop(host);
    for _ in 0..100 {
        assert_eq!(fresh().resume(), CoroutineState::Complete(()));
    }
    assert!(!thread::panicking());
    println!("the process goes on");
}

fn unclosable_child_in_a_coroutine() {
    let mut host = Coroutine::new(|yielder: &Yielder<(), ()>, ()| {
        let _reads = Reads("nothing");
        yielder.suspend(());
        scope_with_an_unclosable_child(|| ());
    });
    assert_eq!(host.resume(), CoroutineState::Yielded(()));
    assert_abandoned(host);
    assert_abandoned(Coroutine::new(|_: &Yielder<(), ()>, ()| {
        on_stack(64 * 1024, || scope_with_an_unclosable_child(|| ()));
    }));
}

fn assert_went_on_without_the_host(ended: &Ended) {
    ended.assert_exited(0);
    assert!(ended.stdout.contains("the process goes on"), "{ended:#?}");
    assert!(!ended.stdout.contains("host goes on"), "{ended:#?}");
    assert!(
        !ended.stdout.contains("unwound beside nothing"),
        "an abandoned host is leaked whole: {ended:#?}"
    );
}

#[test]
fn an_unclosable_child_in_a_coroutine_abandons_the_coroutine() {
    assert_went_on_without_the_host(&run("unclosable_child_in_a_coroutine"));
}

/// A scope whose child is abandoned, because the child's own scope has an unclosable child.
fn unclosable_grandchild(caught: bool) {
    scope(|s| {
        let mut host = s.coroutine(|_: &Yielder<(), ()>, ()| scope_with_an_unclosable_child(|| ()));
        let ended = catch_unwind(AssertUnwindSafe(|| host.resume()));
        if let (Err(payload), false) = (ended, caught) {
            resume_unwind(payload);
        }
    });
    println!("the outermost host goes on");
}

#[test]
fn an_unclosable_grandchild_takes_the_whole_chain_of_scopes() {
    assert_aborted_for_its_scope(&run("unclosable_grandchild"));
    assert_aborted_for_its_scope(&run("unclosable_grandchild_uncaught"));
}

fn unclosable_grandchild_in_a_coroutine() {
    for caught in [true, false] {
        assert_abandoned(Coroutine::new(move |_: &Yielder<(), ()>, ()| {
            let _reads = Reads("nothing");
            unclosable_grandchild(caught);
        }));
    }
}

#[test]
fn an_unclosable_grandchild_abandons_each_host_that_borrows() {
    assert_went_on_without_the_host(&run("unclosable_grandchild_in_a_coroutine"));
}

/// A thread still reads what the outermost scope lends when the host in the middle is abandoned.
fn unclosable_grandchild_around_a_thread() {
    let (ask, asked) = channel::<()>();
    let (answer, answered) = channel();
    {
        let lent = vec![7u8; 1 << 20];
        let lent = &lent;
        scope(|s| {
            let mut host = s.coroutine(move |_: &Yielder<(), ()>, ()| {
                thread::scope(|threads| {
                    threads.spawn(move || {
                        for () in asked {
                            let _ = answer.send(lent.iter().all(|&byte| byte == 7));
                        }
                    });
                    scope_with_an_unclosable_child(|| ());
                });
            });
            let _ = catch_unwind(AssertUnwindSafe(|| host.resume()));
        });
    }
    ask.send(()).expect("the thread still borrows");
    println!(
        "the loan has ended and its borrower goes on: {:?}",
        answered.recv()
    );
}

#[test]
fn a_thread_borrowing_via_an_abandoned_host_keeps_its_loan() {
    assert_aborted_for_its_scope(&run("unclosable_grandchild_around_a_thread"));
}

/// Opens a scope that can't end while it is closed.
fn abandoned_when_closed(yielder: &Yielder<(), ()>, (): ()) {
    let _reads = Reads("nothing");
    if yielder.suspend_catching(()).is_err() {
        scope_with_an_unclosable_child(|| ());
    }
}

fn abandoned_while_closed() {
    let suspended = || {
        let mut host = Coroutine::new(abandoned_when_closed);
        assert_eq!(host.resume(), CoroutineState::Yielded(()));
        host
    };
    let mut closed = suspended();
    let payload =
        catch_unwind(AssertUnwindSafe(|| closed.close().is_ok())).expect_err("it is abandoned");
    assert!(
        text(&payload).split_whitespace().count() >= 4,
        "{}",
        text(&payload)
    );
    assert_abandoned(closed);
    let mut thrown_at = suspended();
    catch_unwind(AssertUnwindSafe(|| thrown_at.throw(Box::new(())))).expect_err("it is abandoned");
    assert_abandoned(thrown_at);
    let dropped = suspended();
    let _ = catch_unwind(AssertUnwindSafe(|| drop(dropped)));
    assert_abandoned(Coroutine::new(|_: &Yielder<(), ()>, ()| {
        scope_with_an_unclosable_child(|| ())
    }));
}

#[test]
fn a_host_abandoned_in_its_close_or_drop_is_leaked() {
    assert_went_on_without_the_host(&run("abandoned_while_closed"));
}

fn scope_around_one_that_is_abandoned_while_closed(drop_handle: bool) {
    let lent = String::from("lent");
    scope(|s| {
        let borrowed = &lent;
        let mut host = s.coroutine(move |yielder: &Yielder<(), ()>, ()| {
            abandoned_when_closed(yielder, ());
            println!("the host goes on with what was {borrowed}");
        });
        host.resume();
        if drop_handle {
            let _ = catch_unwind(AssertUnwindSafe(|| drop(host)));
        } else {
            std::mem::forget(host);
        }
    });
    println!("the outermost host goes on");
}

#[test]
fn a_scope_never_returns_when_its_child_is_abandoned_at_the_end() {
    assert_aborted_for_its_scope(&run("abandoned_by_its_scope"));
    assert_aborted_for_its_scope(&run("abandoned_by_its_handle"));
}

/// Threads go on reading the locals of an abandoned host, on the host's own stack and on another stack that it used.
fn borrowed_from_abandoned_stacks() {
    fn lend_and_get_stuck(asked: Receiver<()>, answer: Sender<bool>) {
        let local = std::hint::black_box([7u8; 4096]);
        thread::scope(|threads| {
            let local = &local;
            threads.spawn(move || {
                for () in asked {
                    let _ = answer.send(local.iter().all(|&byte| byte == 7));
                }
            });
            scope_with_an_unclosable_child(|| ());
        });
    }
    let mut lines = Vec::new();
    for on_another in [false, true] {
        let ((ask, asked), (answer, answered)) = (channel(), channel());
        assert_abandoned(Coroutine::new(move |_: &Yielder<(), ()>, ()| {
            if on_another {
                on_stack(256 * 1024, || lend_and_get_stuck(asked, answer));
            } else {
                lend_and_get_stuck(asked, answer);
            }
        }));
        lines.push((ask, answered));
    }
    for _ in 0..100 {
        let many: Vec<_> = (0..20).map(|_| fresh()).collect();
        on_stack(256 * 1024, || std::hint::black_box([1u8; 8192]));
        drop(many);
        trim_pool();
    }
    for (ask, answered) in lines {
        ask.send(()).expect("the thread lives");
        assert_eq!(
            answered.recv(),
            Ok(true),
            "an abandoned stack is never used again"
        );
    }
}

#[test]
fn stacks_of_an_abandoned_host_are_never_used_again() {
    assert_went_on_without_the_host(&run("borrowed_from_abandoned_stacks"));
}
