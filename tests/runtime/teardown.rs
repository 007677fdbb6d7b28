//! Loops in thread-locals at the end of their threads, where the thread-locals that tasks refer to may be
//! destroyed.

use std::cell::RefCell;
use std::fs::File;
use std::os::fd::AsRawFd;
use std::process;
use std::thread;

use selvedge::event_loop::LoopHandle;
use selvedge::{EventLoop, Task, sleep, yield_now};

use crate::play;
use crate::support::{AN_HOUR, OnDrop, assert_sentence, event_loop, finished};

pub const SCENARIOS: &[(&str, fn())] = &[
    ("loop_in_a_thread_local", loop_in_a_thread_local),
    (
        "loop_in_a_thread_local_at_exit",
        loop_in_a_thread_local_at_exit,
    ),
    ("idle_loops_in_a_thread_local", idle_loops_in_a_thread_local),
];

/// Uses the loop again when it is destroyed.
struct Owner(Option<EventLoop>);

impl Drop for Owner {
    fn drop(&mut self) {
        let event_loop = self.0.take().expect("a loop");
        if KEY.try_with(|_| ()).is_err() {
            let refused = event_loop
                .run_until_complete(yield_now)
                .expect_err("refused");
            assert_sentence(&refused.to_string());
            event_loop
                .create_task(|| println!("a late task ran"))
                .detach();
            drop(event_loop);
            println!("the loop is dropped after the key");
        }
    }
}

thread_local! {
    static OWNER: RefCell<Option<Owner>> = const { RefCell::new(None) };
    static KEY: String = String::from("a value with a destructor");
}

/// Makes a loop with a task that is suspended inside of a key that is younger than the loop.
fn suspend_inside_the_key() -> LoopHandle {
    OWNER.set(Some(Owner(Some(event_loop()))));
    OWNER.with_borrow(|owner| {
        let event_loop = owner
            .as_ref()
            .and_then(|owner| owner.0.as_ref())
            .expect("a loop");
        let inside: Task<()> = event_loop.create_task(|| {
            KEY.with(|key| {
                let _reads = OnDrop(|| println!("unwound beside {key}"));
                sleep(AN_HOUR);
            });
        });
        inside.detach();
        finished(event_loop.run_until_complete(yield_now));
        event_loop.handle()
    })
}

fn loop_in_a_thread_local() {
    let ended = thread::spawn(|| {
        let handle = suspend_inside_the_key();
        let waits = handle.spawn_threadsafe(|| sleep(AN_HOUR));
        let waits = waits.map_err(drop).expect("open");
        let waiting = thread::spawn(move || waits.join().map_err(|error| error.to_string()));
        (handle, waiting)
    });
    let (handle, waiting) = ended.join().expect("no panic");
    let told = waiting.join().expect("no panic").expect_err("never run");
    assert_sentence(&told);
    assert!(handle.spawn_threadsafe(|| ()).is_err());
    println!("the process goes on");
}

fn loop_in_a_thread_local_at_exit() {
    suspend_inside_the_key();
    process::exit(0);
}

/// Threads that end with a loop without tasks in a thread-local, and the number that the next descriptor has, before and
/// after.
fn idle_loops_in_a_thread_local() {
    let end_thread = || {
        let ended = thread::spawn(|| {
            // Older than the library's thread-local.
            OWNER.set(None);
            let event_loop = event_loop();
            finished(event_loop.run_until_complete(yield_now));
            event_loop.call_later(AN_HOUR, || println!("a late callback ran"));
            OWNER.set(Some(Owner(Some(event_loop))));
        });
        ended.join().expect("no panic");
    };
    let next_descriptor = || File::open("/dev/null").expect("there").as_raw_fd();
    // What the process has once is made now.
    end_thread();
    let before = next_descriptor();
    (0..5).for_each(|_| end_thread());
    println!("leaked descriptors: {}.", next_descriptor() - before);
}

#[test]
fn a_thread_locals_loop_leaks_tasks_at_its_threads_end() {
    let ended = play("loop_in_a_thread_local");
    ended.assert_exited(0);
    for part in ["the loop is dropped after the key", "the process goes on"] {
        assert!(ended.stdout.contains(part), "{ended:#?}");
    }
    for part in ["unwound", "a late task ran"] {
        assert!(!ended.stdout.contains(part), "{ended:#?}");
    }
}

#[test]
fn a_thread_locals_loop_leaks_tasks_as_the_process_exits() {
    let ended = play("loop_in_a_thread_local_at_exit");
    ended.assert_exited(0);
    assert!(!ended.stdout.contains("unwound"), "{ended:#?}");
}

#[test]
fn a_thread_locals_loop_without_tasks_leaks_nothing() {
    let ended = play("idle_loops_in_a_thread_local");
    ended.assert_exited(0);
    assert!(
        ended.stdout.contains("leaked descriptors: 0."),
        "{ended:#?}"
    );
    assert!(!ended.stdout.contains("a late callback"), "{ended:#?}");
}
