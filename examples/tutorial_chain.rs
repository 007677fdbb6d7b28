//! A chain of coroutines, each of which waits for the next. Where one needs another's result it
//! joins it, and the loop runs whoever can go on; a failure at the far end comes back the same way.
//!
//! `cargo run --example tutorial_chain`

use std::num::ParseIntError;
use std::time::Duration;

use selvedge::{TaskError, sleep, spawn, spawn_fallible};

/// Each link waits for the one behind it; the last has the text.
fn link(n: u32, text: &'static str) -> Result<u32, TaskError> {
    println!("{:>1$} waits for the next", n, n as usize * 2);
    let length = if n < 4 {
        spawn_fallible(move || link(n + 1, text)).join()?
    } else {
        spawn_fallible(move || measure(text)).join()?
    };
    println!("{:>1$} got {length}", n, n as usize * 2);
    Ok(length + 1)
}

/// The far end, which takes a while.
fn measure(text: &str) -> Result<u32, ParseIntError> {
    sleep(Duration::from_millis(10));
    text.parse()
}

fn main() {
    selvedge::run(|| {
        let length = spawn(|| link(1, "38")).join().expect("nothing panics");
        println!("the first returns {length:?}\n");
        assert_eq!(length.expect("38 is a number"), 42);

        let failure = link(1, "weft").expect_err("that is no number");
        println!("this time it is an error: {failure}");
        assert!(failure.to_string().contains("invalid digit"));
    });
}
