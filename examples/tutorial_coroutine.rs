//! A task is a function that the event loop runs, on the loop's thread and in the same process, but on a stack of its own.
//!
//! `cargo run --example tutorial_coroutine`

use std::error::Error;
use std::process;
use std::thread::{self, ThreadId};

use selvedge::coroutine::remaining_stack_bytes;
use selvedge::task::current_task;
use selvedge::{Coroutine, EventLoop, Yielder};

/// Prints and returns the calling thread and process.
fn place(caller: &str) -> (ThreadId, u32) {
    let place = (thread::current().id(), process::id());
    println!("{caller}: {:?} of process {}", place.0, place.1);
    place
}

fn main() -> Result<(), Box<dyn Error>> {
    let here = place("main");
    let event_loop = EventLoop::new()?;

    // The function becomes a task, and the loop runs until the task is done.
    let there = event_loop.run_until_complete(|| {
        let task = current_task().expect("a task runs this");
        println!("{} begins", task.name());
        place("a task")
    })?;
    assert_eq!(there, here);

    // So does a coroutine, even one that was resumed by hand before: the loop continues it.
    let mut coroutine = Coroutine::new(|yielder: &Yielder<(), ()>, ()| {
        let before = place("a coroutine, resumed by hand");
        yielder.suspend(());
        assert_eq!(before, place("the same coroutine, in the loop"));
        remaining_stack_bytes()
    });
    coroutine.resume().unwrap_yielded();
    let room = event_loop.run_until_complete(coroutine)?;
    println!("its stack had {room:?} bytes left");

    event_loop.close()?;
    Ok(())
}
