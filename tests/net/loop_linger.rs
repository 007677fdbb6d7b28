//! `SO_LINGER`: the system waits in `close` without blocking a task.

use std::io::{Read, Write};
use std::time::Duration;

use selvedge::io::Pollable;
use selvedge::net::TcpStream;
use selvedge::run;
use socket2::SockRef;

use crate::sockets::{NEVER, fill, tcp_pair};

/// Valgrind lets no other thread run during `close`, which waits for this process's other end here.
fn close_may_wait() -> bool {
    std::env::var_os("SELVEDGE_UNDER_VALGRIND").is_none()
}

/// A stream that would linger for ten minutes, with the number of its unread bytes, and the other end.
fn lingering() -> (TcpStream, usize, TcpStream) {
    let (near, far) = tcp_pair();
    SockRef::from(&near).set_linger(Some(NEVER)).unwrap();
    near.set_nonblocking(true).unwrap();
    let mut n_sent = 0;
    fill(|| {
        let n = { &near }.write(&[0; 65536])?;
        n_sent += n;
        Ok(n)
    });
    (near, n_sent, far)
}

#[test]
fn dropping_a_lingering_stream_stalls_no_task() {
    if !close_may_wait() {
        return;
    }
    run(|| {
        let (near, n_sent, mut far) = lingering();
        drop(near);
        let mut received = Vec::new();
        far.read_to_end(&mut received).unwrap();
        assert_eq!(received.len(), n_sent);
    });
}

#[test]
fn a_lingering_stream_in_a_pollable_stalls_no_task() {
    if !close_may_wait() {
        return;
    }
    run(|| {
        let (near, n_sent, mut far) = lingering();
        drop(Pollable::new(near.into_std()).unwrap());
        let mut received = Vec::new();
        far.read_to_end(&mut received).unwrap();
        assert_eq!(received.len(), n_sent);
    });
}

/// More than there are threads for sockets of this crate's types.
#[test]
fn many_lingering_streams_stall_no_task() {
    if !close_may_wait() {
        return;
    }
    let drop_all = |drop_one: fn(TcpStream)| {
        let streams: Vec<_> = (0..20).map(|_| lingering()).collect();
        let (near, rest): (Vec<_>, Vec<_>) = streams
            .into_iter()
            .map(|(near, n_sent, far)| (near, (n_sent, far)))
            .unzip();
        near.into_iter().for_each(drop_one);
        for (n_sent, mut far) in rest {
            let mut received = Vec::new();
            far.read_to_end(&mut received).unwrap();
            assert_eq!(received.len(), n_sent);
        }
    };
    run(|| {
        drop_all(drop);
        drop_all(|near| drop(Pollable::new(near.into_std()).unwrap()));
    });
}

#[test]
fn the_option_of_a_clone_stays() {
    if !close_may_wait() {
        return;
    }
    run(|| {
        let (near, _n_sent, far) = lingering();
        let clone = near.try_clone().unwrap();
        drop(near);
        let linger: Option<Duration> = SockRef::from(&clone).linger().unwrap();
        assert_eq!(linger, Some(NEVER));
        // Unread bytes reset the connection.
        drop(far);
    });
}

/// There is no thread left for another `close` that waits.
#[test]
fn the_option_of_a_socket_that_is_kept_stays() {
    if !close_may_wait() {
        return;
    }
    run(|| {
        let waiting: Vec<_> = (0..8).map(|_| lingering()).collect();
        let (near, waiting): (Vec<_>, Vec<_>) = waiting
            .into_iter()
            .map(|(near, _n_sent, far)| (near, far))
            .unzip();
        drop(near);
        let (near, _n_sent, far) = lingering();
        let linger = || SockRef::from(&near).linger().unwrap();
        drop(Pollable::new(&near).unwrap());
        assert_eq!(linger(), Some(NEVER), "a reference in a wrapper");
        drop(near.try_clone().unwrap());
        assert_eq!(linger(), Some(NEVER), "a clone");
        drop((waiting, far));
    });
}
