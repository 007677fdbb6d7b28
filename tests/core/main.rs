//! The coroutine layer without a loop, one module for each group of promises. Everything here goes through the public
//! API.

#[path = "../support/hang_guard.rs"]
mod hang_guard;
#[path = "../support/mod.rs"]
mod support;

mod closing;
mod delegate;
mod drop_order;
mod dropping;
mod generators;
mod inference;
mod kept_payloads;
mod leaking;
mod misuse;
mod misuse_panicking;
mod on_stack;
mod panics;
mod placement;
mod pool;
mod protocol;
mod registers;
mod scope;
mod scope_ends;
mod scope_panics;
mod stacks;
mod stale;
mod threads;
mod throwing;
mod unwinding;
mod values;
