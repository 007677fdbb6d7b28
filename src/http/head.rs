//! Rewrites the heads of responses that ureq would refuse.
//!
//! ureq accepts at most 128 headers, no headers in a response 100, no folded lines, and no invalid lines. A
//! head that ureq accepts is not changed.

use std::mem::MaybeUninit;

use httparse::{EMPTY_HEADER, Header, ParserConfig, Response as Parsed, Status};
use ureq::http::{HeaderMap, HeaderName, HeaderValue};

use super::error::Kind;

/// The largest head of a response, and the most bytes of an early answer that are kept.
pub(super) const MAX_HEAD_SIZE_BYTES: usize = 64 * 1024;

/// The error for a larger head.
pub(super) const HEAD_TOO_LARGE: Kind =
    Kind::TooLong("the head of the response is larger than 64 KiB, the limit for all headers");

/// The most bytes of a response's head and the interim responses before it.
pub(super) const MAX_HEADS_SIZE_BYTES: usize = 1024 * 1024;

/// The error for more bytes.
pub(super) const HEADS_TOO_LARGE: Kind =
    Kind::TooLong("the interim responses are larger than 1 MiB, the limit for all of them");

/// The most headers that ureq takes.
const N_HEADERS: usize = 128;

/// The header that contains other headers, as pairs of a name and a value with a colon in between. A single tab
/// separates the pairs. Two tabs stand for a tab within a value, which can't begin or end with a tab.
const PACKED: &str = "selvedge-packed-headers";

/// The headers that ureq needs to see.
const NEEDED: [&str; 3] = ["connection", "content-length", "transfer-encoding"];

/// The result of examining a connection's input at the start of a response.
pub(super) struct Examined {
    pub(super) state: State,
    /// The bytes that ureq sees instead of the whole input.
    pub(super) rewritten: Option<Vec<u8>>,
    /// Where the body begins in these bytes, if the head is complete.
    pub(super) body_at: usize,
    /// Whether the head is complete and ureq will take the body for a chunked one.
    pub(super) is_chunked: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// The head is not complete.
    Partial,
    /// The head is not complete, and ureq must not see this part of it.
    Hidden,
    /// The head is complete, with this status.
    Complete(u16),
    /// Not a response.
    Invalid,
}

/// Examines the input that begins with a response's head, or with interim responses that precede it.
///
/// Interim responses (100 Continue, 103 Early Hints) are kept without their headers, or dropped.
pub(super) fn examine(input: &[u8], keeps_interim: bool) -> Examined {
    let mut at = 0;
    let mut rewritten: Option<Vec<u8>> = None;
    let (state, is_chunked) = loop {
        let rest = &input[at..];
        let parsed = parse(rest);
        let is_interim = matches!(parsed.status, 100 | 102..200);
        if let Some(n) = parsed.length
            && is_interim
        {
            if !keeps_interim || parsed.n_headers > 0 || parsed.head.is_some() {
                let out = rewritten.get_or_insert_with(|| input[..at].to_vec());
                if keeps_interim {
                    out.extend_from_slice(format!("HTTP/1.1 {}\r\n\r\n", parsed.status).as_bytes());
                }
            } else if let Some(out) = &mut rewritten {
                out.extend_from_slice(&rest[..n]);
            }
            at += n;
            continue;
        }
        if let Some(n) = parsed.length {
            if let Some(head) = parsed.head {
                let out = rewritten.get_or_insert_with(|| input[..at].to_vec());
                out.extend(head);
            } else if let Some(out) = &mut rewritten {
                out.extend_from_slice(&rest[..n]);
            }
            at += n;
        }
        let state = match parsed.length {
            Some(_) => State::Complete(parsed.status),
            None if parsed.is_invalid => State::Invalid,
            None if parsed.is_lenient || is_interim => State::Hidden,
            None => State::Partial,
        };
        break (state, parsed.length.is_some() && parsed.is_chunked);
    };
    let body_at = rewritten.as_ref().map_or(at, Vec::len);
    if let Some(out) = &mut rewritten {
        out.extend_from_slice(&input[at..]);
    }
    Examined {
        state,
        rewritten,
        body_at,
        is_chunked,
    }
}

/// The result of parsing the start of some input.
struct Found {
    /// 0 if the input has none yet.
    status: u16,
    n_headers: usize,
    is_chunked: bool,
    /// Of a complete head.
    length: Option<usize>,
    /// A complete head in a form that ureq accepts, if ureq does not accept the original.
    head: Option<Vec<u8>>,
    /// ureq would refuse the part of the head that has arrived.
    is_lenient: bool,
    is_invalid: bool,
}

fn parse(input: &[u8]) -> Found {
    let mut headers = [const { MaybeUninit::uninit() }; N_HEADERS];
    let mut strict = Parsed::new(&mut []);
    let parsed = ParserConfig::default().parse_response_with_uninit_headers(
        &mut strict,
        input,
        &mut headers,
    );
    let Ok(progress) = parsed else {
        return parse_leniently(input);
    };
    Found {
        status: strict.code.unwrap_or(0),
        n_headers: strict.headers.len(),
        is_chunked: is_chunked(&strict),
        length: length(progress),
        head: None,
        is_lenient: false,
        is_invalid: false,
    }
}

/// Parses a head with too many headers, folded lines, or invalid lines, which are omitted.
#[cold]
fn parse_leniently(input: &[u8]) -> Found {
    let n_lines = input.iter().filter(|&&byte| byte == b'\n').count();
    let mut headers = vec![EMPTY_HEADER; n_lines + 1];
    let mut lenient = Parsed::new(&mut headers);
    let parsed = ParserConfig::default()
        .allow_multiple_spaces_in_response_status_delimiters(true)
        .allow_obsolete_multiline_headers_in_responses(true)
        .allow_spaces_after_header_name_in_responses(true)
        .ignore_invalid_headers_in_responses(true)
        .parse_response(&mut lenient, input);
    let length = parsed.map_or(None, length);
    Found {
        status: lenient.code.unwrap_or(0),
        n_headers: lenient.headers.len(),
        is_chunked: is_chunked(&lenient),
        length,
        head: length.map(|_| write_head(&lenient)),
        is_lenient: true,
        is_invalid: parsed.is_err(),
    }
}

/// Whether one of the encodings is `chunked`. ureq ignores values with other characters than those of ASCII.
fn is_chunked(parsed: &Parsed<'_, '_>) -> bool {
    let is_visible = |&byte: &u8| matches!(unfolded(byte), b' '..=b'~' | b'\t');
    let encodings = parsed.headers.iter().filter(|header| {
        header.name.eq_ignore_ascii_case("transfer-encoding") && header.value.iter().all(is_visible)
    });
    parsed.version == Some(1)
        && encodings
            .flat_map(|header| header.value.split(|&byte| byte == b','))
            .any(|encoding| encoding.trim_ascii().eq_ignore_ascii_case(b"chunked"))
}

fn length(progress: Status<usize>) -> Option<usize> {
    match progress {
        Status::Complete(n) => Some(n),
        Status::Partial => None,
    }
}

/// Writes a head that ureq accepts. This head is not longer than the parsed one, unless values of more than 128
/// headers contain tabs.
fn write_head(parsed: &Parsed<'_, '_>) -> Vec<u8> {
    let (version, status) = (parsed.version.unwrap_or(1), parsed.code.unwrap_or(0));
    let mut head = format!("HTTP/1.{version} {status:03}\r\n").into_bytes();
    let packs = parsed.headers.len() > N_HEADERS;
    let is_needed = |header: &&Header<'_>| {
        !packs
            || NEEDED
                .iter()
                .any(|name| header.name.eq_ignore_ascii_case(name))
    };
    for header in parsed.headers.iter().filter(is_needed) {
        head.extend_from_slice(header.name.as_bytes());
        head.push(b':');
        head.extend(header.value.iter().map(|&byte| unfolded(byte)));
        head.extend_from_slice(b"\r\n");
    }
    if packs {
        head.extend_from_slice(PACKED.as_bytes());
        let mut separator = b':';
        for header in parsed.headers.iter().filter(|header| !is_needed(header)) {
            head.push(separator);
            separator = b'\t';
            head.extend_from_slice(header.name.as_bytes());
            head.push(b':');
            for &byte in header.value {
                head.push(unfolded(byte));
                if byte == b'\t' {
                    head.push(byte);
                }
            }
        }
        head.extend_from_slice(b"\r\n");
    }
    head.extend_from_slice(b"\r\n");
    head
}

/// A byte of a header's value: a line that is folded becomes one line.
fn unfolded(byte: u8) -> u8 {
    match byte {
        b'\r' | b'\n' => b' ',
        _ => byte,
    }
}

/// Restores the headers that [`examine`] has packed.
pub(super) fn unpack(headers: &mut HeaderMap) {
    let Some(packed) = headers.remove(PACKED) else {
        return;
    };
    let mut bytes = packed.as_bytes().iter().copied().peekable();
    let mut pair = Vec::new();
    loop {
        match bytes.next() {
            Some(b'\t') if bytes.next_if_eq(&b'\t').is_some() => pair.push(b'\t'),
            Some(byte) if byte != b'\t' => pair.push(byte),
            end => {
                let name = pair.iter().position(|&byte| byte == b':');
                if let Some(n) = name
                    && let Ok(name) = HeaderName::from_bytes(&pair[..n])
                    && let Ok(value) = HeaderValue::from_bytes(&pair[n + 1..])
                {
                    headers.append(name, value);
                }
                pair.clear();
                if end.is_none() {
                    return;
                }
            }
        }
    }
}
