//! An HTTP client: requests that suspend the task, never the thread.
//!
//! Everything of HTTP is done by the crate [`ureq`](https://docs.rs/ureq): messages, the pool of connections,
//! redirects, cookies, gzip. What this module adds is that its connections are [`net`](crate::net)'s sockets, so
//! that a hundred requests of a hundred tasks are under way at once on one thread, and a surface of its own.
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
//! [`Session`] has the verbs; [`SessionBuilder`] the limits. [`RequestBuilder`] is for headers and queries,
//! [`Body`] for what is sent, [`Response`] and [`BodyReader`] for what comes back. [`Error`] says by predicates
//! what failed.
//!
//! # What is not ureq's
//!
//! No type of ureq's is part of this module's surface, so that it can follow ureq without a change for you. The
//! crates `http`, for statuses, methods and headers, and `url` are: everybody uses them.
//!
//! # Without the features
//!
//! Without `http` there is no such module. Without `tls` an address that begins with `https` is an
//! [error](Error::is_tls). With it, the crate `rustls` encrypts, by the provider that the process has chosen for it,
//! or by `ring`, which needs nothing to build but cargo and a C compiler. Mozilla's root certificates are built in;
//! others can be given.
//!
//! # Stacks
//!
//! A request over `https` takes about 100 KiB of its task's stack in a build without optimization. A task that was given a
//! stack smaller than the usual one has to have that much.
//!
//! # Times
//!
//! How much of a timeout is left is counted by the system's clock, whatever the loop's clock is. HTTP/2 and 3 are
//! not spoken.

mod body;
mod buffers;
mod builder;
mod error;
mod line;
mod request;
mod resolver;
mod response;
mod session;
mod socket;
#[cfg(feature = "tls")]
mod tls;

pub use body::Body;
pub use builder::SessionBuilder;
pub use error::Error;
pub use request::RequestBuilder;
pub use response::{BodyReader, Response};
pub use session::Session;
#[cfg(feature = "tls")]
pub use tls::Certificate;
pub use ureq::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
pub use url::Url;
