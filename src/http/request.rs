//! A request in all detail.

use std::time::Duration;

use serde::Serialize;
use ureq::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use ureq::http::{self, HeaderMap, HeaderName, HeaderValue, Method, Request, Uri};
use ureq::{AsSendBody, SendBody};
use url::Url;

use super::body::{Body, Content};
use super::error::{Error, Kind, from_ureq};
use super::response::Response;
use super::session::Session;

/// A request that is being put together; [`send`](Self::send) sends it. What is wrong with its parts is said
/// there, too.
#[derive(Debug)]
#[must_use = "a request does nothing until `send`"]
pub struct RequestBuilder {
    session: Session,
    method: Method,
    url: Result<Url, Error>,
    headers: HeaderMap,
    body: Body,
    /// What the session says, unless this says otherwise.
    total_timeout: Option<Option<Duration>>,
}

impl RequestBuilder {
    pub(super) fn new(session: Session, method: Method, url: &str) -> Self {
        let parsed = Url::parse(url);
        let bad = |error| Error::new(Kind::BadRequest(format!("{url:?} is no address: {error}")));
        Self {
            session,
            method,
            url: parsed.map_err(bad),
            headers: HeaderMap::new(),
            body: Body::empty(),
            total_timeout: None,
        }
    }

    /// Adds fields to the address' query.
    pub fn query<K: AsRef<str>, V: AsRef<str>>(
        mut self,
        fields: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        if let Ok(url) = &mut self.url {
            url.query_pairs_mut().extend_pairs(fields);
        }
        self
    }

    /// Adds a header; what ureq would say by itself in one of this name is not said.
    pub fn header<K, V>(mut self, name: K, value: V) -> Self
    where
        HeaderName: TryFrom<K>,
        HeaderValue: TryFrom<V>,
        <HeaderName as TryFrom<K>>::Error: Into<http::Error>,
        <HeaderValue as TryFrom<V>>::Error: Into<http::Error>,
    {
        let name = HeaderName::try_from(name).map_err(Into::into);
        let value = HeaderValue::try_from(value).map_err(Into::into);
        match (name, value) {
            (Ok(name), Ok(value)) => drop(self.headers.append(name, value)),
            (Err(error), _) | (_, Err(error)) => self.fail(&error.to_string()),
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

    /// Sets the body to a form's fields.
    pub fn form<K: AsRef<str>, V: AsRef<str>>(
        self,
        fields: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        self.body(Body::form(fields))
    }

    /// How long this request may take in all, instead of the session's
    /// [`total_timeout`](super::SessionBuilder::total_timeout).
    pub fn total_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.total_timeout = Some(timeout.into());
        self
    }

    /// May suspend. Sends the request, follows redirects, and returns when the status and the headers of the
    /// answer are there.
    ///
    /// # Errors
    /// See [`Error`]'s predicates. A status is none.
    ///
    /// # Cancellation
    /// The connection is closed. The server may have got the request, or a part of it.
    pub fn send(mut self) -> Result<Response, Error> {
        let url = std::mem::replace(&mut self.url, Err(Error::new(Kind::Io)))?;
        let session = self.session.clone();
        let place = session.line().stand(self.total_timeout);
        let place = place.map_err(|error| session.explain(error.at(&url)))?;
        self.total_timeout = place.total_timeout;
        let sent = self.run(&url);
        let response = sent.map_err(|error| session.explain(from_ureq(error).at(&url)))?;
        Ok(Response::new(response, url, session, place.permit))
    }

    fn run(self, url: &Url) -> Result<http::Response<ureq::Body>, ureq::Error> {
        let takes_body = matches!(self.method, Method::POST | Method::PUT | Method::PATCH);
        let mut request = Request::new(());
        *request.method_mut() = self.method;
        *request.uri_mut() = Uri::try_from(url.as_str()).map_err(http::Error::from)?;
        let mut headers = self.headers;
        if let Some(media_type) = self.body.media_type {
            let media_type = HeaderValue::from_static(media_type);
            headers.entry(CONTENT_TYPE).or_insert(media_type);
        }
        let timeout = self.total_timeout;
        match self.body.content {
            Content::Failed(error) => Err(error.travelling()),
            Content::Nothing if takes_body => {
                *request.headers_mut() = headers;
                run(&self.session, request.map(|()| &[][..]), timeout)
            }
            Content::Nothing => {
                *request.headers_mut() = headers;
                run(&self.session, request.map(|()| SendBody::none()), timeout)
            }
            Content::Bytes(bytes) => {
                *request.headers_mut() = headers;
                run(&self.session, request.map(|()| &bytes[..]), timeout)
            }
            Content::Reader(mut reader, length) => {
                if let Some(length) = length {
                    headers.insert(CONTENT_LENGTH, length.into());
                }
                *request.headers_mut() = headers;
                let body = SendBody::from_reader(&mut reader);
                run(&self.session, request.map(|()| body), timeout)
            }
        }
    }

    /// The first thing that is wrong is what is told.
    fn fail(&mut self, why: &str) {
        if self.url.is_ok() {
            self.url = Err(Error::new(Kind::BadRequest(why.to_owned())));
        }
    }
}

/// May suspend.
fn run<B: AsSendBody>(
    session: &Session,
    mut request: Request<B>,
    total_timeout: Option<Option<Duration>>,
) -> Result<http::Response<ureq::Body>, ureq::Error> {
    let agent = session.agent();
    if let Some(timeout) = total_timeout {
        request = agent
            .configure_request(request)
            .timeout_global(timeout)
            .build();
    }
    agent.run(request)
}
