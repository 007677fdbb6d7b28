//! How a session is set up.

use std::sync::Arc;
use std::time::Duration;

use ureq::Agent;
use ureq::config::Config;
#[cfg(feature = "tls")]
use ureq::unversioned::transport::{Connector, RustlsConnector};

use super::line::Line;
use super::resolver::LoopResolver;
use super::session::Session;
use super::socket::{Jar, SocketConnector};
#[cfg(feature = "tls")]
use super::tls::{self, Certificate};

/// How long a connection waits to be used again.
const IDLE: Duration = Duration::from_secs(15);

/// The longest head of an answer. Encrypted connections have room for it from the beginning.
const MAX_HEAD_SIZE: usize = 64 * 1024;

/// Sets up a [`Session`].
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
/// Proxies of the environment are not used.
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until `build`"]
pub struct SessionBuilder {
    total_timeout: Option<Duration>,
    connect_timeout: Option<Duration>,
    read_timeout: Option<Duration>,
    max_redirects: u32,
    max_connections: usize,
    max_idle_per_host: usize,
    max_body_size: u64,
    keeps_cookies: bool,
    user_agent: String,
    #[cfg(feature = "tls")]
    roots: Option<Vec<Certificate>>,
}

impl SessionBuilder {
    pub(super) fn new() -> Self {
        Self {
            total_timeout: Some(Duration::from_secs(300)),
            connect_timeout: Some(Duration::from_secs(30)),
            read_timeout: None,
            max_redirects: 10,
            max_connections: 100,
            max_idle_per_host: 100,
            max_body_size: 64 * 1024 * 1024,
            keeps_cookies: true,
            user_agent: concat!("selvedge/", env!("CARGO_PKG_VERSION")).to_owned(),
            #[cfg(feature = "tls")]
            roots: None,
        }
    }

    /// How long a request may take in all, redirects and reading the body included: five minutes, unless
    /// set. `None` for as long as it takes.
    pub fn total_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.total_timeout = timeout.into();
        self
    }

    /// How long looking up a host may take, and how long connecting to it, encryption included: thirty
    /// seconds each, unless set. The addresses of a host share the time.
    pub fn connect_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.connect_timeout = timeout.into();
        self
    }

    /// How long a server may be silent before the next bytes of an answer come: as long as the total time
    /// lets it, unless set. This is the limit for downloads that take long but should not stall.
    pub fn read_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.read_timeout = timeout.into();
        self
    }

    /// How many redirects a request follows: ten, unless set. More are an error. With zero, a redirect is
    /// an answer like others.
    pub fn max_redirects(mut self, n: u32) -> Self {
        self.max_redirects = n;
        self
    }

    /// How many requests may be under way at once, each on a connection of its own: a hundred, unless set. Further ones
    /// wait until it is their turn, and that counts as a part of their time. A request is under way until its body has
    /// been read, or is dropped.
    ///
    /// Where nothing can wait, outside of a loop's tasks, a request too many is an error.
    pub fn max_connections(mut self, n: usize) -> Self {
        self.max_connections = n;
        self
    }

    /// How many connections to the same host and port may wait to be used again: a hundred, unless set, for
    /// fifteen seconds each. With zero, each request has a connection of its own.
    pub fn max_idle_per_host(mut self, n: usize) -> Self {
        self.max_idle_per_host = n;
        self
    }

    /// How many bytes [`text`](super::Response::text), [`bytes`](super::Response::bytes) and
    /// [`json`](super::Response::json) take into memory, counted when they are unpacked: 64 MiB, unless
    /// set. [`into_reader`](super::Response::into_reader) has no limit.
    pub fn max_body_size(mut self, bytes: u64) -> Self {
        self.max_body_size = bytes;
        self
    }

    /// Whether cookies are kept from answer to request: so it is, unless set.
    pub fn cookies(mut self, are_kept: bool) -> Self {
        self.keeps_cookies = are_kept;
        self
    }

    /// What the session calls itself in the header `user-agent`; nothing at all if this is empty.
    pub fn user_agent(mut self, name: impl Into<String>) -> Self {
        self.user_agent = name.into();
        self
    }

    /// Which certificates are trusted to have signed a server's, instead of those that Mozilla trusts, which
    /// are built in.
    #[cfg(feature = "tls")]
    pub fn root_certificates(mut self, roots: impl IntoIterator<Item = Certificate>) -> Self {
        self.roots = Some(roots.into_iter().collect());
        self
    }

    /// The session.
    ///
    /// # Panics
    /// If the user agent is no text for a header, or there may be no connection.
    #[must_use]
    pub fn build(self) -> Session {
        assert!(
            self.max_connections > 0,
            "selvedge: a session without connections can't ask for anything"
        );
        let line = Line::new(self.max_connections, self.total_timeout);
        let jar = if self.keeps_cookies {
            Jar::default()
        } else {
            Jar::unwanted()
        };
        let sockets = SocketConnector { jar: jar.clone() };
        let config = self.config();
        #[cfg(feature = "tls")]
        let agent = Agent::with_parts(
            config,
            sockets.chain(RustlsConnector::default()),
            LoopResolver,
        );
        #[cfg(not(feature = "tls"))]
        let agent = Agent::with_parts(config, sockets, LoopResolver);
        let agent = Arc::new(agent);
        jar.belongs_to(&agent);
        Session::from_parts(agent, jar, line, self.max_body_size)
    }

    fn config(&self) -> Config {
        assert!(
            ureq::http::HeaderValue::from_str(&self.user_agent).is_ok(),
            "selvedge: the user agent {:?} is no text for a header",
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
            .max_idle_age(IDLE)
            .max_response_header_size(MAX_HEAD_SIZE)
            // The buffers around encryption; those of a socket are our own.
            .input_buffer_size(MAX_HEAD_SIZE)
            .output_buffer_size(16 * 1024);
        #[cfg(feature = "tls")]
        let config = config.tls_config(tls::config(self.roots.as_deref()));
        config.build()
    }
}
