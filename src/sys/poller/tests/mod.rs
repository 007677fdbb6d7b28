//! What the poller promises, on whichever poller is selected.

mod readiness;
mod waiting;

use super::*;

use std::collections::BTreeMap;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::time::Instant;

/// What one wait reports, by token; directions that came in two events are put together.
fn wait(poller: &Poller, timeout: Option<Duration>) -> BTreeMap<u64, Event> {
    let mut events = BTreeMap::new();
    let mut n_seen = 0;
    let mut add = |event: &Event| {
        n_seen += 1;
        let all = events.entry(event.token).or_insert(Event {
            token: event.token,
            readable: false,
            writable: false,
            read_closed: false,
            write_closed: false,
            is_urgent: false,
            is_error: false,
        });
        all.readable |= event.readable;
        all.writable |= event.writable;
        all.read_closed |= event.read_closed;
        all.write_closed |= event.write_closed;
        all.is_error |= event.is_error;
    };
    let n_events = poller
        .wait(timeout, BATCH, &mut |events| {
            events.iter().for_each(&mut add)
        })
        .unwrap();
    assert_eq!(n_events, n_seen, "the answer counts the events");
    events
}

/// What is ready now.
fn look(poller: &Poller) -> BTreeMap<u64, Event> {
    wait(poller, Some(Duration::ZERO))
}

/// Waits until what has been reported of the token satisfies the predicate: the network may need a
/// moment, and may report in parts.
fn wait_for(poller: &Poller, token: u64, predicate: impl Fn(&Event) -> bool) {
    let patience = Duration::from_secs(600);
    let end = Instant::now() + patience;
    loop {
        let events = wait(poller, Some(patience));
        if events.get(&token).is_some_and(&predicate) {
            return;
        }
        assert!(
            Instant::now() < end,
            "not reported: the last was {events:?}"
        );
    }
}

fn nonblocking_pair() -> (UnixStream, UnixStream) {
    let (one, other) = UnixStream::pair().unwrap();
    one.set_nonblocking(true).unwrap();
    other.set_nonblocking(true).unwrap();
    (one, other)
}

/// A watched socket whose first event, that it can be written to, has been taken.
fn watched_pair(poller: &Poller, token: u64) -> (UnixStream, UnixStream) {
    let (one, other) = nonblocking_pair();
    poller.add(one.as_fd(), token).unwrap();
    assert!(look(poller)[&token].writable);
    (one, other)
}
