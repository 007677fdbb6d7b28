//! Functions that the library calls: bodies, closures of I/O, readers.

use std::io::{Read, Write};
use std::rc::Rc;

use selvedge::coroutine::{on_stack, scope as coroutine_scope};
use selvedge::io::{Pollable, StreamReader};
use selvedge::task::{catch_cancelled, finally};
use selvedge::time::deadline;
use selvedge::{Coroutine, Yielder, race, scope, select, sleep, spawn, timeout, yield_now};

use super::{ignore, later, places, strike};
use crate::support::A_SECOND;

struct Reader;

impl Read for Reader {
    fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
        strike();
        Ok(0)
    }
}

places! {
    "the body of a deadline" => || deadline(A_SECOND, strike),
    "the body of a timeout" => || ignore(timeout(A_SECOND, strike)),
    "the body of a timeout that has elapsed" => || {
        let _ = timeout(A_SECOND, || { let _ = catch_cancelled(|| sleep(9 * A_SECOND)); strike() });
    },
    "the body of a scope" => || drop(scope(|s| { s.spawn(|| sleep(A_SECOND)); yield_now(); strike() })),
    "a child of a scope" => || drop(scope(|s| { s.spawn(strike); })),
    "a child of a scope in a coroutine" => || drop(scope(|s| {
        s.spawn(|| {
            let mut inner = Coroutine::new(|_: &Yielder<(), ()>, ()| strike());
            let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| inner.resume()));
            yield_now();
        });
    })),
    "an entrant of a race" => || drop(race([strike as fn(), || sleep(A_SECOND)])),
    "an arm of select" => || {
        let _ = select! {
            () = sleep(A_SECOND) => 1,
            () = strike() => 2,
        };
    },
    "the handler of an arm of select" => || {
        select! {
            () = sleep(9 * A_SECOND) => (),
            () = yield_now() => strike(),
        }
    },
    "the body of finally" => || finally(strike, || yield_now()),
    "the cleanup of finally" => || finally(|| (), || { yield_now(); strike() }),
    "the body of catch_cancelled" => || drop(catch_cancelled(strike)),
    "a body that waits for a task" => || {
        let task = spawn(strike);
        let others: Vec<_> = (0..2).map(|_| spawn(yield_now)).collect();
        drop(task.join());
        others.into_iter().for_each(|task| drop(task.join()));
    },
    "a function on a stack of its own" => || on_stack(64 * 1024, strike),
    "a coroutine's body" => || {
        let mut inner = Coroutine::new(|_: &Yielder<(), ()>, ()| strike());
        inner.resume();
    },
    "the body of a coroutine scope" => || coroutine_scope(|s| {
        let mut child = s.coroutine(|yielder: &Yielder<(), ()>, ()| yielder.suspend(()));
        child.resume();
        strike();
    }),
    "a function that reads" => || {
        let (reader, mut writer) = std::io::pipe().expect("a pipe");
        let reader = Rc::new(Pollable::new(reader).expect("it can be waited for"));
        let own = Rc::clone(&reader);
        spawn(move || { sleep(A_SECOND); writer.write_all(b"x").expect("room"); later(move || drop(writer)) })
            .detach();
        let mut n = 0;
        let _ = own.read_with(|pipe| {
            n += 1;
            if n == 2 { strike(); }
            let mut pipe: &std::io::PipeReader = pipe;
            pipe.read(&mut [0; 8])
        });
        later(move || drop(reader));
    },
    "a reader" => || {
        let mut reader = StreamReader::new(Reader);
        let _ = reader.read_line();
    },
}
