//! [`RequestBuilder`]: a request in all detail.

use std::fmt::Display;
use std::rc::Rc;
use std::time::Duration;

use serde::Serialize;
use ureq::http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, PROXY_AUTHORIZATION};
use ureq::http::{HeaderMap, HeaderName, HeaderValue, Method};
use url::Url;

use super::body::Body;
use super::client::Client;
use super::credentials::without_user;
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
            // Without a user and a password.
            let shown = url.rsplit_once('@').map_or(url, |(_, rest)| rest);
            Error::new(Kind::BadRequest(format!("{shown:?} is not a URL: {error}")))
        };
        Self {
            client,
            method,
            url: Url::parse(url).map_err(bad),
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

    /// Adds a header. It replaces the header of this name that would be sent by default. A `content-length` has to be
    /// the length of the body; it gives a [`Body::reader`] its length.
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
        for value in headers.get_all(CONTENT_LENGTH) {
            let length = value.to_str().ok().and_then(|value| value.parse().ok());
            if !length.is_some_and(|length| content.takes_length(length)) {
                let what =
                    format!("the header content-length, {value:?}, is not the length of the body");
                return Err(failed(Error::new(Kind::BadRequest(what)), &url));
            }
        }
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

impl_debug!(RequestBuilder, |this| {
    method: this.method,
    url: this.url.as_ref().map(|url| without_user(url).to_string()),
    headers: this.headers,
    body: this.body
});
