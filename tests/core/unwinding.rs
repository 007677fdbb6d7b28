//! A backtrace goes on across switches: from the root of a coroutine's stack, or of a call on
//! another stack, into the frames that entered it, so that debuggers and profilers see all frames.

use std::cell::RefCell;
use std::hint::black_box;
use std::rc::Rc;

use backtrace::Backtrace;
use selvedge::coroutine::on_stack;
use selvedge::{Coroutine, Yielder};

type Names = Vec<String>;

/// The names of the functions that are running, the innermost first.
#[inline(never)]
fn names() -> Names {
    let backtrace = Backtrace::new();
    let symbols = backtrace.frames().iter().flat_map(|frame| frame.symbols());
    let names = symbols.filter_map(|symbol| symbol.name());
    names.map(|name| format!("{name:#}")).collect()
}

/// The index of a function of this module among the names.
fn place(names: &[String], function: &str) -> Option<usize> {
    let path = format!("{}::{function}", module_path!());
    names.iter().position(|name| *name == path)
}

/// Panics unless the functions of this module are among the names, in this order.
#[track_caller]
fn assert_in_order(names: &[String], functions: &[&str]) {
    let places: Vec<_> = functions
        .iter()
        .map(|function| place(names, function))
        .collect();
    assert!(
        places.iter().all(Option::is_some) && places.is_sorted(),
        "{functions:?} are at {places:?} in {names:#?}"
    );
}

// `black_box` keeps the calls from becoming jumps, which leave no frame behind.

#[inline(never)]
fn leaf() -> Names {
    black_box(names())
}

#[inline(never)]
fn inner_body(yielder: &Yielder<(), Names>) {
    let names = black_box(leaf());
    yielder.suspend(names);
}

#[inline(never)]
fn inner_resumer() -> Names {
    let mut inner = Coroutine::new(|yielder: &Yielder<(), Names>, ()| inner_body(yielder));
    black_box(inner.resume().unwrap_yielded())
}

#[inline(never)]
fn called() -> Names {
    black_box(inner_resumer())
}

#[inline(never)]
fn caller() -> Names {
    black_box(on_stack(256 * 1024, called))
}

#[inline(never)]
fn outer_body(yielder: &Yielder<(), Names>) {
    let names = black_box(caller());
    yielder.suspend(names);
}

#[inline(never)]
fn outer_resumer() -> Names {
    let mut outer = Coroutine::new(|yielder: &Yielder<(), Names>, ()| outer_body(yielder));
    black_box(outer.resume().unwrap_yielded())
}

#[test]
fn a_backtrace_spans_nested_coroutines_and_another_stack() {
    let names = outer_resumer();
    let expected = [
        "leaf",
        "inner_body",
        "inner_resumer",
        "called",
        "caller",
        "outer_body",
        "outer_resumer",
    ];
    assert_in_order(&names, &expected);
}

#[inline(never)]
fn first_resumer(coroutine: &mut Coroutine<(), Names, ()>) -> Names {
    black_box(coroutine.resume().unwrap_yielded())
}

#[inline(never)]
fn second_resumer(coroutine: &mut Coroutine<(), Names, ()>) -> Names {
    black_box(coroutine.resume().unwrap_yielded())
}

#[test]
fn a_backtrace_goes_on_into_the_last_resumer() {
    let mut coroutine = Coroutine::new(|yielder: &Yielder<(), Names>, ()| {
        inner_body(yielder);
        inner_body(yielder);
    });
    let first = first_resumer(&mut coroutine);
    assert_in_order(&first, &["leaf", "inner_body", "first_resumer"]);
    assert_eq!(place(&first, "second_resumer"), None);

    let second = second_resumer(&mut coroutine);
    assert_in_order(&second, &["leaf", "inner_body", "second_resumer"]);
    assert_eq!(place(&second, "first_resumer"), None);
}

/// Records the names of the running functions when it is dropped.
struct Witness(Rc<RefCell<Names>>);

impl Drop for Witness {
    fn drop(&mut self) {
        *self.0.borrow_mut() = leaf();
    }
}

#[inline(never)]
fn witnessed_body(yielder: &Yielder<(), ()>, seen: Rc<RefCell<Names>>) {
    let _witness = Witness(seen);
    yielder.suspend(());
    black_box(());
}

#[inline(never)]
fn closer(coroutine: &mut Coroutine<(), (), ()>) {
    black_box(coroutine.close()).expect("it ends");
}

#[test]
fn a_destructor_that_a_close_runs_sees_the_body_and_the_closer() {
    let seen = Rc::new(RefCell::default());
    let shared = Rc::clone(&seen);
    let mut coroutine = Coroutine::new(move |yielder: &Yielder<(), ()>, ()| {
        witnessed_body(yielder, shared);
    });
    coroutine.resume();
    closer(&mut coroutine);
    assert_in_order(&seen.borrow(), &["leaf", "witnessed_body", "closer"]);
}
