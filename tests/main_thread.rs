//! Coroutines on the main thread, up to the thread's end: `main` returns, exits or panics while some of them live.
//!
//! Without the test harness, whose tests never run on the main thread: each scenario is a child's whole `main`.

#![allow(unsafe_code)]

#[path = "support/hang_guard.rs"]
mod hang_guard;
#[path = "support/mod.rs"]
mod support;

use std::cell::RefCell;
use std::io::{Read, Write};
use std::process::{self, Child, Stdio};

use selvedge::coroutine::remaining_stack_bytes;
use selvedge::stack::DEFAULT_STACK_SIZE_BYTES;
use selvedge::{Coroutine, CoroutineState, Yielder};

use support::child::{self, Ended};

type Simple = Coroutine<(), (), ()>;
type Check = fn(&Ended);

const SCENARIOS: &[(&str, fn())] = &[
    ("returns_with_suspended", returns_with_suspended),
    (
        "returns_with_an_earlier_owner",
        returns_with_an_earlier_owner,
    ),
    ("exits_while_running", exits_while_running),
    ("panics_through_coroutines", panics_through_coroutines),
    ("knows_its_stack", knows_its_stack),
    ("overflows", overflows),
    ("waits_without", waits),
    ("waits_with", waits_with_coroutines),
];

/// How each child must end.
const CHECKS: &[(&str, Check)] = &[
    ("returns_with_suspended", |ended| ended.assert_exited(0)),
    ("returns_with_an_earlier_owner", |ended| {
        ended.assert_exited(0);
        assert!(!ended.stdout.contains("unwound"), "{ended:#?}");
    }),
    ("exits_while_running", |ended| {
        ended.assert_exited(42);
        assert!(!ended.stdout.contains("unwound"), "{ended:#?}");
    }),
    ("panics_through_coroutines", |ended| {
        ended.assert_exited(101);
        ended.assert_reported(&["from the bottom"]);
        assert_eq!(ended.stdout.matches("unwound").count(), 3, "{ended:#?}");
    }),
    ("knows_its_stack", |ended| ended.assert_exited(0)),
    ("overflows", |ended| {
        ended.assert_killed_by(libc::SIGABRT);
        ended.assert_reported(&["treadle", "64 KiB", "stack_size"]);
    }),
];

fn main() {
    if child::play(SCENARIOS) {
        return;
    }
    for (name, check) in CHECKS {
        print!("test {name} ... ");
        check(&child::finish(&mut child::main_command(name)));
        println!("ok");
    }
    print!("test a_sigsegv_sent_from_outside_is_handled_as_without_coroutines ... ");
    a_sigsegv_sent_from_outside_is_handled_as_without_coroutines();
    println!("ok");
}

thread_local! {
    static OWNER: RefCell<Vec<Simple>> = const { RefCell::new(Vec::new()) };
    static KEY: String = String::from("a value with a destructor");
}

struct Tells<'a>(&'a str);

impl Drop for Tells<'_> {
    fn drop(&mut self) {
        println!("unwound beside {}", self.0);
    }
}

fn suspended() -> Simple {
    let mut coroutine = Coroutine::new(|yielder: &Yielder<(), ()>, ()| {
        KEY.with(|key| {
            let _tells = Tells(key);
            yielder.suspend(());
        });
    });
    coroutine.resume();
    coroutine
}

fn returns_with_suspended() {
    let first = suspended();
    // The owner is registered after the key and the library, and so destroyed before them.
    OWNER.with_borrow_mut(|owner| owner.extend([first, suspended()]));
}

fn returns_with_an_earlier_owner() {
    OWNER.with_borrow_mut(Vec::clear);
    let coroutine = suspended();
    OWNER.with_borrow_mut(|owner| owner.push(coroutine));
}

fn exits_while_running() {
    let inner = || Coroutine::new(|_: &Yielder<(), ()>, ()| process::exit(42));
    OWNER.with_borrow_mut(|owner| {
        owner.push(Coroutine::new(move |_: &Yielder<(), ()>, ()| {
            let _tells = Tells("nothing");
            inner().resume();
        }));
        owner[0].resume();
    });
}

fn panics_through_coroutines() {
    fn nested(depth: u32) -> Simple {
        Coroutine::new(move |_: &Yielder<(), ()>, ()| {
            let _tells = Tells("a level");
            if depth == 0 {
                panic!("from the bottom");
            }
            nested(depth - 1).resume();
        })
    }
    nested(2).resume();
}

fn knows_its_stack() {
    let before = remaining_stack_bytes().expect("the main thread's bounds");
    let mut coroutine = Coroutine::new(|_: &Yielder<(), ()>, ()| remaining_stack_bytes());
    let inside = coroutine
        .resume()
        .unwrap_complete()
        .expect("a coroutine knows its stack");
    assert!(
        inside < DEFAULT_STACK_SIZE_BYTES + 44 * 1024 && before > 2 * DEFAULT_STACK_SIZE_BYTES,
        "{inside} inside, {before} outside"
    );
    let after = remaining_stack_bytes().expect("the main thread's bounds");
    assert!(
        before.abs_diff(after) <= 16 * 1024,
        "{before} and then {after}"
    );
}

fn overflows() {
    fn descend(depth: usize) -> usize {
        let frame = std::hint::black_box([depth; 16]);
        if frame[0] == usize::MAX {
            0
        } else {
            descend(depth + 1) + std::hint::black_box(frame)[depth % 16]
        }
    }
    let builder = Coroutine::builder()
        .name("treadle")
        .stack_size_bytes(64 * 1024);
    let mut coroutine = builder
        .build(|_: &Yielder<(), ()>, ()| descend(0))
        .expect("a stack");
    println!("{:?}", coroutine.resume());
}

/// Answers every byte of its input with a line, to the input's end.
fn waits() {
    // `read_exact` goes on where a signal interrupts it.
    while std::io::stdin().read_exact(&mut [0]).is_ok() {
        println!("here");
    }
    println!("survived");
}

fn waits_with_coroutines() {
    let mut coroutine = suspended();
    waits();
    assert_eq!(coroutine.resume(), CoroutineState::Complete(()));
}

/// Sends SIGSEGV to a waiting child `n_signals` times. The child's only thread handles each before it answers the next
/// byte.
fn signalled(scenario: &str, n_signals: usize) -> Ended {
    let mut waiting = child::main_command(scenario)
        .stdin(Stdio::piped())
        .spawn()
        .expect("this test starts itself");
    let answers = |waiting: &mut Child| {
        let mut answer = [0; 5];
        let (input, output) = (waiting.stdin.as_mut(), waiting.stdout.as_mut());
        input.expect("a pipe").write_all(b".").is_ok()
            && output.expect("a pipe").read_exact(&mut answer).is_ok()
    };
    assert!(answers(&mut waiting), "it waits");
    for _ in 0..n_signals {
        // SAFETY: signals a child that has not been waited for.
        let sent = unsafe { libc::kill(waiting.id() as libc::pid_t, libc::SIGSEGV) };
        assert_eq!(sent, 0);
        if !answers(&mut waiting) {
            break;
        }
    }
    child::collect(waiting)
}

fn a_sigsegv_sent_from_outside_is_handled_as_without_coroutines() {
    for n_signals in [0, 1, 2] {
        let (without, with) = (
            signalled("waits_without", n_signals),
            signalled("waits_with", n_signals),
        );
        let survived = |ended: &Ended| ended.stdout.contains("survived");
        assert_eq!(
            (with.status, &with.stderr),
            (without.status, &without.stderr),
            "after {n_signals} signals"
        );
        assert_eq!(
            (survived(&with), survived(&without)),
            (with.status.success(), without.status.success())
        );
    }
}
