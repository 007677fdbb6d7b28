//! A promise is a result that is set later. Here a task sets it while the loop runs for ever, and a done callback stops the loop.
//!
//! `cargo run --example tutorial_promise`

use std::cell::Cell;
use std::error::Error;
use std::rc::Rc;
use std::time::Duration;

use selvedge::{EventLoop, sleep};

fn main() -> Result<(), Box<dyn Error>> {
    let event_loop = EventLoop::new()?;
    let promise = event_loop.create_promise::<String>();
    let is_called = Rc::new(Cell::new(false));

    // `detach` drops the task's handle; the task goes on.
    let setter = promise.clone();
    let slow = event_loop.create_task(move || {
        println!("the task works");
        sleep(Duration::from_millis(20));
        let refused = setter.set_result("42 pages".to_owned());
        refused.expect("the promise is set once");
        println!("the task has set the result");
    });
    slow.detach();

    let (local, flag) = (event_loop.local(), Rc::clone(&is_called));
    promise.add_done_callback(move |promise| {
        println!("the callback sees {:?}", promise.result());
        flag.set(true);
        local.stop().expect("the loop that calls this is open");
    });

    println!("{promise:?}");
    event_loop.run_forever()?;
    println!("{promise:?}");

    assert!(is_called.get());
    assert_eq!(promise.result()?, "42 pages");
    // A second result is refused and handed back.
    assert!(promise.set_result("too late".to_owned()).is_err());
    event_loop.close()?;
    Ok(())
}
