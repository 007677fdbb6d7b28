//! A backtrace across a switch: captured inside a coroutine, it goes on past the root of the coroutine's stack into the function
//! that resumed the coroutine. Debuggers and profilers see the same.
//!
//! `cargo run --example backtrace`

use std::hint::black_box;

use backtrace::Backtrace;
use selvedge::{Coroutine, Yielder};

/// The functions that the backtrace must name in this order, innermost first.
const EXPECTED: [&str; 3] = ["capture", "body", "resumer"];

/// The names of the running functions, innermost first.
#[inline(never)]
fn capture() -> Vec<String> {
    let backtrace = Backtrace::new();
    let symbols = backtrace.frames().iter().flat_map(|frame| frame.symbols());
    let names = symbols.filter_map(|symbol| symbol.name());
    names.map(|name| format!("{name:#}")).collect()
}

// `black_box` prevents tail calls, which leave no frame.

#[inline(never)]
fn body(yielder: &Yielder<(), Vec<String>>) {
    let names = black_box(capture());
    yielder.suspend(names);
}

#[inline(never)]
fn resumer() -> Vec<String> {
    let mut coroutine = Coroutine::new(|yielder, ()| body(yielder));
    black_box(coroutine.resume().unwrap_yielded())
}

fn main() {
    let names = resumer();
    let mut expected = EXPECTED
        .map(|name| format!("backtrace::{name}"))
        .into_iter()
        .peekable();
    for name in &names {
        let mark = expected.next_if_eq(name).map_or("", |_| "  <--");
        println!("{name}{mark}");
    }
    assert_eq!(
        expected.next(),
        None,
        "every function is in the backtrace, in order"
    );
}
