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
//!         for stream in listener.incoming().flatten() {
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
//! The layer below, coroutines, is useful by itself. A coroutine is a function with a stack of its own. It
//! suspends at any depth of calls and continues there when it is resumed. Each resume passes a value in, and each
//! suspend passes a value out.
//!
//! ```
//! use selvedge::{Coroutine, CoroutineState, Generator, Yielder};
//!
//! // A generator: an iterator written as a function.
//! let mut powers = Generator::new(|y| {
//!     let mut n = 1_u64;
//!     loop {
//!         y.suspend(n);
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
//! Each public name has one path. The root holds the names that the first page of a program uses. Their variants,
//! the types that they return, and all other names are in the module of their subject, and only there.
//!
//! Coroutines:
//!
//! - [`Coroutine`]: `send`, `resume`, `throw`, `close`. [`Coroutine::builder`] sets a name and a stack size. The body
//!   suspends by its [`Yielder`].
//! - [`Generator`]: a coroutine as an iterator. [`Yielder::yield_from`] and [`Yielder::delegate`] nest them.
//! - [`coroutine`]: [`scope`](coroutine::scope()) for coroutines that borrow, [`on_stack`](coroutine::on_stack) for deep
//!   recursion.
//! - [`stack`]: stack sizes, stack usage, and the thread's pool of stacks.
//!
//! The event loop:
//!
//! - [`run`] and [`try_run`]: run a function, which may borrow, as the main task of a new loop. An [`EventLoop`] is a loop
//!   with callbacks, `run_until_complete` and `run_forever`, as in asyncio.
//! - [`spawn`], [`spawn_named`], [`spawn_fallible`]: start a [`Task`], which is joined, detached or cancelled.
//!   [`Task::builder`] sets a name and a stack size.
//! - [`gather()`]: waits for many tasks. [`scope()`]: tasks that borrow and end together. [`race()`] and [`select!`]: the
//!   first of several. [`task`] has the rest: [`wait`](task::wait()), [`as_completed`](task::as_completed()),
//!   [`shield`](task::shield()), [`finally`](task::finally()), [`catch_cancelled`](task::catch_cancelled).
//! - [`sleep`], [`timeout()`], [`yield_now`]. [`time`] has their variants with a deadline.
//! - [`Promise`]: a result that is set later.
//! - [`event_loop`]: the loop's builder, its handles for callbacks and for other threads, its exception handler's context.
//! - [`error`]: the errors. [`TaskError`] and [`RunError`] are at the root.
//! - [`sync`]: queues, locks, semaphores, events and barriers between tasks, and channels between threads.
//! - [`net`]: std's sockets, which park the task instead of the thread. [`fs`]: std's files. [`io`]: pipes, terminals,
//!   standard input, and streams of lines or frames with a limit.
//! - [`signal`]: signals of the operating system. [`to_thread`]: blocking work on a pool of threads. [`block_on`]: a
//!   `std` future, awaited in a task.
//!
//! Guides: [`docs::tutorial`], [`docs::asyncio`] (asyncio's names and ours), [`docs::tokio`], [`docs::cancellation`]
//! (what a timeout or a cancel leaves behind), [`docs::crates`] (which other crates work, and how).
//!
//! # Rules for names
//!
//! - `try_x` returns as an error what `x` panics with or would wait for. It never suspends the running task.
//!   (`Coroutine::try_send` and `try_throw` resume another coroutine.)
//! - The documentation of a function that may park the running task begins with "May suspend". For the methods of traits
//!   (`Read`, `Write`, `Iterator`) the documentation of their type says so.
//! - `T::builder()` is the way to each builder. `build` makes a `T`; another finishing verb (`spawn`, `run`) also starts it.
//! - A size has its unit at the end of its name: `stack_size_bytes`. Durations and deadlines have types: [`Duration`] and
//!   [`Instant`].
//! - Getters have no `get_`, but for std's own names (`get_ref`, `get_mut`). A flag begins with `is_`. The place in the
//!   source where an object was made is its `created_at`.
//! - An error type is `<Operation>Error`, or the state that it reports: [`Cancelled`](error::Cancelled),
//!   [`Elapsed`](error::Elapsed), [`IgnoredClose`](coroutine::IgnoredClose).
//!
//! [`Duration`]: std::time::Duration
//! [`Instant`]: std::time::Instant
//!
//! # What it promises
//!
//! - Safe code that uses this crate can't cause undefined behaviour, with one exception that no stackful coroutine can
//!   prevent: a suspension, or a wait of a task, while a reference into a thread-local is held: inside of `LocalKey::with`
//!   if the thread ends or the process exits meanwhile, in a `thread_local!` initialiser, in the destructor of a
//!   thread-local. The limits of [`Coroutine`] list the known cases, and how to avoid them.
//! - A panic in a coroutine surfaces where the coroutine was resumed, and a panic in a task where the task is joined.
//! - A cancel makes I/O that waits return an error, and makes other waits unwind. Dropping a suspended coroutine
//!   unwinds it. Destructors run in both cases.
//! - A loop in which no task can ever run again ends with an error that lists each parked task and what it waits for.
//!   See [`Deadlock`](error::Deadlock) for waits that the loop can't recognise.
//! - A stack overflow hits the guard below the stack. The process prints the name and the stack size of the coroutine and
//!   aborts.
//! - Misuse panics with a sentence that says what to do instead. A `try_` method returns the sentence as an error and the
//!   value with it.
//!
//! # What it will not do
//!
//! - Move a coroutine to another thread: its stack refers to the thread's locals.
//! - Switch the floating-point control words, or save signal masks.
//! - Suspend in the middle of a panic.
//! - Make `std::thread::sleep`, std's locks or std's files park the task: they block the thread, and with it every task of
//!   its loop. Debug mode names the task that blocked.
//!
//! # Targets
//!
//! | architecture | switch | guards |
//! |---|---|---|
//! | x86_64, aarch64 on Linux and Android | the instructions in `asm/` | lightweight on Linux 6.13, else `mprotect` |
//! | x86_64, aarch64 on Apple's systems and the BSDs | the instructions in `asm/` | `mprotect` |
//! | other architectures, on any Unix that `corosensei` supports | the crate `corosensei` | as above |
//!
//! # Features
//!
//! | feature | what it adds |
//! |---|---|
//! | `runtime` (default) | the event loop, and the sockets, files and locks that wait in it |
//! | `http` | `http::Session`: an HTTP client on those sockets, by the crate `ureq` |
//! | `tls` | `https` for `http::Session`, by the crate `rustls` |
//! | `io-uring` | files on io_uring instead of threads, on Linux where it is usable, by the crate `io-uring` |
//!
//! The signatures of the module `http` name types of the crates `http` 1 and `url` 2, which the module exports again, and
//! traits of `serde` 1. A new major version of one of the three is a breaking change of this crate. No other signature
//! names a type of another crate.
//!
//! # Reading the source
//!
//! The modules stand on floors, and each imports only lower floors: `sys` (the operating system), [`stack`], `arch` (the
//! switch, in `asm/`), [`coroutine`], `runtime` (the event loop), and above it [`task`], [`time`], [`sync`], [`net`] and
//! the rest. `ARCHITECTURE.md` has the map.

#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(not(unix))]
compile_error!(
    "selvedge needs a Unix system: it maps stacks with mmap, guards them with mprotect or \
     madvise, and reports overflows from a signal handler"
);

// In reading order, from the operating system up.
mod sys;
#[cfg(feature = "runtime")]
mod util;

pub mod stack;

mod arch;

pub mod coroutine;

#[cfg(feature = "runtime")]
pub mod error;
#[cfg(feature = "runtime")]
mod runtime;

#[cfg(feature = "runtime")]
pub mod event_loop;
#[cfg(feature = "runtime")]
pub mod task;
#[cfg(feature = "runtime")]
pub mod time;

#[cfg(feature = "runtime")]
pub mod sync;

#[cfg(feature = "runtime")]
pub mod net;

#[cfg(feature = "runtime")]
pub mod fs;
#[cfg(feature = "runtime")]
pub mod io;

#[cfg(feature = "runtime")]
pub mod signal;

#[cfg(feature = "http")]
pub mod http;

#[cfg(feature = "runtime")]
pub mod docs;

#[cfg(doctest)]
mod compile_fail;
/// Fails a unit test that hangs, as in the other test binaries.
#[cfg(test)]
#[path = "../tests/support/hang_guard.rs"]
mod hang_guard;
/// The README's examples, as doc tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

// The names at the root. Each is public by this path only: its module is private, or public to the crate.
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

/// The items that [`select!`] expands to. Programs do not name this module.
#[cfg(feature = "runtime")]
#[doc(hidden)]
pub mod __private {
    pub use crate::task::select::{Probe, ProbeCode, ProbeWait, Won, all_disabled, first_of, once};
}
