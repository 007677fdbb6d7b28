//! Stackful coroutines on guarded stacks, with hand-written context switching.

mod arch;
pub mod coroutine;
pub mod stack;
mod sys;

pub use coroutine::{
    CloseIgnored, Coroutine, CoroutineBuilder, CoroutineState, Generator, Refused, Status, Thrown,
    Yielder, on_stack, remaining_stack,
};
