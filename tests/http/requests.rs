//! Requests as sent, and the responses.

use std::collections::BTreeMap;
use std::io::Cursor;

use selvedge::http::{Body, HeaderValue, Method, Session, StatusCode};

use crate::server::{Server, answer, in_loop, ok};

#[test]
fn a_get_returns_status_headers_and_text() {
    in_loop(|| {
        let server = Server::start(|_| answer("200 OK", &["x-thread: warp"], "weft"));
        let response = Session::new().get(server.url("/cloth?side=left")).unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["x-thread"], "warp");
        assert_eq!(response.content_length(), Some(4));
        assert_eq!(response.url().path(), "/cloth");
        assert_eq!(response.text().unwrap(), "weft");

        let request = server.only_request();
        assert_eq!(
            (&*request.method, &*request.target),
            ("GET", "/cloth?side=left")
        );
        let version = concat!("selvedge/", env!("CARGO_PKG_VERSION"));
        assert_eq!(request.header("user-agent").as_deref(), Some(version));
        assert_eq!(request.header("host"), Some(server.address.to_string()));
    });
}

#[test]
fn each_verb_is_sent_as_itself() {
    in_loop(|| {
        let server = Server::start(|_| answer("204 No Content", &[], ""));
        let (session, url) = (Session::new(), server.url("/"));
        session.get(&url).unwrap();
        session.head(&url).unwrap();
        session.delete(&url).unwrap();
        session.post(&url, "a").unwrap();
        session.put(&url, "b").unwrap();
        session.patch(&url, "c").unwrap();
        session.request(Method::OPTIONS, &url).send().unwrap();
        let unheard_of = Method::from_bytes(b"WEAVE").unwrap();
        session.request(unheard_of, &url).body("d").send().unwrap();

        let seen: Vec<_> = server
            .requests()
            .iter()
            .map(|request| format!("{} {}", request.method, request.text()))
            .collect();
        let expected = [
            "GET ", "HEAD ", "DELETE ", "POST a", "PUT b", "PATCH c", "OPTIONS ", "WEAVE d",
        ];
        assert_eq!(seen, expected);
    });
}

#[test]
fn a_body_is_sent_with_its_length_and_type() {
    in_loop(|| {
        let server = Server::start(|_| ok(""));
        let (session, url) = (Session::new(), server.url("/"));
        let bodies: [(Body, &str, &str); 5] = [
            ("täxt".into(), "text/plain; charset=utf-8", "täxt"),
            (vec![b'a'; 3].into(), "application/octet-stream", "aaa"),
            (Body::json(&("warp", 1)), "application/json", "[\"warp\",1]"),
            (
                Body::form([("a", "1 & 2"), ("b", "ü")]),
                "application/x-www-form-urlencoded",
                "a=1+%26+2&b=%C3%BC",
            ),
            (
                Body::reader_with_length(Cursor::new("four and more"), 4),
                "application/octet-stream",
                "four",
            ),
        ];
        for (body, media_type, text) in bodies {
            session.post(&url, body).unwrap();
            let request = server.only_request();
            assert_eq!(request.text(), text);
            assert_eq!(request.header("content-type").as_deref(), Some(media_type));
            let length = text.len().to_string();
            assert_eq!(request.header("content-length"), Some(length));
        }
    });
}

#[test]
fn a_body_without_a_length_is_sent_in_chunks() {
    in_loop(|| {
        let server = Server::start(|_| ok(""));
        let text = "0123456789".repeat(10_000);
        let body = Body::reader(Cursor::new(text.clone()));
        Session::new().post(server.url("/"), body).unwrap();
        let request = server.only_request();
        assert_eq!(
            request.header("transfer-encoding").as_deref(),
            Some("chunked")
        );
        assert!(request.header("content-length").is_none());
        assert_eq!(request.text(), text);
    });
}

#[test]
fn an_empty_post_has_length_zero_and_a_delete_may_have_a_body() {
    in_loop(|| {
        let server = Server::start(|_| ok(""));
        let (session, url) = (Session::new(), server.url("/"));
        session.post(&url, Body::empty()).unwrap();
        let request = server.only_request();
        assert_eq!(request.header("content-length").as_deref(), Some("0"));
        session
            .request(Method::DELETE, &url)
            .body("which")
            .send()
            .unwrap();
        assert_eq!(server.only_request().text(), "which");
    });
}

#[test]
fn queries_and_headers_are_added() {
    in_loop(|| {
        let server = Server::start(|_| ok(""));
        Session::new()
            .request(Method::GET, server.url("/search?page=2"))
            .query([("q", "warp & weft"), ("lang", "de")])
            .header("x-thread", "one")
            .header("x-thread", "two")
            .header("user-agent", "tester")
            .json(&["body"])
            .header("content-type", "text/x-json")
            .send()
            .unwrap();
        let request = server.only_request();
        assert_eq!(request.target, "/search?page=2&q=warp+%26+weft&lang=de");
        assert_eq!(request.header("x-thread").as_deref(), Some("one, two"));
        assert_eq!(request.header("user-agent").as_deref(), Some("tester"));
        assert_eq!(
            request.header("content-type").as_deref(),
            Some("text/x-json")
        );
    });
}

#[test]
fn json_is_returned_as_a_value() {
    in_loop(|| {
        let server = Server::start(|request| ok(&request.body));
        let (session, url) = (Session::new(), server.url("/"));
        let sent = BTreeMap::from([("threads".to_owned(), vec![1, 2, 3])]);
        let response = session.post(&url, Body::json(&sent)).unwrap();
        let received: BTreeMap<String, Vec<u32>> = response.json().unwrap();
        assert_eq!(received, sent);

        let error = session
            .post(&url, "{")
            .unwrap()
            .json::<Vec<u8>>()
            .unwrap_err();
        assert!(error.is_decode() && !error.is_protocol());
        assert!(error.to_string().contains(&url), "{error}");
    });
}

#[test]
fn an_error_status_is_a_response_until_turned_into_an_error() {
    in_loop(|| {
        let server = Server::start(|request| match &*request.target {
            "/teapot" => answer("418 I'm a teapot", &[], "short and stout"),
            _ => ok("fine"),
        });
        let session = Session::new();
        let response = session.get(server.url("/teapot")).unwrap();
        assert_eq!(response.status(), 418);
        assert_eq!(response.text().unwrap(), "short and stout");

        let response = session.get(server.url("/teapot")).unwrap();
        let error = response.error_for_status().unwrap_err();
        assert!(error.is_status());
        assert_eq!(error.status(), Some(StatusCode::IM_A_TEAPOT));
        let response = session.get(server.url("/")).unwrap();
        assert_eq!(response.error_for_status().unwrap().text().unwrap(), "fine");
    });
}

#[test]
fn an_invalid_request_is_an_error_and_opens_no_connection() {
    struct Unwilling;
    impl serde::Serialize for Unwilling {
        fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("no"))
        }
    }
    in_loop(|| {
        let server = Server::start(|_| ok(""));
        let (session, url) = (Session::new(), server.url("/"));
        let errors = [
            session.get("not an address").unwrap_err(),
            session.get("/only/a/path").unwrap_err(),
            session.get("ftp://127.0.0.1/").unwrap_err(),
            session
                .request(Method::GET, &url)
                .header("two words", "")
                .send()
                .unwrap_err(),
            session
                .request(Method::GET, &url)
                .header("a", "b\r\nc: d")
                .send()
                .unwrap_err(),
            session.post(&url, Body::json(&Unwilling)).unwrap_err(),
            session
                .request(Method::GET, &url)
                .header("token", "x".repeat(20_000))
                .send()
                .unwrap_err(),
            session
                .get(format!("{url}?{}", "x".repeat(20_000)))
                .unwrap_err(),
        ];
        for error in errors {
            assert!(error.is_bad_request(), "{error:?}");
            assert!(
                error.to_string().starts_with("the request can't be sent: "),
                "{error}"
            );
        }
        assert_eq!(server.n_connections(), 0);
    });
}

#[test]
fn a_content_length_header_has_to_be_the_length_of_the_body() {
    in_loop(|| {
        let server = Server::start(|request| ok(&request.body));
        let (session, url) = (Session::new(), server.url("/"));
        let send = |length: &str, body: Body| {
            let request = session.request(Method::POST, &url).body(body);
            request.header("content-length", length).send()
        };
        for length in ["3", "5", "-4", "4, 4", "many"] {
            let error = send(length, "four".into()).unwrap_err();
            assert!(error.is_bad_request(), "{error:?}");
        }
        assert!(send("1", Body::empty()).unwrap_err().is_bad_request());
        assert_eq!(server.n_connections(), 0);

        let fitting = [
            ("4", Body::from("four")),
            ("0", Body::empty()),
            ("4", Body::reader(&b"four and more"[..])),
        ];
        for (length, body) in fitting {
            let text = send(length, body).unwrap().text().unwrap();
            assert_eq!(text.len().to_string(), length);
        }
        let error = send("5", Body::reader(&b"four"[..])).unwrap_err();
        assert!(error.to_string().contains("after 4 of 5 bytes"), "{error}");
    });
}

#[test]
fn headers_that_contradict_each_other_are_refused() {
    in_loop(|| {
        let server = Server::start(|_| ok(""));
        let latin = HeaderValue::from_bytes(b"caf\xe9").unwrap();
        let chunked = HeaderValue::from_static("chunked");
        let text = HeaderValue::from_static;
        let cases = [
            [("host", text("a")), ("host", text("b"))],
            [("content-length", text("4")), ("content-length", text("4"))],
            [("content-length", text("+4")), ("x", text("y"))],
            [
                ("content-length", text("4")),
                ("transfer-encoding", chunked.clone()),
            ],
            [
                ("transfer-encoding", chunked.clone()),
                ("transfer-encoding", chunked.clone()),
            ],
            [
                ("transfer-encoding", text("gzip, chunked")),
                ("x", text("y")),
            ],
            [("transfer-encoding", text("identity")), ("x", text("y"))],
            [("host", latin.clone()), ("x", text("y"))],
            [("authorization", latin), ("x", text("y"))],
        ];
        for headers in cases {
            let shown = format!("{headers:?}");
            let mut request = Session::new().request(Method::POST, server.url("/"));
            for (name, value) in headers {
                request = request.header(name, value);
            }
            let error = request.body("four").send().unwrap_err();
            assert!(error.is_bad_request(), "{shown}: {error:?}");
        }
        assert_eq!(server.n_connections(), 0);

        // In chunks on demand, without a length beside them.
        for body in [
            Body::from("four"),
            Body::reader(&b"four"[..]),
            Body::reader_with_length(&b"four"[..], 4),
        ] {
            let request = Session::new().request(Method::POST, server.url("/"));
            let request = request.header("transfer-encoding", "Chunked").body(body);
            request.send().unwrap();
            let request = server.only_request();
            assert_eq!(request.header("content-length"), None);
            assert_eq!(request.text(), "four");
        }
    });
}

#[test]
fn the_error_for_another_scheme_says_what_the_scheme_is() {
    for url in [
        "ftp://me:secret@example.com/",
        "file:///etc/hosts",
        "data:text/plain,a",
        "mailto:x",
    ] {
        let error = Session::new().get(url).unwrap_err();
        assert!(error.is_bad_request(), "{error:?}");
        let scheme = url.split_once(':').unwrap().0;
        let text = error.to_string();
        assert!(
            text.contains(&format!("this one with \"{scheme}:\"")),
            "{text}"
        );
        assert!(!text.contains("secret"), "{text}");
    }
}

#[test]
fn a_name_and_password_do_not_show_in_errors() {
    in_loop(|| {
        let server = Server::start(|_| answer("404 Not Found", &[], ""));
        let url = server.url("/").replace("://", "://me:secret@");
        let error = Session::new()
            .get(url)
            .unwrap()
            .error_for_status()
            .unwrap_err();
        assert!(!error.to_string().contains("secret"), "{error}");
        assert_eq!(error.url(), Some(server.url("/").as_str()));
    });
}

#[test]
fn a_user_and_a_password_in_the_url_are_decoded() {
    in_loop(|| {
        let server = Server::start(|_| ok(""));
        let cases = [
            // "user:pass word", "us@er:p:w", ":word", "user:", "ü:%"
            ("user:pass%20word", "dXNlcjpwYXNzIHdvcmQ="),
            ("us%40er:p%3Aw", "dXNAZXI6cDp3"),
            (":word", "OndvcmQ="),
            ("user", "dXNlcjo="),
            ("%C3%BC:%25", "w7w6JQ=="),
        ];
        for (user, encoded) in cases {
            let url = server.url("/").replace("//", &format!("//{user}@"));
            Session::new().get(url).unwrap().text().unwrap();
            let request = server.only_request();
            let expected = format!("Basic {encoded}");
            assert_eq!(request.header("authorization"), Some(expected), "{user}");
            assert_eq!(request.header("host"), Some(server.address.to_string()));
        }
        let url = server.url("/").replace("//", "//user:word@");
        let request = Session::new().request(Method::GET, url);
        request.header("authorization", "Bearer 1").send().unwrap();
        let sent = server.only_request().header("authorization");
        assert_eq!(sent.as_deref(), Some("Bearer 1"));
    });
}

#[test]
fn a_target_is_sent_as_browsers_send_it() {
    in_loop(|| {
        let server = Server::start(|_| ok(""));
        let targets = [
            ("/a|b^c[d]{e}`f\"g", "/a|b^c[d]%7Be%7D%60f%22g"),
            ("/?a|b^c[d]{e}`f\"g'h", "/?a|b^c[d]{e}`f%22g%27h"),
            ("/%zz/%41", "/%zz/%41"),
            ("/\u{e4}?\u{e4}", "/%C3%A4?%C3%A4"),
            ("?q", "/?q"),
            ("/a//b/../c/./d;e=f", "/a//c/d;e=f"),
        ];
        for (path, expected) in targets {
            Session::new()
                .get(server.url(path))
                .unwrap()
                .text()
                .unwrap();
            assert_eq!(server.only_request().target, expected);
        }
    });
}
