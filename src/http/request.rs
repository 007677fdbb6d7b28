//! [`RequestBuilder`]: a request in all detail.

use std::fmt::Display;
use std::rc::Rc;
use std::time::Duration;

use serde::Serialize;
use ureq::http::header::{
    AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HOST, PROXY_AUTHORIZATION, TRANSFER_ENCODING,
};
use ureq::http::{HeaderMap, HeaderName, HeaderValue, Method};
use url::Url;

use super::body::{Body, Content};
use super::client::Client;
use super::credentials::{text_without_user, without_user};
use super::error::{Error, Kind};
use super::exchange;
use super::outgoing::Outgoing;
use super::request_limit::TimeoutOverride;
use super::response::Response;
use crate::util::fmt::impl_debug;

/// A request that is being built; [`send`](Self::send) sends it, and reports errors in its parts.
///
/// ```
/// use selvedge::http::{Method, Session};
///
/// let request = Session::new().request(Method::GET, "not a URL").header("accept", "text/html");
/// assert!(request.send().unwrap_err().is_bad_request());
/// ```
#[must_use = "a request does nothing until `send`"]
pub struct RequestBuilder {
    client: Rc<Client>,
    method: Method,
    url: Result<Url, Error>,
    headers: HeaderMap,
    body: Body,
    timeout_override: TimeoutOverride,
}

impl RequestBuilder {
    pub(super) fn new(client: Rc<Client>, method: Method, url: &str) -> Self {
        let bad = |error| {
            let shown = text_without_user(url);
            Error::new(Kind::BadRequest(format!("{shown:?} is not a URL: {error}")))
        };
        Self {
            client,
            method,
            url: Url::parse(url).map_err(bad).and_then(with_http),
            headers: HeaderMap::new(),
            body: Body::empty(),
            timeout_override: None,
        }
    }

    /// Adds fields to the URL's query.
    pub fn query<K: AsRef<str>, V: AsRef<str>>(
        mut self,
        fields: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        if let Ok(url) = &mut self.url {
            url.query_pairs_mut().extend_pairs(fields);
        }
        self
    }

    /// Adds a header. It replaces the header of this name that would be sent by default.
    ///
    /// A `content-length` has to be the length of the body; it gives a [`Body::reader`] its length. A
    /// `transfer-encoding` can only be `chunked`, and sends any body in chunks. Each of these two and `host` can be
    /// given once.
    pub fn header<K, V>(mut self, name: K, value: V) -> Self
    where
        HeaderName: TryFrom<K>,
        HeaderValue: TryFrom<V>,
        <HeaderName as TryFrom<K>>::Error: Display,
        <HeaderValue as TryFrom<V>>::Error: Display,
    {
        let name = HeaderName::try_from(name).map_err(|error| error.to_string());
        let value = HeaderValue::try_from(value).map_err(|error| error.to_string());
        match (name, value) {
            (Ok(name), Ok(mut value)) => {
                if [AUTHORIZATION, PROXY_AUTHORIZATION].contains(&name) {
                    // Not shown by `Debug`.
                    value.set_sensitive(true);
                }
                self.headers.append(name, value);
            }
            // `send` reports the first error.
            (Err(error), _) | (_, Err(error)) if self.url.is_ok() => {
                self.url = Err(Error::new(Kind::BadRequest(error)));
            }
            _ => {}
        }
        self
    }

    /// Sets the body.
    pub fn body(mut self, body: impl Into<Body>) -> Self {
        self.body = body.into();
        self
    }

    /// Sets the body to a value as JSON.
    pub fn json<T: Serialize + ?Sized>(self, value: &T) -> Self {
        self.body(Body::json(value))
    }

    /// Sets the body to the fields of a form.
    pub fn form<K: AsRef<str>, V: AsRef<str>>(
        self,
        fields: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        self.body(Body::form(fields))
    }

    /// Sets how long this request may take in total, instead of the session's
    /// [`total_timeout`](super::SessionBuilder::total_timeout). `None` for no limit.
    pub fn total_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.timeout_override = Some(timeout.into());
        self
    }

    /// May suspend. Sends the request, follows redirects, and returns when the status and the headers of the
    /// response have arrived.
    ///
    /// # Errors
    /// See [`Error`]'s predicates. A status is not an error.
    ///
    /// # Cancellation
    /// The connection is closed. The server may have received the request, or a part of it.
    pub fn send(self) -> Result<Response, Error> {
        let url = self.url?;
        let client = self.client;
        let failed = |error, url: &Url| client.explain(error, url);
        let admitted = client.request_limit.admit(self.timeout_override);
        let (permit, limit) = admitted.map_err(|error| failed(error, &url))?;
        let mut headers = self.headers;
        if let Some(media_type) = self.body.media_type {
            let media_type = HeaderValue::try_from(&*media_type).map_err(|error| {
                let what = format!("{media_type:?} is not a media type: {error}");
                failed(Error::new(Kind::BadRequest(what)), &url)
            })?;
            headers.entry(CONTENT_TYPE).or_insert(media_type);
        }
        let mut content = self.body.content.map_err(|error| failed(error, &url))?;
        check_headers(&mut headers, &mut content).map_err(|error| failed(error, &url))?;
        let mut outgoing = Outgoing {
            method: self.method,
            url,
            headers,
            content,
        };
        match exchange::run(&client, &mut outgoing, limit) {
            Ok(response) => Ok(Response::new(response, outgoing, client, permit)),
            Err(error) => Err(failed(error, &outgoing.url)),
        }
    }
}

/// # Errors
/// If the scheme of the URL is another one.
fn with_http(url: Url) -> Result<Url, Error> {
    if matches!(url.scheme(), "http" | "https") {
        return Ok(url);
    }
    let scheme = url.scheme();
    let what = format!("a URL begins with \"http:\" or \"https:\", this one with \"{scheme}:\"");
    Err(Error::new(Kind::BadRequest(what)).with_url(&url))
}

/// # Errors
/// If a header contradicts the body, or another one, so that a server could not tell where the request ends or for
/// which host it is.
fn check_headers(headers: &mut HeaderMap, content: &mut Content) -> Result<(), Error> {
    let bad = |what: String| Err(Error::new(Kind::BadRequest(what)));
    for name in [CONTENT_LENGTH, HOST, TRANSFER_ENCODING] {
        if headers.get_all(&name).iter().count() > 1 {
            return bad(format!("the header {name} is given more than once"));
        }
    }
    for name in [AUTHORIZATION, HOST] {
        if headers
            .get(&name)
            .is_some_and(|value| value.to_str().is_err())
        {
            return bad(format!(
                "the header {name} has characters other than those of ASCII"
            ));
        }
    }
    if let Some(value) = headers.get(TRANSFER_ENCODING) {
        if !value.as_bytes().eq_ignore_ascii_case(b"chunked") {
            return bad(format!(
                "the header {TRANSFER_ENCODING} is {value:?}, not \"chunked\""
            ));
        }
        if headers.contains_key(CONTENT_LENGTH) {
            return bad(format!(
                "it has both {TRANSFER_ENCODING} and {CONTENT_LENGTH}"
            ));
        }
        // ureq expects lower case.
        headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
    }
    if let Some(value) = headers.get(CONTENT_LENGTH) {
        let digits = value.to_str().unwrap_or_default();
        let length = match digits.bytes().all(|byte| byte.is_ascii_digit()) {
            true => digits.parse().ok(),
            false => None,
        };
        if !length.is_some_and(|length| content.takes_length(length)) {
            return bad(format!(
                "the header {CONTENT_LENGTH}, {value:?}, is not the length of the body"
            ));
        }
    }
    Ok(())
}

impl_debug!(RequestBuilder, |this| {
    method: this.method,
    url: this.url.as_ref().map(|url| without_user(url).to_string()),
    headers: this.headers,
    body: this.body
});
