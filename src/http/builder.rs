//! [`SessionBuilder`]: the settings of a session.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use ureq::Agent;
use ureq::config::Config;
#[cfg(feature = "tls")]
use ureq::unversioned::transport::{Connector, RustlsConnector};

use super::client::Client;
use super::cookies::CookiePolicy;
use super::request_limit::RequestLimit;
use super::resolver::LoopResolver;
use super::session::Session;
#[cfg(feature = "tls")]
use super::tls::{self, Certificate};
use super::transport::SocketConnector;

/// How long an idle connection is kept.
const MAX_IDLE_AGE: Duration = Duration::from_secs(15);

/// The largest head of a response. Encrypted connections allocate that much at once.
const MAX_HEAD_SIZE_BYTES: usize = 64 * 1024;

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
/// Proxies that are set in the environment are not used.
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
    /// Sets how long a request may take in total, redirects and reading the body included: five minutes by
    /// default. `None` for no limit.
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
    /// requests wait, and their timeouts include the wait. A request runs until its body has been read or
    /// dropped.
    ///
    /// Where nothing can wait, outside of a loop's tasks, a request beyond the limit is an error.
    fn max_connections(usize);

    /// Sets how many idle connections to the same host and port are kept: a hundred by default, for fifteen
    /// seconds each. With zero, each request opens a connection.
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
        let cookies = CookiePolicy::new(self.cookies);
        let connector = SocketConnector(cookies.clone());
        #[cfg(feature = "tls")]
        let connector = connector.chain(RustlsConnector::default());
        let agent = Arc::new(Agent::with_parts(self.config(), connector, LoopResolver));
        cookies.set_agent(&agent);
        Session(Rc::new(Client {
            agent,
            cookies,
            request_limit: RequestLimit::new(self.max_connections, self.total_timeout),
            max_body_size_bytes: self.max_body_size_bytes,
            is_closed: Cell::new(false),
        }))
    }

    fn config(&self) -> Config {
        assert!(
            ureq::http::HeaderValue::from_str(&self.user_agent).is_ok(),
            "selvedge: the user agent {:?} is not valid in a header",
            self.user_agent
        );
        let config = Agent::config_builder()
            .proxy(None)
            .http_status_as_error(false)
            .allow_non_standard_methods(true)
            .user_agent(self.user_agent.as_str())
            .max_redirects(self.max_redirects)
            .timeout_global(self.total_timeout)
            .timeout_resolve(self.connect_timeout)
            .timeout_connect(self.connect_timeout)
            .timeout_per_read(self.read_timeout)
            .max_idle_connections(usize::MAX)
            .max_idle_connections_per_host(self.max_idle_per_host)
            .max_idle_age(MAX_IDLE_AGE)
            .max_response_header_size(MAX_HEAD_SIZE_BYTES)
            // For encryption only; a socket uses `ConnectionBuffers`.
            .input_buffer_size(MAX_HEAD_SIZE_BYTES)
            .output_buffer_size(16 * 1024);
        #[cfg(feature = "tls")]
        let config = config.tls_config(tls::config(self.roots.as_deref()));
        config.build()
    }
}
