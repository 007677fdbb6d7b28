//! A coroutine that is driven by hand, without a loop: the caller sends values, receives values, and closes a coroutine in the
//! middle.
//!
//! `cargo run --example tutorial_by_hand`

use selvedge::coroutine::Status;
use selvedge::{Coroutine, CoroutineState, Yielder};

/// Prints its name when it is dropped.
struct Local(&'static str);

impl Drop for Local {
    fn drop(&mut self) {
        println!("  {} is dropped", self.0);
    }
}

/// Receives numbers and suspends with their average so far; returns their count at a negative number.
fn average(yielder: &Yielder<f64, f64>, first: f64) -> u32 {
    let _local = Local("the coroutine's local variable");
    let (mut sum, mut n, mut next) = (0.0, 0, first);
    while next >= 0.0 {
        sum += next;
        n += 1;
        next = yielder.suspend(sum / f64::from(n));
    }
    n
}

fn main() {
    let mut coroutine = Coroutine::new(average);
    println!("created: {}", coroutine.status());
    // The first value starts the coroutine.
    for number in [10.0, 20.0, 60.0] {
        match coroutine.send(number) {
            CoroutineState::Yielded(average) => println!("sent {number}, got {average}"),
            CoroutineState::Complete(n) => println!("returned {n}"),
        }
    }
    println!("in the middle: {}", coroutine.status());

    println!("sent -1:");
    let end = coroutine.send(-1.0);
    assert_eq!(end, CoroutineState::Complete(3));
    println!("returned 3: {}", coroutine.status());
    let refused = coroutine.try_send(1.0).unwrap_err();
    println!(
        "another value is refused and handed back: {}",
        refused.value
    );

    // Closing a coroutine unwinds it from its suspension point.
    let mut another = Coroutine::new(average);
    another.send(5.0);
    println!("another coroutine is closed:");
    let returned = another.close().expect("it does not suspend again");
    assert_eq!((returned, another.status()), (None, Status::Done));
    println!("returned nothing: {}", another.status());
}
