//! Kinds of overflow: each is reported with the name, size and creation site of the overflowing coroutine.

use std::ffi::{c_int, c_void};
use std::hint::black_box;
use std::ptr;
use std::thread;

use selvedge::coroutine::{on_stack, remaining_stack_bytes};
use selvedge::stack::DEFAULT_STACK_SIZE_BYTES;
use selvedge::{Coroutine, CoroutineState, Yielder};

use crate::support::child::Ended;
use crate::{KIB, assert_overflow_reported, in_a_coroutine, overflow_on, recurse, run};

pub const SCENARIOS: &[(&str, fn())] = &[
    ("recursion", || overflow_on("loom", 128 * KIB, recurse)),
    ("huge_frame", || {
        overflow_on("bobbin", 256 * KIB, huge_frame)
    }),
    ("in_c", || overflow_on("shuttle", 192 * KIB, overflow_in_c)),
    ("through_c", || {
        overflow_on("heddle", 64 * KIB, overflow_through_c)
    }),
    ("unnamed", || in_a_coroutine(recurse)),
    ("nested", nested),
    ("after_nested", after_nested),
    ("spawned_thread", || {
        thread::spawn(|| overflow_on("spindle", 64 * KIB, recurse))
            .join()
            .expect("no return")
    }),
    ("long_name", || {
        overflow_on(&"weave ".repeat(2_000), 64 * KIB, recurse)
    }),
    ("reused_stack", reused_stack),
    ("deep_after_suspension", deep_after_suspension),
    ("on_another_stack", || on_stack(80 * KIB, recurse)),
    ("larger_than_its_stack", larger_than_its_stack),
    #[cfg(feature = "runtime")]
    ("named_task", || {
        selvedge::run(|| selvedge::spawn_named("heald", recurse).join().unwrap())
    }),
    #[cfg(feature = "runtime")]
    ("unnamed_task", || {
        selvedge::run(|| {
            eprintln!("name: {}.", selvedge::task::current_task().unwrap().name());
            recurse();
        })
    }),
    #[cfg(feature = "runtime")]
    ("coroutine_after_a_task", || {
        selvedge::run(|| {
            selvedge::spawn_named("heald", || ()).join().unwrap();
            in_a_coroutine(recurse);
        });
    }),
];

#[inline(never)]
fn huge_frame() {
    let a = [0u8; 512 * KIB];
    black_box(
        black_box(&a)
            .iter()
            .map(|&byte| usize::from(byte))
            .sum::<usize>(),
    );
}

/// Recurses until hardly any stack is left, then calls a C function that needs more.
fn overflow_in_c() {
    #[inline(never)]
    fn descend() -> usize {
        let frame = black_box([0u8; 64]);
        if remaining_stack_bytes().expect("on a coroutine") < 2 * KIB {
            let mut text = [0u8; 8];
            // SAFETY: the format matches its argument, and the buffer's size is its size.
            unsafe {
                libc::snprintf(
                    text.as_mut_ptr().cast(),
                    text.len(),
                    c"%.4000f".as_ptr(),
                    black_box(1e300),
                )
            };
            // SAFETY: the path is a string, and realpath allocates its result.
            unsafe {
                libc::free(
                    libc::realpath(c"/proc/self/../self/exe".as_ptr(), ptr::null_mut()).cast(),
                )
            };
            return usize::from(text[0]);
        }
        descend() + usize::from(black_box(frame)[63])
    }
    black_box(descend());
}

/// qsort calls a comparison that calls qsort, and so on: frames of C and of Rust alternate.
fn overflow_through_c() {
    extern "C" fn compare(_: *const c_void, _: *const c_void) -> c_int {
        sort();
        0
    }
    fn sort() {
        let mut items = black_box([2u64, 1]);
        // SAFETY: two items of eight bytes each, and a comparison that reads neither.
        unsafe { libc::qsort(items.as_mut_ptr().cast(), 2, 8, Some(compare)) };
        black_box(items);
    }
    sort();
}

fn nested() {
    overflow_on("outer warp", 256 * KIB, || {
        overflow_on("inner weft", 64 * KIB, recurse)
    });
}

fn after_nested() {
    overflow_on("outer warp", 96 * KIB, || {
        let mut inner = Coroutine::builder()
            .name("inner weft")
            .build(|_: &Yielder<(), ()>, ()| ())
            .expect("a stack");
        assert_eq!(inner.resume(), CoroutineState::Complete(()));
        recurse();
    });
}

fn reused_stack() {
    for _ in 0..3 {
        let mut earlier = Coroutine::builder()
            .name("earlier")
            .build(|_: &Yielder<(), ()>, ()| ())
            .expect("a stack");
        earlier.resume();
    }
    overflow_on("later", 256 * KIB, recurse);
}

fn deep_after_suspension() {
    let body = |yielder: &Yielder<(), ()>, ()| {
        yielder.suspend(());
        recurse();
    };
    let mut coroutine = Coroutine::builder()
        .name("patient")
        .stack_size_bytes(64 * KIB)
        .build(body)
        .expect("a stack");
    coroutine.resume();
    let _neighbours: Vec<_> = (0..100)
        .map(|_| Coroutine::new(|_: &Yielder<(), ()>, ()| ()))
        .collect();
    coroutine.resume();
}

/// A body whose captures alone exceed its stack.
fn larger_than_its_stack() {
    let large = black_box([7u8; 100 * KIB]);
    overflow_on("beam", 16 * KIB, move || {
        black_box(large);
    });
}

#[test]
fn a_recursion_is_reported_by_name_size_and_site() {
    assert_overflow_reported(&run("recursion"), "loom", "128");
}

#[test]
fn one_huge_frame_is_reported() {
    assert_overflow_reported(&run("huge_frame"), "bobbin", "256");
}

#[test]
fn an_overflow_inside_a_called_c_function_is_reported() {
    assert_overflow_reported(&run("in_c"), "shuttle", "192");
}

#[test]
fn a_recursion_through_c_is_reported() {
    assert_overflow_reported(&run("through_c"), "heddle", "64");
}

/// The default size as reports print it.
fn default_kib() -> String {
    (DEFAULT_STACK_SIZE_BYTES / KIB).to_string()
}

#[test]
fn an_unnamed_coroutine_is_reported_as_unnamed() {
    assert_overflow_reported(&run("unnamed"), "unnamed", &default_kib());
}

#[test]
fn the_overflowing_one_of_nested_coroutines_is_named() {
    let ended = run("nested");
    assert_overflow_reported(&ended, "inner weft", "64");
    assert!(!ended.stderr.contains("outer warp"), "{ended:#?}");
    let ended = run("after_nested");
    assert_overflow_reported(&ended, "outer warp", "96");
    assert!(!ended.stderr.contains("inner weft"), "{ended:#?}");
}

#[test]
fn an_overflow_on_a_spawned_thread_is_reported() {
    assert_overflow_reported(&run("spawned_thread"), "spindle", "64");
}

#[test]
fn a_name_of_any_length_is_reported_at_least_in_part() {
    assert_overflow_reported(&run("long_name"), "weave weave", "64");
}

#[test]
fn a_reused_stack_is_reported_under_its_current_owners_name() {
    let ended = run("reused_stack");
    assert_overflow_reported(&ended, "later", "256");
    assert!(!ended.stderr.contains("earlier"), "{ended:#?}");
}

#[test]
fn an_overflow_after_a_suspension_is_reported() {
    assert_overflow_reported(&run("deep_after_suspension"), "patient", "64");
}

#[test]
fn an_overflow_of_another_stack_is_reported_with_its_size() {
    let ended = run("on_another_stack");
    ended.assert_killed_by(libc::SIGABRT);
    ended.assert_reported(&["80 KiB"]);
}

#[test]
fn a_body_larger_than_its_stack_is_reported_and_harms_no_other() {
    assert_overflow_reported(&run("larger_than_its_stack"), "beam", "16");
}

/// Asserts that the report gives this remedy, and none of the others.
#[track_caller]
fn assert_remedy(ended: &Ended, remedy: &str) {
    let help = ended.stderr.lines().find(|line| line.starts_with("help: "));
    let help = help.unwrap_or_else(|| panic!("no help in {ended:#?}"));
    for known in ["Task::builder", "Coroutine::builder", "a larger size"] {
        assert_eq!(help.contains(known), known == remedy, "{help}");
    }
}

#[test]
fn the_remedy_is_that_of_what_has_overflowed() {
    assert_remedy(&run("unnamed"), "Coroutine::builder");
    assert_remedy(&run("on_another_stack"), "a larger size");
}

#[test]
#[cfg(feature = "runtime")]
fn an_overflowing_task_is_named_with_the_remedy_for_tasks() {
    let ended = run("named_task");
    assert_overflow_reported(&ended, "the task 'heald', spawned at", &default_kib());
    assert_remedy(&ended, "Task::builder");
    let ended = run("unnamed_task");
    let name = ended.stderr.split_once("name: ").expect("it is printed").1;
    let name = name.split_once('.').expect("a full stop").0;
    assert_overflow_reported(
        &ended,
        &format!("the task {name}, spawned at"),
        &default_kib(),
    );
    assert_remedy(&ended, "Task::builder");
    // A stack of a task's that a coroutine has now.
    let ended = run("coroutine_after_a_task");
    assert_overflow_reported(
        &ended,
        "the coroutine (unnamed), created at",
        &default_kib(),
    );
    assert_remedy(&ended, "Coroutine::builder");
}
