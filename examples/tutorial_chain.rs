//! A chain of tasks, each of which waits for the next. A task joins another to get its result, and the loop runs other tasks
//! meanwhile. A failure at the far end returns through all joins.
//!
//! `cargo run --example tutorial_chain`

use std::num::ParseIntError;
use std::time::Duration;

use selvedge::{TaskError, sleep, spawn, spawn_fallible};

/// Each link waits for the next one; the last measures the text.
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

/// The far end, which takes 10 ms.
fn measure(text: &str) -> Result<u32, ParseIntError> {
    sleep(Duration::from_millis(10));
    text.parse()
}

fn main() {
    selvedge::run(|| {
        let length = spawn(|| link(1, "38")).join().expect("nothing panics");
        println!("the first returns {length:?}\n");
        assert_eq!(length.expect("38 is a number"), 42);

        let failure = link(1, "weft").expect_err("weft is not a number");
        println!("this time it is an error: {failure}");
        assert!(failure.to_string().contains("invalid digit"));
    });
}
