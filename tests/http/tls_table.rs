//! The state in which interruptions leave an encrypted connection, compared with the table in the
//! documentation.

use std::cell::Cell;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::rc::Rc;

use rustls::{ClientConnection, ServerConnection, StreamOwned};
use selvedge::net::unix::UnixStream;
use selvedge::{run, spawn};
use socket2::SockRef;

use crate::connections::message;
use crate::interrupt::By;
use crate::interrupted_tls::client_connection;
use crate::page;
use crate::probe::{Middle, Row, State, compare};
use crate::tls::Identity;

/// Both ends of a connection.
struct Ends {
    client: ClientConnection,
    near: UnixStream,
    server: ServerConnection,
    far: UnixStream,
}

impl Ends {
    fn new(identity: &Identity) -> Self {
        let (near, far) = UnixStream::pair().unwrap();
        SockRef::from(&near).set_send_buffer_size(1).unwrap();
        Self {
            client: client_connection(identity),
            near,
            server: ServerConnection::new(identity.config.clone()).unwrap(),
            far,
        }
    }

    fn after_the_handshake(identity: &Identity) -> Self {
        let Self {
            mut client,
            near,
            mut server,
            far,
        } = Self::new(identity);
        let other = spawn(move || {
            while server.is_handshaking() {
                server.complete_io(&mut &far).unwrap();
            }
            (server, far)
        });
        while client.is_handshaking() {
            client.complete_io(&mut &near).unwrap();
        }
        let (server, far) = other.join().unwrap();
        Self {
            client,
            near,
            server,
            far,
        }
    }
}

fn read(identity: &Identity, by: By) -> State {
    let mut ends = Ends::after_the_handshake(identity);
    let sent = message(1, 100);
    ends.server.writer().write_all(&sent).unwrap();
    let mut record = Vec::new();
    while ends.server.wants_write() {
        ends.server.write_tls(&mut record).unwrap();
    }
    let (first, second) = record.split_at(record.len() - 50);
    (&ends.far).write_all(first).unwrap();
    let resume = || (&ends.far).write_all(second).unwrap();
    let mut tls = StreamOwned::new(ends.client, &ends.near);
    let mut received = [0; 100];
    Middle::new(by, &ends.near, &resume).of(|| tls.read(&mut received));
    tls.read_exact(&mut received).unwrap();
    compare(Some(received.to_vec()), &sent)
}

/// Has the client write, and returns what the server has received in the end.
fn written(
    identity: &Identity,
    by: By,
    write: impl FnOnce(&mut StreamOwned<ClientConnection, &UnixStream>, &Middle<'_>),
) -> Vec<u8> {
    let Ends {
        client,
        near,
        server,
        far,
    } = Ends::after_the_handshake(identity);
    let far_end = Cell::new(Some(StreamOwned::new(server, far)));
    let received = Rc::new(Cell::new(None));
    let resume = || {
        let mut tls = far_end.take().expect("one interruption");
        received.set(Some(spawn(move || {
            let mut received = Vec::new();
            tls.read_to_end(&mut received).unwrap();
            received
        })));
    };
    let mut tls = StreamOwned::new(client, &near);
    write(&mut tls, &Middle::new(by, &near, &resume));
    tls.conn.send_close_notify();
    tls.flush().unwrap();
    near.shutdown(Shutdown::Write).unwrap();
    received.take().expect("an interruption").join().unwrap()
}

fn counted_write(identity: &Identity, by: By) -> State {
    let sent = message(2, 200_000);
    let received = written(identity, by, |tls, middle| {
        let mut n_written = 0;
        let mut write_on = || -> io::Result<()> {
            while n_written < sent.len() {
                n_written += tls.write(&sent[n_written..])?;
            }
            tls.flush()
        };
        middle.of(&mut write_on);
        write_on().unwrap();
    });
    compare(Some(received), &sent)
}

fn write_all(identity: &Identity, by: By) -> State {
    let sent = message(2, 200_000);
    let received = written(identity, by, |tls, middle| {
        middle.of(|| tls.write_all(&sent));
        tls.write_all(&sent).unwrap();
    });
    compare(Some(received), &sent)
}

fn handshake(identity: &Identity, by: By) -> State {
    let Ends {
        mut client,
        near,
        mut server,
        far,
    } = Ends::new(identity);
    client.write_tls(&mut &near).unwrap();
    server.read_tls(&mut &far).unwrap();
    server.process_new_packets().unwrap();
    let mut answer = Vec::new();
    while server.wants_write() {
        server.write_tls(&mut answer).unwrap();
    }
    let (first, second) = answer.split_at(answer.len() / 2);
    (&far).write_all(first).unwrap();
    let resume = || (&far).write_all(second).unwrap();
    let mut shake = || client.complete_io(&mut &near);
    Middle::new(by, &near, &resume).of(&mut shake);
    shake().unwrap();
    if client.is_handshaking() {
        State::Over
    } else {
        State::Whole
    }
}

#[test]
fn the_table_of_rustls_says_what_interruptions_leave() {
    let identity = Identity::new(|_| ());
    let identity = &identity;
    let row = |operation, state: fn(&Identity, By) -> State| {
        Row::of(operation, &By::ALL, |by| run(|| state(identity, by)))
    };
    let rows = [
        row("`rustls`: the handshake, by `complete_io`", handshake),
        row("`rustls`: `read`", read),
        row(
            "`rustls`: `write` and `flush`, counted by the function",
            counted_write,
        ),
        row("`rustls`: `write_all`, again from the beginning", write_all),
    ];
    page::assert_says("# Other crates, interrupted", &rows, |operation| {
        operation.starts_with("`rustls`")
    });
}
