//! Loops, their main tasks, and operations on the current loop.

use std::cell::Cell;
use std::panic;
use std::rc::Rc;
use std::time::Duration;

use selvedge::event_loop::{LoopHandle, current_loop};
use selvedge::{EventLoop, TaskError};

/// Longer than any test may take, and too small to overflow anything.
pub const AN_HOUR: Duration = Duration::from_secs(3600);
/// The unit of time under a virtual clock.
pub const A_SECOND: Duration = Duration::from_secs(1);

/// A shared cell, by which a 'static body passes a value to its test.
pub type Shared<T> = Rc<Cell<T>>;

pub fn shared<T>(value: T) -> Shared<T> {
    Rc::new(Cell::new(value))
}

pub fn event_loop() -> EventLoop {
    EventLoop::new().expect("a loop")
}

/// A loop whose clock jumps to the next deadline instead of waiting for it.
pub fn virtual_loop() -> EventLoop {
    EventLoop::builder()
        .virtual_clock(true)
        .build()
        .expect("a loop")
}

/// Runs `body` as the main task of a fresh loop with a virtual clock, and resumes its panic.
pub fn in_virtual_loop<T: 'static>(body: impl FnOnce() -> T + 'static) -> T {
    finished(virtual_loop().run_until_complete(body))
}

/// The value of a task that must not fail; resumes the task's panic, so that a failed assertion in the task fails the
/// test.
#[track_caller]
pub fn finished<T>(outcome: Result<T, TaskError>) -> T {
    match outcome.map_err(TaskError::into_panic) {
        Ok(value) => value,
        Err(Ok(payload)) => panic::resume_unwind(payload),
        Err(Err(error)) => panic!("the task failed: {error}"),
    }
}

/// Schedules a callback on the current loop.
pub fn soon(f: impl FnOnce() + 'static) -> selvedge::event_loop::CallbackHandle {
    current_loop()
        .expect("a loop runs here")
        .call_soon(f)
        .expect("an open loop")
}

/// Schedules a callback on the loop of `handle`, from any thread.
#[track_caller]
pub fn soon_threadsafe(handle: &LoopHandle, f: impl FnOnce() + Send + 'static) {
    let pushed = handle.call_soon_threadsafe(f);
    pushed.map_err(drop).expect("an open loop");
}

/// Stops the current loop.
pub fn stop() {
    current_loop()
        .expect("a loop runs here")
        .stop()
        .expect("an open loop");
}
