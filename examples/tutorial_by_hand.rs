//! A coroutine that is driven by hand, without a loop: values are sent to it, it hands values out, and it
//! is closed before it is done.
//!
//! `cargo run --example tutorial_by_hand`

use selvedge::coroutine::Status;
use selvedge::{Coroutine, CoroutineState, Yielder};

/// Says so when it goes.
struct Held(&'static str);

impl Drop for Held {
    fn drop(&mut self) {
        println!("  {} is dropped", self.0);
    }
}

/// Takes numbers and hands out the average of those that it has seen; ends with a negative one.
fn average(yielder: &Yielder<f64, f64>, first: f64) -> u32 {
    let _held = Held("what the coroutine holds");
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
    println!("made: {}", coroutine.status());
    // The first value that is sent begins it.
    for number in [10.0, 20.0, 60.0] {
        match coroutine.send(number) {
            CoroutineState::Yielded(average) => println!("sent {number}, got {average}"),
            CoroutineState::Complete(n) => println!("it has returned {n}"),
        }
    }
    println!("in the middle of it: {}", coroutine.status());

    println!("sent -1:");
    let end = coroutine.send(-1.0);
    assert_eq!(end, CoroutineState::Complete(3));
    println!("it has returned 3: {}", coroutine.status());
    let refused = coroutine.try_send(1.0).unwrap_err();
    println!("sending more hands it back: {}", refused.value);

    // Closing one unwinds it from where it is suspended.
    let mut another = Coroutine::new(average);
    another.send(5.0);
    println!("another one is closed:");
    let returned = another.close().expect("it does not suspend again");
    assert_eq!((returned, another.status()), (None, Status::Done));
    println!("it has returned nothing: {}", another.status());
}
