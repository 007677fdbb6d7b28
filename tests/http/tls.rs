//! TLS: trusted certificates, and handshakes that are interrupted.

use std::io::{Read, Write};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use selvedge::http::{Body, Certificate, Session, SessionBuilder};
use selvedge::{spawn, yield_now};

use crate::server::{Gate, Request, Server, answer, in_loop, ok};

/// A server's key and its self-signed certificate.
pub struct Identity {
    pub certificate: Vec<u8>,
    pub config: Arc<ServerConfig>,
}

impl Identity {
    pub fn new(adjust: impl FnOnce(&mut CertificateParams)) -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(["localhost".to_owned()]).expect("a name");
        adjust(&mut params);
        let certificate = params
            .self_signed(&key)
            .expect("a certificate")
            .der()
            .to_vec();
        let chain = vec![CertificateDer::from(certificate.clone())];
        let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key in PKCS #8");
        let config = ServerConfig::builder().with_no_client_auth();
        let config = config
            .with_single_cert(chain, key)
            .expect("a pair that fits");
        Self {
            certificate,
            config: Arc::new(config),
        }
    }

    pub fn serve(&self, handler: impl Fn(&Request) -> Vec<u8> + 'static) -> Server {
        let config = Arc::clone(&self.config);
        Server::with_transport("https", Rc::new(handler), move |stream| {
            let connection = ServerConnection::new(Arc::clone(&config));
            let connection = connection.map_err(std::io::Error::other)?;
            Ok(StreamOwned::new(connection, stream))
        })
    }

    pub fn trusting(&self) -> SessionBuilder {
        let certificate = Certificate::from_der(&self.certificate);
        Session::builder().root_certificates([certificate])
    }

    fn trusted(&self) -> Session {
        self.trusting().build()
    }
}

#[test]
fn a_given_certificate_is_trusted_and_the_connection_reused() {
    in_loop(|| {
        let identity = Identity::new(|_| ());
        let text = "0123456789".repeat(10_000);
        let long = text.clone();
        let server = identity.serve(move |_| ok(&long));
        let session = identity.trusted();
        for _ in 0..3 {
            let response = session.get(server.url("/")).unwrap();
            assert_eq!(response.url().scheme(), "https");
            assert_eq!(response.text().unwrap(), text);
        }
        let response = session.post(server.url("/"), text.as_str()).unwrap();
        assert_eq!(response.text().unwrap(), text);
        assert_eq!(server.n_connections(), 1);
        assert_eq!(server.requests().last().unwrap().text(), text);
    });
}

#[test]
fn a_malformed_pem_certificate_is_an_error() {
    in_loop(|| {
        let key = KeyPair::generate().unwrap();
        assert!(!key.serialize_der().is_empty());
        let error = Certificate::from_pem(b"-----BEGIN CERTIFICATE-----\n!\n").unwrap_err();
        assert!(error.is_tls(), "{error:?}");
    });
}

#[test]
fn many_handshakes_run_concurrently() {
    in_loop(|| {
        let identity = Identity::new(|_| ());
        let server = identity.serve(|request| ok(&request.target));
        let session = identity.trusted();
        let fetch = |n: usize| {
            let (session, url) = (session.clone(), server.url(&format!("/{n}")));
            spawn(move || session.get(url).unwrap().text().unwrap())
        };
        let tasks: Vec<_> = (0..10).map(fetch).collect();
        for (n, task) in tasks.into_iter().enumerate() {
            assert_eq!(task.join().unwrap(), format!("/{n}"));
        }
    });
}

#[test]
fn invalid_certificates_are_refused() {
    in_loop(|| {
        let good = Identity::new(|_| ());
        let strange = Identity::new(|_| ());
        let expired = Identity::new(|params| {
            params.not_before = date_time_ymd(2001, 1, 1);
            params.not_after = date_time_ymd(2002, 1, 1);
        });
        let misnamed = Identity::new(|params| {
            *params = CertificateParams::new(["elsewhere".to_owned()]).unwrap();
        });
        let cases = [
            ("unknown", &strange, good.trusted()),
            ("not among Mozilla's", &good, Session::new()),
            ("expired", &expired, expired.trusted()),
            ("another host's", &misnamed, misnamed.trusted()),
        ];
        for (what, identity, session) in cases {
            let server = identity.serve(|_| ok("secret"));
            let error = session.get(server.url("/")).unwrap_err();
            assert!(error.is_tls(), "{what}: {error:?}");
            assert!(!error.is_protocol(), "{what}: {error:?}");
            assert!(error.to_string().contains("ertificate"), "{what}: {error}");
            server.wait_until_open(0);
            assert!(
                server.requests().is_empty(),
                "{what}: the server got the request"
            );
            // The session stays usable.
            let plain = Server::start(|_| ok("open"));
            assert_eq!(session.get(plain.url("/")).unwrap().text().unwrap(), "open");
        }
        let server = good.serve(|_| ok("secret"));
        assert_eq!(
            good.trusted().get(server.url("/")).unwrap().text().unwrap(),
            "secret"
        );
    });
}

/// A host that accepts, reads the client's first bytes, and sends nothing.
fn silent(gate: &Gate) -> Server {
    let gate = gate.clone();
    Server::raw(move |mut stream| {
        // A client that timed out at once has sent nothing.
        if stream.read(&mut [0; 4096]).is_ok_and(|n| n > 0) {
            gate.pass();
        }
        while stream.read(&mut [0; 4096]).is_ok_and(|n| n > 0) {}
    })
}

#[test]
fn a_handshake_can_be_cancelled_in_the_middle() {
    in_loop(|| {
        let identity = Identity::new(|_| ());
        let (gate, good) = (Gate::new(), identity.serve(|_| ok("fine")));
        let stuck = silent(&gate);
        let session = identity.trusted();
        let url = stuck
            .url("/")
            .replace("http://127.0.0.1", "https://localhost");
        let inner = session.clone();
        let task = spawn(move || drop(inner.get(url)));
        gate.wait_until_reached();
        yield_now();
        // Other requests complete meanwhile.
        assert_eq!(session.get(good.url("/")).unwrap().text().unwrap(), "fine");
        assert!(task.cancel());
        assert!(task.join().unwrap_err().is_cancelled());
        gate.open();
        stuck.wait_until_open(0);
        assert_eq!(session.get(good.url("/")).unwrap().text().unwrap(), "fine");
        assert_eq!(good.n_connections(), 1);
    });
}

#[test]
fn a_handshake_runs_into_the_time_to_connect() {
    in_loop(|| {
        let gate = Gate::new();
        let stuck = silent(&gate);
        gate.open();
        let url = stuck
            .url("/")
            .replace("http://127.0.0.1", "https://localhost");
        let session = Session::builder()
            .connect_timeout(Duration::from_millis(20))
            .build();
        let error = session.get(url).unwrap_err();
        assert!(error.is_timeout(), "{error:?}");
        stuck.wait_until_open(0);
    });
}

#[test]
fn a_server_without_tls_is_an_error() {
    in_loop(|| {
        let plain = Server::raw(|mut stream| {
            let n = stream.read(&mut [0; 4096]).unwrap();
            assert!(n > 0);
            stream.write_all(&ok("plain")).unwrap();
        });
        let url = plain
            .url("/")
            .replace("http://127.0.0.1", "https://localhost");
        let error = Session::new().get(url).unwrap_err();
        assert!(error.is_tls(), "{error:?}");
    });
}

#[test]
fn a_redirect_may_lead_from_an_encrypted_page_to_an_open_one() {
    in_loop(|| {
        let identity = Identity::new(|_| ());
        let open = Server::start(|_| ok("open"));
        let location = format!("location: {}", open.url("/"));
        let server = identity.serve(move |_| answer("302 Found", &[&location], ""));
        let response = identity.trusted().get(server.url("/")).unwrap();
        assert_eq!(response.url().as_str(), open.url("/"));
        assert_eq!(response.text().unwrap(), "open");
    });
}

/// A quarter of a task's stack remains for the caller, also without optimization.
#[test]
fn a_handshake_fits_three_quarters_of_a_stack() {
    in_loop(|| {
        let identity = Identity::new(|_| ());
        let server = identity.serve(|request| ok(&request.body));
        let (session, url) = (identity.trusted(), server.url("/"));
        let small = selvedge::Task::builder().stack_size_bytes(192 * 1024);
        let task = small.spawn(move || session.post(url, "body").unwrap().text().unwrap());
        assert_eq!(task.unwrap().join().unwrap(), "body");
    });
}

/// The server reads a part of the request and no more. Its answer is encrypted, as are the session tickets that come
/// before it.
#[test]
fn an_early_answer_is_returned_over_tls() {
    in_loop(|| {
        let identity = Identity::new(|_| ());
        let config = Arc::clone(&identity.config);
        let gate = Gate::new();
        let inner = gate.clone();
        let server = Server::raw(move |stream| {
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = StreamOwned::new(connection, stream);
            let n = stream.read(&mut [0; 100]).unwrap();
            assert!(n > 0);
            let refusal = answer("413 Content Too Large", &[], "too large");
            stream.write_all(&refusal).unwrap();
            inner.pass();
        });
        let url = server
            .url("/")
            .replace("http://127.0.0.1", "https://localhost");
        let session = identity.trusted();
        let response = session.post(&url, vec![b'x'; 32 << 20]).unwrap();
        assert_eq!(response.status(), 413);
        assert_eq!(response.text().unwrap(), "too large");
        let response = session
            .put(&url, Body::reader(std::io::repeat(b'x')))
            .unwrap();
        assert_eq!(response.text().unwrap(), "too large");
        gate.open();
        server.wait_until_open(0);
    });
}

#[test]
fn a_large_upload_arrives_whole_over_tls() {
    in_loop(|| {
        let identity = Identity::new(|_| ());
        let server = identity.serve(|request| ok(request.body.len().to_string()));
        let session = identity.trusted();
        for _ in 0..2 {
            let response = session.post(server.url("/"), vec![b'x'; 20 << 20]).unwrap();
            assert_eq!(response.text().unwrap(), (20 << 20).to_string());
        }
        assert_eq!(server.n_connections(), 1);
    });
}

#[test]
fn odd_heads_are_accepted_over_tls() {
    in_loop(|| {
        let identity = Identity::new(|_| ());
        let many: String = (0..300).map(|n| format!("x-{n}: {n}\r\n")).collect();
        let text = format!(
            "HTTP/1.1 103 Early Hints\r\nlink: a\r\n\r\nHTTP/1.1 200 OK\r\n{many}content-length: 2\r\n\r\nok"
        );
        let server = identity.serve(move |_| text.clone().into_bytes());
        let session = identity.trusted();
        for _ in 0..3 {
            let response = session.get(server.url("/")).unwrap();
            assert_eq!(response.headers().len(), 301);
            assert_eq!(response.text().unwrap(), "ok");
        }
        assert_eq!(server.n_connections(), 1);
        let endless = identity.serve(|_| {
            format!(
                "HTTP/1.1 200 OK\r\n{}",
                "x-more: and more\r\n".repeat(10_000)
            )
            .into_bytes()
        });
        let error = session.get(endless.url("/")).unwrap_err();
        assert!(error.to_string().contains("64 KiB"), "{error}");
    });
}

/// A head that becomes longer as it is rewritten, with the body behind it: more than the buffer of TLS has space for.
#[test]
fn a_body_behind_a_long_odd_head_is_complete_over_tls() {
    in_loop(|| {
        let identity = Identity::new(|_| ());
        let value = "a\t".repeat(50);
        let many: String = (0..200).map(|n| format!("x-{n}: {value}|\r\n")).collect();
        let body = "0123456789".repeat(1_500);
        for framing in ["content-length: 15000", "transfer-encoding: chunked"] {
            let mut text = format!("HTTP/1.1 200 OK\r\n{framing}\r\nx-pad: ");
            // The last record has the end of the head and all of the body.
            let n_pad = 3 * 16 * 1024 - text.len() - many.len();
            text.push_str(&"p".repeat(n_pad));
            text.push_str(&format!("\r\n{many}\r\n"));
            match framing.contains("chunked") {
                true => text.push_str(&format!("3a98\n{body}\n0\n\n")),
                false => text.push_str(&body),
            }
            let server = identity.serve(move |_| text.clone().into_bytes());
            let session = identity
                .trusting()
                .read_timeout(Duration::from_secs(20))
                .build();
            for _ in 0..2 {
                let response = session.get(server.url("/")).unwrap();
                assert_eq!(response.headers()["x-7"], format!("{value}|"));
                assert_eq!(response.text().unwrap(), body);
            }
            assert_eq!(server.n_connections(), 1);
        }
    });
}

#[test]
fn a_kept_connection_that_was_closed_is_replaced_over_tls() {
    in_loop(|| {
        let identity = Identity::new(|_| ());
        let n_requests = std::cell::Cell::new(0);
        // Answers the first request of each connection, and closes at the next.
        let server = identity.serve(move |_| {
            n_requests.set(n_requests.get() + 1);
            match n_requests.get() % 2 {
                0 => Vec::new(),
                _ => ok("here"),
            }
        });
        let session = identity.trusted();
        for n in 1..4 {
            assert_eq!(
                session.get(server.url("/")).unwrap().text().unwrap(),
                "here"
            );
            assert_eq!(server.n_connections(), n);
        }
    });
}
