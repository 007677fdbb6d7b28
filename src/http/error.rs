//! What can go wrong with a request.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::net::SocketAddr;

use ureq::Timeout;
use ureq::http::StatusCode;
use url::Url;

/// Why a request failed. The predicates say what kind of failure it is; the text says what happened,
/// and with which address.
///
/// ```
/// use std::time::Duration;
/// use selvedge::http::Session;
/// use selvedge::net::TcpListener;
///
/// // Somebody accepts connections and never says a word.
/// let silent = TcpListener::bind("127.0.0.1:0")?;
/// let url = format!("http://{}/", silent.local_addr()?);
///
/// let error = selvedge::run(|| {
///     let session = Session::builder().total_timeout(Duration::from_millis(20)).build();
///     session.get(&url).unwrap_err()
/// });
/// assert!(error.is_timeout());
/// assert!(error.to_string().starts_with("the time for the whole request is over"));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Error(Box<Parts>);

#[derive(Debug)]
struct Parts {
    kind: Kind,
    /// Without the user's name and password.
    url: Option<String>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// What kind of failure, with what its sentence needs.
#[derive(Debug)]
pub(super) enum Kind {
    BadRequest(String),
    BodyTooLarge { max_bytes: u64 },
    Closed,
    Connect(SocketAddr),
    Decode(&'static str),
    Disconnected,
    Io,
    Lookup(String),
    NoPlace,
    NoTls,
    Protocol,
    Redirect(&'static str),
    Status(StatusCode),
    Timeout(&'static str),
    Tls,
}

impl Error {
    pub(super) fn new(kind: Kind) -> Self {
        Self(Box::new(Parts {
            kind,
            url: None,
            source: None,
        }))
    }

    pub(super) fn because(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Remembers the address, if none is known yet.
    pub(super) fn at(mut self, url: &Url) -> Self {
        self.0.url.get_or_insert_with(|| {
            let mut url = url.clone();
            // Nothing can be said against taking these away from an address that has a host.
            let _ = url.set_password(None);
            let _ = url.set_username("");
            url.into()
        });
        self
    }

    /// This error on its way through ureq.
    pub(super) fn travelling(self) -> ureq::Error {
        ureq::Error::Other(Box::new(self))
    }

    /// Whether a time limit ended it, be it the session's or the request's.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        matches!(self.0.kind, Kind::Timeout(_))
    }

    /// Whether it is about a status, as made by
    /// [`Response::error_for_status`](super::Response::error_for_status).
    #[must_use]
    pub fn is_status(&self) -> bool {
        self.status().is_some()
    }

    /// The status that it is about, if it is.
    #[must_use]
    pub fn status(&self) -> Option<StatusCode> {
        match self.0.kind {
            Kind::Status(status) => Some(status),
            _ => None,
        }
    }

    /// Whether no connection came about: the host has no address, or does not answer.
    #[must_use]
    pub fn is_connect(&self) -> bool {
        matches!(self.0.kind, Kind::Connect(_) | Kind::Lookup(_))
    }

    /// Whether the host's name leads to no address.
    #[must_use]
    pub fn is_lookup(&self) -> bool {
        matches!(self.0.kind, Kind::Lookup(_))
    }

    /// Whether it is about encryption: a certificate that is not trusted, has expired or is somebody
    /// else's; a handshake that fails; `https` in a build without the feature `tls`.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        matches!(self.0.kind, Kind::Tls | Kind::NoTls)
    }

    /// Whether there were too many redirects, or one that can't be followed.
    #[must_use]
    pub fn is_redirect(&self) -> bool {
        matches!(self.0.kind, Kind::Redirect(_))
    }

    /// Whether the connection ended before the answer did, as it does when a server is restarted.
    #[must_use]
    pub fn is_disconnected(&self) -> bool {
        matches!(self.0.kind, Kind::Disconnected)
    }

    /// Whether the answer is not HTTP.
    #[must_use]
    pub fn is_protocol(&self) -> bool {
        matches!(self.0.kind, Kind::Protocol)
    }

    /// Whether a body could not be made into what was asked for: broken JSON, broken gzip.
    #[must_use]
    pub fn is_decode(&self) -> bool {
        matches!(self.0.kind, Kind::Decode(_))
    }

    /// Whether the body of an answer is larger than
    /// [`max_body_size`](super::SessionBuilder::max_body_size).
    #[must_use]
    pub fn is_body_too_large(&self) -> bool {
        matches!(self.0.kind, Kind::BodyTooLarge { .. })
    }

    /// Whether the request itself can't be sent: no address, a broken header, a value that is not to
    /// be had as JSON.
    #[must_use]
    pub fn is_bad_request(&self) -> bool {
        matches!(self.0.kind, Kind::BadRequest(_))
    }

    /// Whether [`Session::close`](super::Session::close) ended it, or came before it.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        matches!(self.0.kind, Kind::Closed)
    }

    /// The address that was asked for, without the user's name and password.
    #[must_use]
    pub fn url(&self) -> Option<&str> {
        self.0.url.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.kind {
            Kind::BadRequest(why) => write!(f, "the request can't be sent: {why}")?,
            Kind::BodyTooLarge { max_bytes } => write!(
                f,
                "the body is larger than the {max_bytes} bytes of `max_body_size`; raise that, or read \
                 it piece by piece by `into_reader`"
            )?,
            Kind::Closed => f.write_str("the session is closed")?,
            Kind::Connect(address) => write!(f, "no connection to {address}")?,
            Kind::Decode(what) => write!(f, "the body is not {what}")?,
            Kind::Disconnected => f.write_str("the connection ended before the answer did")?,
            Kind::Io => f.write_str("the connection failed")?,
            Kind::Lookup(host) => write!(f, "no address for the host {host:?}")?,
            Kind::NoPlace => {
                f.write_str("as many requests as `max_connections` are under way already")?;
            }
            Kind::NoTls => f.write_str("https needs selvedge's feature `tls`")?,
            Kind::Protocol => f.write_str("the answer is not one in HTTP")?,
            Kind::Redirect(why) => f.write_str(why)?,
            Kind::Status(status) => write!(f, "the status is {status}")?,
            Kind::Timeout(what) => write!(f, "the time {what} is over")?,
            Kind::Tls => f.write_str("no trusted encrypted connection")?,
        }
        if let Some(url) = &self.0.url {
            write!(f, " ({url})")?;
        }
        // What the cause has to say is part of the sentence: without it, nobody can act on it.
        if let Some(source) = &self.0.source {
            write!(f, ": {source}")?;
        }
        Ok(())
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        let source: &(dyn StdError + 'static) = self.0.source.as_deref()?;
        Some(source)
    }
}

impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        let kind = match &error.0.kind {
            Kind::Timeout(_) => io::ErrorKind::TimedOut,
            Kind::BadRequest(_) => io::ErrorKind::InvalidInput,
            Kind::Decode(_) | Kind::Protocol => io::ErrorKind::InvalidData,
            Kind::Closed => io::ErrorKind::NotConnected,
            _ => io::ErrorKind::Other,
        };
        Self::new(kind, error)
    }
}

/// What an error of ureq's is here. No conversion by `From`: that would be a part of the surface.
pub(super) fn from_ureq(error: ureq::Error) -> Error {
    use ureq::Error as Theirs;
    let kind = match error {
        // What our own connector, resolver and readers say travels through ureq in this.
        Theirs::Other(inner) => match inner.downcast::<Error>() {
            Ok(ours) => return *ours,
            Err(inner) => return Error::new(Kind::Io).because(inner),
        },
        Theirs::Io(error) => return from_io(error),
        Theirs::Timeout(phase) => return Error::new(Kind::Timeout(what_for(phase))),
        Theirs::BodyExceedsLimit(max_bytes) => {
            return Error::new(Kind::BodyTooLarge { max_bytes });
        }
        Theirs::TooManyRedirects => {
            return Error::new(Kind::Redirect("more redirects than `max_redirects`"));
        }
        Theirs::RedirectFailed => Kind::Redirect("a redirect that would repeat a body"),
        Theirs::TlsRequired => Kind::NoTls,
        Theirs::Tls(_) => Kind::Tls,
        #[cfg(feature = "tls")]
        Theirs::Rustls(error) => return Error::new(Kind::Tls).because(error),
        #[cfg(feature = "tls")]
        Theirs::Pem(_) => Kind::Tls,
        Theirs::Decompress(..) => Kind::Decode("what its content-encoding says"),
        Theirs::Http(_) | Theirs::BadUri(_) => Kind::BadRequest(error.to_string()),
        _ => Kind::Protocol,
    };
    match kind {
        Kind::BadRequest(_) | Kind::NoTls => Error::new(kind),
        kind => Error::new(kind).because(error),
    }
}

/// An error of ours or ureq's may have come by way of a reader, as std's.
pub(super) fn from_io(error: io::Error) -> Error {
    let error = match error.downcast::<Error>() {
        Ok(ours) => return ours,
        Err(error) => error,
    };
    let error = match error.downcast::<ureq::Error>() {
        Ok(theirs) => return from_ureq(theirs),
        Err(error) => error,
    };
    #[cfg(feature = "tls")]
    if super::tls::is_tls(&error) {
        return Error::new(Kind::Tls).because(error);
    }
    let kind = match error.kind() {
        io::ErrorKind::UnexpectedEof
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::ConnectionReset => Kind::Disconnected,
        _ => Kind::Io,
    };
    Error::new(kind).because(error)
}

/// Which time is over.
fn what_for(phase: Timeout) -> &'static str {
    match phase {
        Timeout::Resolve => "to look up the host",
        Timeout::Connect => "to connect",
        Timeout::PerWrite => "for sending the next bytes",
        Timeout::PerRead => "for the next bytes to come",
        _ => "for the whole request",
    }
}
