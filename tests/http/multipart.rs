//! Forms with files.

use std::io::Cursor;

use selvedge::http::{Body, Multipart, Session};

use crate::server::{Request, Server, answer, in_loop, ok};

/// The parts of a form: head and contents.
fn parts(request: &Request) -> Vec<(String, Vec<u8>)> {
    let media_type = request.header("content-type").unwrap();
    let boundary = media_type
        .strip_prefix("multipart/form-data; boundary=")
        .unwrap();
    let separator = format!("--{boundary}");
    let body = &request.body;
    let mut starts = Vec::new();
    for at in 0..body.len() {
        if body[at..].starts_with(separator.as_bytes()) {
            starts.push(at);
        }
    }
    assert_eq!(
        &body[*starts.last().unwrap()..],
        format!("{separator}--\r\n").as_bytes()
    );
    let part = |pair: &[usize]| {
        let part = &body[pair[0] + separator.len()..pair[1]];
        let part = part
            .strip_prefix(b"\r\n")
            .unwrap()
            .strip_suffix(b"\r\n")
            .unwrap();
        let end = part
            .windows(4)
            .position(|bytes| bytes == b"\r\n\r\n")
            .unwrap();
        let head = String::from_utf8(part[..end].to_vec()).unwrap();
        (head, part[end + 4..].to_vec())
    };
    starts.windows(2).map(part).collect()
}

#[test]
fn a_form_has_fields_and_files() {
    in_loop(|| {
        let server = Server::start(|_| ok(""));
        let session = Session::new();
        let bytes: Vec<u8> = (0..=255).collect();
        let form = Multipart::new()
            .text("title", "warp & weft\r\n--")
            .text("a \"name\"\r\nx: y", "")
            .file("note", "ü.txt", "text")
            .file(
                "photo",
                "a\"b.jpg",
                Body::from(bytes.clone()).with_media_type("image/jpeg"),
            );
        session.post(server.url("/"), form).unwrap();
        let request = server.only_request();
        let length = request.header("content-length").unwrap();
        assert_eq!(length, request.body.len().to_string());
        let expected = [
            ("name=\"title\"", "", &b"warp & weft\r\n--"[..]),
            ("name=\"a %22name%22%0D%0Ax: y\"", "", b""),
            (
                "name=\"note\"; filename=\"ü.txt\"",
                "text/plain; charset=utf-8",
                b"text",
            ),
            (
                "name=\"photo\"; filename=\"a%22b.jpg\"",
                "image/jpeg",
                &bytes,
            ),
        ];
        let expected = expected.map(|(name, media_type, contents)| {
            let mut head = format!("content-disposition: form-data; {name}");
            if !media_type.is_empty() {
                head.push_str(&format!("\r\ncontent-type: {media_type}"));
            }
            (head, contents.to_vec())
        });
        assert_eq!(parts(&request), expected);
    });
}

#[test]
fn files_of_a_form_are_streamed() {
    in_loop(|| {
        let server = Server::start(|_| ok(""));
        let session = Session::new();
        let long = "0123456789".repeat(100_000);
        for knows_length in [true, false] {
            let reader = Cursor::new(long.clone());
            let file = match knows_length {
                true => Body::reader_with_length(reader, long.len() as u64),
                false => Body::reader(reader),
            };
            let form = Multipart::new()
                .file("file", "long", file)
                .text("last", "1");
            session.put(server.url("/"), form).unwrap();
            let request = server.only_request();
            assert_eq!(request.header("content-length").is_some(), knows_length);
            let parts = parts(&request);
            assert!(parts[0].1 == long.as_bytes(), "other bytes");
            assert_eq!(parts[1].1, b"1");
        }
    });
}

#[test]
fn a_form_of_bytes_is_sent_again_after_a_redirect() {
    in_loop(|| {
        let server = Server::start(|request| match &*request.target {
            "/" => answer("307 Temporary Redirect", &["location: /end"], ""),
            _ => ok(""),
        });
        let form = Multipart::new()
            .text("a", "b")
            .file("c", "d", vec![1, 2, 3]);
        Session::new().post(server.url("/"), form).unwrap();
        let requests = server.requests();
        assert_eq!(requests.len(), 2);
        assert_eq!(parts(&requests[0]), parts(&requests[1]));
    });
}

#[test]
fn two_forms_have_different_boundaries() {
    in_loop(|| {
        let server = Server::start(|_| ok(""));
        let session = Session::new();
        for _ in 0..2 {
            session.post(server.url("/"), Multipart::new()).unwrap();
        }
        let requests = server.requests();
        assert_ne!(
            requests[0].header("content-type"),
            requests[1].header("content-type")
        );
        assert!(parts(&requests[0]).is_empty());
    });
}

#[test]
fn a_form_may_be_longer_than_its_length_can_say() {
    in_loop(|| {
        let server = Server::start(|_| ok(""));
        let huge = || Body::reader_with_length(&b"four"[..], u64::MAX);
        let form = Multipart::new()
            .file("a", "b", huge())
            .file("c", "d", huge());
        let error = Session::new().post(server.url("/"), form).unwrap_err();
        assert!(error.to_string().contains("ended after 4 of"), "{error}");
    });
}
