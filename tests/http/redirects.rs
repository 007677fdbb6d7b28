//! Redirects, and the requests that follow them.

use selvedge::http::Session;

use crate::server::{Server, answer, in_loop, ok};

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
        let error = session.post(server.url("/307"), "body").unwrap_err();
        assert!(error.is_redirect(), "{error:?}");
    });
}
