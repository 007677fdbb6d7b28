//! tungstenite on interrupted connections.

use std::io;

use selvedge::net::unix::UnixStream;
use selvedge::{run, spawn};
use tungstenite::protocol::Role;
use tungstenite::{Error, Message, WebSocket};

use crate::connections::{Client, Peer, message, on_each_connection};

const N_MESSAGES: usize = 6;

pub fn io_error(error: Error) -> io::Error {
    match error {
        Error::Io(error) => error,
        other => io::Error::other(other),
    }
}

#[test]
fn interrupted_websockets_lose_no_message() {
    on_each_connection(
        |client: Client| {
            let mut socket = WebSocket::from_raw_socket(&client.stream, Role::Client, None);
            for n in 0..N_MESSAGES {
                let sent = message(n, client.random.below(12_000) as usize);
                // Once tungstenite has the message, the rest is a matter of flushing.
                let mut unsent = Some(Message::binary(sent.clone()));
                client.until_done(|| match unsent.take() {
                    Some(message) => socket.send(message).map_err(io_error),
                    None => socket.flush().map_err(io_error),
                });
                let answer = client.until_done(|| socket.read().map_err(io_error));
                assert_eq!(answer.into_data(), sent);
                let text = client.until_done(|| socket.read().map_err(io_error));
                assert_eq!(text.into_text().unwrap(), format!("message {n}"));
            }
        },
        |peer: Peer| {
            let mut socket = WebSocket::from_raw_socket(peer, Role::Server, None);
            for n in 0..N_MESSAGES {
                let message = socket.read().unwrap();
                socket.send(message).unwrap();
                socket.send(Message::text(format!("message {n}"))).unwrap();
            }
        },
    );
}

/// A handshake, a message to and fro, and the close.
pub fn shake_hands() {
    run(|| {
        let (near, far) = UnixStream::pair().unwrap();
        let server = spawn(move || {
            let mut socket = tungstenite::accept(far).unwrap();
            let message = socket.read().unwrap();
            socket.send(message).unwrap();
            // Answers the client's close.
            while socket.read().is_ok() {}
        });
        let (mut socket, _) = tungstenite::client("ws://localhost/", near).unwrap();
        socket.send(Message::text("selvedge")).unwrap();
        assert_eq!(socket.read().unwrap().into_text().unwrap(), "selvedge");
        socket.close(None).unwrap();
        while socket.read().is_ok() {}
        server.join().unwrap();
    });
}
