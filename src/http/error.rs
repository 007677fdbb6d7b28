//! [`Error`]: why a request failed.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::net::SocketAddr;

use ureq::Timeout;
use ureq::http::StatusCode;
use url::Url;

use super::credentials::without_user;
use crate::error::Elapsed;
use crate::error::is_cancelled::is_cancelled;
use crate::error::predicates::predicates;
use crate::runtime::wait::task_context;

/// Why a request failed. The predicates classify the failure; the text describes it and contains the URL.
///
/// ```
/// use std::time::Duration;
/// use selvedge::http::Session;
/// use selvedge::net::TcpListener;
///
/// // A server that accepts connections and never responds.
/// let silent = TcpListener::bind("127.0.0.1:0")?;
/// let url = format!("http://{}/", silent.local_addr()?);
///
/// let error = selvedge::run(|| {
///     let session = Session::builder().total_timeout(Duration::from_millis(20)).build();
///     session.get(&url).unwrap_err()
/// });
/// assert!(error.is_timeout());
/// assert!(error.to_string().starts_with("the timeout for the whole request has expired"));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Error(Box<Parts>);

type Source = Box<dyn StdError + Send + Sync>;

#[derive(Debug)]
struct Parts {
    kind: Kind,
    /// Without user name and password.
    url: Option<String>,
    source: Option<Source>,
}

/// The kind of failure, with the values that its text contains.
#[derive(Debug)]
pub(super) enum Kind {
    BadRequest(String),
    BodyTooLarge {
        max_bytes: u64,
    },
    /// The task has a pending cancel, or its deadline has passed. The source is the error of the
    /// I/O.
    Cancelled,
    Closed,
    Connect(SocketAddr),
    Decode(&'static str),
    Disconnected,
    Io,
    Lookup(String),
    NoTls,
    Protocol,
    Proxy(String),
    Redirect(&'static str),
    /// The server had closed a reused connection before this request, so the request can be sent
    /// again.
    Stale,
    Status(StatusCode),
    Timeout(&'static str),
    Tls,
    /// A part of the response other than the contents of its body is longer than its limit.
    TooLong(&'static str),
    TooManyRequests,
}

impl Error {
    pub(super) fn new(kind: Kind) -> Self {
        Self(Box::new(Parts {
            kind,
            url: None,
            source: None,
        }))
    }

    pub(super) fn with_source(mut self, source: impl Into<Source>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Adds the URL, if the error has none yet.
    pub(super) fn with_url(mut self, url: &Url) -> Self {
        self.0.url.get_or_insert_with(|| without_user(url).into());
        self
    }

    /// If the deadline of the task's I/O has passed, a timeout is the deadline's: ureq reports its own.
    pub(super) fn at_deadline(self) -> Self {
        if self.is_timeout() && self.0.source.is_none() && deadline_has_passed() {
            return from_io(Elapsed.into());
        }
        self
    }

    /// Wraps this error in ureq's. [`from_ureq`] unwraps it.
    pub(super) fn into_ureq(self) -> ureq::Error {
        ureq::Error::Other(Box::new(self))
    }

    /// Whether the server had closed the connection before it received the request.
    pub(super) fn is_stale(&self) -> bool {
        matches!(self.0.kind, Kind::Stale)
    }

    /// The status of the response, if [`is_status`](Self::is_status).
    #[must_use]
    pub fn status(&self) -> Option<StatusCode> {
        match self.0.kind {
            Kind::Status(status) => Some(status),
            _ => None,
        }
    }

    /// The URL of the request, without user name and password.
    #[must_use]
    pub fn url(&self) -> Option<&str> {
        self.0.url.as_deref()
    }

    predicates! { |error| error.0.kind;
        /// Whether a timeout expired, the session's or the request's.
        fn is_timeout => Kind::Timeout(_),

        /// Whether the response has an error status, as reported by
        /// [`Response::error_for_status`](super::Response::error_for_status).
        fn is_status => Kind::Status(_),

        /// Whether no connection was established: the host has no address, or can't be connected to, or the proxy
        /// has refused.
        fn is_connect => Kind::Connect(_) | Kind::Lookup(_) | Kind::Proxy(_),

        /// Whether the host's name could not be resolved.
        fn is_lookup => Kind::Lookup(_),

        /// Whether TLS failed: a certificate that is not trusted, has expired or is for another host; a failed
        /// handshake; `https` in a build without the feature `tls`.
        fn is_tls => Kind::Tls | Kind::NoTls,

        /// Whether there were too many redirects, or one that can't be followed.
        fn is_redirect => Kind::Redirect(_),

        /// Whether the connection ended before the response did, as when a server is restarted.
        fn is_disconnected => Kind::Disconnected | Kind::Stale,

        /// Whether the response is not valid HTTP, or its head or its trailers are larger than 64 KiB.
        fn is_protocol => Kind::Protocol | Kind::TooLong(_),

        /// Whether a body could not be decoded: invalid JSON, invalid gzip.
        fn is_decode => Kind::Decode(_),

        /// Whether the body of a response is larger than
        /// [`max_body_size_bytes`](super::SessionBuilder::max_body_size_bytes).
        fn is_body_too_large => Kind::BodyTooLarge { .. },

        /// Whether the request can't be sent: an invalid URL, an invalid header, a value that can't be
        /// serialized to JSON, a body whose reader fails.
        fn is_bad_request => Kind::BadRequest(_),

        /// Whether [`Session::close`](super::Session::close) was called, before or during the request.
        fn is_closed => Kind::Closed,

        /// Whether a cancel of the task caused the error, as [`io::is_cancelled`](crate::io::is_cancelled)
        /// says for I/O.
        fn is_cancelled => Kind::Cancelled,
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.kind {
            Kind::BadRequest(why) => write!(f, "the request can't be sent: {why}")?,
            Kind::BodyTooLarge { max_bytes } => write!(
                f,
                "the body is larger than the {max_bytes} bytes of `max_body_size_bytes`; raise that \
                 limit, or read the body in parts by `into_reader`"
            )?,
            Kind::Cancelled => f.write_str("the request was cancelled")?,
            Kind::Closed => f.write_str("the session is closed")?,
            Kind::Connect(address) => write!(f, "no connection to {address}")?,
            Kind::Decode(what) => write!(f, "the body is not {what}")?,
            Kind::Disconnected | Kind::Stale => {
                f.write_str("the connection ended before the response did")?;
            }
            Kind::Io => f.write_str("the connection failed")?,
            Kind::Lookup(host) => write!(f, "no address for the host {host:?}")?,
            Kind::NoTls => f.write_str("https needs selvedge's feature `tls`")?,
            Kind::Protocol => f.write_str("the response is not valid HTTP")?,
            Kind::Proxy(why) => write!(f, "the proxy has not connected: {why}")?,
            Kind::Redirect(why) | Kind::TooLong(why) => f.write_str(why)?,
            Kind::Status(status) => write!(f, "the status is {status}")?,
            Kind::Timeout(purpose) => write!(f, "the timeout {purpose} has expired")?,
            Kind::Tls => f.write_str("no trusted encrypted connection")?,
            Kind::TooManyRequests => {
                f.write_str("`max_connections` requests are running already")?;
            }
        }
        if let Some(url) = &self.0.url {
            write!(f, " ({url})")?;
        }
        // The source's text is included because the text alone rarely tells what to do.
        if let Some(source) = &self.0.source {
            write!(f, ": {source}")?;
        }
        Ok(())
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

impl From<Error> for io::Error {
    fn from(mut error: Error) -> Self {
        // The error that code outside of this module can recognise.
        if let Kind::Cancelled = error.0.kind
            && let Some(source) = error.0.source.take()
        {
            return source.downcast().map_or_else(Self::other, |source| *source);
        }
        let kind = match &error.0.kind {
            Kind::Timeout(_) => io::ErrorKind::TimedOut,
            Kind::BadRequest(_) => io::ErrorKind::InvalidInput,
            Kind::Decode(_) | Kind::Protocol | Kind::TooLong(_) => io::ErrorKind::InvalidData,
            Kind::Closed => io::ErrorKind::NotConnected,
            _ => io::ErrorKind::Other,
        };
        Self::new(kind, error)
    }
}

/// Converts an error of ureq's. A conversion by `From` would be part of the public surface.
pub(super) fn from_ureq(error: ureq::Error) -> Error {
    use ureq::Error as Ureq;
    match error {
        // An error of this crate's connector, resolver or readers that passed through ureq.
        Ureq::Other(inner) => match inner.downcast::<Error>() {
            Ok(own) => *own,
            Err(inner) => Error::new(Kind::Io).with_source(inner),
        },
        Ureq::Io(error) => from_io(error),
        Ureq::Timeout(phase) => Error::new(Kind::Timeout(purpose(phase))),
        Ureq::TooManyRedirects => Error::new(Kind::Redirect("more redirects than `max_redirects`")),
        Ureq::TlsRequired => Error::new(Kind::NoTls),
        Ureq::Http(_) | Ureq::BadUri(_) => Error::new(Kind::BadRequest(error.to_string())),
        #[cfg(feature = "tls")]
        Ureq::Rustls(error) => Error::new(Kind::Tls).with_source(error),
        #[cfg(feature = "tls")]
        Ureq::Pem(_) => Error::new(Kind::Tls).with_source(error),
        Ureq::Tls(_) => Error::new(Kind::Tls).with_source(error),
        Ureq::ConnectProxyFailed(why) => Error::new(Kind::Proxy(why)),
        _ => Error::new(Kind::Protocol).with_source(error),
    }
}

/// Converts an error of std's, which may wrap one of this crate's or ureq's that passed through a reader.
pub(super) fn from_io(error: io::Error) -> Error {
    let error = match error.downcast::<Error>() {
        Ok(own) => return own,
        Err(error) => error,
    };
    let error = match error.downcast::<ureq::Error>() {
        Ok(ureq) => return from_ureq(ureq),
        Err(error) => error,
    };
    let kind = match error.kind() {
        _ if is_cancelled(&error) => Kind::Cancelled,
        io::ErrorKind::TimedOut if is_request_to_end(&error) || is_bare_timeout(&error) => {
            Kind::Timeout("around the request")
        }
        #[cfg(feature = "tls")]
        _ if is_tls(&error) => Kind::Tls,
        io::ErrorKind::UnexpectedEof
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::ConnectionReset => Kind::Disconnected,
        _ => Kind::Io,
    };
    Error::new(kind).with_source(error)
}

/// Whether an error comes from a request to the task, and not from a connection. The error may have passed through
/// another request, whose response is being read.
pub(super) fn is_request_to_end(error: &io::Error) -> bool {
    let of_request = |error: &Error| {
        let source = error.0.source.as_deref();
        let source = source.and_then(|source| source.downcast_ref::<io::Error>());
        source.is_some_and(is_request_to_end)
    };
    is_cancelled(error)
        || error.get_ref().is_some_and(|inner| {
            inner.is::<Elapsed>() || inner.downcast_ref().is_some_and(of_request)
        })
}

/// Whether the deadline of the task's I/O has passed.
pub(super) fn deadline_has_passed() -> bool {
    task_context().is_ok_and(|here| {
        let deadline = here.task.io_deadline();
        deadline.is_some_and(|deadline| deadline <= here.core.clock.now())
    })
}

/// Whether a timeout of an operation of this crate caused an error. The system's timeouts have an error number,
/// and the error of [`timeout`](crate::timeout()) has an inner error.
pub(super) fn is_bare_timeout(error: &io::Error) -> bool {
    let is_bare = error.raw_os_error().is_none() && error.get_ref().is_none();
    error.kind() == io::ErrorKind::TimedOut && is_bare
}

/// Whether TLS failed: ureq's transfers wrap the error of rustls.
#[cfg(feature = "tls")]
fn is_tls(error: &io::Error) -> bool {
    let inner = error.get_ref();
    inner.is_some_and(|inner| inner.is::<rustls::Error>())
}

/// The purpose of a timeout, as the text of an error contains it.
fn purpose(phase: Timeout) -> &'static str {
    match phase {
        Timeout::Resolve => "to look up the host",
        Timeout::Connect => "to connect",
        Timeout::PerWrite => "to send the next bytes",
        Timeout::PerRead => "to receive the next bytes",
        _ => "for the whole request",
    }
}
