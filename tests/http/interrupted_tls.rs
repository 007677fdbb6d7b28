//! rustls on a stream of this crate, interrupted in the middle of handshakes, reads and writes.

use std::io::{BufRead, BufReader, Read, Write};
use std::sync::Arc;

use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConnection, StreamOwned};

use selvedge::http::Response;

use crate::connections::{Client, Peer, message, on_each_connection};
use crate::server::{Server, in_loop, receive};
use crate::tls::Identity;

const N_MESSAGES: usize = 4;

/// The client's half of a connection to a host with this identity.
pub fn client_connection(identity: &Identity) -> ClientConnection {
    let mut roots = RootCertStore::empty();
    let certificate = CertificateDer::from(identity.certificate.clone());
    roots.add(certificate).expect("a certificate");
    let config = ClientConfig::builder().with_root_certificates(roots);
    let config = Arc::new(config.with_no_client_auth());
    let host = ServerName::try_from("localhost").expect("a name");
    ClientConnection::new(config, host).expect("a configuration that fits")
}

#[test]
fn interrupted_encryption_loses_no_byte() {
    let identity = Arc::new(Identity::new(|_| ()));
    let config = Arc::clone(&identity.config);
    on_each_connection(
        move |client: Client| {
            let mut tls = StreamOwned::new(client_connection(&identity), &client.stream);
            client.until_done(|| {
                while tls.conn.is_handshaking() {
                    tls.conn.complete_io(&mut tls.sock)?;
                }
                Ok(())
            });
            for n in 0..N_MESSAGES {
                let sent = message(n, client.random.below(20_000) as usize);
                let mut n_written = 0;
                while n_written < sent.len() {
                    // Counted here: rustls returns how much it has taken in the place of the error by which its socket
                    // was interrupted.
                    client.until_done(|| {
                        n_written += tls.write(&sent[n_written..])?;
                        Ok(())
                    });
                }
                client.until_done(|| tls.flush());
                let mut received = Vec::new();
                while received.len() < sent.len() {
                    let mut chunk = [0; 1000];
                    let n = client.until_done(|| tls.read(&mut chunk));
                    assert!(n > 0, "the stream ends early");
                    received.extend_from_slice(&chunk[..n]);
                }
                assert!(received == sent, "message {n} is another one");
            }
            tls.conn.send_close_notify();
            client.until_done(|| tls.flush());
        },
        move |peer: Peer| {
            let connection = ServerConnection::new(config).expect("a configuration");
            let mut tls = BufReader::new(StreamOwned::new(connection, peer));
            loop {
                let received = tls.fill_buf().unwrap().to_vec();
                if received.is_empty() {
                    break;
                }
                tls.consume(received.len());
                tls.get_mut().write_all(&received).unwrap();
                tls.get_mut().flush().unwrap();
            }
        },
    );
}

#[test]
fn a_body_without_a_length_that_is_cut_off_is_an_error() {
    in_loop(|| {
        let identity = Identity::new(|_| ());
        let config = Arc::clone(&identity.config);
        let server = Server::raw(move |stream| {
            let connection = ServerConnection::new(Arc::clone(&config)).expect("a connection");
            let mut stream = BufReader::new(StreamOwned::new(connection, stream));
            let request = receive(&mut stream).expect("a request").expect("one");
            let tls = stream.get_mut();
            tls.write_all(b"HTTP/1.1 200 OK\r\n\r\nhalf")
                .expect("a peer");
            if request.target == "/whole" {
                tls.conn.send_close_notify();
            }
            tls.flush().expect("a peer");
            if request.target == "/record" {
                // The beginning of a record of 256 bytes.
                tls.sock
                    .write_all(b"\x17\x03\x03\x01\x00rest")
                    .expect("a peer");
            }
        });
        let session = identity.trusting().build();
        let get = |path| {
            let url = format!("https://localhost:{}{path}", server.address.port());
            session.get(url).and_then(Response::text)
        };
        assert_eq!(get("/whole").expect("a body"), "half");
        for path in ["/cut", "/record"] {
            let error = get(path).expect_err("no end of the body");
            assert!(error.is_disconnected(), "{error:?}");
        }
    });
}
