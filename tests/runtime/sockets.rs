//! Sockets in tasks and loops: cancels, closing loops, and descriptors from elsewhere.

use std::io::{ErrorKind, Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;
use std::time::Duration;

use selvedge::net::unix::UnixStream;
use selvedge::net::{TcpListener, TcpStream};
use selvedge::task::catch_cancelled;
use selvedge::{EventLoop, run, sleep, spawn, yield_now};

use crate::support::{AN_HOUR, event_loop, finished, thread_number, wait_until_asleep};

fn pair() -> (UnixStream, UnixStream) {
    UnixStream::pair().expect("a pair")
}

#[test]
fn a_cancelled_read_loses_no_byte_and_leaves_the_socket_usable() {
    run(|| {
        let (near, mut far) = pair();
        let reader = near.try_clone().expect("a clone");
        let task = spawn(move || {
            let caught = catch_cancelled(|| (&reader).read(&mut [0; 4])).is_err();
            let mut buffer = [0; 4];
            (&reader).read_exact(&mut buffer).expect("four bytes");
            (caught, buffer)
        });
        yield_now();
        yield_now();
        task.cancel();
        far.write_all(b"weft").expect("written");
        assert_eq!(finished(task.join()), (true, *b"weft"));
        far.write_all(b"warp").expect("written");
        let mut buffer = [0; 4];
        (&near).read_exact(&mut buffer).expect("four bytes");
        assert_eq!(&buffer, b"warp");
    });
}

#[test]
fn a_cancel_that_races_readiness_loses_no_byte() {
    const N_ROUNDS: u8 = 200;
    run(|| {
        let (near, mut far) = pair();
        let mut received = Vec::new();
        for n in 0..N_ROUNDS {
            let reader = near.try_clone().expect("a clone");
            let task = spawn(move || {
                let mut byte = [0];
                match catch_cancelled(|| (&reader).read(&mut byte)) {
                    Ok(n_read) => Some((n_read.expect("a byte"), byte[0])),
                    Err(_) => None,
                }
            });
            (0..n % 3).for_each(|_| yield_now());
            far.write_all(&[n]).expect("written");
            (0..n % 5).for_each(|_| yield_now());
            task.cancel();
            match task.join() {
                Ok(Some((1, byte))) => received.push(byte),
                Ok(None) => (),
                Err(error) if error.is_cancelled() => (),
                other => panic!("{other:?}"),
            }
        }
        drop(far);
        let mut rest = Vec::new();
        (&near).read_to_end(&mut rest).expect("the end");
        received.extend(rest);
        assert_eq!(received, (0..N_ROUNDS).collect::<Vec<_>>());
    });
}

#[test]
fn a_connection_is_accepted_and_served_beside_its_client() {
    run(|| {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
        let address = listener.local_addr().expect("an address");
        let server = spawn(move || {
            let (mut stream, _) = listener.accept().expect("a connection");
            let mut received = Vec::new();
            stream.read_to_end(&mut received).expect("the end");
            received
        });
        let client = spawn(move || {
            let mut stream = TcpStream::connect(address).expect("connected");
            stream.write_all(b"shuttle").expect("written");
        });
        finished(client.join());
        assert_eq!(finished(server.join()), b"shuttle");
    });
}

#[test]
fn a_socket_survives_a_reader_unwound_by_its_loops_close() {
    let (near, mut far) = pair();
    let reader = near.try_clone().expect("a clone");
    let event_loop = event_loop();
    let task = event_loop.create_task(move || (&reader).read(&mut [0]).map_err(|e| e.kind()));
    finished(event_loop.run_until_complete(|| (0..3).for_each(|_| yield_now())));
    drop(event_loop);
    assert!(task.join().expect_err("cancelled").is_cancelled());
    far.write_all(b"x").expect("written");
    let n_read = run(|| (&near).read(&mut [0; 4]).expect("a byte"));
    assert_eq!(n_read, 1);
}

/// The retries for a body that swallows every unwind are counted, whatever the body does in between.
#[test]
fn a_task_that_always_swallows_does_not_block_the_close() {
    for n_sleeps in 0..4 {
        let builder = EventLoop::builder().shutdown_timeout(Duration::ZERO);
        let event_loop = builder.build().expect("a loop");
        let (near, far) = pair();
        event_loop
            .create_task(move || {
                let _far = far;
                for _ in 0..n_sleeps {
                    let _ = catch_unwind(|| sleep(AN_HOUR));
                }
                loop {
                    let _ = catch_unwind(AssertUnwindSafe(|| (&near).read(&mut [0])));
                }
            })
            .detach();
        finished(event_loop.run_until_complete(yield_now));
        drop(event_loop);
    }
}

#[test]
fn a_clone_of_a_socket_dropped_on_another_thread_can_wait() {
    run(|| {
        let (near, mut far) = pair();
        let timeout = Some(Duration::from_millis(1));
        near.set_read_timeout(timeout).expect("a timeout");
        let timed_out = (&near).read(&mut [0]).expect_err("nothing to read").kind();
        assert!(matches!(
            timed_out,
            ErrorKind::WouldBlock | ErrorKind::TimedOut
        ));
        // The registration stays with the open file until the loop learns that the socket is gone.
        let second = near.try_clone().expect("a clone");
        thread::spawn(move || drop(near)).join().expect("no panic");
        let third = second.try_clone().expect("a clone");
        third.set_read_timeout(timeout).expect("a timeout");
        let timed_out = (&third).read(&mut [0]).expect_err("nothing to read").kind();
        assert!(
            matches!(timed_out, ErrorKind::WouldBlock | ErrorKind::TimedOut),
            "{timed_out:?}"
        );
        third.set_read_timeout(None).expect("no timeout");
        far.write_all(b"x").expect("written");
        assert_eq!((&third).read(&mut [0; 4]).expect("a byte"), 1);
    });
}

#[test]
fn a_socket_may_drop_on_another_thread_while_its_loop_sleeps() {
    let number = thread_number();
    run(|| {
        let (near, mut far) = pair();
        let waits = near.try_clone().expect("a clone");
        let _ = near.set_read_timeout(Some(Duration::from_millis(1)));
        assert!((&near).read(&mut [0]).is_err());
        waits.set_read_timeout(None).expect("no timeout");
        let thread = thread::spawn(move || {
            wait_until_asleep(number);
            drop(near);
            far.write_all(b"x").expect("written");
        });
        assert_eq!((&waits).read(&mut [0; 4]).expect("a byte"), 1);
        thread.join().expect("no panic");
    });
}
