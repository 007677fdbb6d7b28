//! Coroutines: a handle that sends values in, a body that suspends with values.
//!
//! Reading order: `handle` ([`Coroutine`]) is the public type; `typed` has the rules of sending, throwing
//! and closing; `raw` makes the switch; `yielder` is the body's side. `entry` lays a coroutine out and runs
//! its body; `header` is its control block; `unwind` ends a coroutine from outside. Nothing here knows of
//! an event loop or of descriptors.

#[cfg(feature = "runtime")]
mod backtrace;
#[cfg(feature = "runtime")]
pub(crate) mod backtrace_text;
mod delegate;
mod entry;
pub(crate) mod generator;
pub(crate) mod handle;
mod header;
#[cfg(feature = "runtime")]
mod hosted;
mod on_stack;
mod open_frame;
mod payload;
mod raw;
#[cfg(any(test, feature = "_transfer_ring"))]
mod ring;
mod scope;
pub(crate) mod state;
mod typed;
#[cfg(feature = "runtime")]
mod undo;
mod unwind;
mod value;
pub(crate) mod yielder;

pub use handle::Builder;
#[cfg(feature = "runtime")]
pub(crate) use hosted::{Ending, Hosted};
pub use on_stack::{on_stack, remaining_stack_bytes};
#[cfg(feature = "runtime")]
pub(crate) use open_frame::{OpenFrame, runs_on_own_stacks};
#[cfg(feature = "runtime")]
pub(crate) use payload::{Payload, drop_payload, drop_quietly, wake};
#[cfg(feature = "_transfer_ring")]
#[doc(hidden)]
pub use ring::TransferRing;
pub use scope::{Scope, ScopedCoroutine, ScopedGenerator, scope};
pub use state::{IgnoredClose, Refused, Status, Thrown};
#[cfg(feature = "runtime")]
pub(crate) use undo::undo_if_abandoned;
#[cfg(feature = "runtime")]
pub(crate) use unwind::{InPanic, MAX_UNWIND_RETRIES, Unwind, abandon_innermost, abort_in_unwind};

// Public at the crate's root; the rest of the crate uses these paths.
#[cfg(feature = "runtime")]
pub(crate) use handle::Coroutine;
#[cfg(feature = "runtime")]
pub(crate) use state::CoroutineState;
