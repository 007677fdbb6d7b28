//! Sockets: reading and writing, with timeouts and without.

use std::io::{Read, Write};
use std::time::Duration;

use selvedge::net::unix::UnixStream;
use selvedge::net::{TcpListener, TcpStream, UdpSocket};
use selvedge::{run, spawn, yield_now};

use super::{assert_allocates_nothing, finished, n_times};

/// Sends a byte and waits for it to come back, again and again.
fn assert_echo_allocates_nothing(
    mut near: impl Read + Write,
    mut far: impl Read + Write + 'static,
) {
    let echo = spawn(move || {
        let mut byte = [0];
        while far.read(&mut byte).expect("a byte or the end") == 1 {
            far.write_all(&byte).expect("written");
        }
    });
    assert_allocates_nothing(|| {
        for n in 0..n_times() {
            let mut byte = [0];
            near.write_all(&[n as u8]).expect("written");
            near.read_exact(&mut byte).expect("echoed");
            assert_eq!(byte, [n as u8]);
        }
    });
    drop(near);
    finished(echo.join());
}

#[test]
fn reading_and_writing_a_socket_allocates_nothing() {
    run(|| {
        let (near, far) = UnixStream::pair().expect("a pair");
        assert_echo_allocates_nothing(near, far);
    });
}

#[test]
fn transfers_with_timeouts_over_tcp_allocate_nothing() {
    run(|| {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
        let near = TcpStream::connect(listener.local_addr().expect("bound")).expect("connected");
        let (far, _) = listener.accept().expect("a connection");
        for stream in [&near, &far] {
            stream.set_nodelay(true).expect("an option");
        }
        let hour = Some(Duration::from_secs(3600));
        near.set_read_timeout(hour).expect("a timeout");
        near.set_write_timeout(hour).expect("a timeout");
        assert_echo_allocates_nothing(near, far);
    });
}

#[test]
fn receiving_datagrams_allocates_nothing() {
    run(|| {
        let [near, far] = [(); 2].map(|()| UdpSocket::bind("127.0.0.1:0").expect("bound"));
        far.connect(near.local_addr().expect("bound"))
            .expect("a peer");
        near.connect(far.local_addr().expect("bound"))
            .expect("a peer");
        let echo = spawn(move || {
            let mut byte = [0];
            while far.recv(&mut byte).expect("a datagram") == 1 {
                far.send(&byte).expect("sent");
            }
        });
        assert_allocates_nothing(|| {
            for n in 0..n_times() {
                let mut byte = [0];
                near.send(&[n as u8]).expect("sent");
                assert_eq!(near.recv(&mut byte).expect("echoed"), 1);
                assert_eq!(byte, [n as u8]);
            }
        });
        near.send(&[]).expect("sent");
        finished(echo.join());
    });
}

/// A full socket parks its writer until its reader makes room.
#[test]
fn a_full_socket_parks_its_writer_without_an_allocation() {
    run(|| {
        let (mut near, mut far) = UnixStream::pair().expect("a pair");
        let reader = spawn(move || {
            let mut buffer = vec![0; 1 << 20];
            while far.read(&mut buffer).expect("bytes or the end") > 0 {
                yield_now();
            }
        });
        let bytes = vec![7; 4 << 20];
        assert_allocates_nothing(|| (0..10).for_each(|_| near.write_all(&bytes).expect("written")));
        drop(near);
        finished(reader.join());
    });
}
