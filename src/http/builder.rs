//! [`SessionBuilder`]: the settings of a session.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use ureq::config::Config;
use ureq::http::Uri;
#[cfg(feature = "tls")]
use ureq::unversioned::transport::RustlsConnector;
use ureq::unversioned::transport::{ConnectProxyConnector, Connector};
use ureq::{Agent, Proxy};

use super::client::{Client, ProxyRoute, Route};
use super::cookies::Cookies;
use super::credentials::authorization;
use super::head::MAX_HEAD_SIZE_BYTES;
use super::message::MessageConnector;
use super::proxy::{ProxySettings, ProxyUrl};
use super::request_limit::RequestLimit;
use super::resolver::{LoopResolver, ProxyResolver};
use super::session::Session;
#[cfg(feature = "tls")]
use super::tls::{self, Certificate};
use super::transport::SocketConnector;

/// How long an idle connection is kept.
const MAX_IDLE_AGE: Duration = Duration::from_secs(15);

/// The settings of a [`Session`], made by [`Session::builder`].
///
/// ```
/// use std::time::Duration;
/// use selvedge::http::Session;
///
/// let session = Session::builder()
///     .total_timeout(Duration::from_secs(20))
///     .max_redirects(3)
///     .cookies(false)
///     .build();
/// # drop(session);
/// ```
///
/// Without [`proxy`](Self::proxy) and [`proxies_from_environment`](Self::proxies_from_environment) no proxy is
/// used.
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until `build`"]
pub struct SessionBuilder {
    total_timeout: Option<Duration>,
    connect_timeout: Option<Duration>,
    read_timeout: Option<Duration>,
    max_redirects: u32,
    max_connections: usize,
    max_idle_per_host: usize,
    max_body_size_bytes: u64,
    cookies: bool,
    user_agent: String,
    proxies: ProxySettings,
    #[cfg(feature = "tls")]
    roots: Option<Vec<Certificate>>,
}

impl Session {
    /// Creates a session with the defaults of [`SessionBuilder`].
    #[must_use]
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// Returns a builder with the default settings.
    pub fn builder() -> SessionBuilder {
        SessionBuilder {
            total_timeout: Some(Duration::from_secs(300)),
            connect_timeout: Some(Duration::from_secs(30)),
            read_timeout: None,
            max_redirects: 10,
            max_connections: 100,
            max_idle_per_host: 100,
            max_body_size_bytes: 64 * 1024 * 1024,
            cookies: true,
            user_agent: concat!("selvedge/", env!("CARGO_PKG_VERSION")).to_owned(),
            proxies: ProxySettings::default(),
            #[cfg(feature = "tls")]
            roots: None,
        }
    }
}

impl Default for Session {
    fn default() -> Self {
        Self::new()
    }
}

/// Defines methods that set the field of the same name.
macro_rules! settings {
    ($($(#[$doc:meta])* fn $name:ident($type:ty);)*) => {
        impl SessionBuilder {$(
            $(#[$doc])*
            pub fn $name(mut self, $name: $type) -> Self {
                self.$name = $name.into();
                self
            }
        )*}
    };
}

settings! {
    /// Sets how long a request may take in total, redirects, waits of the reader of its body and reading the
    /// response's body included: five minutes by default. `None` for no limit.
    fn total_timeout(impl Into<Option<Duration>>);

    /// Sets how long looking up a host may take, and how long connecting to it, encryption included: thirty
    /// seconds each by default. The addresses of a host share the time. `None` for no limit.
    fn connect_timeout(impl Into<Option<Duration>>);

    /// Sets how long a server may take to send the next bytes of a response: no limit by default, so that
    /// only the total timeout applies. Use it for long downloads that should not stall.
    fn read_timeout(impl Into<Option<Duration>>);

    /// Sets how many redirects a request follows: ten by default. More are an error. With zero, a redirect
    /// is returned as the response.
    fn max_redirects(u32);

    /// Sets how many requests may run at once, each on a connection of its own: a hundred by default. Further
    /// requests wait, and their timeouts include the wait. A request runs until its body has been read to its
    /// end or dropped.
    ///
    /// Where nothing can wait, outside of a loop's tasks, a request beyond the limit is an error.
    fn max_connections(usize);

    /// Sets how many idle connections to the same host and port are kept: a hundred by default. With zero, each
    /// request opens a connection. A connection that was idle for fifteen seconds is not used again, and the session's next
    /// request, or its `close`, closes it. The number of hosts is not limited.
    fn max_idle_per_host(usize);

    /// Sets the size of the largest body, after decompression, that [`text`](super::Response::text),
    /// [`bytes`](super::Response::bytes) and [`json`](super::Response::json) read: 64 MiB by default. A
    /// larger body is an error. [`into_reader`](super::Response::into_reader) has no limit.
    fn max_body_size_bytes(u64);

    /// Sets whether the session keeps cookies of responses and sends them with later requests: yes by
    /// default.
    fn cookies(bool);

    /// Sets the value of the header `user-agent`: `selvedge/` and the crate's version by default. No header
    /// is sent if the value is empty.
    fn user_agent(impl Into<String>);
}

impl SessionBuilder {
    /// Sets the trusted root certificates, instead of Mozilla's, which are built in.
    #[cfg(feature = "tls")]
    pub fn root_certificates(mut self, roots: impl IntoIterator<Item = Certificate>) -> Self {
        self.roots = Some(roots.into_iter().collect());
        self
    }

    /// Sends all requests through a proxy, whose URL may contain a user and a password. Its scheme is `http`, or
    /// `https` for an encrypted connection to the proxy. If the URL is invalid, requests fail.
    ///
    /// For `https` URLs the proxy connects to the server by CONNECT, and does not see the requests.
    ///
    /// ```
    /// let session = selvedge::http::Session::builder().proxy("http://user:secret@localhost:3128").build();
    /// # drop(session);
    /// ```
    pub fn proxy(mut self, url: impl AsRef<str>) -> Self {
        self.proxies = ProxySettings::all(url.as_ref());
        self
    }

    /// Uses the proxies that are set in the environment at the time of this call: `http_proxy` for `http` URLs,
    /// `https_proxy` for `https` URLs, `all_proxy` for both; in lower or upper case. The proxies are used as
    /// described at [`proxy`](Self::proxy).
    ///
    /// `no_proxy` lists hosts to which the session connects directly, separated by commas: `example.com` for
    /// this host and its subdomains, `.example.com` for the subdomains only, addresses, networks such as
    /// `10.0.0.0/8`, and `*` for all hosts. Each entry may end with a port.
    ///
    /// `HTTP_PROXY` in upper case is ignored in a CGI program, where the client sets this variable.
    pub fn proxies_from_environment(mut self) -> Self {
        self.proxies = ProxySettings::from_environment();
        self
    }

    /// Creates the session.
    ///
    /// # Panics
    /// If the user agent is not valid in a header, or `max_connections` is 0.
    #[must_use]
    pub fn build(self) -> Session {
        assert!(
            self.max_connections > 0,
            "selvedge: a session needs at least one connection; `max_connections` is 0"
        );
        let direct = encrypted(SocketConnector).chain(MessageConnector::Direct);
        Session(Rc::new(Client {
            direct: Route {
                agent: Agent::with_parts(self.config(None), direct, LoopResolver),
                authorization: None,
            },
            http_proxy: self.proxy_route(self.proxies.http.as_ref(), true),
            https_proxy: self.proxy_route(self.proxies.https.as_ref(), false),
            exceptions: self.proxies.exceptions,
            cookies: Cookies::new(self.cookies),
            request_limit: Rc::new(RequestLimit::new(self.max_connections, self.total_timeout)),
            max_redirects: self.max_redirects,
            max_body_size_bytes: self.max_body_size_bytes,
            is_closed: Cell::new(false),
        }))
    }

    /// How requests reach their servers through a proxy, which either forwards the requests or connects
    /// to the servers.
    fn proxy_route(&self, proxy: Option<&ProxyUrl>, forwards: bool) -> ProxyRoute {
        Some(proxy?.as_ref().map_err(String::clone).and_then(|proxy| {
            // ureq decides by the server's URL whether to encrypt. For a proxy that connects to the
            // server, ureq decides by the proxy's URL.
            if forwards && proxy.scheme() == "http" {
                let uri = Uri::try_from(proxy.as_str()).map_err(|error| error.to_string())?;
                let connector = encrypted(SocketConnector).chain(MessageConnector::Forwarding);
                let resolver = ProxyResolver(uri);
                return Ok(Route {
                    agent: Agent::with_parts(self.config(None), connector, resolver),
                    authorization: authorization(proxy),
                });
            }
            let config = Proxy::new(proxy.as_str()).map_err(|error| error.to_string())?;
            let connector = ConnectProxyConnector::default().chain(SocketConnector);
            let connector = encrypted(connector).chain(MessageConnector::Tunnelling);
            Ok(Route {
                agent: Agent::with_parts(self.config(Some(config)), connector, LoopResolver),
                authorization: None,
            })
        }))
    }

    fn config(&self, proxy: Option<Proxy>) -> Config {
        assert!(
            ureq::http::HeaderValue::from_str(&self.user_agent).is_ok(),
            "selvedge: the user agent {:?} is not valid in a header",
            self.user_agent
        );
        let config = Agent::config_builder()
            .proxy(proxy)
            .http_status_as_error(false)
            .allow_non_standard_methods(true)
            .accept_encoding("gzip")
            .user_agent(self.user_agent.as_str())
            // This crate follows redirects: see `outgoing`.
            .max_redirects(0)
            .timeout_global(bounded(self.total_timeout))
            .timeout_resolve(bounded(self.connect_timeout))
            .timeout_connect(bounded(self.connect_timeout))
            .timeout_per_read(bounded(self.read_timeout))
            .max_idle_connections(usize::MAX)
            .max_idle_connections_per_host(self.max_idle_per_host)
            .max_idle_age(MAX_IDLE_AGE)
            // A `MessageTransport` has its own limit.
            .max_response_header_size(usize::MAX)
            // Only encryption uses these sizes, and allocates the buffers at once; a socket uses
            // `ConnectionBuffers`.
            .input_buffer_size(MAX_HEAD_SIZE_BYTES)
            .output_buffer_size(16 * 1024);
        #[cfg(feature = "tls")]
        let config = config.tls_config(tls::config(self.roots.as_deref()));
        config.build()
    }
}

/// The timeout, unless it never expires: ureq panics if the clock can't represent the end of a timeout.
fn bounded(timeout: Option<Duration>) -> Option<Duration> {
    timeout.filter(|timeout| timeout.as_secs() <= u32::MAX.into())
}

/// Adds encryption, for URLs that ask for it.
#[cfg(feature = "tls")]
fn encrypted(connector: impl Connector) -> impl Connector {
    connector.chain(RustlsConnector::default())
}

#[cfg(not(feature = "tls"))]
fn encrypted(connector: impl Connector) -> impl Connector {
    connector
}
