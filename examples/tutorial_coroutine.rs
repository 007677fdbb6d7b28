//! A coroutine that an event loop runs is nothing but a function: it is on the thread that runs the
//! loop, in the same process, and only its stack is its own.
//!
//! `cargo run --example tutorial_coroutine`

use std::error::Error;
use std::process;
use std::thread::{self, ThreadId};

use selvedge::coroutine::remaining_stack;
use selvedge::task::current_task;
use selvedge::{Coroutine, EventLoop, Yielder};

/// Where this is called: on which thread, of which process.
fn place(who: &str) -> (ThreadId, u32) {
    let place = (thread::current().id(), process::id());
    println!("{who}: {:?} of process {}", place.0, place.1);
    place
}

fn main() -> Result<(), Box<dyn Error>> {
    let here = place("main");
    let event_loop = EventLoop::new()?;

    // A function becomes a task, and the loop runs until that is done.
    let there = event_loop.run_until_complete(|| {
        let task = current_task().expect("a task runs this");
        println!("{} begins", task.name());
        place("a task")
    })?;
    assert_eq!(there, here);

    // So does a coroutine, even one that was begun by hand: the loop goes on where that left off.
    let mut coroutine = Coroutine::new(|yielder: &Yielder<(), ()>, ()| {
        let before = place("a coroutine, resumed by hand");
        yielder.suspend(());
        assert_eq!(before, place("the same one, in the loop"));
        remaining_stack()
    });
    coroutine.resume().unwrap_yielded();
    let room = event_loop.run_until_complete(coroutine)?;
    println!("which had {room:?} bytes of its own stack left");

    event_loop.close()?;
    Ok(())
}
