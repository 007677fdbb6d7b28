//! Cookies: kept by the session, or disabled.

use selvedge::http::{Method, Session};
use selvedge::spawn;

use crate::server::{Server, answer, in_loop, ok};

/// Each visit sets a cookie of the visited path's name; `/to/x` redirects to `/x`.
fn server() -> Server {
    Server::start(|request| {
        let name = request.target.replace('/', "");
        let cookie = format!("set-cookie: {name}=1; Path=/");
        match request.target.strip_prefix("/to") {
            Some(rest) => answer("302 Found", &[&cookie, &format!("location: {rest}")], "on"),
            None => answer("200 OK", &[&cookie], "here"),
        }
    })
}

fn visit(session: &Session, server: &Server, path: &str) -> Option<String> {
    session.get(server.url(path)).unwrap().text().unwrap();
    server.requests().last().unwrap().header("cookie")
}

#[test]
fn cookies_are_kept_by_all_clones_and_across_redirects() {
    in_loop(|| {
        let server = server();
        let session = Session::new();
        assert_eq!(visit(&session, &server, "/a"), None);
        assert_eq!(
            visit(&session.clone(), &server, "/b").as_deref(),
            Some("a=1")
        );
        assert_eq!(
            visit(&session, &server, "/to/c").as_deref(),
            Some("a=1; b=1; toc=1")
        );
        session.clear_cookies();
        assert_eq!(visit(&session, &server, "/d"), None);
        assert_eq!(visit(&Session::new(), &server, "/e"), None);
    });
}

#[test]
fn a_session_without_cookies_sends_none_after_a_redirect() {
    in_loop(|| {
        let server = server();
        let session = Session::builder().cookies(false).build();
        for path in ["/a", "/b", "/to/c", "/to/to/d", "/e"] {
            assert_eq!(visit(&session, &server, path), None);
        }
        // Also where the redirect has no body, ends its connection, or comes in chunks.
        let odd = Server::start(|request| match &*request.target {
            "/closing" => {
                let headers = ["set-cookie: a=1", "connection: close", "location: /"];
                answer("302 Found", &headers, "")
            }
            "/chunked" => b"HTTP/1.1 302 Found\r\nset-cookie: a=1\r\nlocation: /\r\n\
                transfer-encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n"
                .to_vec(),
            _ => ok("here"),
        });
        for path in ["/closing", "/chunked"] {
            assert_eq!(visit(&session, &odd, path), None);
        }
    });
}

#[test]
fn a_session_without_cookies_shares_none_among_tasks() {
    in_loop(|| {
        let server = server();
        let session = Session::builder().cookies(false).build();
        let visitor = |n: usize| {
            let (session, url) = (session.clone(), server.url(&format!("/to/to/to/{n}")));
            spawn(move || drop(session.get(url).unwrap().text().unwrap()))
        };
        let visitors: Vec<_> = (0..20).map(visitor).collect();
        visitors
            .into_iter()
            .for_each(|visitor| visitor.join().unwrap());
        let requests = server.requests();
        assert_eq!(requests.len(), 80);
        assert!(
            requests
                .iter()
                .all(|request| request.header("cookie").is_none())
        );
    });
}

#[test]
fn cookies_can_be_set_by_the_caller() {
    in_loop(|| {
        let server = server();
        let session = Session::new();
        session
            .set_cookie(server.url("/"), "token=42; Path=/")
            .unwrap();
        assert_eq!(visit(&session, &server, "/a").as_deref(), Some("token=42"));
        let other = Server::start(|_| ok(""));
        assert!(
            session
                .set_cookie("no address", "a=b")
                .unwrap_err()
                .is_bad_request()
        );
        for unfit in ["", "a=b\r\nc: d", "a=b\0"] {
            let error = session.set_cookie(other.url("/"), unfit).unwrap_err();
            assert!(error.is_bad_request(), "{error:?}");
        }
    });
}

#[test]
fn values_that_browsers_send_are_sent() {
    in_loop(|| {
        let cookies = [
            "a={\"id\": 1, \"of\": [2]}",
            "b=two words",
            "c=\"quoted\"",
            "d=a=b==",
            "e=",
            "f=back\\slash",
        ];
        let server = Server::start(move |_| {
            let lines = cookies.map(|cookie| format!("set-cookie: {cookie}"));
            answer("200 OK", &lines.each_ref().map(String::as_str), "")
        });
        let session = Session::new();
        visit(&session, &server, "/");
        let sent = visit(&session, &server, "/").unwrap();
        let mut sent: Vec<&str> = sent.split("; ").collect();
        sent.sort_unstable();
        assert_eq!(sent, cookies);
    });
}

#[test]
fn cookies_are_chosen_by_path_age_and_domain() {
    in_loop(|| {
        let server = Server::start(|_| {
            let headers = [
                "set-cookie: root=1; Path=/",
                "set-cookie: deep=1; Path=/a/b",
                "set-cookie: gone=1; Path=/; Max-Age=0",
                "set-cookie: past=1; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
                "set-cookie: dashes=1; Path=/; Expires=Wed, 01-Jan-2070 00:00:00 GMT",
                "set-cookie: foreign=1; Path=/; Domain=example.com",
                "set-cookie: nonsense",
                "set-cookie: ",
            ];
            answer("200 OK", &headers, "")
        });
        let session = Session::new();
        visit(&session, &server, "/");
        assert_eq!(
            visit(&session, &server, "/").as_deref(),
            Some("root=1; dashes=1")
        );
        // Longer paths come first.
        let deep = visit(&session, &server, "/a/b/c");
        assert_eq!(deep.as_deref(), Some("deep=1; root=1; dashes=1"));
    });
}

#[test]
fn a_request_with_cookies_of_its_own_sends_one_header() {
    in_loop(|| {
        let server = server();
        let session = Session::new();
        session
            .set_cookie(server.url("/"), "kept=1; Path=/")
            .unwrap();
        let request = session.request(Method::GET, server.url("/a"));
        request
            .header("cookie", "own=2")
            .send()
            .unwrap()
            .text()
            .unwrap();
        let sent = server.only_request().header("cookie");
        assert_eq!(sent.as_deref(), Some("own=2; kept=1"));
    });
}
