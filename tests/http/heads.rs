//! Heads of responses as real servers send them.

use std::io::{Read, Write};

use selvedge::http::{Method, Response, Session};

use crate::server::{Server, in_loop, ok};

/// A server that answers each request on a connection with the same bytes.
fn server(bytes: impl Into<Vec<u8>>) -> Server {
    let bytes = bytes.into();
    Server::start(move |_| bytes.clone())
}

fn fetch(bytes: impl Into<Vec<u8>>) -> Response {
    let server = server(bytes);
    let session = Session::new();
    let first = session.get(server.url("/")).unwrap();
    let (status, headers) = (first.status(), first.headers().clone());
    let text = first.text().unwrap();
    // The connection is in a good state: the second response on it is the same.
    let second = session.get(server.url("/")).unwrap();
    assert_eq!((second.status(), second.headers()), (status, &headers));
    assert_eq!(second.text().unwrap(), text);
    assert_eq!(server.n_connections(), 1);
    session.get(server.url("/")).unwrap()
}

#[test]
fn interim_responses_may_have_headers() {
    in_loop(|| {
        let interim = [
            "100 Continue\r\nserver: odd\r\ndate: never\r\n",
            "103 Early Hints\r\nlink: </style.css>; rel=preload\r\n",
            "100\r\n",
            "102 Processing\r\n",
        ];
        let interim = interim.map(|text| format!("HTTP/1.1 {text}\r\n")).concat();
        let all = [interim.as_bytes(), interim.as_bytes(), &ok("final")].concat();
        assert_eq!(fetch(all).text().unwrap(), "final");
    });
}

/// Each byte arrives separately.
#[test]
fn a_head_may_arrive_in_pieces() {
    in_loop(|| {
        let server = Server::raw(|mut stream| {
            let n = stream.read(&mut [0; 1024]).unwrap();
            assert!(n > 0);
            stream.set_nodelay(true).unwrap();
            let head = "HTTP/1.1 100 Continue\r\nserver: odd\r\n\r\nHTTP/1.1 200 OK\r\nx-fold: a\r\n  b\r\n\
                odd line\r\ncontent-length: 2\r\n\r\nok";
            for byte in head.as_bytes() {
                stream.write_all(&[*byte]).unwrap();
                selvedge::yield_now();
            }
        });
        for method in [Method::GET, Method::POST] {
            let request = Session::new().request(method, server.url("/"));
            let response = request
                .header("expect", "100-continue")
                .body("body")
                .send()
                .unwrap();
            assert_eq!(response.headers()["x-fold"], "a    b");
            assert_eq!(response.text().unwrap(), "ok");
        }
    });
}

#[test]
fn expecting_100_works_with_interim_responses_with_headers() {
    in_loop(|| {
        let server = Server::raw(|mut stream| {
            let n = stream.read(&mut [0; 1024]).unwrap();
            assert!(n > 0);
            stream
                .write_all(b"HTTP/1.1 100 Continue\r\nserver: odd\r\n\r\n")
                .unwrap();
            let mut body = [0; 4];
            stream.read_exact(&mut body).unwrap();
            stream.write_all(&ok(body)).unwrap();
        });
        let request = Session::new().request(Method::POST, server.url("/"));
        let response = request
            .header("expect", "100-continue")
            .body("body")
            .send()
            .unwrap();
        assert_eq!(response.text().unwrap(), "body");
    });
}

#[test]
fn hundreds_of_headers_are_returned() {
    in_loop(|| {
        for n in [100, 128, 129, 300, 1_000] {
            let mut head = "HTTP/1.1 200 OK\r\n".to_owned();
            for index in 0..n - 2 {
                head.push_str(&format!("x-{index}: value\tof {index}\r\n"));
            }
            head.push_str("set-cookie: a=1; Path=/\r\ncontent-length: 4\r\n\r\nbody");
            let response = fetch(head);
            let headers = response.headers();
            assert_eq!(headers.len(), n);
            for index in 0..n - 2 {
                let name = format!("x-{index}");
                assert_eq!(headers[&name], format!("value\tof {index}"));
            }
            assert_eq!(response.content_length(), Some(4));
            assert_eq!(response.text().unwrap(), "body");
        }
    });
}

#[test]
fn hundreds_of_values_of_one_header_keep_their_order() {
    in_loop(|| {
        let values: Vec<String> = (0..300).map(|n| format!("a{n}=1; Path=/")).collect();
        let lines: String = values
            .iter()
            .map(|value| format!("Set-Cookie: {value}\r\n"))
            .collect();
        let text = format!("HTTP/1.1 200 OK\r\n{lines}Content-Length: 0\r\n\r\n");
        let server = server(text);
        let session = Session::new();
        let response = session.get(server.url("/")).unwrap();
        let seen: Vec<&str> = response
            .headers()
            .get_all("set-cookie")
            .iter()
            .map(|value| value.to_str().unwrap())
            .collect();
        assert_eq!(seen, values);
        server.requests();
        session.get(server.url("/")).unwrap();
        let sent = server.only_request().header("cookie").unwrap();
        assert_eq!(sent.split("; ").count(), 300);
    });
}

#[test]
fn a_head_beyond_the_limit_is_an_error_that_says_so() {
    in_loop(|| {
        let endless = Server::raw(|mut stream| {
            let n = stream.read(&mut [0; 1024]).unwrap();
            assert!(n > 0);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n");
            while stream.write_all(b"x-more: and more\r\n").is_ok() {}
        });
        let error = Session::new().get(endless.url("/")).unwrap_err();
        assert!(error.is_protocol(), "{error:?}");
        assert!(error.to_string().contains("64 KiB"), "{error}");
    });
}

#[test]
fn odd_heads_that_browsers_accept_are_accepted() {
    in_loop(|| {
        let heads = [
            // No reason, with and without the space before it; a reason that is not ASCII.
            "HTTP/1.1 200\r\ncontent-length: 2\r\n",
            "HTTP/1.1 200 \r\ncontent-length: 2\r\n",
            "HTTP/1.1 200 Tr\u{e8}s bien\r\ncontent-length: 2\r\n",
            "HTTP/1.1  200  OK\r\ncontent-length: 2\r\n",
            // Line feeds only, folded lines, spaces before the colon, lines that are no headers.
            "HTTP/1.1 200 OK\ncontent-length: 2\n",
            "HTTP/1.1 200 OK\r\nx-fold: a\r\n\tb\r\n c\r\ncontent-length: 2\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length : 2\r\n",
            "HTTP/1.1 200 OK\r\nnot a header\r\n: empty\r\ncontent-length: 2\r\n",
            // Equal lengths, a length beside chunks, a value that is not ASCII, an empty one.
            "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 2\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 2, 2\r\n",
            "HTTP/1.1 200 OK\r\nx-latin: \u{e8}\r\nx-empty:\r\ncontent-length: 2\r\n",
            // Line breaks before the head, as after a body that was longer than announced.
            "\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n",
            "HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 2\r\n",
        ];
        for head in heads {
            let text = fetch(format!("{head}\r\nok")).text().unwrap();
            assert_eq!(text, "ok", "{head:?}");
        }
    });
}

#[test]
fn lengths_that_contradict_each_other_are_an_error() {
    in_loop(|| {
        let server = server("HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nok!");
        let error = Session::new().get(server.url("/")).unwrap_err();
        assert!(error.is_protocol(), "{error:?}");
    });
}

#[test]
fn a_response_to_head_has_no_body_whatever_it_announces() {
    in_loop(|| {
        for headers in [
            "content-length: 1000",
            "transfer-encoding: chunked",
            "x-none: 1",
        ] {
            let text = format!("HTTP/1.1 200 OK\r\n{headers}\r\n\r\n");
            let (server, session) = (server(text), Session::new());
            for _ in 0..3 {
                let response = session.head(server.url("/")).unwrap();
                assert_eq!(response.text().unwrap(), "");
            }
            assert_eq!(server.n_connections(), 1);
        }
    });
}
