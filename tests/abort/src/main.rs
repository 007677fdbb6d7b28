//! Checks what selvedge promises where a panic aborts: a started coroutine can't be unwound, so
//! nothing ends it early. It is leaked, never freed, and stays usable while its owner holds it.
//!
//! Each check is a promise by name. The checks that end the process run in a child: this program
//! again, with the name of the scene as its argument.

mod loops;
mod scenes;

use std::cell::Cell;
use std::process::ExitCode;
use std::rc::Rc;

use selvedge::coroutine::{Status, on_stack};
use selvedge::{Coroutine, CoroutineState, Generator};

const _: () = assert!(
    cfg!(panic = "abort"),
    "build this crate with its own profiles"
);

type Check = fn() -> Result<(), String>;

const CHECKS: &[(&str, Check)] = &[
    ("dropping a suspended coroutine leaks it", dropping_leaks),
    ("a leaked stack is never used again", leaked_stack_is_kept),
    ("close changes nothing once started", close_is_ignored),
    (
        "close before the start drops the captures",
        close_before_start,
    ),
    ("close after the end does nothing", close_after_end),
    ("a coroutine runs to its end", runs_to_end),
    ("generators work and can be left early", generators_work),
    ("on_stack returns its value", on_stack_returns),
    ("a scope whose children are done returns", scope_returns),
    (
        "a scope with a suspended child aborts",
        scenes::scope_aborts,
    ),
    ("a thread ends with a suspended coroutine", thread_ends),
    (
        "the process ends with a suspended coroutine",
        scenes::process_ends,
    ),
    ("tasks run, sleep and are joined", loops::tasks_run),
    (
        "cancelling a started task is refused",
        loops::cancelling_a_started_task_is_refused,
    ),
    (
        "cancelling a task before its start drops the captures",
        loops::cancelling_before_the_start_drops_the_captures,
    ),
    (
        "a loop ends with a waiting task",
        loops::a_loop_ends_with_a_waiting_task,
    ),
    (
        "a scope waits for its started children",
        loops::a_scope_waits_for_its_started_children,
    ),
    ("a race is refused", loops::a_race_is_refused),
    (
        "a task of a dropped loop is not called",
        loops::a_task_of_a_dropped_loop_is_not_called,
    ),
];

fn main() -> ExitCode {
    if let Some(scene) = std::env::args().nth(1) {
        return scenes::play(&scene);
    }
    let mut n_failed = 0;
    for (name, check) in CHECKS {
        match check() {
            Ok(()) => println!("{name} ... ok"),
            Err(reason) => {
                n_failed += 1;
                println!("{name} ... FAILED: {reason}");
            }
        }
    }
    println!("{} passed, {n_failed} failed", CHECKS.len() - n_failed);
    ExitCode::from(u8::from(n_failed > 0))
}

/// Fails the check with a sentence unless the condition holds.
fn ensure(condition: bool, sentence: &str) -> Result<(), String> {
    if condition {
        Ok(())
    } else {
        Err(sentence.to_string())
    }
}

/// Sets its flag when it is dropped.
struct Flag(Rc<Cell<bool>>);

impl Drop for Flag {
    fn drop(&mut self) {
        self.0.set(true);
    }
}

fn dropping_leaks() -> Result<(), String> {
    let (captured, local) = (Rc::new(Cell::new(false)), Rc::new(Cell::new(false)));
    let (in_capture, in_frame) = (Flag(captured.clone()), local.clone());
    let mut coroutine = Coroutine::new(move |yielder, ()| {
        let _in_frame = Flag(in_frame);
        yielder.suspend(());
        drop(in_capture);
    });
    coroutine.resume();
    drop(coroutine);
    ensure(!captured.get(), "a destructor of the captures ran")?;
    ensure(!local.get(), "a destructor of the frame ran")
}

const PATTERN: [u64; 64] = [0x5e1f_ed6e_5e1f_ed6e; 64];

fn leaked_stack_is_kept() -> Result<(), String> {
    let mut coroutine = Coroutine::new(|yielder, ()| {
        let pattern = std::hint::black_box(PATTERN);
        yielder.suspend(&raw const pattern);
        std::hint::black_box(pattern);
    });
    let CoroutineState::Yielded(pattern) = coroutine.resume() else {
        return Err("the body did not suspend".to_string());
    };
    drop(coroutine);
    // The pool must now hand out another stack.
    let mut others: Vec<_> = (0..1_000)
        .map(|_| {
            Coroutine::new(|yielder, ()| yielder.suspend(std::hint::black_box([0_u64; 512])[7]))
        })
        .collect();
    for other in &mut others {
        other.resume();
        other.resume();
    }
    drop(others);
    selvedge::stack::trim_pool();
    // SAFETY: the array lies in a frame of a coroutine that is leaked with its stack.
    let pattern = unsafe { pattern.read_volatile() };
    ensure(
        pattern == PATTERN,
        "something was written to the leaked stack",
    )
}

fn close_is_ignored() -> Result<(), String> {
    let dropped = Rc::new(Cell::new(false));
    let flag = Flag(dropped.clone());
    let mut coroutine = Coroutine::new(move |yielder, first: u32| {
        let _flag = flag;
        let second = yielder.suspend(first + 1);
        let third = yielder.suspend(second + 1);
        third + 1
    });
    coroutine.send(10);
    for _ in 0..3 {
        let Err(ignored) = coroutine.close() else {
            return Err("close claims to have ended the coroutine".to_string());
        };
        ensure(
            ignored.into_value().is_none(),
            "close resumed the coroutine",
        )?;
        ensure(
            coroutine.status() == Status::Suspended,
            "close changed the status",
        )?;
    }
    ensure(!dropped.get(), "close dropped what the body holds")?;
    ensure(
        coroutine.send(20) == CoroutineState::Yielded(21),
        "the body did not go on",
    )?;
    ensure(
        coroutine.send(30) == CoroutineState::Complete(31),
        "the body did not end",
    )?;
    ensure(
        dropped.get(),
        "the end of the body did not drop what it holds",
    )
}

fn close_before_start() -> Result<(), String> {
    let dropped = Rc::new(Cell::new(false));
    let flag = Flag(dropped.clone());
    let mut coroutine = Coroutine::new(move |yielder, ()| {
        let _flag = flag;
        yielder.suspend(());
    });
    ensure(
        matches!(coroutine.close(), Ok(None)),
        "close did not return Ok(None)",
    )?;
    ensure(dropped.get(), "the captures were not dropped")?;
    ensure(
        coroutine.status() == Status::Done,
        "the coroutine is not done",
    )
}

fn close_after_end() -> Result<(), String> {
    let mut coroutine = Coroutine::<(), (), u32>::new(|_, ()| 7);
    ensure(
        coroutine.resume() == CoroutineState::Complete(7),
        "the body did not end",
    )?;
    ensure(
        matches!(coroutine.close(), Ok(None)),
        "close did not return Ok(None)",
    )
}

fn runs_to_end() -> Result<(), String> {
    let mut sum = Coroutine::new(|yielder, first: u64| {
        let mut sum = first;
        for _ in 0..1_000 {
            sum += yielder.suspend(sum);
        }
        sum
    });
    let last = (0..=1_000).map(|number| sum.send(number)).last();
    ensure(
        last == Some(CoroutineState::Complete(500_500)),
        "the sum is wrong",
    )?;
    ensure(sum.status() == Status::Done, "the coroutine is not done")?;
    ensure(
        sum.try_send(1).is_err(),
        "a finished coroutine took a value",
    )
}

fn generators_work() -> Result<(), String> {
    let squares = || {
        Generator::new(|yielder| {
            for number in 0..10_u32 {
                yielder.suspend(number * number);
            }
        })
    };
    ensure(
        squares().sum::<u32>() == 285,
        "the sum of the squares is wrong",
    )?;
    let mut left_early = squares();
    ensure(
        left_early.by_ref().take(3).eq([0, 1, 4]),
        "the first squares are wrong",
    )?;
    ensure(
        left_early.close().is_err(),
        "close claims to have ended the generator",
    )?;
    ensure(
        left_early.next() == Some(9),
        "the generator did not go on after close",
    )
}

fn on_stack_returns() -> Result<(), String> {
    let words = ["a", "b"].map(String::from);
    let joined = on_stack(64 * 1024, || words.join(" "));
    ensure(joined == "a b", "the value is wrong")
}

fn scope_returns() -> Result<(), String> {
    let mut seen = Vec::new();
    let answer = selvedge::coroutine::scope(|s| {
        let mut child = s.coroutine(|yielder, first: u32| {
            seen.push(first);
            seen.push(yielder.suspend(()));
        });
        child.send(1);
        child.send(2);
        // A child that never started can be ended: its captures are dropped.
        let _unstarted = s.coroutine(|yielder, ()| yielder.suspend(()));
        "done"
    });
    ensure(answer == "done", "the scope's value is wrong")?;
    ensure(seen == [1, 2], "the child did not see what was sent")
}

thread_local! {
    static KEPT: Cell<Option<Coroutine<(), (), ()>>> = const { Cell::new(None) };
}

/// A coroutine that waits in a thread-local until the thread or the process ends.
fn keep_suspended_coroutine() {
    let mut coroutine = Coroutine::new(|yielder, ()| yielder.suspend(()));
    coroutine.resume();
    KEPT.set(Some(coroutine));
}

fn thread_ends() -> Result<(), String> {
    let ended = std::thread::spawn(keep_suspended_coroutine).join();
    ensure(ended.is_ok(), "the thread panicked")
}
