//! [`Session`]: one method for each kind of request.

use std::rc::Rc;

use ureq::http::Method;

use super::body::Body;
use super::client::Client;
use super::error::Error;
use super::request::RequestBuilder;
use super::response::Response;
use crate::util::fmt::impl_fmt;

/// An HTTP client: aiohttp's `ClientSession` for tasks. It reuses connections, keeps cookies and follows
/// redirects.
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
/// connections do. A session that several loops use in succession opens new connections in each. Without
/// an event loop a request blocks the thread.
///
/// # Cancellation
/// A request that is cancelled, or that times out, closes its connection. The session remains usable.
#[derive(Clone)]
pub struct Session(pub(super) Rc<Client>);

impl Session {
    /// May suspend. Sends a GET request, and returns when the status and the headers have arrived.
    ///
    /// Every status is a response; [`Response::error_for_status`] turns those from 400 on into errors.
    ///
    /// # Errors
    /// See [`Error`]'s predicates.
    ///
    /// # Cancellation
    /// The connection is closed.
    pub fn get(&self, url: impl AsRef<str>) -> Result<Response, Error> {
        self.request(Method::GET, url).send()
    }

    /// May suspend. Sends a HEAD request, whose response has no body.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    ///
    /// # Cancellation
    /// As for [`get`](Self::get).
    pub fn head(&self, url: impl AsRef<str>) -> Result<Response, Error> {
        self.request(Method::HEAD, url).send()
    }

    /// May suspend. Sends a DELETE request.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    ///
    /// # Cancellation
    /// As for [`get`](Self::get). The server may have received the request.
    pub fn delete(&self, url: impl AsRef<str>) -> Result<Response, Error> {
        self.request(Method::DELETE, url).send()
    }

    /// May suspend. Sends a POST request with a body.
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
    /// As for [`get`](Self::get). The server may have received the request, or a part of it.
    pub fn post(&self, url: impl AsRef<str>, body: impl Into<Body>) -> Result<Response, Error> {
        self.request(Method::POST, url).body(body).send()
    }

    /// May suspend. Sends a PUT request with a body.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    ///
    /// # Cancellation
    /// As for [`post`](Self::post).
    pub fn put(&self, url: impl AsRef<str>, body: impl Into<Body>) -> Result<Response, Error> {
        self.request(Method::PUT, url).body(body).send()
    }

    /// May suspend. Sends a PATCH request with a body.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    ///
    /// # Cancellation
    /// As for [`post`](Self::post).
    pub fn patch(&self, url: impl AsRef<str>, body: impl Into<Body>) -> Result<Response, Error> {
        self.request(Method::PATCH, url).body(body).send()
    }

    /// Creates a request, to which headers, a query, a body and a timeout can be added.
    ///
    /// ```
    /// use selvedge::http::{Method, Session};
    ///
    /// let session = Session::new();
    /// let request = session
    ///     .request(Method::GET, "http://example.com/search")
    ///     .query([("q", "warp & weft")])
    ///     .header("accept-language", "de");
    /// // Nothing has been sent yet: `request.send()?` does that.
    /// # drop(request);
    /// ```
    pub fn request(&self, method: Method, url: impl AsRef<str>) -> RequestBuilder {
        RequestBuilder::new(Rc::clone(&self.0), method, url.as_ref())
    }

    /// Adds a cookie, in the syntax of a `Set-Cookie` header, as if a response from this URL had set it.
    ///
    /// ```
    /// let session = selvedge::http::Session::new();
    /// session.set_cookie("https://example.com/", "token=1234; Secure")?;
    /// # Ok::<(), selvedge::http::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the text is not a cookie, or not one that this URL may set.
    pub fn set_cookie(&self, url: impl AsRef<str>, cookie: &str) -> Result<(), Error> {
        self.0.cookies.set(url.as_ref(), cookie)
    }

    /// Removes all cookies.
    pub fn clear_cookies(&self) {
        self.0.cookies.clear();
    }

    /// Closes all connections of this session and its clones, idle ones and those in use. Running and later
    /// requests fail.
    ///
    /// Dropping the last clone closes the idle connections only, and running requests continue.
    ///
    /// ```
    /// let session = selvedge::http::Session::new();
    /// session.close();
    /// assert!(session.get("http://127.0.0.1:9/").unwrap_err().is_closed());
    /// ```
    pub fn close(&self) {
        self.0.close();
    }
}

impl_fmt!(Debug for Session, |this, f| this.0.fmt(f));
