//! [`Client`]: what the clones of a session, its requests and their responses share.

use std::cell::Cell;
use std::rc::Rc;

use ureq::Agent;
use ureq::http::HeaderValue;
use url::Url;

use super::cookies::Cookies;
use super::error::{Error, Kind};
use super::proxy::Exception;
use super::request_limit::RequestLimit;
use crate::util::fmt::impl_fmt;

pub(super) struct Client {
    pub(super) direct: Route,
    /// The ways to the proxies, for URLs that begin with `http:` and `https:`.
    pub(super) http_proxy: ProxyRoute,
    pub(super) https_proxy: ProxyRoute,
    /// The hosts to which the session connects directly.
    pub(super) exceptions: Vec<Exception>,
    pub(super) cookies: Cookies,
    pub(super) request_limit: Rc<RequestLimit>,
    pub(super) max_redirects: u32,
    pub(super) max_body_size_bytes: u64,
    pub(super) is_closed: Cell<bool>,
}

/// How requests reach their servers: directly, or through a proxy.
pub(super) struct Route {
    pub(super) agent: Agent,
    /// The header `proxy-authorization` of each request, if the proxy sees the requests.
    pub(super) authorization: Option<HeaderValue>,
}

/// `None` without a proxy. If the proxy's URL is invalid, the error that requests report.
pub(super) type ProxyRoute = Option<Result<Route, String>>;

impl Client {
    /// The error for the caller: after [`Session::close`](super::Session::close) every failure has the one
    /// cause that the session is closed, whatever ureq reports.
    pub(super) fn explain(&self, error: Error, url: &Url) -> Error {
        if self.is_closed.get() {
            Error::new(Kind::Closed)
        } else {
            error.at_deadline().with_url(url)
        }
    }

    /// How requests to a URL reach it.
    ///
    /// # Errors
    /// If the URL of the proxy is invalid, or the connection can't be encrypted.
    pub(super) fn route(&self, url: &Url) -> Result<&Route, Error> {
        if url.scheme() == "https" && !cfg!(feature = "tls") {
            return Err(Error::new(Kind::NoTls));
        }
        let proxy = match url.scheme() {
            "https" => &self.https_proxy,
            _ => &self.http_proxy,
        };
        match proxy {
            Some(proxy)
                if !self
                    .exceptions
                    .iter()
                    .any(|exception| exception.matches(url)) =>
            {
                let proxy = proxy.as_ref();
                proxy.map_err(|why| Error::new(Kind::BadRequest(why.clone())))
            }
            _ => Ok(&self.direct),
        }
    }

    /// Closes all connections.
    pub(super) fn close(&self) {
        self.is_closed.set(true);
        let proxies = [&self.http_proxy, &self.https_proxy];
        let proxies = proxies.into_iter().flatten().flatten();
        for route in proxies.chain([&self.direct]) {
            route.agent.clone().shutdown();
        }
    }
}

impl_fmt!(Debug for Client, |this, f| {
    f.debug_struct("Session").field("is_closed", &this.is_closed.get()).finish_non_exhaustive()
});
