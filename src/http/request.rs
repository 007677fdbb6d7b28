//! [`RequestBuilder`]: a request in all detail.

use std::fmt::Display;
use std::rc::Rc;
use std::time::Duration;

use serde::Serialize;
use ureq::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use ureq::http::{self, HeaderMap, HeaderName, HeaderValue, Method, Request, Uri};
use ureq::{AsSendBody, SendBody};
use url::Url;

use super::body::{Body, Content};
use super::client::Client;
use super::error::{Error, Kind, from_ureq};
use super::request_limit::TimeoutOverride;
use super::response::Response;

/// A request that is being built; [`send`](Self::send) sends it, and reports errors in its parts.
///
/// ```
/// use selvedge::http::{Method, Session};
///
/// let request = Session::new().request(Method::GET, "not a URL").header("accept", "text/html");
/// assert!(request.send().unwrap_err().is_bad_request());
/// ```
#[derive(Debug)]
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
        let bad = |error| Error::new(Kind::BadRequest(format!("{url:?} is not a URL: {error}")));
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

    /// Adds a header. It replaces the header of this name that would be sent by default.
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
            (Ok(name), Ok(value)) => drop(self.headers.append(name, value)),
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
        let admitted = client.request_limit.admit(self.timeout_override);
        let (permit, timeout_override) = admitted.map_err(|error| client.explain(error, &url))?;
        let mut request = Request::new(());
        *request.method_mut() = self.method;
        *request.headers_mut() = self.headers;
        let sent = run_with_body(&client, request, &url, self.body, timeout_override);
        let response = sent.map_err(|error| client.explain(from_ureq(error), &url))?;
        Ok(Response::new(response, url, client, permit))
    }
}

/// May suspend. Adds the URL, the body and the headers that describe the body, and runs the request.
fn run_with_body(
    client: &Client,
    mut request: Request<()>,
    url: &Url,
    body: Body,
    timeout_override: TimeoutOverride,
) -> Result<http::Response<ureq::Body>, ureq::Error> {
    let method = request.method();
    let requires_body = matches!(*method, Method::POST | Method::PUT | Method::PATCH);
    *request.uri_mut() = Uri::try_from(url.as_str()).map_err(http::Error::from)?;
    if let Some(media_type) = body.media_type {
        let media_type = HeaderValue::from_static(media_type);
        let headers = request.headers_mut();
        headers.entry(CONTENT_TYPE).or_insert(media_type);
    }
    match body.content {
        Content::Failed(error) => Err(error.into_ureq()),
        Content::Nothing if requires_body => {
            run(client, request.map(|()| &[][..]), timeout_override)
        }
        Content::Nothing => run(client, request.map(|()| SendBody::none()), timeout_override),
        Content::Bytes(bytes) => run(client, request.map(|()| &bytes[..]), timeout_override),
        Content::Reader(mut reader, length) => {
            if let Some(length) = length {
                request.headers_mut().insert(CONTENT_LENGTH, length.into());
            }
            let body = SendBody::from_reader(&mut reader);
            run(client, request.map(|()| body), timeout_override)
        }
    }
}

/// May suspend. Has ureq run a complete request.
fn run<B: AsSendBody>(
    client: &Client,
    mut request: Request<B>,
    timeout_override: TimeoutOverride,
) -> Result<http::Response<ureq::Body>, ureq::Error> {
    client.cookies.apply();
    if let Some(timeout) = timeout_override {
        request = client
            .agent
            .configure_request(request)
            .timeout_global(timeout)
            .build();
    }
    client.agent.run(request)
}
