//! An HTTP client: requests that suspend the task, never the thread.
//!
//! The crate [`ureq`](https://docs.rs/ureq) implements HTTP: messages, timeouts, the pool of connections. This
//! module runs it on the sockets of [`net`](crate::net), so that a hundred tasks on one thread have a hundred
//! requests in flight at once. The module adds redirects, cookies, gzip, proxies and its own public API.
//!
//! ```no_run
//! use selvedge::http::Session;
//!
//! let n_bytes = selvedge::run(|| {
//!     let session = Session::new();
//!     let downloads: Vec<_> = (0..100)
//!         .map(|n| {
//!             let session = session.clone();
//!             selvedge::spawn_fallible(move || {
//!                 let page = session.get(format!("http://example.com/{n}"))?;
//!                 Ok::<_, selvedge::http::Error>(page.error_for_status()?.bytes()?.len())
//!             })
//!         })
//!         .collect();
//!     downloads.into_iter().map(|download| download.join()).sum::<Result<usize, _>>()
//! });
//! # drop(n_bytes);
//! ```
//!
//! # Where to look
//!
//! [`Session`] has one method for each kind of request, [`SessionBuilder`] the timeouts and limits.
//! [`RequestBuilder`] adds headers and queries. [`Body`] is the body of a request, and [`Multipart`] is a form
//! with files. [`Response`] is the answer, and [`BodyReader`] its body. [`Error`] classifies failures by
//! predicates.
//!
//! # Automatic behaviour of requests
//!
//! - It follows redirects (301, 302, 303, 307, 308), and waits at most half a second for the body of a redirect. The
//!   headers `authorization`, `cookie`, `proxy-authorization` and `host`, and a user in the URL, stay within the
//!   same origin: scheme, host and port, or the change from `http` to `https` on their standard ports, after which
//!   `proxy-authorization` is not sent. 307 and 308 send the body again, unless it was read from a reader; the
//!   others turn all methods but HEAD into GET.
//! - If the server has closed a connection that was kept from an earlier request, a request of an idempotent
//!   method (GET, HEAD, OPTIONS, TRACE, PUT, DELETE) is sent once more, on a new connection, unless a part of its
//!   body was read from a reader.
//! - If the answer comes while the body is still being sent, the rest of the body is not sent: after a status from
//!   300 on at once, after another one when the server takes nothing for ten seconds, closes, or has sent 64 KiB.
//! - It accepts heads and chunks that are not quite valid, as browsers do: folded lines, lines that are no headers,
//!   line feeds alone.
//! - It ignores trailers, the headers after a chunked body.
//!
//! # Types of other crates
//!
//! These are part of the public surface. A new major version of one of these crates is a breaking change of
//! this one:
//!
//! | crate | what is used | re-exported here |
//! |---|---|---|
//! | `http` 1 | statuses, methods, headers | [`StatusCode`], [`Method`], [`HeaderMap`], [`HeaderName`], [`HeaderValue`], [`header`] |
//! | `url` 2 | [`Response::url`] | [`Url`] |
//! | `serde` 1 | the bounds `Serialize` and `DeserializeOwned` of the methods named `json` | no |
//!
//! No type of `ureq` or `rustls` is part of it: their new versions change nothing for users of this crate.
//!
//! # Features
//!
//! The feature `http` adds this module. Without the feature `tls`, a URL that begins with `https` is an
//! [error](Error::is_tls). With it, the crate `rustls` encrypts, by the provider that the process has
//! installed for it, or by `ring`, which needs nothing to build but cargo and a C compiler. Mozilla's root
//! certificates are built in; `SessionBuilder::root_certificates` replaces them.
//!
//! # Stacks
//!
//! A request over `https` takes about 130 KiB of its task's stack in a build without optimization. A task with a
//! stack smaller than the default needs more than that: 192 KiB leave room for the caller.
//!
//! # Limits
//!
//! - On a loop with a virtual clock, a timeout can expire in a wait, which that clock measures. What an earlier wait has taken
//!   is measured by the system's clock, so the total timeout of a request with several waits may expire late.
//! - The head of a response, status and headers, has at most 64 KiB. A larger one is an
//!   [error](Error::is_protocol). The number of headers is not limited otherwise.
//! - The URL and each header of a request have at most 16 KiB; all cookies are one header. A longer one is an
//!   [error](Error::is_bad_request).
//! - The interim responses (100 Continue, 103 Early Hints) to a request have at most 1 MiB together, the line at the
//!   start of a chunk 64 KiB, and all trailers together 64 KiB. More is an [error](Error::is_protocol).
//! - The first line of a response begins with `HTTP/1.0` or `HTTP/1.1`. Another one is an
//!   [error](Error::is_protocol).
//! - A body with neither a length nor chunks ends with the connection. Over `https`, the end without the notice that
//!   TLS has for it is an [error](Error::is_disconnected): the body may have been cut off.
//! - Compression: gzip, applied once or twice. A body of another encoding is returned as it was received, and
//!   the header `content-encoding` describes it.
//! - Proxies: HTTP, not SOCKS. HTTP/2 and HTTP/3 are not supported.

mod body;
mod buffers;
mod builder;
mod chunks;
mod client;
mod cookies;
mod credentials;
mod decode;
mod error;
mod exchange;
mod head;
mod message;
mod multipart;
mod outgoing;
mod proxy;
mod proxy_answer;
mod request;
mod request_limit;
mod resolver;
mod response;
mod session;
#[cfg(feature = "tls")]
mod tls;
mod transport;

pub use body::Body;
pub use builder::SessionBuilder;
pub use error::Error;
pub use multipart::Multipart;
pub use request::RequestBuilder;
pub use response::{BodyReader, Response};
pub use session::Session;
#[cfg(feature = "tls")]
pub use tls::Certificate;
pub use ureq::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
pub use url::Url;
