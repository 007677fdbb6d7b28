//! Sessions: what requests have in common.

use std::cell::Cell;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use ureq::http::{Method, Uri};
use ureq::{Agent, Cookie};

use super::body::Body;
use super::builder::SessionBuilder;
use super::error::{Error, Kind};
use super::line::Line;
use super::request::RequestBuilder;
use super::response::Response;
use super::socket::Jar;

/// An HTTP client: aiohttp's `ClientSession` for tasks. It keeps connections for further requests, and
/// cookies, and follows redirects.
///
/// ```
/// use std::io::{Read, Write};
/// use selvedge::{http::Session, net::TcpListener};
///
/// let text = selvedge::run(|| {
///     let listener = TcpListener::bind("127.0.0.1:0")?;
///     let url = format!("http://{}/", listener.local_addr()?);
///     let server = selvedge::spawn(move || {
///         let (mut client, _) = listener.accept().unwrap();
///         let n_bytes = client.read(&mut [0; 1024]).unwrap();
///         assert!(n_bytes > 0);
///         client.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nwarp").unwrap();
///     });
///
///     let session = Session::new();
///     let text = session.get(&url)?.text()?;
///     server.join()?;
///     Ok::<_, Box<dyn std::error::Error>>(text)
/// });
/// assert_eq!(text.unwrap(), "warp");
/// ```
///
/// Clones share everything, so that each task can have one. A session stays on its thread, as its
/// connections do; one that is used by loops after each other opens new connections in each. Without an
/// event loop it works as well and blocks the thread.
///
/// # Cancellation
/// A request that is cancelled, or runs out of time, closes its connection. The session is as before.
#[derive(Clone)]
pub struct Session(Rc<Inner>);

struct Inner {
    agent: Arc<Agent>,
    jar: Jar,
    line: Line,
    max_body_size: u64,
    is_closed: Cell<bool>,
}

impl Session {
    /// A session with the defaults of [`SessionBuilder`].
    #[must_use]
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// Sets up a session.
    pub fn builder() -> SessionBuilder {
        SessionBuilder::new()
    }

    /// May suspend. Asks for a page and returns when its status and headers are there.
    ///
    /// Any status is an answer; [`Response::error_for_status`] makes those from 400 on errors.
    ///
    /// # Errors
    /// See [`Error`]'s predicates.
    ///
    /// # Cancellation
    /// The connection is closed.
    pub fn get(&self, url: impl AsRef<str>) -> Result<Response, Error> {
        self.request(Method::GET, url).send()
    }

    /// May suspend. Asks for the status and headers only.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    ///
    /// # Cancellation
    /// As for [`get`](Self::get).
    pub fn head(&self, url: impl AsRef<str>) -> Result<Response, Error> {
        self.request(Method::HEAD, url).send()
    }

    /// May suspend. Asks for something to be deleted.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    ///
    /// # Cancellation
    /// As for [`get`](Self::get). The server may have got the request.
    pub fn delete(&self, url: impl AsRef<str>) -> Result<Response, Error> {
        self.request(Method::DELETE, url).send()
    }

    /// May suspend. Sends a body.
    ///
    /// ```no_run
    /// use selvedge::http::{Body, Session};
    ///
    /// # let session = Session::new();
    /// session.post("http://example.com/", "plain text")?;
    /// session.post("http://example.com/", Body::json(&["warp", "weft"]))?;
    /// session.post("http://example.com/", Body::form([("thread", "warp")]))?;
    /// # Ok::<(), selvedge::http::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`get`](Self::get).
    ///
    /// # Cancellation
    /// As for [`get`](Self::get). The server may have got the request, or a part.
    pub fn post(&self, url: impl AsRef<str>, body: impl Into<Body>) -> Result<Response, Error> {
        self.request(Method::POST, url).body(body).send()
    }

    /// May suspend. Sends a body to be stored.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    ///
    /// # Cancellation
    /// As for [`post`](Self::post).
    pub fn put(&self, url: impl AsRef<str>, body: impl Into<Body>) -> Result<Response, Error> {
        self.request(Method::PUT, url).body(body).send()
    }

    /// May suspend. Sends a body that says what to change.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    ///
    /// # Cancellation
    /// As for [`post`](Self::post).
    pub fn patch(&self, url: impl AsRef<str>, body: impl Into<Body>) -> Result<Response, Error> {
        self.request(Method::PATCH, url).body(body).send()
    }

    /// A request in all detail: headers, query, timeouts.
    ///
    /// ```
    /// use selvedge::http::{Method, Session};
    ///
    /// let session = Session::new();
    /// let request = session
    ///     .request(Method::GET, "http://example.com/search")
    ///     .query([("q", "warp & weft")])
    ///     .header("accept-language", "de");
    /// // Nothing has happened yet: `request.send()?` would.
    /// # drop(request);
    /// ```
    pub fn request(&self, method: Method, url: impl AsRef<str>) -> RequestBuilder {
        RequestBuilder::new(self.clone(), method, url.as_ref())
    }

    /// Adds a cookie, in the words of a `Set-Cookie` header, as if it had come from this address.
    ///
    /// ```
    /// let session = selvedge::http::Session::new();
    /// session.set_cookie("https://example.com/", "token=1234; Secure")?;
    /// # Ok::<(), selvedge::http::Error>(())
    /// ```
    ///
    /// # Errors
    /// If it is no cookie, or none that this address may set.
    pub fn set_cookie(&self, url: impl AsRef<str>, cookie: &str) -> Result<(), Error> {
        let bad = |error: ureq::Error| Error::new(Kind::BadRequest(error.to_string()));
        let uri =
            Uri::try_from(url.as_ref()).map_err(|error| bad(ureq::Error::Http(error.into())))?;
        let cookie = Cookie::parse(cookie.to_owned(), &uri).map_err(bad)?;
        let mut jar = self.0.agent.cookie_jar_lock();
        jar.insert(cookie, &uri).map_err(bad)
    }

    /// Forgets all cookies.
    pub fn clear_cookies(&self) {
        self.0.agent.cookie_jar_lock().clear();
    }

    /// Closes all connections of this session and its clones: those that wait to be used again, and those
    /// in use, whose requests fail. So do later ones.
    ///
    /// Dropping the last clone closes the connections that wait, too, and ends nothing that is under way.
    ///
    /// ```
    /// let session = selvedge::http::Session::new();
    /// session.close();
    /// assert!(session.get("http://127.0.0.1:9/").unwrap_err().is_closed());
    /// ```
    pub fn close(&self) {
        self.0.is_closed.set(true);
        Agent::clone(&self.0.agent).shutdown();
    }

    pub(super) fn from_parts(agent: Arc<Agent>, jar: Jar, line: Line, max_body_size: u64) -> Self {
        Self(Rc::new(Inner {
            agent,
            jar,
            line,
            max_body_size,
            is_closed: Cell::new(false),
        }))
    }

    /// The agent, about to be used for a request.
    pub(super) fn agent(&self) -> &Agent {
        self.0.jar.empty_if_unwanted();
        &self.0.agent
    }

    pub(super) fn line(&self) -> &Line {
        &self.0.line
    }

    pub(super) fn max_body_size(&self) -> u64 {
        self.0.max_body_size
    }

    /// What a failure is for who called: that of a closed session has one reason, whatever it looks like.
    pub(super) fn explain(&self, error: Error) -> Error {
        if self.0.is_closed.get() {
            Error::new(Kind::Closed)
        } else {
            error
        }
    }
}

impl Default for Session {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("is_closed", &self.0.is_closed.get())
            .finish_non_exhaustive()
    }
}
