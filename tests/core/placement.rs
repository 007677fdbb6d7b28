//! The addresses of stacks make no difference: twenty thousand at once, above and below the thread's own stack and each
//! other.

#![allow(unsafe_code)]

use std::ffi::c_void;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::thread;

use selvedge::coroutine::{on_stack, remaining_stack_bytes};
use selvedge::{Coroutine, CoroutineState, Yielder};

use crate::support::{Counted, at_depth, caught, is_emulated, live, on_fresh_thread, scaled, text};

const MIB: usize = 1024 * 1024;

fn here() -> usize {
    let local = 0u8;
    ptr::from_ref(std::hint::black_box(&local)) as usize
}

#[test]
fn twenty_thousand_live_coroutines_keep_their_locals_apart() {
    let n_coroutines = scaled(20_000, 2_000) as u64;
    let mut coroutines: Vec<_> = (0..n_coroutines)
        .map(|id| {
            Coroutine::new(move |yielder: &Yielder<u64, u64>, first: u64| {
                let mine = [id ^ first; 40];
                let sent = yielder.suspend(mine[0]);
                mine.iter().fold(sent, |sum, word| sum.wrapping_add(*word))
            })
        })
        .collect();
    for (id, coroutine) in (0..).zip(&mut coroutines) {
        assert_eq!(coroutine.send(0xabcd), CoroutineState::Yielded(id ^ 0xabcd));
    }
    for (id, coroutine) in (0..n_coroutines).zip(&mut coroutines) {
        assert_eq!(
            coroutine.send(id),
            CoroutineState::Complete(id + 40 * (id ^ 0xabcd))
        );
    }
}

/// Exercises everything that crosses a switch: values, a throw, a panic, a close, and another stack.
fn exercise() {
    let mut echo: Coroutine<u32, u32, ()> =
        Coroutine::new(|yielder: &Yielder<u32, u32>, first: u32| {
            let sent = yielder.suspend(first + 1);
            let thrown = yielder.suspend_catching(sent).is_err();
            let closed = yielder.suspend_catching(1_000 + u32::from(thrown)).is_err();
            yielder.suspend(2_000 + u32::from(closed));
        });
    assert_eq!(echo.send(1), CoroutineState::Yielded(2));
    assert_eq!(echo.send(3), CoroutineState::Yielded(3));
    assert_eq!(echo.throw(Box::new(())), CoroutineState::Yielded(1_001));
    assert_eq!(
        echo.close().expect_err("it suspends again").into_value(),
        Some(2_001)
    );
    assert_eq!(echo.close().expect("it unwinds"), None);
    let before = live();
    let mut closed = Coroutine::new(|yielder: &Yielder<(), ()>, ()| {
        let _local = Counted::new(0);
        yielder.suspend(());
    });
    closed.resume();
    assert_eq!(live(), before + 1);
    drop(closed);
    assert_eq!(live(), before);
    let mut panics =
        Coroutine::new(|_: &Yielder<(), ()>, ()| on_stack(64 * 1024, || panic!("across")));
    assert_eq!(text(&caught(|| panics.resume())), "across");
}

type Guest = Coroutine<(), usize, ()>;

#[test]
fn coroutines_nest_in_others_at_higher_and_lower_addresses() {
    on_fresh_thread(|| {
        let guest = || {
            Guest::new(|yielder: &Yielder<(), usize>, ()| {
                loop {
                    exercise();
                    yielder.suspend(here());
                }
            })
        };
        let host = || {
            Coroutine::new(
                |yielder: &Yielder<Guest, (bool, Guest)>, first: Guest| -> () {
                    let mut guest = first;
                    loop {
                        let above = guest.resume().unwrap_yielded() > here();
                        guest = yielder.suspend((above, guest));
                    }
                },
            )
        };
        let mut made: Vec<_> = (0..8).map(|_| (guest(), host())).collect();
        let mut n_above = 0;
        for shift in 0..8 {
            for index in 0..8 {
                let other = (index + shift) % 8;
                let guest = std::mem::replace(&mut made[other].0, guest());
                let (above, guest) = made[index].1.send(guest).unwrap_yielded();
                made[other].0 = guest;
                n_above += usize::from(above);
            }
        }
        assert!(
            0 < n_above && n_above < 64,
            "{n_above} of 64 above their hosts"
        );
    });
}

/// Runs `f` on a POSIX thread whose stack is `stack`, and resumes its panic.
fn on_thread_at(stack: *mut c_void, size_bytes: usize, f: &mut (dyn FnMut() + Send)) {
    type Job<'a> = (
        &'a mut (dyn FnMut() + Send),
        Option<Box<dyn std::any::Any + Send>>,
    );
    extern "C" fn start(job: *mut c_void) -> *mut c_void {
        // SAFETY: the creator passes a live `Job` and waits in `pthread_join` until this thread has ended.
        let job = unsafe { &mut *job.cast::<Job<'_>>() };
        job.1 = catch_unwind(AssertUnwindSafe(|| (job.0)())).err();
        ptr::null_mut()
    }
    let mut job: Job<'_> = (f, None);
    // SAFETY: the attributes are initialised before use, the stack is mapped, writable and not used elsewhere, and the
    // job outlives the thread, which is joined here.
    unsafe {
        let mut attributes: libc::pthread_attr_t = std::mem::zeroed();
        assert_eq!(libc::pthread_attr_init(&mut attributes), 0);
        assert_eq!(
            libc::pthread_attr_setstack(&mut attributes, stack, size_bytes),
            0
        );
        let mut thread: libc::pthread_t = std::mem::zeroed();
        let made = libc::pthread_create(
            &mut thread,
            &attributes,
            start,
            ptr::from_mut(&mut job).cast(),
        );
        assert_eq!(made, 0, "no thread at {stack:?}");
        assert_eq!(libc::pthread_join(thread, ptr::null_mut()), 0);
        libc::pthread_attr_destroy(&mut attributes);
    }
    if let Some(payload) = job.1 {
        std::panic::resume_unwind(payload);
    }
}

/// Maps a thread's stack near `hint`, exercises coroutines on it, and returns whether their stacks lay above it.
fn coroutines_lie_above_a_thread_near(hint: usize) -> bool {
    let size_bytes = MIB;
    let protection = libc::PROT_READ | libc::PROT_WRITE;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    // SAFETY: a hint, not a fixed address: the kernel maps only what is free.
    let stack = unsafe { libc::mmap(hint as *mut c_void, size_bytes, protection, flags, -1, 0) };
    assert_ne!(stack, libc::MAP_FAILED);
    let mut above = None;
    on_thread_at(stack, size_bytes, &mut || {
        let left = remaining_stack_bytes().expect("the bounds of another thread's stack");
        assert!(
            left <= size_bytes && left > size_bytes / 2,
            "{left} of {size_bytes}"
        );
        exercise();
        let place = Coroutine::new(|_: &Yielder<(), ()>, ()| here())
            .resume()
            .unwrap_complete();
        above = Some(place > here());
    });
    // SAFETY: mapped above, and the thread that used it has been joined.
    assert_eq!(unsafe { libc::munmap(stack, size_bytes) }, 0);
    above.expect("the thread ran")
}

#[test]
fn stacks_above_the_threads_own_work() {
    let above = coroutines_lie_above_a_thread_near(256 * MIB);
    assert!(
        above || is_emulated(),
        "a stack at 256 MiB lies below every other mapping"
    );
}

#[test]
fn stacks_below_the_threads_own_work() {
    let maps = fs::read_to_string("/proc/self/maps").unwrap_or_default();
    let start = maps
        .lines()
        .find(|line| line.ends_with("[stack]"))
        .and_then(|line| line.split('-').next());
    // Between the main thread's stack and the other mappings the kernel leaves at least 128 MiB.
    let hint = start
        .and_then(|start| usize::from_str_radix(start, 16).ok())
        .map_or(0, |start| start - 64 * MIB);
    let above = coroutines_lie_above_a_thread_near(hint);
    assert!(
        !above || is_emulated() || hint == 0,
        "mappings go below the main thread's stack"
    );
}

/// The lowest address of this thread's stack, from the C library.
#[cfg(target_os = "linux")]
fn lowest_address() -> usize {
    let mut lowest = ptr::null_mut();
    let mut size_bytes = 0;
    // SAFETY: the attributes are filled in by the first call before the second reads them, and destroyed once.
    unsafe {
        let mut attributes: libc::pthread_attr_t = std::mem::zeroed();
        assert_eq!(
            libc::pthread_getattr_np(libc::pthread_self(), &mut attributes),
            0
        );
        assert_eq!(
            libc::pthread_attr_getstack(&attributes, &mut lowest, &mut size_bytes),
            0
        );
        libc::pthread_attr_destroy(&mut attributes);
    }
    lowest as usize
}

#[test]
#[cfg(target_os = "linux")]
fn remaining_stack_knows_the_bounds_of_the_threads_own_stack() {
    const SLACK_BYTES: usize = 64 * 1024;
    for size_bytes in [MIB / 2, 4 * MIB] {
        let thread = thread::Builder::new()
            .stack_size(size_bytes)
            .spawn(move || {
                let left = || remaining_stack_bytes().expect("the bounds of a thread's stack");
                let (start, truth) = (left(), here() - lowest_address());
                assert!(
                    start.abs_diff(truth) <= SLACK_BYTES,
                    "{start} where {truth} are left"
                );
                let used = start - at_depth(size_bytes / 2, &mut || left());
                assert!(
                    (size_bytes / 2..size_bytes / 2 + SLACK_BYTES).contains(&used),
                    "{used} used"
                );
            });
        thread.expect("a thread").join().expect("its checks hold");
    }
}
