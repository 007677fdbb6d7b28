//! Stackful coroutines on guarded stacks, with hand-written context switching, and an event loop
//! that makes ordinary blocking-style code concurrent on one thread.
//!
//! ```
//! use std::io::{Read, Write};
//! use selvedge::net::{TcpListener, TcpStream};
//!
//! // No async, no await: functions that wait. A hundred of them wait at once.
//! let n_bytes = selvedge::run(|| {
//!     let listener = TcpListener::bind("127.0.0.1:0")?;
//!     let address = listener.local_addr()?;
//!     selvedge::spawn(move || {
//!         for stream in listener.incoming() {
//!             let stream = stream.unwrap();
//!             selvedge::spawn(move || std::io::copy(&mut &stream, &mut &stream)).detach();
//!         }
//!     })
//!     .detach();
//!
//!     let clients: Vec<_> = (0..100).map(|n| selvedge::spawn_fallible(move || {
//!         let mut stream = TcpStream::connect(address)?;
//!         write!(stream, "client {n:02}")?;
//!         let mut answer = [0; 9];
//!         stream.read_exact(&mut answer).map(|()| answer.len())
//!     })).collect();
//!     let mut n_bytes = 0;
//!     for client in clients {
//!         n_bytes += client.join()?;
//!     }
//!     Ok::<_, Box<dyn std::error::Error>>(n_bytes)
//! });
//! assert_eq!(n_bytes.unwrap(), 900);
//! ```
//!
//! The layer below is useful by itself. A coroutine is a function with a stack of its own. It suspends
//! anywhere, however deep in calls, and whoever resumes it goes on where it left off; a value
//! travels each way.
//!
//! ```
//! use selvedge::{Coroutine, CoroutineState, Generator, Yielder};
//!
//! // A generator: an iterator written as a function.
//! let mut powers = Generator::new(|yielder: &Yielder<(), u64>| {
//!     let mut n = 1;
//!     loop {
//!         yielder.suspend(n);
//!         n *= 2;
//!     }
//! });
//! assert_eq!(powers.nth(10), Some(1024));
//!
//! // A coroutine: values go in, values come out, and it returns in the end.
//! let mut accumulator = Coroutine::new(|yielder: &Yielder<Option<u64>, u64>, mut next| {
//!     let mut sum = 0;
//!     while let Some(n) = next {
//!         sum += n;
//!         next = yielder.suspend(sum);
//!     }
//!     format!("{sum} in all")
//! });
//! assert_eq!(accumulator.send(Some(40)), CoroutineState::Yielded(40));
//! assert_eq!(accumulator.send(Some(2)), CoroutineState::Yielded(42));
//! assert_eq!(accumulator.send(None), CoroutineState::Complete("42 in all".to_owned()));
//! ```
//!
//! # A tour
//!
//! - [`Coroutine`]: `send`, `resume`, `throw`, `close`; [`Coroutine::builder`] for a name and a
//!   stack's size. Its body has a [`Yielder`], by which it suspends.
//! - [`Generator`]: an iterator; [`Yielder::yield_from`] and [`Yielder::delegate`] for nesting.
//! - [`coroutine::scope`](coroutine::scope()): coroutines that borrow.
//! - [`coroutine::on_stack`] and [`coroutine::remaining_stack_bytes`]: deep recursion without fear.
//! - [`stack`]: sizes, usage, and the thread's pool of stacks.
//!
//! And with the event loop:
//!
//! - [`run`]: runs a function, which may borrow, as the main task of a loop; [`EventLoop`] is a loop of
//!   one's own, with callbacks, `run_until_complete` and `run_forever`, asyncio's way.
//! - [`spawn`] and its kin make a [`Task`]; [`Task::join`], [`Task::cancel`], [`task::catch_cancelled`].
//! - Waiting for many: [`gather()`], [`task::gather_settled`], [`task::wait()`], [`task::as_completed()`]; [`task::wait_for()`] for so
//!   long, [`task::shield()`] from cancels.
//! - [`scope()`]: tasks that borrow, and end together; [`race()`] and [`select!`]: the first of several.
//! - [`timeout()`] and its kin; [`task::finally()`]. [`docs::cancellation`] has what a cancel leaves behind.
//! - [`sleep`], [`yield_now`], and [`Promise`]: a result that someone sets later.
//! - [`sync`]: queues, locks, semaphores, events and barriers between tasks, and channels that cross threads.
//! - [`net`]: std's sockets, which park the task instead of the thread; [`fs`]: std's files; [`io`]:
//!   pipes, terminals and standard input, and lines and frames of streams, with a limit.
//! - [`to_thread`] and [`EventLoop::run_in_executor`]: work that blocks, on a pool of threads.
//! - [`EventLoop::add_signal_handler`] and [`signal`].
//! - [`event_loop::LoopHandle`]: the way in from other threads. [`block_on`]: std's futures in a task.
//!
//! And to read: [`docs::tutorial`], [`docs::asyncio`] with each of asyncio's names and ours, [`docs::tokio`].
//!
//! # What it promises
//!
//! Safe code that uses this crate can't cause undefined behaviour, with one exception that no
//! stackful coroutine can prevent: a thread that ends while a body is suspended inside of a
//! thread-local's `with`, see the limits of [`Coroutine`]. A panic in a body surfaces
//! where the coroutine was resumed, and one in a task where the task is joined. A cancel unwinds.
//! What could never go on is told: a loop in which nothing can happen any more ends with a list of
//! who waits for what. Dropping a suspended coroutine unwinds it, so that its
//! destructors run. Overflowing a stack prints whose it was and how large, and aborts; the guard
//! below each stack sees to that. Misuse panics with a sentence, or is refused with the value
//! handed back where a method's name begins with `try_`.
//!
//! # What it will not do
//!
//! - Move a coroutine to another thread: a stack refers to its thread's locals.
//! - Switch the floating-point control words, or save signal masks.
//! - Suspend in the middle of a panic.
//! - Turn `std::thread::sleep`, std's locks or std's files into something that parks: they block the
//!   thread, and so every task of its loop. Debug mode names who did.
//!
//! # Targets
//!
//! | architecture | switch | guards |
//! |---|---|---|
//! | x86_64, aarch64 on Linux and Android | instructions of our own | lightweight on Linux 6.13, else `mprotect` |
//! | x86_64, aarch64 on Apple's systems and the BSDs | instructions of our own | `mprotect` |
//! | other architectures, on any Unix that `corosensei` supports | the crate `corosensei` | as above |
//!
//! # Features
//!
//! | feature | what it adds |
//! |---|---|
//! | `runtime` (default) | the event loop, and sockets that wait in it: [`net`] |
//! | `http` | `http::Session`, an HTTP client on those sockets, by the crate `ureq` |
//! | `tls` | `https` for it, by the crate `rustls` |
//!
//! # Reading the source
//!
//! The modules stand on floors, and each imports only lower ones: `sys` (the operating system),
//! [`stack`], `arch` (the switch, in `asm/`), [`coroutine`], `runtime` (the event loop),
//! and on it [`task`], [`time`], [`sync`] and [`net`]. `ARCHITECTURE.md` has the map.

#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(not(unix))]
compile_error!(
    "selvedge needs a Unix system: it maps stacks with mmap, guards them with mprotect or \
     madvise, and reports overflows from a signal handler"
);

pub mod coroutine;

pub mod stack;

#[cfg(feature = "runtime")]
pub mod docs;
#[cfg(feature = "runtime")]
pub mod error;
#[cfg(feature = "runtime")]
pub mod event_loop;
#[cfg(feature = "runtime")]
pub mod fs;
#[cfg(feature = "http")]
pub mod http;
#[cfg(feature = "runtime")]
pub mod io;
#[cfg(feature = "runtime")]
pub mod net;
#[cfg(feature = "runtime")]
pub mod signal;
#[cfg(feature = "runtime")]
pub mod sync;
#[cfg(feature = "runtime")]
pub mod task;
#[cfg(feature = "runtime")]
pub mod time;

/// Fails a unit test that hangs, as in the other test binaries.
#[cfg(test)]
#[path = "../tests/support/hang_guard.rs"]
mod hang_guard;

mod arch;
#[cfg(doctest)]
mod compile_fail;
/// The examples of the README are tests as well.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
#[cfg(feature = "runtime")]
mod runtime;
mod sys;
#[cfg(feature = "runtime")]
mod util;

pub use coroutine::generator::Generator;
pub use coroutine::handle::Coroutine;
pub use coroutine::state::CoroutineState;
pub use coroutine::yielder::Yielder;

#[cfg(feature = "runtime")]
pub use error::{run::RunError, task::TaskError};
#[cfg(feature = "runtime")]
pub use runtime::{
    api::builder::{run, try_run},
    api::event_loop::EventLoop,
    task::handle::Task,
    task::promise::Promise,
};
#[cfg(feature = "runtime")]
pub use task::{
    block_on::block_on,
    gather::gather,
    race::race,
    running::{to_thread, yield_now},
    scope::scope,
    spawn::{spawn, spawn_fallible, spawn_named},
};
#[cfg(feature = "runtime")]
pub use time::{sleep::sleep, timeout::timeout};

/// What the macros expand to. No program names this module.
#[cfg(feature = "runtime")]
#[doc(hidden)]
pub mod __private {
    pub use crate::task::select::Won;
}
