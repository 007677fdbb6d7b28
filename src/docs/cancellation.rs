//! How tasks are cancelled, and what a cancel leaves behind.
//!
//! # What a cancel is
//!
//! [`Task::cancel`](crate::Task::cancel) asks a task to end. The task meets the request where it waits, or at its next
//! suspension if it runs: the operation does not return, it *unwinds*, as a panic does, but without the panic
//! hook. Destructors run, guards are released, and `join` returns an error of which
//! [`is_cancelled`](crate::TaskError::is_cancelled) is true. A task that has not begun never does; what it captured is
//! dropped.
//!
//! ```
//! use std::time::Duration;
//! use selvedge::{run, sleep, spawn, yield_now};
//!
//! struct Bell;
//! impl Drop for Bell {
//!     fn drop(&mut self) {
//!         println!("unwound");
//!     }
//! }
//!
//! let error = run(|| {
//!     let task = spawn(|| {
//!         let _bell = Bell;
//!         sleep(Duration::MAX);
//!     });
//!     yield_now();
//!     task.cancel_with("enough");
//!     task.join().unwrap_err()
//! });
//! assert!(error.is_cancelled());
//! assert_eq!(error.message().unwrap(), "enough");
//! ```
//!
//! Only suspensions meet a cancel. A function that computes is not interrupted, and an operation that is done at once
//! returns. Operations that may suspend say so in their first words.
//!
//! # Catching it
//!
//! A request is met once. [`catch_cancelled`](crate::task::catch_cancelled) turns the unwind into an error; the task goes on
//! then, and its next operation works. `std::panic::catch_unwind` catches it, too, so hand on what you don't
//! know by `resume_unwind`. Requests are counted: [`cancelling`](crate::Task::cancelling) says how many there were,
//! [`uncancel`](crate::Task::uncancel) takes one back, and with the last one goes what was not met yet.
//!
//! A task that returns although a cancel is still to be met is cancelled, and what it returned is dropped.
//!
//! # Where it goes
//!
//! A task that waits for another task, a promise, or several of them passes the cancel on to these. It unwinds when they
//! have ended, and goes on if one of them did not let itself be cancelled and returned a value.
//! [`shield`](crate::task::shield()) keeps the cancel from what it waits for. [`scope`](crate::scope()),
//! [`race`](crate::race()) and [`select!`](crate::select) pass it on to their tasks, wait for all of them, and unwind then.
//!
//! # Deadlines
//!
//! [`timeout`](crate::timeout()) cancels the task that it is in, and turns that cancel, and no other, into
//! [`Elapsed`](crate::error::Elapsed). Timeouts nest in each other and in scopes; where several have come at once the outermost
//! gets its way, and a cancel from outside before all of them.
//!
//! ```
//! use std::time::Duration;
//! use selvedge::error::Elapsed;
//! use selvedge::{run, sleep, timeout};
//!
//! let (short, long) = (Duration::from_millis(1), Duration::from_secs(3600));
//! run(|| {
//!     let outer = timeout(long, || {
//!         let inner = timeout(short, || sleep(long));
//!         assert_eq!(inner, Err(Elapsed));
//!         "goes on"
//!     });
//!     assert_eq!(outer, Ok("goes on"));
//! });
//! ```
//!
//! # Cleaning up
//!
//! Destructors run while the thread unwinds, and nothing can wait then: a sleep returns at once, input and output that
//! would wait is an error. What has to wait as it cleans up belongs into [`finally`](crate::task::finally()), which runs it when
//! the unwind is over, puts off further cancels as long as it runs, and lets the first one go on afterwards. Bound it
//! by a timeout inside.
//!
//! ```
//! use std::time::Duration;
//! use selvedge::task::finally;
//! use selvedge::{run, sleep, timeout};
//!
//! run(|| {
//!     finally(
//!         || println!("work"),
//!         || {
//!             // A goodbye that may take a while, but not for ever.
//!             let _ = timeout(Duration::from_secs(1), || sleep(Duration::from_millis(1)));
//!         },
//!     );
//! });
//! ```
//!
//! # What is left behind
//!
//! In short: what an operation was to take is still there, and what it was to hand over it has kept, or dropped. What
//! consists of several operations (`read_exact`, `write_all`, `copy`) may have done some of them.
//!
//! | operation | after a cancel |
//! |---|---|
//! | [`sleep`](crate::sleep), [`sleep_until`](crate::time::sleep_until), [`yield_now`](crate::yield_now) | nothing; a timer is taken back |
//! | [`Task::join`](crate::Task::join) | the joined task was cancelled as well, and has ended |
//! | [`Promise::wait`](crate::Promise::wait), [`take`](crate::Promise::take) | the promise is cancelled: others that wait get an error, and setting it is refused with the value |
//! | [`gather`](crate::gather()), [`gather_settled`](crate::task::gather_settled()), [`wait_for`](crate::task::wait_for()) | all that they wait for was cancelled and has ended |
//! | [`wait`](crate::task::wait()), [`as_completed`](crate::task::as_completed()) | the tasks go on |
//! | [`shield`](crate::task::shield()) | what is shielded goes on |
//! | [`scope`](crate::scope()), [`race`](crate::race()), [`select!`](crate::select) | their tasks were cancelled and have ended; what they returned is dropped |
//! | [`timeout`](crate::timeout()) and its kin | what their function leaves; the timer is taken back |
//! | [`finally`](crate::task::finally()) | the cleanup has run |
//! | [`block_on`](crate::block_on) | the future is dropped |
//! | [`RemoteTask::join`](crate::task::RemoteTask::join) | the task on the other loop goes on |
//! | [`to_thread`](crate::to_thread()), a wait for the promise of [`run_in_executor`](crate::EventLoop::run_in_executor) | a job that no thread has begun with never runs; one that has begun is finished, and what it returns is dropped |
//! | `Queue::put` and its kin in [`sync`](crate::sync) | the item is dropped, and is not in the queue |
//! | `Queue::get` | no item is taken; one that was on its way to the task is the next one's |
//! | `Queue::join`, `Event::wait` | nothing |
//! | `Mutex::lock`, `Semaphore::acquire` | nothing is taken; what was handed over goes to the next in line |
//! | `Condition::wait` | the lock is held again before it unwinds; a notification goes to the next in line |
//! | `Barrier::wait` | the others wait for one more |
//! | [`sync::channel`](crate::sync::channel): `send` | the value is dropped, and is not in the channel |
//! | `recv` | nothing is taken |
//! | [`net`](crate::net): `read`, `recv`, `peek`, `accept` | nothing is taken, no byte, datagram or connection is lost |
//! | `write`, `send` | nothing is sent |
//! | `connect` | the attempt is given up and its socket closed |
//! | `http::Session`: a request, or reading its body | the connection is closed, and the session is as before; the server may have got the request |
//! | lookups of names | go on on their thread; the answer is dropped |
//! | [`fs`](crate::fs): reads | nothing is taken: the cursor is where it was |
//! | other operations of `fs` | what no thread has begun with does not happen; what one has begun with is finished |
//! | [`io`](crate::io): pipes, terminals | nothing is taken or written |
//! | [`io::StreamReader`](crate::io::StreamReader) | what has arrived stays in its buffer, for the next read |
//! | [`signal::wait`](crate::signal::wait) | a signal that has come is lost; a [`Listener`](crate::signal::Listener) keeps it |
//!
//! # What does not know of cancels
//!
//! - std's locks: a guard that is dropped by an unwind poisons its lock. Ours don't.
//! - std's `BufWriter`: after a cancel in the middle of a flush that is caught, what is in the buffer may be written
//!   again or not at all.
//! - Input and output never answer `ErrorKind::Interrupted` for a cancel, because much of std tries again then.
//!
//! # The end of a loop
//!
//! As its loop closes, every task is cancelled, and has some time to end. What is left then is unwound for good: each
//! further suspension unwinds, and [`catch_cancelled`](crate::task::catch_cancelled) lets that pass. A task that goes on even
//! so is left where it is, with its stack. If it has tasks in a scope, or is in one itself, its whole family has to stay:
//! see [`scope`](crate::scope()).
//!
//! # Programs whose panics abort
//!
//! With `panic = "abort"` nothing unwinds. A task that has not begun can be cancelled; for one that has,
//! [`cancel`](crate::Task::cancel) answers false. Races are errors, timeouts panic with a sentence, and scopes wait for
//! whatever has begun.
