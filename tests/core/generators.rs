//! Generators and coroutines as iterators: which items they yield, when they end, and that they stay ended.

use std::iter::FusedIterator;
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};

use selvedge::coroutine::Status;
use selvedge::{Coroutine, Generator, Yielder};

use crate::support::{Counted, Log, Payload, address, caught, events, hook_calls, live, text};

fn countdown(from: u32) -> Generator<u32> {
    Generator::new(move |yielder: &Yielder<(), u32>| {
        for value in (1..=from).rev() {
            yielder.suspend(value);
        }
    })
}

#[test]
fn a_generator_yields_the_values_that_its_body_suspends_with() {
    assert_eq!(countdown(4).collect::<Vec<_>>(), [4, 3, 2, 1]);
    assert_eq!(countdown(0).next(), None);
}

#[test]
fn a_generator_is_lazy() {
    let log = Log::default();
    let inside = log.clone();
    let mut generator = Generator::new(move |yielder: &Yielder<(), u8>| {
        inside.push("one");
        yielder.suspend(1);
        inside.push("two");
        yielder.suspend(2);
    });
    assert!(log.take().is_empty());
    assert_eq!(generator.next(), Some(1));
    assert_eq!(log.take(), ["one"]);
    drop(generator);
    assert!(log.take().is_empty());
}

#[test]
fn a_finished_generator_stays_finished() {
    fn fused<I: FusedIterator>(items: I) -> I {
        items
    }
    let mut generator = fused(countdown(1));
    assert_eq!(generator.next(), Some(1));
    for _ in 0..5 {
        assert_eq!(generator.next(), None);
    }
}

#[test]
fn generators_compose_with_the_adapters_of_iterators() {
    let mut numbers = countdown(10);
    let firsts: Vec<u32> = numbers.by_ref().filter(|n| n % 2 == 0).take(2).collect();
    assert_eq!(firsts, [10, 8]);
    assert_eq!(numbers.zip(countdown(3)).last(), Some((5, 1)));
    assert_eq!(countdown(4).chain(countdown(2)).sum::<u32>(), 13);
}

#[test]
fn the_size_hint_bounds_the_remaining_items() {
    let mut generator = countdown(3);
    loop {
        let (lower, upper) = generator.size_hint();
        let left = generator.by_ref().take(1).count();
        assert!(
            lower <= left && upper.is_none_or(|upper| upper >= left),
            "({lower}, {upper:?}) before {left} more"
        );
        if left == 0 {
            break;
        }
    }
}

#[test]
fn a_coroutine_without_input_and_result_iterates() {
    let coroutine = Coroutine::new(|yielder: &Yielder<(), &'static str>, ()| {
        for word in ["warp", "weft"] {
            yielder.suspend(word);
        }
    });
    let mut seen = Vec::new();
    for word in coroutine {
        seen.push(word);
    }
    assert_eq!(seen, ["warp", "weft"]);
}

#[test]
fn a_coroutine_already_resumed_goes_on_as_an_iterator() {
    let mut coroutine = Coroutine::new(|yielder: &Yielder<(), u32>, ()| {
        for value in 0..4 {
            yielder.suspend(value);
        }
    });
    assert_eq!(coroutine.resume().unwrap_yielded(), 0);
    let generator = Generator::from(coroutine);
    assert_eq!(generator.status(), Status::Suspended);
    assert_eq!(generator.collect::<Vec<_>>(), [1, 2, 3]);
}

#[test]
fn a_finished_coroutine_is_an_empty_iterator() {
    let mut coroutine = Coroutine::new(|_: &Yielder<(), u32>, ()| ());
    coroutine.resume();
    assert_eq!(coroutine.into_iter().next(), None);
}

#[test]
fn a_generator_shows_its_name_and_status() {
    let coroutine = Coroutine::builder()
        .name("loom")
        .build(|yielder: &Yielder<(), u8>, ()| yielder.suspend(1))
        .expect("a stack");
    let mut generator = coroutine.into_iter();
    for status in [Status::Unstarted, Status::Suspended, Status::Done] {
        assert_eq!(
            (generator.name(), generator.status()),
            (Some("loom"), status)
        );
        let shown = format!("{generator:?}");
        for part in ["loom", &format!("{status:?}"), "generators.rs"] {
            assert!(shown.contains(part), "{part} is not in {shown}");
        }
        generator.next();
    }
    assert_eq!(countdown(1).name(), None);
}

#[test]
fn dropping_a_generator_in_the_middle_closes_it() {
    let log = Log::default();
    let inside = log.clone();
    let mut generator = Generator::new(move |yielder: &Yielder<(), Counted>| {
        let _guard = inside.guard("closed");
        for id in 0.. {
            yielder.suspend(Counted::new(id));
        }
    });
    assert_eq!(
        generator.by_ref().take(3).map(|value| value.0).sum::<u32>(),
        3
    );
    drop(generator);
    assert_eq!((log.take(), live()), (events(["closed"]), 0));
}

#[test]
fn closing_a_generator_ends_it() {
    let mut generator = countdown(5);
    generator.next();
    generator.close().expect("it unwinds");
    assert_eq!((generator.status(), generator.next()), (Status::Done, None));
    generator.close().expect("nothing to do");
    let mut unstarted = countdown(5);
    unstarted.close().expect("nothing to unwind");
    assert_eq!((unstarted.status(), unstarted.next()), (Status::Done, None));
}

#[test]
fn a_generator_that_ignores_its_close_returns_the_item() {
    let mut generator = Generator::new(|yielder: &Yielder<(), u8>| {
        assert!(yielder.suspend_catching(1).is_err());
        yielder.suspend(2);
        yielder.suspend(3);
    });
    assert_eq!(generator.next(), Some(1));
    assert_eq!(
        generator.close().expect_err("it suspends").into_value(),
        Some(2)
    );
    assert_eq!((generator.next(), generator.next()), (Some(3), None));
}

#[test]
fn a_throw_into_a_generator_returns_its_next_item_or_its_end() {
    let mut generator = Generator::new(|yielder: &Yielder<(), u8>| {
        assert!(catch_unwind(AssertUnwindSafe(|| yielder.suspend(1))).is_err());
        assert!(catch_unwind(AssertUnwindSafe(|| yielder.suspend(2))).is_err());
    });
    assert_eq!(generator.next(), Some(1));
    assert_eq!(generator.throw(Box::new("first")), Some(2));
    assert_eq!(generator.throw(Box::new("second")), None);
    let payload: Payload = Box::new("third");
    let sent = address(&payload);
    assert_eq!(address(&caught(|| generator.throw(payload))), sent);
}

#[test]
fn a_panic_surfaces_at_next_and_ends_the_iteration() {
    let mut generator = Generator::new(|yielder: &Yielder<(), u8>| {
        yielder.suspend(1);
        panic_any("in the middle");
    });
    assert_eq!(generator.next(), Some(1));
    let calls = hook_calls(|| assert_eq!(text(&caught(|| generator.next())), "in the middle"));
    assert_eq!(
        (calls, generator.status(), generator.next()),
        (1, Status::Done, None)
    );
}

#[test]
fn generators_nest_and_walk_a_tree_in_order() {
    enum Tree {
        Leaf,
        Node(Box<Tree>, u32, Box<Tree>),
    }
    fn full(low: u32, high: u32) -> Tree {
        if low == high {
            return Tree::Leaf;
        }
        let middle = low + (high - low) / 2;
        Tree::Node(
            Box::new(full(low, middle)),
            middle,
            Box::new(full(middle + 1, high)),
        )
    }
    fn walk(tree: Tree) -> Generator<u32> {
        Generator::new(move |yielder: &Yielder<(), u32>| {
            if let Tree::Node(left, value, right) = tree {
                yielder.yield_from(walk(*left));
                yielder.suspend(value);
                yielder.yield_from(walk(*right));
            }
        })
    }
    let values: Vec<u32> = walk(full(0, 100)).collect();
    assert_eq!(values, (0..100).collect::<Vec<_>>());
    assert!(walk(full(0, 1_000)).take(30).eq(0..30));
}
