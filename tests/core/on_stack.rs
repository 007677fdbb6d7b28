//! `on_stack` runs a closure at once on a fresh guarded stack, and nothing else is different for the closure.

use std::cell::Cell;
use std::panic::{panic_any, resume_unwind};

use selvedge::coroutine::{on_stack, remaining_stack_bytes, scope};
use selvedge::stack::pool_stats;
use selvedge::{Coroutine, CoroutineState, Yielder};

use crate::support::{
    Counted, Log, OnDrop, Payload, address, at_depth, caught, hook_calls, live, scaled, sentence,
    text,
};

const KIB: usize = 1024;

fn left() -> usize {
    remaining_stack_bytes().expect("this stack's bounds are known")
}

#[test]
fn the_closure_runs_at_once_and_its_value_is_returned() {
    let mut count = 0;
    let owned = String::from("moved in");
    let back = on_stack(64 * KIB, || {
        count += 1;
        owned + " and out"
    });
    assert_eq!((count, back.as_str()), (1, "moved in and out"));
}

#[test]
fn values_of_any_size_and_alignment_are_returned_intact() {
    #[repr(align(128))]
    #[derive(PartialEq, Debug)]
    struct Page([u8; 4096]);
    let page = on_stack(64 * KIB, || Page(std::array::from_fn(|index| index as u8)));
    assert!(
        page.0
            .iter()
            .enumerate()
            .all(|(index, &byte)| byte == index as u8)
    );
    assert_eq!(
        std::hint::black_box(std::ptr::from_ref(&page) as usize) % 128,
        0
    );
    on_stack(64 * KIB, || ());
    let counted = on_stack(64 * KIB, || Counted::new(1));
    assert_eq!(live(), 1);
    drop(counted);
    assert_eq!(live(), 0);
}

#[test]
fn the_closure_runs_on_another_stack_of_the_requested_size() {
    let outside = left();
    for size in [16 * KIB, 100_000, 1024 * KIB] {
        let inside = on_stack(size, left);
        assert!(
            (size.saturating_sub(16 * KIB)..size + 64 * KIB).contains(&inside),
            "{inside} of {size}"
        );
    }
    assert!(outside.abs_diff(left()) <= 16 * KIB);
}

#[test]
fn a_panic_passes_as_the_same_box_and_calls_the_hook_once() {
    let payload: Payload = Box::new("carried");
    let sent = address(&payload);
    let mut back = None;
    let calls =
        hook_calls(|| back = Some(caught(|| on_stack(64 * KIB, || resume_unwind(payload)))));
    assert_eq!((back.as_ref().map(address), calls), (Some(sent), 0));
    let calls = hook_calls(|| {
        assert_eq!(
            text(&caught(|| on_stack(64 * KIB, || panic_any("afresh")))),
            "afresh"
        );
    });
    assert_eq!(calls, 1);
}

#[test]
fn a_panic_drops_the_locals_on_the_way() {
    let log = Log::default();
    caught(|| {
        let _outside = log.guard("outside");
        on_stack(64 * KIB, || {
            let _inside = log.guard("inside");
            panic!("through the stack change");
        })
    });
    assert_eq!(log.take(), ["inside", "outside"]);
    assert!(!std::thread::panicking());
}

#[test]
fn stacks_nest_and_a_panic_passes_all_of_them() {
    fn nest(depth: usize, bottom: &dyn Fn()) -> usize {
        let _local = Counted::new(0);
        if depth == 0 {
            bottom();
            return 0;
        }
        on_stack(32 * KIB, || nest(depth - 1, bottom)) + 1
    }
    assert_eq!((nest(50, &|| assert_eq!(live(), 51)), live()), (50, 0));
    let calls = hook_calls(|| {
        assert_eq!(
            text(&caught(|| nest(50, &|| panic!("from below")))),
            "from below"
        )
    });
    assert_eq!((calls, live()), (1, 0));
}

#[test]
fn a_recursion_too_deep_for_the_threads_stack_fits() {
    let megabytes = scaled(60, 20);
    let deepest = on_stack(64 * KIB * KIB, || {
        at_depth(megabytes * KIB * KIB, &mut left)
    });
    assert!(deepest < (65 - megabytes) * KIB * KIB, "{deepest} left");
}

#[test]
fn the_stack_returns_to_the_pool_after_a_return_or_a_panic() {
    let before = pool_stats().n_live;
    on_stack(64 * KIB, || assert_eq!(pool_stats().n_live, before + 1));
    assert_eq!(pool_stats().n_live, before);
    caught(|| on_stack(64 * KIB, || panic!("not kept")));
    assert_eq!(pool_stats().n_live, before);
}

#[test]
fn the_closure_runs_on_the_same_thread() {
    thread_local! {
        static MARK: Cell<u32> = const { Cell::new(0) };
    }
    let id = std::thread::current().id();
    MARK.set(1);
    on_stack(64 * KIB, || {
        assert_eq!((std::thread::current().id(), MARK.get()), (id, 1));
        MARK.set(2);
    });
    assert_eq!(MARK.get(), 2);
}

#[test]
fn coroutines_run_on_another_stack_and_outlive_it() {
    let mut coroutine = on_stack(64 * KIB, || {
        let mut coroutine = Coroutine::new(|yielder: &Yielder<u8, u8>, first: u8| {
            let local = Counted::new(u32::from(first));
            let second = yielder.suspend(first + 1);
            local.0 as u8 + second
        });
        assert_eq!(coroutine.send(1), CoroutineState::Yielded(2));
        coroutine
    });
    assert_eq!(coroutine.send(4), CoroutineState::Complete(5));
}

#[test]
fn on_stack_works_inside_a_coroutine() {
    let mut coroutine = Coroutine::new(|yielder: &Yielder<(), usize>, ()| {
        for _ in 0..3 {
            let depth = on_stack(1024 * KIB, || at_depth(800 * KIB, &mut left));
            yielder.suspend(depth);
        }
    });
    for _ in 0..3 {
        assert!(coroutine.resume().unwrap_yielded() < 256 * KIB);
    }
    assert_eq!(coroutine.resume(), CoroutineState::Complete(()));
}

#[test]
fn scopes_and_stack_changes_may_nest_either_way() {
    let mut sum = 0;
    scope(|s| {
        let mut child = s.generator(|yielder: &Yielder<(), u32>| yielder.yield_from([1, 2, 3]));
        on_stack(64 * KIB, || sum += child.by_ref().take(2).sum::<u32>());
        sum += child.sum::<u32>();
    });
    let inner = on_stack(64 * KIB, || {
        scope(|s| {
            s.generator(|yielder: &Yielder<(), u32>| yielder.yield_from([10, 20]))
                .sum::<u32>()
        })
    });
    assert_eq!((sum, inner), (6, 30));
}

#[test]
fn a_coroutine_can_be_closed_from_another_stack() {
    let log = Log::default();
    let inside = log.clone();
    let mut coroutine = Coroutine::new(move |yielder: &Yielder<(), ()>, ()| {
        let _guard = inside.guard("closed");
        yielder.suspend(());
    });
    coroutine.resume();
    on_stack(64 * KIB, move || drop(coroutine));
    assert_eq!(log.take(), ["closed"]);
}

#[test]
fn on_stack_works_in_a_destructor_during_an_unwind() {
    let ran = Cell::new(false);
    let payload = caught(|| {
        let _guard = OnDrop(|| ran.set(on_stack(64 * KIB, std::thread::panicking)));
        panic!("around it");
    });
    assert_eq!((text(&payload), ran.get()), ("around it", true));
}

#[test]
fn invalid_sizes_panic_and_drop_the_closure_without_a_call() {
    for size in [0, usize::MAX, isize::MAX as usize, usize::MAX / 16] {
        let capture = Counted::new(1);
        let mut ran = false;
        sentence(|| {
            on_stack(size, || {
                ran = true;
                drop(capture);
            })
        });
        assert_eq!((ran, live()), (false, 0));
    }
    assert_eq!(on_stack(64 * KIB, || 5), 5);
}

#[test]
fn a_small_size_is_rounded_up_to_the_minimum() {
    assert!(on_stack(1, left) > 4 * KIB);
}

/// Memcheck took the frames of the call for freed memory: this test is for the runs under Valgrind.
#[test]
fn a_coroutine_may_use_the_stack_of_an_earlier_call() {
    let size = 64 * KIB;
    on_stack(size, || ());
    let builder = Coroutine::builder().stack_size_bytes(size);
    let built = builder.build(|yielder: &Yielder<(), u8>, ()| yielder.suspend(1));
    let mut coroutine = built.expect("a stack");
    assert_eq!(coroutine.resume(), CoroutineState::Yielded(1));
    assert_eq!(coroutine.resume(), CoroutineState::Complete(()));
}
