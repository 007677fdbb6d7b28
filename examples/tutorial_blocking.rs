//! One task stalls all others: `std::thread::sleep` blocks the thread, and with it the loop. In debug mode the loop reports that
//! task. selvedge's own `sleep` lets the others run meanwhile.
//!
//! `cargo run --example tutorial_blocking`

use std::cell::RefCell;
use std::rc::Rc;
use std::thread;
use std::time::{Duration, Instant};

use selvedge::event_loop::current_loop;
use selvedge::{EventLoop, sleep, spawn_named};

const NAP: Duration = Duration::from_millis(80);
const TICK: Duration = Duration::from_millis(5);

/// Runs a task that naps beside a task that ticks every 5 ms. Returns the debug mode's reports, and the longest time between two
/// ticks.
fn with_napper(nap: fn(Duration)) -> (Vec<String>, Duration) {
    let reports = Rc::new(RefCell::new(Vec::new()));
    let builder = EventLoop::builder().debug(true);
    let longest = builder.slow_callback_duration(NAP / 2).run(|| {
        let (event_loop, heard) = (current_loop().expect("it runs this"), reports.clone());
        // Without this handler the report goes to standard error.
        let handler = event_loop.set_exception_handler(move |context| {
            heard.borrow_mut().push(context.to_string());
        });
        handler.expect("the loop is open");

        let napper = spawn_named("the napper", move || nap(NAP));
        let (mut longest, mut last) = (Duration::ZERO, Instant::now());
        while !napper.is_done() {
            sleep(TICK);
            longest = longest.max(last.elapsed());
            last = Instant::now();
        }
        longest
    });
    (reports.take(), longest)
}

fn main() {
    let (reports, longest) = with_napper(thread::sleep);
    println!("std::thread::sleep: the other task waited for {longest:.0?}, and the loop reports:");
    println!("  {}", reports.join("\n").replace('\n', "\n  "));
    assert!(longest >= NAP);
    assert!(reports.iter().any(|report| report.contains("the napper")));

    let (reports, longest) = with_napper(sleep);
    println!("selvedge::sleep: the other task waited for {longest:.0?} at most");
    // On a busy machine other callbacks may be slow, but not the napper.
    assert!(!reports.iter().any(|report| report.contains("the napper")));
}
