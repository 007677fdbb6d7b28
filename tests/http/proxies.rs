//! Proxies that the caller or the environment sets.

use std::cell::RefCell;
use std::io::{self, BufReader, Read, Write};
use std::rc::Rc;

use selvedge::http::{Error, Session};
use selvedge::net::TcpStream;
use selvedge::{spawn, yield_now};

use crate::server::{Server, answer, in_loop, ok};

/// The requests that a proxy has received, as `METHOD target`.
type Seen = Rc<RefCell<Vec<String>>>;

/// A proxy that connects to the host of each CONNECT.
fn connecting_proxy() -> (Server, Seen) {
    connecting_proxy_that_says("HTTP/1.1 200 Connected\r\nvia: test\r\n\r\n".to_owned())
}

/// The same, with this answer.
fn connecting_proxy_that_says(connected: String) -> (Server, Seen) {
    let seen = Seen::default();
    let inner = Rc::clone(&seen);
    let proxy = Server::raw(move |stream| {
        let mut stream = BufReader::with_capacity(1, stream);
        let Some(request) = crate::server::receive(&mut stream).unwrap() else {
            return;
        };
        let user = request.header("proxy-authorization").unwrap_or_default();
        inner
            .borrow_mut()
            .push(format!("{} {} {user}", request.method, request.target));
        let mut stream = stream.into_inner();
        if request.method != "CONNECT" {
            stream
                .write_all(&answer("405 Method Not Allowed", &[], ""))
                .unwrap();
            return;
        }
        let port = request.target.rsplit_once(':').unwrap().1;
        let Ok(server) = TcpStream::connect(format!("127.0.0.1:{port}")) else {
            stream
                .write_all(&answer("502 Bad Gateway", &[], ""))
                .unwrap();
            return;
        };
        stream.set_nodelay(true).unwrap();
        for piece in connected.as_bytes().chunks(7) {
            stream.write_all(piece).unwrap();
            yield_now();
        }
        tunnel(stream, server);
    });
    (proxy, seen)
}

/// Passes bytes on in both directions.
fn tunnel(client: TcpStream, server: TcpStream) {
    let (from, to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    let there = spawn(move || pass_on(from, to));
    pass_on(server, client);
    there.join().unwrap();
}

fn pass_on(mut from: TcpStream, mut to: TcpStream) {
    let _ = io::copy(&mut from, &mut to);
    let _ = to.shutdown(selvedge::net::Shutdown::Write);
}

#[test]
fn http_goes_to_the_proxy_with_the_whole_url() {
    in_loop(|| {
        let proxy = Server::start(|request| {
            let user = request.header("proxy-authorization").unwrap_or_default();
            let host = request.header("host").unwrap_or_default();
            ok(format!(
                "{} {} {host} {user}",
                request.method, request.target
            ))
        });
        let url = proxy.url("").replace("//", "//user:pass%20word@");
        let session = Session::builder().proxy(url).build();
        let text = |url: &str| session.get(url).unwrap().text().unwrap();
        let user = "Basic dXNlcjpwYXNzIHdvcmQ=";
        // The proxy looks up the host.
        assert_eq!(
            text("http://nowhere.invalid/a?b=c#d"),
            format!("GET http://nowhere.invalid/a?b=c nowhere.invalid {user}")
        );
        assert_eq!(
            text("http://nowhere.invalid:8080"),
            format!("GET http://nowhere.invalid:8080/ nowhere.invalid:8080 {user}")
        );
        let response = session
            .post("http://me:word@nowhere.invalid/", "x")
            .unwrap();
        let expected = format!("POST http://nowhere.invalid/ nowhere.invalid {user}");
        assert_eq!(response.text().unwrap(), expected);
        // Connections are reused.
        text("http://nowhere.invalid/");
        assert_eq!(proxy.n_connections(), 2);
    });
}

#[test]
fn a_long_head_goes_through_a_proxy_unchanged() {
    in_loop(|| {
        let proxy = Server::start(|request| {
            let sent: Vec<String> = (0..20)
                .map(|n| request.header(&format!("x-{n}")).unwrap_or_default())
                .collect();
            ok(format!("{} {}", request.target, sent.concat()))
        });
        let session = Session::builder().proxy(proxy.url("")).build();
        let mut request =
            session.request(selvedge::http::Method::GET, "http://nowhere.invalid/long");
        let mut expected = "http://nowhere.invalid/long ".to_owned();
        for n in 0..20 {
            let value = n.to_string().repeat(1_000);
            expected.push_str(&value);
            request = request.header(format!("x-{n}"), value);
        }
        assert_eq!(request.send().unwrap().text().unwrap(), expected);
    });
}

#[test]
fn redirects_and_cookies_work_through_a_proxy() {
    in_loop(|| {
        let proxy = Server::start(|request| match &*request.target {
            "http://a.invalid/" => {
                let headers = ["location: http://b.invalid/", "set-cookie: a=1"];
                answer("302 Found", &headers, "")
            }
            "http://b.invalid/" => answer("302 Found", &["location: http://a.invalid/end"], ""),
            target => ok(format!(
                "{target} {}",
                request.header("cookie").unwrap_or_default()
            )),
        });
        let session = Session::builder().proxy(proxy.url("")).build();
        let response = session.get("http://a.invalid/").unwrap();
        assert_eq!(response.url().as_str(), "http://a.invalid/end");
        assert_eq!(response.text().unwrap(), "http://a.invalid/end a=1");
    });
}

#[test]
fn a_proxy_that_is_absent_or_refuses_is_an_error() {
    in_loop(|| {
        let session = Session::builder().proxy("http://127.0.0.1:1").build();
        let error = session.get("http://nowhere.invalid/").unwrap_err();
        assert!(
            error.is_connect() && error.to_string().contains("127.0.0.1:1"),
            "{error}"
        );
        for proxy in ["socks5://127.0.0.1:1080", "ftp://x", "http://", "::"] {
            let session = Session::builder().proxy(proxy).build();
            let error = session.get("http://nowhere.invalid/").unwrap_err();
            assert!(error.is_bad_request(), "{error:?}");
            assert!(error.to_string().contains("the proxy"), "{error}");
        }
    });
}

#[cfg(feature = "tls")]
#[test]
fn https_is_tunnelled_through_the_proxy() {
    in_loop(|| {
        let identity = crate::tls::Identity::new(|_| ());
        let server = identity.serve(|request| ok(&request.target));
        let (proxy, seen) = connecting_proxy();
        let session = |proxy: String| identity.trusting().proxy(proxy).build();
        let through = session(proxy.url("").replace("//", "//user:word@"));
        for _ in 0..3 {
            let response = through.get(server.url("/page")).unwrap();
            assert_eq!(response.text().unwrap(), "/page");
        }
        let port = server.address.port();
        let expected = format!("CONNECT localhost:{port} Basic dXNlcjp3b3Jk");
        // One tunnel for all requests.
        assert_eq!(*seen.borrow(), [expected]);

        let refusing = Server::start(|_| {
            answer(
                "407 Proxy Authentication Required",
                &["proxy-authenticate: Basic"],
                "who?",
            )
        });
        let error = session(refusing.url("")).get(server.url("/")).unwrap_err();
        assert!(
            error.is_connect() && error.to_string().contains("407"),
            "{error}"
        );
    });
}

#[cfg(feature = "tls")]
#[test]
fn an_endless_answer_to_connect_is_an_error() {
    in_loop(|| {
        let proxy = Server::raw(|mut stream| {
            let n = stream.read(&mut [0; 1024]).unwrap();
            assert!(n > 0);
            stream.write_all(b"HTTP/1.1 200 OK\r\nx-long: ").unwrap();
            for _ in 0..1_000 {
                if stream.write_all(&[b'x'; 10_000]).is_err() {
                    // The client has closed.
                    return;
                }
            }
        });
        let session = Session::builder().proxy(proxy.url("")).build();
        let error = session.get("https://nowhere.invalid/").unwrap_err();
        assert!(error.is_protocol(), "{error}");
    });
}

/// Each of them is a success, and the bytes behind it are the server's.
#[cfg(feature = "tls")]
#[test]
fn odd_answers_to_connect_are_accepted() {
    let many = "x-more: and more\r\n".repeat(300);
    let answers = [
        "HTTP/1.1 103 Early Hints\r\nlink: a\r\n\r\nHTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
        &format!("HTTP/1.1 200 OK\r\n{many}\r\n"),
        "HTTP/1.1 200 OK\r\nnot a header\r\nx-fold: a\r\n b\r\n\r\n",
        "HTTP/1.0 200 Connection established\n\n",
        "HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
    ];
    in_loop(|| {
        let identity = crate::tls::Identity::new(|_| ());
        let server = identity.serve(|request| ok(&request.target));
        for answer in answers {
            let (proxy, seen) = connecting_proxy_that_says(answer.to_owned());
            let session = identity.trusting().proxy(proxy.url("")).build();
            for _ in 0..2 {
                let response = session.get(server.url("/page")).unwrap();
                assert_eq!(response.text().unwrap(), "/page", "{answer}");
            }
            assert_eq!(seen.borrow().len(), 1);
        }
    });
}

/// The timeouts are for the whole answer, not for each part of it.
#[cfg(feature = "tls")]
#[test]
fn a_proxy_that_answers_byte_by_byte_runs_into_the_timeouts() {
    in_loop(|| {
        for repeated in ["x", "HTTP/1.1 103 Early Hints\r\n\r\n"] {
            let proxy = Server::raw(move |mut stream| {
                let n = stream.read(&mut [0; 1024]).unwrap();
                assert!(n > 0);
                if repeated == "x" {
                    stream.write_all(b"HTTP/1.1 200 OK\r\nx-long: ").unwrap();
                }
                while stream.write_all(repeated.as_bytes()).is_ok() {
                    selvedge::sleep(std::time::Duration::from_millis(1));
                }
            });
            let limit = std::time::Duration::from_millis(50);
            for session in [
                Session::builder().total_timeout(limit),
                Session::builder().connect_timeout(limit),
            ] {
                let session = session.proxy(proxy.url("")).build();
                let error = session.get("https://nowhere.invalid/").unwrap_err();
                assert!(error.is_timeout(), "{error}");
            }
        }
    });
}

/// The proxy sees the first request, and the server the second.
#[cfg(feature = "tls")]
#[test]
fn a_header_for_a_proxy_is_not_sent_through_its_tunnel() {
    in_loop(|| {
        let identity = crate::tls::Identity::new(|_| ());
        let shown = |request: &crate::server::Request| {
            let names = ["authorization", "proxy-authorization"];
            names.map(|name| request.header(name).unwrap_or_default())
        };
        let server = identity.serve(move |request| ok(shown(request).join("|")));
        let to = server.address;
        let seen = Seen::default();
        let inner = Rc::clone(&seen);
        let proxy = Server::raw(move |stream| {
            let mut stream = BufReader::with_capacity(1, stream);
            while let Ok(Some(request)) = crate::server::receive(&mut stream) {
                inner.borrow_mut().push(shown(&request).join("|"));
                if request.method == "CONNECT" {
                    let connected = b"HTTP/1.1 200 Connected\r\n\r\n";
                    stream.get_mut().write_all(connected).unwrap();
                    return tunnel(stream.into_inner(), TcpStream::connect(to).unwrap());
                }
                let location = "location: https://localhost/";
                let redirect = answer("301 Moved Permanently", &[location], "");
                stream.get_mut().write_all(&redirect).unwrap();
            }
        });
        let session = identity.trusting().proxy(proxy.url("")).build();
        let request = session.request(selvedge::http::Method::GET, "http://localhost/");
        let request = request
            .header("authorization", "Bearer 1")
            .header("proxy-authorization", "Basic 2");
        let response = request.send().unwrap();
        assert_eq!(response.url().as_str(), "https://localhost/");
        assert_eq!(response.text().unwrap(), "Bearer 1|");
        assert_eq!(*seen.borrow(), ["Bearer 1|Basic 2", "|"]);
    });
}

#[test]
fn passwords_do_not_show_in_debug_output() {
    in_loop(|| {
        let server = Server::start(|_| ok("body"));
        let with_user = |url: String| url.replace("//", "//me:secret@");
        let builder = Session::builder().proxy(with_user(server.url("")));
        assert_hides(&builder);
        let session = builder.build();
        assert_hides(&session);
        let request = session.request(selvedge::http::Method::GET, with_user(server.url("/")));
        let request = request
            .header("authorization", "secret")
            .header("proxy-authorization", "secret");
        assert_hides(&request);
        let response = request.send().unwrap();
        assert_hides(&response);
        assert_hides(&response.into_reader());
        let refused = session.get("http://me:secret@localhost:port/").unwrap_err();
        assert!(refused.is_bad_request());
        assert!(!refused.to_string().contains("secret"), "{refused}");
        assert_hides(&refused);
        assert_hides(&Session::builder().proxy("http://me:secret@localhost:port/"));
    });
}

#[test]
fn passwords_do_not_show_in_errors_of_redirects_and_cookies() {
    in_loop(|| {
        for location in [
            "http://me:secret@localhost:port/",
            "ftp://me:secret@localhost/",
        ] {
            let header = format!("location: {location}");
            let server = Server::start(move |_| answer("302 Found", &[&header], ""));
            let error = Session::new().get(server.url("/")).unwrap_err();
            assert!(error.is_redirect(), "{error:?}");
            assert_hides(&error);
        }
        let session = Session::new();
        let error = session
            .set_cookie("http://me:secret@localhost:port/", "thread=warp")
            .unwrap_err();
        assert!(error.is_bad_request(), "{error:?}");
        assert_hides(&error);
    });
}

#[track_caller]
fn assert_hides(value: &impl std::fmt::Debug) {
    for text in [format!("{value:?}"), format!("{value:#?}")] {
        assert!(!text.contains("secret"), "{text}");
    }
}

#[cfg(not(feature = "tls"))]
#[test]
fn https_through_a_proxy_needs_the_tls_feature() {
    in_loop(|| {
        let (proxy, seen) = connecting_proxy();
        let session = Session::builder().proxy(proxy.url("")).build();
        assert!(
            session
                .get("https://nowhere.invalid/")
                .unwrap_err()
                .is_tls()
        );
        assert_eq!(seen.borrow().len(), 0);
    });
}

/// Variables, a URL, and whether the proxy is used.
type Case = (&'static [(&'static str, &'static str)], &'static str, bool);

/// The environment belongs to the process, so each case runs in a child.
#[test]
fn the_environment_says_which_proxy_is_used() {
    const CASES: &[Case] = &[
        (&[], "http://127.0.0.1:PORT/", false),
        (&[("http_proxy", "PROXY")], "http://127.0.0.1:PORT/", true),
        (&[("HTTP_PROXY", "PROXY")], "http://127.0.0.1:PORT/", true),
        (
            &[("HTTP_PROXY", "PROXY"), ("REQUEST_METHOD", "GET")],
            "http://127.0.0.1:PORT/",
            false,
        ),
        (
            &[("http_proxy", "PROXY"), ("REQUEST_METHOD", "GET")],
            "http://127.0.0.1:PORT/",
            true,
        ),
        (&[("https_proxy", "PROXY")], "http://127.0.0.1:PORT/", false),
        (&[("all_proxy", "PROXY")], "http://127.0.0.1:PORT/", true),
        (
            &[("http_proxy", ""), ("all_proxy", "PROXY")],
            "http://127.0.0.1:PORT/",
            true,
        ),
        (
            &[("http_proxy", "PROXY"), ("no_proxy", "*")],
            "http://127.0.0.1:PORT/",
            false,
        ),
        (
            &[("http_proxy", "PROXY"), ("NO_PROXY", "a, 127.0.0.1")],
            "http://127.0.0.1:PORT/",
            false,
        ),
        (
            &[("http_proxy", "PROXY"), ("no_proxy", "127.0.0.0/8")],
            "http://127.0.0.1:PORT/",
            false,
        ),
        (
            &[("http_proxy", "PROXY"), ("no_proxy", "127.0.0.2/32")],
            "http://127.0.0.1:PORT/",
            true,
        ),
        (
            &[("http_proxy", "PROXY"), ("no_proxy", "127.0.0.1:PORT")],
            "http://127.0.0.1:PORT/",
            false,
        ),
        (
            &[("http_proxy", "PROXY"), ("no_proxy", "127.0.0.1:1")],
            "http://127.0.0.1:PORT/",
            true,
        ),
        (
            &[("http_proxy", "PROXY"), ("no_proxy", "localhost")],
            "http://localhost:PORT/",
            false,
        ),
        (
            &[("http_proxy", "PROXY"), ("no_proxy", "LOCALHOST")],
            "http://localhost:PORT/",
            false,
        ),
        (
            &[("http_proxy", "PROXY"), ("no_proxy", "host")],
            "http://a.localhost:PORT/",
            true,
        ),
        (
            &[("http_proxy", "PROXY"), ("no_proxy", ".localhost")],
            "http://localhost:PORT/",
            true,
        ),
    ];
    if let Ok(index) = std::env::var("SELVEDGE_PROXY_CASE") {
        let (_, url, _) = CASES[index.parse::<usize>().unwrap()];
        let port = std::env::var("SELVEDGE_PROXY_CASE_PORT").unwrap();
        let text = in_loop(|| {
            let session = Session::builder().proxies_from_environment().build();
            session.get(url.replace("PORT", &port))?.text()
        });
        println!(
            "answered by: {}",
            text.map_err(|error: Error| error.to_string()).unwrap()
        );
        return;
    }
    let (server, proxy) = (answering_beside("server"), answering_beside("proxy"));
    let this = std::env::current_exe().unwrap();
    for (index, (variables, url, goes_through)) in CASES.iter().enumerate() {
        let mut child = std::process::Command::new(&this);
        child.args([
            "--exact",
            "proxies::the_environment_says_which_proxy_is_used",
            "--nocapture",
        ]);
        for name in [
            "http_proxy",
            "https_proxy",
            "all_proxy",
            "no_proxy",
            "request_method",
        ] {
            child.env_remove(name).env_remove(name.to_uppercase());
        }
        for (name, value) in *variables {
            let value = value.replace("PROXY", &format!("127.0.0.1:{proxy}"));
            child.env(name, value.replace("PORT", &server.to_string()));
        }
        child.env("SELVEDGE_PROXY_CASE", index.to_string());
        child.env("SELVEDGE_PROXY_CASE_PORT", server.to_string());
        let output = child.output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        let expected = if *goes_through { "proxy" } else { "server" };
        assert!(
            text.contains(&format!("answered by: {expected}")),
            "{variables:?} {url}: {text}{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

/// A server on threads of its own; returns its port. It ends with the test's process.
fn answering_beside(name: &'static str) -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                while stream.read(&mut [0; 1024]).is_ok_and(|n| n > 0) {
                    stream.write_all(&ok(name)).unwrap();
                }
            });
        }
    });
    port
}
