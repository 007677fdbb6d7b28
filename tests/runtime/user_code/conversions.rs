//! Conversions, iterators and clones of arguments.

use std::iter;
use std::net::SocketAddr;
use std::path::Path;

use selvedge::net::{TcpStream, ToSocketAddrs};
use selvedge::task::{ReturnWhen, as_completed, wait};
use selvedge::time::timeout_with;
use selvedge::{
    Coroutine, Promise, Yielder, fs, gather, scope, sleep, spawn, spawn_fallible, spawn_named,
    yield_now,
};

use super::strikes::{IN_CLONE, IN_DROP, IN_FROM, IntoError, Strikes};
use super::{ignore, places, strike};
use crate::support::A_SECOND;

const TEXT: Strikes<IN_FROM> = Strikes;

struct Address;

impl ToSocketAddrs for Address {
    type Iter = iter::Empty<SocketAddr>;

    fn to_socket_addrs(&self) -> std::io::Result<Self::Iter> {
        strike();
        Ok(iter::empty())
    }
}

struct Name;

impl AsRef<Path> for Name {
    fn as_ref(&self) -> &Path {
        strike();
        Path::new("/")
    }
}

places! {
    "a cancel's message" => || {
        let task = spawn(|| sleep(9 * A_SECOND));
        task.cancel_with(TEXT);
        drop(task.join());
    },
    "a message of a promise's cancel" => || ignore(Promise::<()>::new().cancel_with(TEXT)),
    "a name" => || drop(spawn_named(TEXT, || ()).join()),
    "a child's name" => || drop(scope(|s| drop(s.spawn_named(TEXT, || ()).join()))),
    "a deadline" => || ignore(timeout_with(TEXT, |_| sleep(9 * A_SECOND))),
    "another deadline" => || ignore(timeout_with(None, |timeout| {
        let _ = timeout.reschedule(TEXT);
        sleep(9 * A_SECOND);
    })),
    "a signal's number" => || {
        let local = selvedge::event_loop::current_loop().expect("a loop");
        drop(local.add_signal_handler(TEXT, || ()));
    },
    "an error of a task" => || drop(spawn_fallible(|| Err::<(), _>(IntoError)).join()),
    "an error of a child" => || drop(scope(|s| drop(s.spawn_fallible(|| Err::<(), _>(IntoError)).join()))),
    "an error of a promise" => || drop(Promise::<()>::new().set_exception(IntoError)),
    "the iterator of wait" => || {
        let tasks = [spawn(yield_now), spawn(|| sleep(A_SECOND))];
        let all = tasks.iter().inspect(|_| strike());
        drop(wait(all, ReturnWhen::AllCompleted, None));
    },
    "the iterator of as_completed" => || {
        let all = (0..3).inspect(|_| strike()).map(|n| move || n);
        as_completed(all).for_each(|task| drop(task.join()));
    },
    "the iterator of yield_from" => || {
        let mut generator = Coroutine::new(|yielder: &Yielder<(), i32>, ()| {
            yielder.yield_from((0..3).inspect(|_| strike()));
        });
        (0..3).for_each(|_| ignore(generator.resume()));
    },
    "the clone of a promise's value" => || {
        let promise = Promise::<Strikes<IN_CLONE>>::new();
        drop(promise.set_result(Strikes));
        drop(promise.result());
    },
    "the clone of a gathered promise's value" => || {
        let promise = Promise::<Strikes<IN_CLONE>>::new();
        drop(promise.set_result(Strikes));
        drop(gather([promise.clone(), promise]));
    },
    "the view of a promise's value" => || {
        let promise = Promise::<Strikes<IN_DROP>>::new();
        let _ = promise.with_result(|_| ());
        drop(promise.set_result(Strikes));
        drop(promise.with_result(|_| strike()));
        drop(promise.try_take());
    },
    "an address" => || drop(TcpStream::connect(Address)),
    "a path" => || drop(fs::metadata(Name)),
}
