//! Coroutines: a handle to send values to, a body that suspends.
//!
//! Reading order: [`handle`](Coroutine) is what users hold; `typed` has the rules of sending,
//! throwing and closing; `raw` makes the switch; `yielder` is the body's side of it; `header`
//! is what lies on the stack and runs first there; `unwind` has the payloads that end a
//! coroutine. Nothing here knows of a loop or of descriptors.

#[cfg(feature = "runtime")]
mod backtrace;
pub(crate) mod generator;
pub(crate) mod handle;
mod header;
#[cfg(feature = "runtime")]
mod hosted;
mod on_stack;
mod open_frame;
mod raw;
mod ring;
mod rounds;
mod scope;
pub(crate) mod state;
mod typed;
#[cfg(feature = "runtime")]
mod undo;
mod unwind;
mod value;
pub(crate) mod yielder;

pub use handle::CoroutineBuilder;
#[cfg(feature = "runtime")]
pub(crate) use hosted::{Ending, Hosted};
pub use on_stack::{on_stack, remaining_stack};
#[cfg(feature = "runtime")]
pub(crate) use open_frame::OpenFrame;
#[doc(hidden)]
pub use ring::TransferRing;
#[doc(hidden)]
pub use rounds::{Place, Rounds, Shape};
pub use scope::{Scope, ScopedCoroutine, ScopedGenerator, scope};
pub use state::{CloseIgnored, Refused, Status, Thrown};
#[cfg(feature = "runtime")]
pub(crate) use undo::undo_if_left;
#[cfg(feature = "runtime")]
pub(crate) use unwind::{Payload, drop_payload, give_up};

// At the root, for users; named here by the rest of the crate.
pub(crate) use handle::Coroutine;
#[cfg(feature = "runtime")]
pub(crate) use state::CoroutineState;
