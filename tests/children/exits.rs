//! `process::exit` with coroutines in every status: the exit code is kept, no running coroutine is unwound or freed.

use std::cell::RefCell;
use std::process;

use selvedge::coroutine::{Status, scope};
use selvedge::{Coroutine, Yielder};

use crate::{Reads, run};

pub const SCENARIOS: &[(&str, fn())] = &[
    ("exit_while_running", exit_while_running),
    ("exit_while_nested", exit_while_nested),
    ("exit_with_suspended", exit_with_suspended),
    ("exit_inside_a_scope", exit_inside_a_scope),
];

type Simple = Coroutine<(), (), ()>;

/// An owner that prints its content when it is dropped.
struct Owner(Simple);

impl Drop for Owner {
    fn drop(&mut self) {
        println!("the owner drops one that is {}", self.0.status());
        if self.0.status() == Status::Running {
            println!("{}", self.0.try_send(()).expect_err("a running one"));
            println!("{}", self.0.close().expect_err("a running one"));
        }
    }
}

thread_local! {
    static OWNER: RefCell<Option<Owner>> = const { RefCell::new(None) };
    static OTHER: RefCell<Option<Owner>> = const { RefCell::new(None) };
}

fn resume_owned() {
    OWNER.with_borrow_mut(|owner| owner.as_mut().expect("an owner").0.resume());
}

fn suspended() -> Simple {
    let mut coroutine = Coroutine::new(|yielder: &Yielder<(), ()>, ()| {
        let _reads = Reads("its own frame");
        yielder.suspend(());
    });
    coroutine.resume();
    coroutine
}

fn exit_while_running() {
    let body = |_: &Yielder<(), ()>, ()| process::exit(42);
    OWNER.set(Some(Owner(Coroutine::new(body))));
    resume_owned();
}

#[test]
fn exiting_inside_a_coroutine_leaks_it_and_keeps_the_code() {
    let ended = run("exit_while_running");
    ended.assert_exited(42);
    if cfg!(target_env = "gnu") {
        let said = ended.stdout.to_lowercase();
        assert!(
            said.contains("the owner drops one that is running"),
            "{ended:#?}"
        );
        assert!(
            said.contains("is running, so it can't be closed"),
            "{ended:#?}"
        );
    }
}

fn exit_while_nested() {
    let innermost = |_: &Yielder<(), ()>, ()| process::exit(43);
    OTHER.set(Some(Owner(Coroutine::new(innermost))));
    OWNER.set(Some(Owner(Coroutine::new(|_: &Yielder<(), ()>, ()| {
        let _reads = Reads("nothing");
        OTHER.with_borrow_mut(|other| other.as_mut().expect("the other").0.resume());
    }))));
    resume_owned();
}

#[test]
fn exiting_inside_nested_coroutines_leaks_all_keeps_the_code() {
    let ended = run("exit_while_nested");
    ended.assert_exited(43);
    assert!(!ended.stdout.contains("unwound"), "{ended:#?}");
}

fn exit_with_suspended() {
    OWNER.set(Some(Owner(suspended())));
    let _on_the_stack = suspended();
    process::exit(44);
}

#[test]
fn exiting_with_suspended_coroutines_keeps_the_code() {
    run("exit_with_suspended").assert_exited(44);
}

fn exit_inside_a_scope() {
    OWNER.set(Some(Owner(Coroutine::new(|_: &Yielder<(), ()>, ()| {
        scope(|s| {
            let mut child = s.coroutine(|_: &Yielder<(), ()>, ()| process::exit(45));
            child.resume()
        });
    }))));
    resume_owned();
}

#[test]
fn exiting_inside_a_scoped_child_keeps_the_code() {
    run("exit_inside_a_scope").assert_exited(45);
}
