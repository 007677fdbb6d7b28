//! Failures, and the errors that report them.

use std::error::Error as _;
use std::io::{Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

use selvedge::event_loop::current_loop;
use selvedge::http::{Error, Session};
use selvedge::net::TcpListener;
use selvedge::{EventLoop, spawn};

use crate::server::{Gate, Server, in_loop, ok};

#[test]
fn errors_can_go_to_other_threads() {
    const fn assert_shared<T: Send + Sync + std::error::Error + 'static>() {}
    const { assert_shared::<Error>() };
}

#[test]
fn a_refused_connection_is_an_error_with_the_address() {
    in_loop(|| {
        let address = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        let error = Session::new()
            .get(format!("http://{address}/"))
            .unwrap_err();
        assert!(error.is_connect() && !error.is_lookup() && !error.is_timeout());
        assert!(
            error
                .to_string()
                .starts_with(&format!("no connection to {address}")),
            "{error}"
        );
        assert!(error.source().is_some());
    });
}

/// The name has a label of more than 63 letters, so that no server needs to be asked.
#[test]
fn a_host_without_an_address_is_an_error_with_its_name() {
    in_loop(|| {
        let host = "a".repeat(70);
        let server = Server::start(|_| ok("other"));
        let session = Session::new();
        let error = session.get(format!("http://{host}/")).unwrap_err();
        assert!(error.is_connect() && error.is_lookup(), "{error:?}");
        assert!(error.to_string().contains(&host), "{error}");
        assert_eq!(
            session.get(server.url("/")).unwrap().text().unwrap(),
            "other"
        );
    });
}

#[test]
fn a_response_that_is_not_http_is_an_error() {
    in_loop(|| {
        let server = Server::raw(|mut stream| {
            let n = stream.read(&mut [0; 1024]).unwrap();
            assert!(n > 0);
            stream
                .write_all(b"220 smtp.example.com ESMTP\r\n\r\n")
                .unwrap();
        });
        let error = Session::new().get(server.url("/")).unwrap_err();
        assert!(error.is_protocol(), "{error:?}");
        assert!(error.to_string().contains(&server.url("/")), "{error}");
    });
}

#[test]
fn a_connection_that_ends_early_is_an_error() {
    in_loop(|| {
        let polite = Server::raw(|mut stream| {
            let n = stream.read(&mut [0; 1024]).unwrap();
            assert!(n > 0);
        });
        // Unread bytes make the system reset the connection.
        let rude = Server::raw(|mut stream| {
            let n = stream.read(&mut [0; 1]).unwrap();
            assert!(n > 0);
        });
        for server in [polite, rude] {
            let error = Session::new().get(server.url("/")).unwrap_err();
            assert!(error.is_disconnected() && !error.is_protocol(), "{error:?}");
        }
    });
}

#[cfg(not(feature = "tls"))]
#[test]
fn https_without_the_tls_feature_is_an_error() {
    in_loop(|| {
        let error = Session::new().get("https://127.0.0.1:9/").unwrap_err();
        assert!(
            error.is_tls() && error.to_string().contains("feature `tls`"),
            "{error}"
        );
    });
}

#[test]
fn closing_a_session_ends_its_requests() {
    in_loop(|| {
        let gate = Gate::new();
        let inner = gate.clone();
        let server = Server::start(move |_| {
            inner.pass();
            Vec::new()
        });
        let quick = Server::start(|_| ok("quick"));
        let session = Session::new();
        session.get(quick.url("/")).unwrap().text().unwrap();
        let (other, url) = (session.clone(), server.url("/"));
        let waiting = spawn(move || other.get(url).map(drop).unwrap_err());
        gate.wait_until_reached();
        session.close();
        assert!(waiting.join().unwrap().is_closed());
        assert!(session.get(quick.url("/")).unwrap_err().is_closed());
        quick.wait_until_open(0);
        gate.open();
        server.wait_until_open(0);
        session.close();
    });
}

#[test]
fn a_callback_cannot_wait_for_a_response() {
    let event_loop = EventLoop::new().unwrap();
    let error = event_loop.run_until_complete(|| {
        let server = Server::start(|_| ok("never"));
        let url = server.url("/");
        let here = current_loop().unwrap();
        let answer = here.create_promise().unwrap();
        let promise = answer.clone();
        let ask = move || drop(promise.set_result(Session::new().get(url).map(drop).unwrap_err()));
        drop(here.call_soon(ask).unwrap());
        answer.take().unwrap()
    });
    let text = error.unwrap().to_string();
    assert!(text.contains("task"), "{text}");
}

/// During any panic, a destructor that sends a request gets an error instead of parking in the middle of the unwind.
#[test]
fn a_request_in_the_middle_of_a_panic_is_an_error() {
    struct AsksWhenDropped<'a>(&'a Session, String, &'a mut Option<Error>);
    impl Drop for AsksWhenDropped<'_> {
        fn drop(&mut self) {
            *self.2 = self.0.get(&self.1).map(drop).err();
        }
    }
    in_loop(|| {
        let server = Server::start(|_| ok("fine"));
        let (session, mut error) = (Session::new(), None);
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            let _asks = AsksWhenDropped(&session, server.url("/"), &mut error);
            std::panic::resume_unwind(Box::new("a panic"));
        }));
        assert!(outcome.is_err() && error.is_some());
        assert_eq!(
            session.get(server.url("/")).unwrap().text().unwrap(),
            "fine"
        );
    });
}

#[test]
fn without_a_loop_the_thread_blocks() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!(
        "http://localhost:{}/",
        listener.local_addr().unwrap().port()
    );
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        for _ in 0..2 {
            let n = stream.read(&mut [0; 1024]).unwrap();
            assert!(n > 0);
            stream.write_all(&ok("blocking")).unwrap();
        }
    });
    let session = Session::new();
    assert_eq!(session.get(&url).unwrap().text().unwrap(), "blocking");
    assert_eq!(session.get(&url).unwrap().text().unwrap(), "blocking");
    server.join().unwrap();
}
