//! The forms that the docs promise to compile, with the annotations that they need. Most of these tests only have to
//! compile.

use std::panic::Location;

use selvedge::coroutine::scope;
use selvedge::{Coroutine, CoroutineState, Generator, Yielder};

#[test]
fn annotated_closure_parameters_are_enough() {
    let mut coroutine = Coroutine::new(|yielder: &Yielder<u32, String>, first: u32| {
        let second = yielder.suspend(first.to_string());
        first + second
    });
    assert_eq!(coroutine.send(1), CoroutineState::Yielded("1".to_owned()));
    assert_eq!(coroutine.send(2), CoroutineState::Complete(3));
}

#[test]
fn an_annotated_yielder_is_enough() {
    let mut coroutine =
        Coroutine::new(|yielder: &Yielder<u32, u32>, first| yielder.suspend(first + 1));
    assert_eq!(coroutine.send(1), CoroutineState::Yielded(2));
    assert_eq!(coroutine.send(7), CoroutineState::Complete(7));
}

#[test]
fn an_annotated_binding_is_enough() {
    let mut coroutine: Coroutine<u32, u32, ()> = Coroutine::new(|yielder, first| {
        yielder.suspend(first);
    });
    assert_eq!(coroutine.send(1), CoroutineState::Yielded(1));
}

#[test]
fn turbofish_on_the_type_is_enough() {
    let mut coroutine = Coroutine::<(), u8, &'static str>::new(|yielder, ()| {
        yielder.suspend(1);
        "end"
    });
    assert_eq!(coroutine.resume(), CoroutineState::Yielded(1));
    assert_eq!(coroutine.resume(), CoroutineState::Complete("end"));
}

#[test]
fn the_builder_infers_from_the_body() {
    let built = Coroutine::builder()
        .stack_size_bytes(64 * 1024)
        .name("inferred")
        .build(|yielder: &Yielder<i8, i8>, first| {
            yielder.suspend(-first);
        });
    let mut coroutine = built.expect("a stack");
    assert_eq!(coroutine.send(3), CoroutineState::Yielded(-3));
    let plain: std::io::Result<Coroutine<(), (), u8>> = Coroutine::builder().build(|_, ()| 4);
    assert_eq!(
        plain.expect("a stack").resume(),
        CoroutineState::Complete(4)
    );
}

#[test]
fn an_endless_body_is_a_coroutine_that_returns_nothing() {
    let naturals: Coroutine<(), u64, ()> = Coroutine::new(|yielder: &Yielder<(), u64>, ()| {
        let mut next = 0;
        loop {
            yielder.suspend(next);
            next += 1;
        }
    });
    assert!(naturals.into_iter().take(4).eq(0..4));
}

#[test]
fn a_generator_infers_from_its_yielder_or_its_binding() {
    let annotated = Generator::new(|yielder: &Yielder<(), u8>| yielder.suspend(1));
    let bound: Generator<u8> = Generator::new(|yielder| yielder.yield_from([2, 3]));
    assert!(annotated.chain(bound).eq([1, 2, 3]));
}

#[test]
fn functions_serve_as_bodies() {
    fn body(yielder: &Yielder<u8, u8>, first: u8) -> u8 {
        yielder.suspend(first)
    }
    let mut coroutine = Coroutine::new(body);
    assert_eq!(coroutine.send(1), CoroutineState::Yielded(1));
    assert_eq!(coroutine.send(2), CoroutineState::Complete(2));
}

#[test]
fn boxed_bodies_give_one_type_to_many() {
    type Body = Box<dyn FnOnce(&Yielder<(), u8>, ())>;
    let bodies: Vec<Body> = vec![
        Box::new(|yielder, ()| yielder.suspend(1)),
        Box::new(|_, ()| ()),
    ];
    let items: Vec<u8> = bodies
        .into_iter()
        .flat_map(Coroutine::<(), u8, ()>::new)
        .collect();
    assert_eq!(items, [1]);
}

#[test]
fn coroutines_live_in_structs_without_naming_their_bodies() {
    struct Machine {
        inner: Coroutine<u8, u8, ()>,
        made_at: &'static Location<'static>,
    }
    let inner = Coroutine::new(|yielder: &Yielder<u8, u8>, mut value| {
        loop {
            value = yielder.suspend(value);
        }
    });
    let mut machine = Machine {
        made_at: inner.created_at(),
        inner,
    };
    assert_eq!(machine.inner.send(4), CoroutineState::Yielded(4));
    assert!(machine.made_at.file().ends_with("inference.rs"));
}

#[test]
fn scoped_bodies_infer_like_the_others() {
    let text = String::from("borrowed");
    let length = scope(|s| {
        let mut words = s.generator(|yielder: &Yielder<(), char>| {
            for letter in text.chars() {
                yielder.suspend(letter);
            }
        });
        assert_eq!(words.next(), Some('b'));
        let mut coroutine =
            s.coroutine(|yielder: &Yielder<usize, &str>, first| first + yielder.suspend(&text));
        assert_eq!(coroutine.send(1), CoroutineState::Yielded("borrowed"));
        coroutine.send(2).unwrap_complete()
    });
    assert_eq!((length, text.len()), (3, 8));
}

#[test]
fn handles_infer_in_boxes_and_options() {
    let mut slot: Option<Box<Coroutine<(), (), u8>>> = Some(Box::new(Coroutine::new(|_, ()| 1)));
    assert_eq!(
        slot.as_mut().map(|coroutine| coroutine.resume()),
        Some(CoroutineState::Complete(1))
    );
}
