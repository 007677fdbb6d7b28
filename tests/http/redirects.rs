//! Redirects, and the requests that follow them.

use std::cell::Cell;
use std::io::{Read, Write};

use selvedge::http::{Body, Method, Session};

use crate::server::{Request, Server, answer, in_loop, ok};

/// Redirects as the path says: `/to/STATUS/TARGET`, `/circle`, `/down/3`.
fn server() -> Server {
    Server::start(|request| {
        let parts: Vec<&str> = request.target.split('/').collect();
        let found = |status: &str, target: &str| {
            answer(status, &[&format!("location: {target}")], "elsewhere")
        };
        match parts[..] {
            ["", "to", status, target] => {
                found(&format!("{status} Elsewhere"), &format!("../../{target}"))
            }
            ["", "circle"] => found("302 Found", "/circle"),
            ["", "down", "0"] => ok("ground"),
            ["", "down", n] => {
                let n: u32 = n.parse().unwrap();
                found("307 Temporary Redirect", &format!("/down/{}", n - 1))
            }
            _ => ok(format!("{} {}", request.method, request.text())),
        }
    })
}

#[test]
fn a_redirect_is_followed_and_the_final_address_is_returned() {
    in_loop(|| {
        let server = server();
        for status in [301, 302, 303, 307, 308] {
            let url = server.url(&format!("/to/{status}/there"));
            let response = Session::new().get(url).unwrap();
            assert_eq!(response.url().as_str(), server.url("/there"));
            assert_eq!(response.text().unwrap(), "GET ");
        }
    });
}

#[test]
fn redirects_in_circles_are_an_error_and_the_session_goes_on() {
    in_loop(|| {
        let server = server();
        let session = Session::new();
        let error = session.get(server.url("/circle")).unwrap_err();
        assert!(error.is_redirect(), "{error:?}");
        assert_eq!(server.requests().len(), 11);
        assert_eq!(
            session.get(server.url("/down/0")).unwrap().text().unwrap(),
            "ground"
        );
    });
}

#[test]
fn at_most_the_set_number_of_redirects_is_followed() {
    in_loop(|| {
        let server = server();
        let session = Session::builder().max_redirects(3).build();
        let response = session.get(server.url("/down/3")).unwrap();
        assert_eq!(response.url().path(), "/down/0");
        assert_eq!(response.text().unwrap(), "ground");
        assert!(
            session
                .get(server.url("/down/4"))
                .unwrap_err()
                .is_redirect()
        );

        let session = Session::builder().max_redirects(0).build();
        let response = session.get(server.url("/down/4")).unwrap();
        assert_eq!(response.status(), 307);
        assert_eq!(response.headers()["location"], "/down/3");
    });
}

#[test]
fn a_redirect_may_lead_to_another_host() {
    in_loop(|| {
        let there = Server::start(|_| ok("there"));
        let url = there.url("/");
        let here = Server::start(move |_| {
            answer("301 Moved Permanently", &[&format!("location: {url}")], "")
        });
        let response = Session::new().get(here.url("/")).unwrap();
        assert_eq!(response.url().as_str(), there.url("/"));
        assert_eq!(response.text().unwrap(), "there");
    });
}

#[test]
fn a_redirected_post_becomes_a_get_or_is_not_repeated() {
    in_loop(|| {
        let server = Server::start(|request| match &*request.target {
            "/303" => answer("303 See Other", &["location: /page"], ""),
            "/307" => answer("307 Temporary Redirect", &["location: /page"], ""),
            _ => ok(format!("{} {}", request.method, request.text())),
        });
        let session = Session::new();
        let response = session.post(server.url("/303"), "body").unwrap();
        assert_eq!(response.text().unwrap(), "GET ");
        let body = || Body::reader(&b"body"[..]);
        let error = session.post(server.url("/307"), body()).unwrap_err();
        assert!(error.is_redirect(), "{error:?}");
        let response = session.post(server.url("/303"), body()).unwrap();
        assert_eq!(response.text().unwrap(), "GET ");
    });
}

#[test]
fn a_redirect_that_keeps_the_method_repeats_a_body_of_bytes() {
    in_loop(|| {
        let server = Server::start(|request| match &*request.target {
            "/307" => answer("307 Temporary Redirect", &["location: /308"], ""),
            "/308" => answer("308 Permanent Redirect", &["location: /page"], ""),
            _ => {
                let media_type = request.header("content-type").unwrap_or_default();
                ok(format!(
                    "{} {} {media_type}",
                    request.method,
                    request.text()
                ))
            }
        });
        let session = Session::new();
        let response = session.put(server.url("/307"), Body::json("body")).unwrap();
        assert_eq!(response.text().unwrap(), "PUT \"body\" application/json");
        let response = session.delete(server.url("/307")).unwrap();
        assert_eq!(response.text().unwrap(), "DELETE  ");
        // Redirects of this kind keep HEAD; the others make a GET, without the headers of the body.
        assert_eq!(
            session.head(server.url("/307")).unwrap().url().path(),
            "/page"
        );
    });
}

/// The same names and values as the request had, where they are secrets.
fn secrets(request: &Request) -> String {
    let names = ["authorization", "cookie", "proxy-authorization", "x-other"];
    let sent = names.map(|name| request.header(name).unwrap_or_default());
    sent.join("|")
}

#[test]
fn secrets_go_to_redirects_within_the_same_origin_only() {
    in_loop(|| {
        let there = Server::start(|request| ok(secrets(request)));
        let away = there.url("/");
        let here = Server::start(move |request| match &*request.target {
            "/away" => answer("302 Found", &[&format!("location: {away}")], ""),
            "/near" => answer("302 Found", &["location: end"], ""),
            _ => ok(secrets(request)),
        });
        let session = Session::new();
        let get = |path: &str| {
            let request = session.request(Method::GET, here.url(path));
            let request = request
                .header("authorization", "Bearer 1")
                .header("cookie", "a=b");
            let request = request
                .header("proxy-authorization", "Basic 2")
                .header("x-other", "3");
            request.send().unwrap().text().unwrap()
        };
        assert_eq!(get("/near"), "Bearer 1|a=b|Basic 2|3");
        assert_eq!(get("/away"), "|||3");
    });
}

#[test]
fn a_user_in_the_url_is_kept_within_the_same_origin_only() {
    in_loop(|| {
        let there = Server::start(|request| ok(secrets(request)));
        let (away, with_user) = (
            there.url("/"),
            there.url("/").replace("//", "//other:word@"),
        );
        let here = Server::start(move |request| match &*request.target {
            "/away" => answer("302 Found", &[&format!("location: {away}")], ""),
            "/other" => answer("302 Found", &[&format!("location: {with_user}")], ""),
            "/near" => answer("302 Found", &["location: /end"], ""),
            _ => ok(secrets(request)),
        });
        let session = Session::new();
        let get = |path: &str| {
            let url = here.url(path).replace("//", "//user:word@");
            session.get(url).unwrap().text().unwrap()
        };
        assert_eq!(get("/near"), "Basic dXNlcjp3b3Jk|||");
        assert_eq!(get("/away"), "|||");
        assert_eq!(get("/other"), "Basic b3RoZXI6d29yZA==|||");
    });
}

#[test]
fn a_location_is_resolved_as_browsers_do() {
    in_loop(|| {
        let locations = [
            ("?page=2", "/a/b?page=2"),
            ("../../../up", "/up"),
            ("c d", "/a/c%20d"),
            ("./c/./d/../e", "/a/c/e"),
            ("/c?q=\u{e4}", "/c?q=%C3%A4"),
            ("//HOST/c", "/c"),
            ("#part", "/a/b"),
            ("c#part", "/a/c"),
        ];
        for (location, expected) in locations {
            let is_first = Cell::new(true);
            let server = Server::start(move |request| {
                let host = request.header("host").unwrap();
                let location = location.replace("HOST", &host);
                match is_first.replace(false) {
                    true => answer("302 Found", &[&format!("location: {location}")], ""),
                    false => ok(&request.target),
                }
            });
            let response = Session::new().get(server.url("/a/b#start")).unwrap();
            let part = if location.contains("#part") {
                "part"
            } else {
                "start"
            };
            assert_eq!(response.url().fragment(), Some(part), "{location}");
            assert_eq!(response.text().unwrap(), expected, "{location}");
        }
    });
}

#[test]
fn what_is_no_redirect_is_returned() {
    in_loop(|| {
        let responses = [
            "300 Multiple Choices\r\nlocation: /elsewhere",
            "302 Found",
            "304 Not Modified\r\nlocation: /elsewhere",
            "305 Use Proxy\r\nlocation: /elsewhere",
            "201 Created\r\nlocation: /elsewhere",
        ];
        for head in responses {
            let server = Server::start(move |_| {
                format!("HTTP/1.1 {head}\r\ncontent-length: 0\r\n\r\n").into_bytes()
            });
            let response = Session::new().get(server.url("/")).unwrap();
            assert!(head.starts_with(response.status().as_str()), "{head}");
            assert_eq!(server.requests().len(), 1);
        }
    });
}

#[test]
fn a_redirect_that_leads_nowhere_is_an_error() {
    in_loop(|| {
        for location in [
            "ftp://example.com/",
            "http://",
            "javascript:0",
            "http://[::",
        ] {
            let server = Server::start(move |_| {
                answer("302 Found", &[&format!("location: {location}")], "")
            });
            let error = Session::new().get(server.url("/")).unwrap_err();
            assert!(error.is_redirect(), "{error:?}");
            assert!(error.to_string().contains(location), "{error}");
        }
    });
}

#[test]
fn a_redirect_with_a_body_leaves_the_connection_usable() {
    in_loop(|| {
        let server = Server::start(|request| match &*request.target {
            "/long" => answer("302 Found", &["location: /"], "x".repeat(50_000)),
            "/huge" => answer("302 Found", &["location: /"], "x".repeat(10_000_000)),
            _ => ok("here"),
        });
        let session = Session::new();
        let response = session.get(server.url("/long")).unwrap();
        assert_eq!(response.text().unwrap(), "here");
        assert_eq!(server.n_connections(), 1);
        let response = session.get(server.url("/huge")).unwrap();
        assert_eq!(response.text().unwrap(), "here");
        assert_eq!(server.n_connections(), 2);
    });
}

/// The server never sends the rest of the body, and keeps the connection.
#[test]
fn a_redirect_is_followed_although_its_body_never_ends() {
    let framings = [
        "content-length: 9\r\n\r\npart",
        "transfer-encoding: chunked\r\n\r\n4\r\npart\r\n",
        "\r\npart",
    ];
    for framing in framings {
        in_loop(|| {
            let there = Server::start(|_| ok("there"));
            let head = format!("HTTP/1.1 302 Found\r\nlocation: {}\r\n", there.url("/"));
            let here = Server::raw(move |mut stream| {
                assert!(stream.read(&mut [0; 1024]).unwrap() > 0);
                stream.write_all(head.as_bytes()).unwrap();
                stream.write_all(framing.as_bytes()).unwrap();
                // Until the client closes.
                while stream.read(&mut [0; 1024]).is_ok_and(|n| n > 0) {}
            });
            let session = Session::builder().total_timeout(None).build();
            let response = session.get(here.url("/")).unwrap();
            assert_eq!(response.text().unwrap(), "there");
        });
    }
}
