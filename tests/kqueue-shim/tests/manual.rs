//! The statements of kqueue(2), in other words, each tested on the shim.

mod support;

use std::io::{Read, Write, pipe};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::thread;
use std::time::{Duration, Instant};

use selvedge_kqueue_shim::abi::*;
use support::{Kqueue, call, file, nonblocking_pair, user};

const ADD: u16 = EV_ADD | EV_CLEAR;

/// "An event is known by its ident and its filter, and a queue holds each such pair once."
#[test]
fn reading_and_writing_are_events_of_their_own() {
    let queue = Kqueue::new();
    let (one, mut other) = nonblocking_pair();
    queue.add(&one, EVFILT_READ, 7);
    queue.add(&one, EVFILT_WRITE, 8);
    other.write_all(b"x").unwrap();
    let mut seen: Vec<_> = queue
        .look()
        .iter()
        .map(|event| (event.ident, event.filter, event.udata))
        .collect();
    seen.sort();
    let ident = one.as_raw_fd() as usize;
    assert_eq!(seen, [(ident, EVFILT_WRITE, 8), (ident, EVFILT_READ, 7)]);
    // Arriving bytes are no change for the writing side.
    other.write_all(b"y").unwrap();
    assert_eq!(queue.one().filter, EVFILT_READ);
}

/// "EV_CLEAR: once retrieved, the state of the event is reset, so that it tells of changes."
#[test]
fn a_change_is_reported_once() {
    let queue = Kqueue::new();
    let (one, mut other) = nonblocking_pair();
    queue.add(&one, EVFILT_READ, 0);
    for _ in 0..2 {
        other.write_all(b"x").unwrap();
        assert_eq!(queue.one().flags & EV_CLEAR, EV_CLEAR);
        assert!(queue.look().is_empty());
    }
}

/// "EVFILT_READ returns when there is data to read; data has the number of bytes."
#[test]
fn a_read_event_has_the_number_of_bytes() {
    let queue = Kqueue::new();
    let (one, mut other) = nonblocking_pair();
    queue.add(&one, EVFILT_READ, 0);
    assert!(queue.look().is_empty());
    other.write_all(b"three").unwrap();
    assert_eq!(queue.one().data, 5);
}

/// "Of a socket that listens, it returns when a connection is waiting."
#[test]
fn a_listening_socket_is_readable_on_a_connection() {
    let queue = Kqueue::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    queue.add(&listener, EVFILT_READ, 0);
    assert!(queue.look().is_empty());
    let _client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    assert_eq!(queue.wait()[0].data, 1);
}

/// "EVFILT_WRITE returns when writing is possible; data has the remaining room."
#[test]
fn a_write_event_has_the_amount_of_room() {
    let queue = Kqueue::new();
    let (reader, mut writer) = pipe().unwrap();
    queue.add(&writer, EVFILT_WRITE, 0);
    let room = queue.one().data;
    writer.write_all(&[0; 4096]).unwrap();
    queue.add(&writer, EVFILT_WRITE, 0);
    assert_eq!(queue.one().data, room - 4096);
    drop(reader);
    let (mut one, mut other) = nonblocking_pair();
    queue.add(&one, EVFILT_WRITE, 0);
    assert!(queue.look().iter().any(|event| event.data > 4096));
    while one.write(&[0; 4096]).is_ok() {}
    assert!(queue.look().is_empty());
    while other.read(&mut [0; 4096]).is_ok() {}
    assert_eq!(queue.one().filter, EVFILT_WRITE);
}

/// "EV_EOF is set when the reading side of the socket has been shut; bytes may still be there."
#[test]
fn the_end_of_a_socket_is_reported_with_the_bytes_before_it() {
    let queue = Kqueue::new();
    let (one, mut other) = nonblocking_pair();
    queue.add(&one, EVFILT_READ, 0);
    queue.add(&one, EVFILT_WRITE, 0);
    queue.look();
    other.write_all(b"x").unwrap();
    other.shutdown(Shutdown::Write).unwrap();
    let events = queue.look();
    let event = events.iter().find(|event| event.filter == EVFILT_READ);
    let event = event.expect("the end is an event for reading");
    assert_eq!(event.data, 1);
    assert_eq!((event.flags & EV_EOF, event.fflags), (EV_EOF, 0));
    drop(other);
    assert!(queue.look().iter().all(|event| event.flags & EV_EOF != 0));
}

/// "For sockets, an error of the socket is in fflags together with EV_EOF."
#[test]
fn a_reset_connection_has_an_error_and_keeps_it_for_the_reader() {
    let queue = Kqueue::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (server, _) = listener.accept().unwrap();
    queue.add(&client, EVFILT_READ, 0);
    client.write_all(b"never read").unwrap();
    server.peek(&mut [0]).unwrap();
    drop(server);
    let event = queue.wait()[0];
    assert_eq!(event.flags & EV_EOF, EV_EOF);
    assert_ne!(event.fflags, 0);
    client.read(&mut [0]).unwrap_err();
}

/// "Of pipes, EV_EOF is set for writing when the reader has gone, for reading when the writer has."
#[test]
fn a_pipe_reports_that_its_other_end_is_closed() {
    let queue = Kqueue::new();
    let (reader, writer) = pipe().unwrap();
    queue.add(&writer, EVFILT_WRITE, 0);
    queue.look();
    drop(reader);
    assert_eq!(queue.one().flags & EV_EOF, EV_EOF);
    let (reader, writer) = pipe().unwrap();
    queue.add(&reader, EVFILT_READ, 0);
    drop(writer);
    assert_eq!(queue.one().flags & EV_EOF, EV_EOF);
}

/// "EINVAL: the filter is not valid for it", and an error that the kernels add: EPIPE without a
/// reader.
#[test]
fn a_pipe_has_one_direction() {
    let queue = Kqueue::new();
    let (reader, writer) = pipe().unwrap();
    let refused = |fd: i32, filter| {
        queue
            .kevent(&[file(&fd, filter, ADD, 0)], 0, None)
            .unwrap_err()
    };
    assert_eq!(refused(reader.as_raw_fd(), EVFILT_WRITE), libc::EINVAL);
    assert_eq!(refused(writer.as_raw_fd(), EVFILT_READ), libc::EINVAL);
    drop(reader);
    assert_eq!(refused(writer.as_raw_fd(), EVFILT_WRITE), libc::EPIPE);
}

/// "EV_ADD of an event that is there changes it, and does not make a second one."
#[test]
fn adding_again_changes_the_user_data() {
    let queue = Kqueue::new();
    let (one, mut other) = nonblocking_pair();
    queue.add(&one, EVFILT_READ, 1);
    queue.add(&one, EVFILT_READ, 2);
    other.write_all(b"x").unwrap();
    assert_eq!(queue.one().udata, 2);
}

/// "A filter is run when it is attached, so that a condition that holds already is reported."
#[test]
fn readiness_from_before_is_reported() {
    let queue = Kqueue::new();
    let (one, mut other) = nonblocking_pair();
    other.write_all(b"x").unwrap();
    queue.add(&one, EVFILT_READ, 0);
    assert_eq!(queue.one().data, 1);
}

/// "EV_DELETE removes the event. ENOENT: there is none to change or delete."
#[test]
fn deleting_concerns_one_existing_filter() {
    let queue = Kqueue::new();
    let (one, mut other) = nonblocking_pair();
    queue.add(&one, EVFILT_READ, 0);
    queue.add(&one, EVFILT_WRITE, 0);
    let delete = file(&one, EVFILT_READ, EV_DELETE, 0);
    queue.change(delete);
    other.write_all(b"x").unwrap();
    assert_eq!(queue.one().filter, EVFILT_WRITE);
    assert_eq!(queue.kevent(&[delete], 0, None).unwrap_err(), libc::ENOENT);
}

/// "EV_DISABLE: the event is not returned, and its filter stays; EV_ENABLE: it is again."
#[test]
fn a_disabled_event_waits_until_it_is_enabled() {
    let queue = Kqueue::new();
    let (one, mut other) = nonblocking_pair();
    queue.add(&one, EVFILT_READ, 0);
    queue.change(file(&one, EVFILT_READ, EV_DISABLE, 0));
    other.write_all(b"x").unwrap();
    assert!(queue.look().is_empty());
    queue.change(file(&one, EVFILT_READ, EV_ENABLE, 0));
    assert_eq!(queue.one().data, 1);
}

/// "Closing a descriptor removes all events that refer to it", even if the open file lives on in a
/// duplicate.
#[test]
fn a_closed_number_is_not_reported() {
    let queue = Kqueue::new();
    let (one, mut other) = nonblocking_pair();
    queue.add(&one, EVFILT_READ, 1);
    let _duplicate = one.try_clone().unwrap();
    drop(one);
    other.write_all(b"x").unwrap();
    assert!(queue.look().is_empty());
}

/// The same, where the number refers to another file at once.
#[test]
fn a_reused_descriptor_number_inherits_nothing() {
    let queue = Kqueue::new();
    let (one, mut other) = nonblocking_pair();
    queue.add(&one, EVFILT_READ, 1);
    let _duplicate = one.try_clone().unwrap();
    let (successor, mut its_peer) = nonblocking_pair();
    // SAFETY: both are open; the first is closed by it, and its number belongs to `one` still.
    let number = unsafe { libc::dup2(successor.as_raw_fd(), one.as_raw_fd()) };
    assert_eq!(number, one.as_raw_fd());
    its_peer.write_all(b"x").unwrap();
    other.write_all(b"x").unwrap();
    assert!(queue.look().is_empty(), "the successor was not added");
    let delete = file(&one, EVFILT_READ, EV_DELETE, 0);
    assert_eq!(queue.kevent(&[delete], 0, None).unwrap_err(), libc::ENOENT);
    queue.add(&one, EVFILT_READ, 2);
    assert_eq!(queue.one().udata, 2);
    other.write_all(b"x").unwrap();
    assert!(queue.look().is_empty(), "the predecessor is not watched");
}

/// "EBADF: the descriptor is not valid", be it the queue's or a change's.
#[test]
fn a_closed_descriptor_is_an_error() {
    let queue = Kqueue::new();
    let change = file(&1_000_000, EVFILT_READ, ADD, 0);
    assert_eq!(queue.kevent(&[change], 0, None).unwrap_err(), libc::EBADF);
    let (one, _other) = nonblocking_pair();
    assert_eq!(
        call(one.as_raw_fd(), &[], 1, None).unwrap_err(),
        libc::EBADF
    );
}

/// "EV_RECEIPT has EV_ERROR returned for each change, with data 0 for success, and no event that
/// is pending is taken."
#[test]
fn receipts_answer_each_change_and_take_no_events() {
    let queue = Kqueue::new();
    let (one, mut other) = nonblocking_pair();
    other.write_all(b"x").unwrap();
    let changes = [
        file(&one, EVFILT_READ, ADD | EV_RECEIPT, 1),
        file(&one, EVFILT_WRITE, EV_DELETE | EV_RECEIPT, 2),
    ];
    let receipts = queue.kevent(&changes, 2, None).unwrap();
    let seen: Vec<_> = receipts
        .iter()
        .map(|receipt| (receipt.filter, receipt.flags, receipt.data))
        .collect();
    let missing = libc::ENOENT as isize;
    let expected = [
        (EVFILT_READ, EV_ERROR, 0),
        (EVFILT_WRITE, EV_ERROR, missing),
    ];
    assert_eq!(seen, expected);
    assert_eq!(queue.one().filter, EVFILT_READ);
}

/// "An error of a change goes into the list of events if there is room; if not, kevent returns -1
/// with errno."
#[test]
fn an_error_without_a_receipt_is_an_event_if_there_is_room() {
    let queue = Kqueue::new();
    let (one, _other) = nonblocking_pair();
    let change = file(&one, EVFILT_READ, EV_DELETE, 0);
    let events = queue.kevent(&[change], 1, None).unwrap();
    assert_eq!(
        (events[0].flags, events[0].data),
        (EV_ERROR, libc::ENOENT as isize)
    );
    assert_eq!(queue.kevent(&[change], 0, None).unwrap_err(), libc::ENOENT);
}

/// "Without a timeout it waits indefinitely; with one of zero it polls; with room for no events it
/// returns at once, whatever the timeout."
#[test]
fn timeouts_are_kept() {
    let queue = Kqueue::new();
    let start = Instant::now();
    let timeout = Duration::from_micros(1_500);
    assert!(queue.kevent(&[], 1, Some(timeout)).unwrap().is_empty());
    assert!(start.elapsed() >= timeout);
    assert!(queue.look().is_empty());
    assert!(queue.kevent(&[], 0, None).unwrap().is_empty());
    let invalid = libc::timespec {
        tv_sec: 0,
        tv_nsec: 1_000_000_000,
    };
    let result = call(queue.0.as_raw_fd(), &[], 1, Some(invalid));
    assert_eq!(result.unwrap_err(), libc::EINVAL);
}

/// "No more events are returned than there is room for"; the others stay.
#[test]
fn events_beyond_the_callers_room_stay_pending() {
    let queue = Kqueue::new();
    let (one, mut other) = nonblocking_pair();
    other.write_all(b"x").unwrap();
    queue.add(&one, EVFILT_READ, 0);
    queue.add(&one, EVFILT_WRITE, 0);
    for ident in 0..3 {
        queue.change(user(ident, ADD, NOTE_TRIGGER));
    }
    let mut seen = Vec::new();
    for _ in 0..5 {
        let events = queue.kevent(&[], 1, Some(Duration::ZERO)).unwrap();
        seen.push((events[0].filter, events[0].ident));
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 5, "{seen:?}");
    assert!(queue.look().is_empty());
}

/// "EVFILT_USER is an event that user code triggers, by NOTE_TRIGGER"; triggering it twice before
/// it is retrieved makes one event.
#[test]
fn a_users_event_is_triggered_and_cleared() {
    let queue = Kqueue::new();
    queue.change(user(3, ADD, 0));
    assert!(queue.look().is_empty());
    for _ in 0..2 {
        queue.change(user(3, 0, NOTE_TRIGGER));
        queue.change(user(3, 0, NOTE_TRIGGER));
        let event = queue.one();
        assert_eq!((event.filter, event.ident), (EVFILT_USER, 3));
        assert!(queue.look().is_empty());
    }
    queue.change(user(3, EV_DELETE, 0));
    let trigger = user(3, 0, NOTE_TRIGGER);
    assert_eq!(queue.kevent(&[trigger], 0, None).unwrap_err(), libc::ENOENT);
}

/// It wakes a thread that is waiting.
#[test]
fn a_trigger_from_another_thread_wakes() {
    let queue = Kqueue::new();
    queue.change(user(0, ADD, 0));
    thread::scope(|scope| {
        scope.spawn(|| queue.change(user(0, 0, NOTE_TRIGGER)));
        assert_eq!(queue.wait()[0].filter, EVFILT_USER);
    });
}

/// "Several queues may watch one descriptor"; each has its own state.
#[test]
fn queues_do_not_share_state() {
    let queues = [Kqueue::new(), Kqueue::new()];
    let (one, mut other) = nonblocking_pair();
    for queue in &queues {
        queue.add(&one, EVFILT_READ, 0);
    }
    other.write_all(b"x").unwrap();
    for queue in &queues {
        assert_eq!(queue.one().data, 1);
    }
}

/// A closed queue frees its descriptors, and its number may become another queue.
#[test]
fn a_closed_queue_frees_its_descriptors() {
    let (one, mut other) = nonblocking_pair();
    other.write_all(b"x").unwrap();
    for _ in 0..2_000 {
        let queue = Kqueue::new();
        assert!(queue.look().is_empty());
        queue.add(&one, EVFILT_READ, 0);
        assert_eq!(queue.one().data, 1);
    }
}

/// A missing part ends the process: in children, each with one change that needs such a part.
#[test]
fn an_unknown_request_aborts_with_a_sentence() {
    const CHILD: &str = "SHIM_TEST_CHANGE";
    let (one, _other) = nonblocking_pair();
    let unknown = [
        file(&one, -7, ADD, 0),
        file(&one, EVFILT_READ, ADD | 0x10, 0),
        file(&one, EVFILT_READ, EV_ADD, 0),
        user(0, ADD, 0xc000_0000),
    ];
    if let Ok(index) = std::env::var(CHILD) {
        let index: usize = index.parse().unwrap();
        let _ = Kqueue::new().kevent(&unknown[index..=index], 0, None);
        return;
    }
    for index in 0..unknown.len() {
        let child = std::process::Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "an_unknown_request_aborts_with_a_sentence",
                "--nocapture",
            ])
            .env(CHILD, index.to_string())
            .output()
            .unwrap();
        let stderr = String::from_utf8_lossy(&child.stderr);
        assert!(!child.status.success(), "{index}");
        assert!(
            stderr.contains("shim of selvedge's tests does not know"),
            "{stderr}"
        );
    }
}
