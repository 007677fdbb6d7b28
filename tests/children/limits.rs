//! Limits of the process: reaching one is an error or an abort with a sentence, and existing coroutines go on.

use std::fs;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

use selvedge::{Coroutine, CoroutineState, Yielder};

use crate::run;
use crate::support::text;

pub const SCENARIOS: &[(&str, fn())] = &[
    ("suspend_in_an_unwinding_drop", suspend_in_an_unwinding_drop),
    ("suspend_in_a_closing_drop", suspend_in_a_closing_drop),
    ("suspend_on_and_on_in_a_panic", suspend_on_and_on_in_a_panic),
    ("swallow_a_close_in_a_panic", swallow_a_close_in_a_panic),
    ("little_address_space", little_address_space),
    ("fork", fork),
    ("many_large_suspensions", many_large_suspensions),
];

/// Suspends in its destructor.
struct Suspends<'a>(&'a Yielder<(), ()>);

impl Drop for Suspends<'_> {
    fn drop(&mut self) {
        self.0.suspend(());
    }
}

fn suspend_in_an_unwinding_drop() {
    let mut coroutine = Coroutine::new(|yielder: &Yielder<(), ()>, ()| {
        let _suspends = Suspends(yielder);
        panic!("the first panic");
    });
    let _ = catch_unwind(AssertUnwindSafe(|| coroutine.resume()));
    println!("the process goes on");
}

fn suspend_in_a_closing_drop() {
    let mut coroutine = Coroutine::new(|yielder: &Yielder<(), ()>, ()| {
        let _suspends = Suspends(yielder);
        yielder.suspend(());
    });
    coroutine.resume();
    drop(coroutine);
    println!("the process goes on");
}

/// Drops a suspended coroutine with this body while the thread panics.
fn drop_in_a_panic(body: fn(&Yielder<(), ()>)) {
    let mut coroutine = Coroutine::new(move |yielder: &Yielder<(), ()>, ()| body(yielder));
    coroutine.resume();
    let unwound = catch_unwind(AssertUnwindSafe(move || {
        let _coroutine = coroutine;
        panic!("the outer panic");
    }));
    println!("the process goes on: {unwound:?}");
    println!("panicking: {}", std::thread::panicking());
}

fn suspend_on_and_on_in_a_panic() {
    struct SuspendsOn<'a>(&'a Yielder<(), ()>);

    impl Drop for SuspendsOn<'_> {
        fn drop(&mut self) {
            while self.0.suspend_catching(()).is_err() {}
        }
    }

    drop_in_a_panic(|yielder| {
        let _suspends = SuspendsOn(yielder);
        yielder.suspend(());
    });
}

fn swallow_a_close_in_a_panic() {
    drop_in_a_panic(|yielder| while yielder.suspend_catching(()).is_err() {});
    drop_in_a_panic(
        |yielder| while catch_unwind(AssertUnwindSafe(|| yielder.suspend(()))).is_err() {},
    );
}

#[test]
fn suspending_on_and_on_in_a_drop_in_a_panic_aborts() {
    let ended = run("suspend_on_and_on_in_a_panic");
    ended.assert_killed_by(libc::SIGABRT);
    ended.assert_reported(&["the outer panic", "tries to suspend again and again"]);
    assert!(!ended.stdout.contains("goes on"), "{ended:#?}");
}

#[test]
fn a_body_that_swallows_a_close_in_a_panic_is_leaked() {
    let ended = run("swallow_a_close_in_a_panic");
    let n_left = ended.stdout.matches("panicking: false").count();
    assert!(ended.status.success() && n_left == 2, "{ended:#?}");
}

#[test]
fn suspending_in_a_drop_during_a_close_aborts_with_the_sentence() {
    let ended = run("suspend_in_a_closing_drop");
    ended.assert_killed_by(libc::SIGABRT);
    ended.assert_reported(&["suspend", "panicking"]);
    assert!(!ended.stdout.contains("goes on"), "{ended:#?}");
}

#[test]
fn suspending_in_a_drop_during_an_unwind_aborts_with_sentence() {
    let ended = run("suspend_in_an_unwinding_drop");
    ended.assert_killed_by(libc::SIGABRT);
    ended.assert_reported(&["the first panic", "suspend", "panicking"]);
    assert!(!ended.stdout.contains("goes on"), "{ended:#?}");
}

fn little_address_space() {
    let statm = fs::read_to_string("/proc/self/statm").expect("statm");
    let n_pages: u64 = statm
        .split(' ')
        .next()
        .and_then(|pages| pages.parse().ok())
        .expect("a size in pages");
    // SAFETY: asks for a number.
    let page_bytes = unsafe { libc::sysconf(libc::_SC_PAGESIZE) } as u64;
    let limit_bytes = n_pages * page_bytes + (128 << 20);
    let limit = libc::rlimit {
        rlim_cur: limit_bytes,
        rlim_max: limit_bytes,
    };
    // SAFETY: sets a limit of this process, from a value on this stack.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_AS, &limit) }, 0);

    let huge = Coroutine::builder()
        .stack_size_bytes(1 << 30)
        .build(|_: &Yielder<(), ()>, ()| ());
    assert_refused(&huge.expect_err("1 GiB does not fit"));
    let builder = || Coroutine::builder().stack_size_bytes(256 * 1024);
    let build = || builder().build(|yielder: &Yielder<(), u8>, ()| yielder.suspend(1));
    let mut live = Vec::with_capacity(10_000);
    let error = loop {
        match build() {
            Ok(coroutine) => live.push(coroutine),
            Err(error) => break error,
        }
        assert!(
            live.len() < 10_000,
            "128 MiB hold no 10,000 stacks of 256 KiB"
        );
    };
    assert_refused(&error);
    assert!(live.len() > 50, "only {} stacks in 128 MiB", live.len());
    let panicked = catch_unwind(|| Coroutine::new(|_: &Yielder<(), ()>, ()| ()))
        .expect_err("there is no stack left");
    assert!(
        text(&panicked).split_whitespace().count() >= 4,
        "{}",
        text(&panicked)
    );
    for coroutine in &mut live {
        assert_eq!(coroutine.resume(), CoroutineState::Yielded(1));
    }
    live.truncate(10);
    assert_eq!(
        build().expect("stacks have come back").resume(),
        CoroutineState::Yielded(1)
    );
    println!("usable to the end");
}

fn assert_refused(error: &io::Error) {
    assert_eq!(error.kind(), io::ErrorKind::OutOfMemory, "{error}");
    assert!(error.to_string().split_whitespace().count() >= 4, "{error}");
}

#[test]
fn a_full_address_space_is_an_error_and_the_process_goes_on() {
    if std::env::var_os("SELVEDGE_UNDER_QEMU").is_some() {
        return; // qemu does not hand RLIMIT_AS on to its guest.
    }
    let ended = run("little_address_space");
    ended.assert_exited(0);
    assert!(ended.stdout.contains("usable to the end"), "{ended:#?}");
}

/// A suspended coroutine goes on in both processes after a fork, each with its own copy of the memory.
fn fork() {
    let mut coroutine = Coroutine::new(|yielder: &Yielder<u32, u32>, first: u32| {
        let mut local = vec![first; 100];
        loop {
            let sent = yielder.suspend(local.iter().sum());
            local.push(sent);
        }
    });
    let state: CoroutineState<u32, ()> = coroutine.send(1);
    assert_eq!(state, CoroutineState::Yielded(100));
    // SAFETY: only this thread matters to the copy, which allocates, switches and exits.
    let child = unsafe { libc::fork() };
    let sent = if child == 0 { 7 } else { 8 };
    let right = coroutine.send(sent) == CoroutineState::Yielded(100 + sent);
    let fresh =
        Coroutine::new(|_: &Yielder<(), u32>, ()| 3).resume() == CoroutineState::Complete(3);
    if child == 0 {
        // SAFETY: ends the copy without running what belongs to the parent.
        unsafe { libc::_exit(if right && fresh { 0 } else { 1 }) };
    }
    let mut status = 0;
    // SAFETY: waits for the child made above.
    assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
    assert!(right && fresh && status == 0, "{right} {fresh} {status}");
    println!("both went on");
}

#[test]
fn a_suspended_coroutine_goes_on_in_both_processes_after_a_fork() {
    let ended = run("fork");
    ended.assert_exited(0);
    assert!(ended.stdout.contains("both went on"), "{ended:#?}");
}

/// Suspends with a page at ten places, in functions that the compiler may or may not optimise.
fn many_large_suspensions() {
    type Page = [u8; 4096];
    let mut coroutine = Coroutine::new(|yielder: &Yielder<Page, Page>, first: Page| {
        let mut page = yielder.suspend(first);
        page = yielder.suspend(page);
        page = yielder.suspend(page);
        page = yielder.suspend(page);
        page = yielder.suspend(page);
        page = yielder.suspend(page);
        page = yielder.suspend(page);
        page = yielder.suspend(page);
        page = yielder.suspend(page);
        yielder.suspend(page)[0]
    });
    for index in 0..10 {
        assert_eq!(
            coroutine.send([index; 4096]),
            CoroutineState::Yielded([index; 4096])
        );
    }
    assert_eq!(coroutine.send([11; 4096]), CoroutineState::Complete(11));
    println!("it fits");
}

#[test]
fn ten_frames_of_a_page_each_fit_the_default_stack() {
    let ended = run("many_large_suspensions");
    ended.assert_exited(0);
    assert!(ended.stdout.contains("it fits"), "{ended:#?}");
}
