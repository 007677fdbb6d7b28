//! How tasks are cancelled, and the state after a cancel.
//!
//! # What a cancel is
//!
//! [`Task::cancel`](crate::Task::cancel) requests a task to end. The request is delivered where the task waits, or at its
//! next suspension if it runs: the operation does not return, it *unwinds* like a panic, but without the panic
//! hook. Destructors run, guards are released, and `join` returns an error of which
//! [`is_cancelled`](crate::TaskError::is_cancelled) is true. A task that has not begun never begins; its captures are
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
//! A cancel is delivered at suspensions only. A function that computes is not interrupted, and an operation that need
//! not wait returns. The documentation of an operation that may suspend begins with "May suspend".
//!
//! # Catching it
//!
//! A request is delivered once. [`catch_cancelled`](crate::task::catch_cancelled) turns the unwind into an error; then the
//! task continues, and its next operation works. `std::panic::catch_unwind` catches it, too, so pass unknown payloads on
//! by `resume_unwind`. Requests are counted: [`cancelling`](crate::Task::cancelling) returns their number, and
//! [`uncancel`](crate::Task::uncancel) withdraws one; withdrawing the last also withdraws a request that was not delivered
//! yet.
//!
//! A task that returns before a request was delivered is cancelled, and its return value is dropped.
//!
//! # Where it goes
//!
//! A task that waits for other tasks or promises passes the cancel on to them. It unwinds when they have ended, and
//! continues if one of them ignored the cancel and returned a value. [`shield`](crate::task::shield()) does not pass the
//! cancel on. [`scope`](crate::scope()), [`race`](crate::race()) and [`select!`](crate::select) pass it on to their tasks,
//! wait for all of them, and then unwind.
//!
//! # Deadlines
//!
//! [`timeout`](crate::timeout()) cancels the task that calls it, and turns that cancel, and no other, into
//! [`Elapsed`](crate::error::Elapsed). Timeouts nest in each other and in scopes; if several pass at once the outermost
//! takes precedence, and a cancel from elsewhere takes precedence over all of them.
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
//! Destructors run while the thread unwinds, and can't wait: a sleep returns at once, and input or output that would
//! wait is an error. A destructor that unwraps such an error panics in the middle of the unwind, and then Rust aborts the
//! process. So ignore these errors in `drop` (`let _ = self.stream.write_all(b"bye");`), or do nothing there while
//! `std::thread::panicking()`. Waits that have no error to return, such as `Mutex::lock`, `Event::wait` and
//! [`block_on`](crate::block_on), panic if they would have to wait in a destructor that runs in an unwind, and so abort the
//! process as well. Cleanup that has to wait belongs in [`finally`](crate::task::finally()), which runs the cleanup after
//! the unwind, defers further cancels meanwhile, and then continues the first one. Limit the cleanup by a timeout inside.
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
//! # After a cancel
//!
//! In short: a cancelled operation has taken nothing and handed nothing over; a value that was moved into it is
//! dropped. A function of several operations (`read_exact`, `write_all`, `copy`) may have done some of them.
//!
//! | operation | after a cancel |
//! |---|---|
//! | [`sleep`](crate::sleep), [`sleep_until`](crate::time::sleep_until), [`yield_now`](crate::yield_now) | no effect; the timer is removed |
//! | [`Task::join`](crate::Task::join) | the joined task was cancelled as well, and has ended |
//! | [`Promise::wait`](crate::Promise::wait), [`take`](crate::Promise::take) | the promise is cancelled: other waiting tasks get an error, and setting it is refused and returns the value |
//! | [`gather`](crate::gather()), [`gather_settled`](crate::task::gather_settled()), [`wait_for`](crate::task::wait_for()) | all awaited tasks were cancelled and have ended |
//! | [`wait`](crate::task::wait()), [`as_completed`](crate::task::as_completed()) | the tasks continue |
//! | [`shield`](crate::task::shield()) | the shielded task continues |
//! | [`scope`](crate::scope()), [`race`](crate::race()), [`select!`](crate::select) | their tasks were cancelled and have ended; their results are dropped |
//! | [`timeout`](crate::timeout()) and its variants | as its function's operation; the timer is removed |
//! | [`finally`](crate::task::finally()) | the cleanup has run |
//! | [`block_on`](crate::block_on) | the future is dropped |
//! | [`RemoteTask::join`](crate::task::RemoteTask::join) | the task on the other loop continues |
//! | [`to_thread`](crate::to_thread()), a wait for the promise of [`run_in_executor`](crate::EventLoop::run_in_executor) | a job that has not begun never runs; one that has begun runs to its end, and its result is dropped |
//! | `put` of the queues in [`sync`](crate::sync) | the item is dropped, not put in |
//! | `get` of the queues | no item is taken; an item that was promised to the task goes to the next one |
//! | `join` of the queues, `Event::wait` | no effect |
//! | `Mutex::lock`, `Semaphore::acquire` | no lock or permit is taken; one that was handed to the task goes to the next waiting one |
//! | `Condition::wait` | the task locks again, then unwinds; a notification goes to the next waiting task |
//! | `Barrier::wait` | the others wait for one more |
//! | [`sync::channel`](crate::sync::channel): `send` | the value is dropped, not sent |
//! | `recv` | no value is taken |
//! | [`net`](crate::net): `read`, `recv`, `peek`, `accept` | no byte, datagram or connection is taken or lost |
//! | `write`, `send` | nothing is sent |
//! | `connect` | the attempt ends and its socket is closed |
//! | `http::Session`: a request, or reading its body | the connection is closed, and the session does not change; the server may have got the request |
//! | lookups of names | the lookup continues on its thread; its result is dropped |
//! | [`fs`](crate::fs): reads | no byte is taken: the cursor does not move |
//! | other operations of `fs` | an operation that has not begun never runs; one that has begun runs to its end |
//! | [`io`](crate::io): pipes, terminals | no byte is taken or written |
//! | [`io::StreamReader`](crate::io::StreamReader) | received bytes stay in its buffer, for the next read |
//! | [`signal::wait`](crate::signal::wait) | a signal that has come is kept for the next wait |
//!
//! # Code that is unaware of cancels
//!
//! - std's locks: a guard that is dropped by an unwind poisons its lock. The locks of [`sync`](crate::sync) don't.
//! - std's `BufWriter`: after a caught cancel in the middle of a flush, the buffer may be written again or not at all.
//! - Input and output never return `ErrorKind::Interrupted` for a cancel, because much of std retries then.
//!
//! # The end of a loop
//!
//! When a loop closes, every task is cancelled, and has some time to end. After that the remaining tasks are unwound by
//! force: each further suspension unwinds, and [`catch_cancelled`](crate::task::catch_cancelled) does not catch it. A task
//! that continues even then is abandoned with its stack. If it has a scope with tasks, or is in a scope itself, all tasks
//! of these scopes are abandoned: see [`scope`](crate::scope()).
//!
//! # Programs whose panics abort
//!
//! With `panic = "abort"` no code unwinds. A task that has not begun can be cancelled; for a task that has begun,
//! [`cancel`](crate::Task::cancel) returns false. Races return errors, timeouts panic and say why, and scopes wait for
//! all tasks that have begun.
