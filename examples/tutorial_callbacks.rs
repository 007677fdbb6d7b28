//! Callbacks: `call_soon` for the next iteration of the loop, `call_later` after a duration, `call_at` at a time on the loop's
//! clock. Each returns a handle, by which the callback can be cancelled.
//!
//! `cargo run --example tutorial_callbacks`

use std::cell::RefCell;
use std::error::Error;
use std::rc::Rc;
use std::time::Duration;

use selvedge::EventLoop;
use selvedge::event_loop::current_loop;

fn main() -> Result<(), Box<dyn Error>> {
    let event_loop = EventLoop::new()?;
    let order = Rc::new(RefCell::new(Vec::new()));
    let say = |text: &'static str| {
        let order = Rc::clone(&order);
        move || {
            let event_loop = current_loop().expect("a loop calls this");
            let elapsed = event_loop.elapsed().expect("which is open");
            println!("{:>3} ms: {text}", elapsed.as_millis());
            order.borrow_mut().push(text);
        }
    };

    let now = event_loop.time();
    event_loop.call_at(now + Duration::from_millis(30), say("call_at, in 30 ms"));
    event_loop.call_later(Duration::from_millis(20), say("call_later, in 20 ms"));
    event_loop.call_later(Duration::from_millis(10), say("call_later, in 10 ms"));
    event_loop.call_soon(say("call_soon"));
    event_loop.call_soon(say("call_soon, the second"));

    let unwanted = event_loop.call_later(Duration::from_millis(15), say("never"));
    unwanted.cancel();
    assert!(unwanted.is_cancelled());

    // The last callback stops the loop.
    let local = event_loop.local();
    let stop = move || local.stop().expect("the loop is open");
    let stopping = event_loop.call_at(now + Duration::from_millis(40), stop);
    println!("the loop runs for {:?}", stopping.when() - now);
    event_loop.run_forever()?;

    let expected = [
        "call_soon",
        "call_soon, the second",
        "call_later, in 10 ms",
        "call_later, in 20 ms",
        "call_at, in 30 ms",
    ];
    assert_eq!(*order.borrow(), expected);
    Ok(())
}
