//! Proxies: which requests go through one, and how.

use std::env;
use std::fmt;
use std::net::IpAddr;

use url::{Host, Url};

use super::credentials::without_user;

/// The proxies of a session, as its builder sets them.
#[derive(Clone, Default)]
pub(super) struct ProxySettings {
    /// For URLs that begin with `http:`.
    pub(super) http: Option<ProxyUrl>,
    /// For URLs that begin with `https:`.
    pub(super) https: Option<ProxyUrl>,
    pub(super) exceptions: Vec<Exception>,
}

/// Without users and passwords.
impl fmt::Debug for ProxySettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |proxy: &Option<ProxyUrl>| {
            let url = proxy.as_ref()?.as_ref().ok()?;
            Some(without_user(url).to_string())
        };
        f.debug_struct("ProxySettings")
            .field("http", &shown(&self.http))
            .field("https", &shown(&self.https))
            .field("exceptions", &self.exceptions)
            .finish()
    }
}

/// The URL of a proxy, or why it is none. Requests report that.
pub(super) type ProxyUrl = Result<Url, String>;

impl ProxySettings {
    /// One proxy for all requests.
    pub(super) fn all(proxy: &str) -> Self {
        let url = parse(proxy, "the proxy");
        Self {
            http: Some(url.clone()),
            https: Some(url),
            exceptions: Vec::new(),
        }
    }

    /// The proxies of the environment.
    pub(super) fn from_environment() -> Self {
        let any = variable("all_proxy", true);
        // A server that runs this program by CGI puts a request's header `Proxy` into `HTTP_PROXY`.
        let is_cgi = env::var_os("REQUEST_METHOD").is_some();
        let exceptions = value("no_proxy", true).unwrap_or_default();
        Self {
            http: variable("http_proxy", !is_cgi).or_else(|| any.clone()),
            https: variable("https_proxy", true).or(any),
            exceptions: exceptions
                .split([',', ' '])
                .filter_map(Exception::parse)
                .collect(),
        }
    }
}

/// The value of a variable whose name is written in lower case, or in upper case.
fn value(name: &str, may_be_upper: bool) -> Option<String> {
    let upper = || env::var(name.to_uppercase()).ok().filter(|_| may_be_upper);
    let value = env::var(name).ok().or_else(upper)?;
    Some(value).filter(|value| !value.trim().is_empty())
}

fn variable(name: &str, may_be_upper: bool) -> Option<ProxyUrl> {
    value(name, may_be_upper)
        .map(|value| parse(value.trim(), &format!("the proxy of the variable `{name}`")))
}

fn parse(proxy: &str, what: &str) -> ProxyUrl {
    let with_scheme = match proxy.contains("://") {
        true => proxy.to_owned(),
        false => format!("http://{proxy}"),
    };
    let url = Url::parse(&with_scheme).map_err(|error| format!("{what} is not a URL: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") {
        let scheme = url.scheme();
        return Err(format!(
            "{what} has the scheme {scheme:?}; only proxies with `http` and `https` are supported"
        ));
    }
    Ok(url)
}

/// The URLs that an entry of `no_proxy` matches.
#[derive(Clone, Debug)]
pub(super) struct Exception {
    hosts: Hosts,
    /// `None` for all ports.
    port: Option<u16>,
}

#[derive(Clone, Debug)]
enum Hosts {
    All,
    /// The host of this name and its subdomains.
    Domain(String),
    /// The subdomains of a domain.
    Below(String),
    /// The addresses whose first bits, as many as this number, are equal to those of this address.
    Network(IpAddr, u32),
}

impl Exception {
    /// `*`, `name`, `.name`, `*.name`, `address`, `network/bits`; each of them may end with a port.
    fn parse(entry: &str) -> Option<Self> {
        let entry = entry.trim();
        if entry.is_empty() {
            return None;
        }
        let network = |text: &str| -> Option<Hosts> {
            let (address, bits) = match text.split_once('/') {
                Some((address, bits)) => (address, Some(bits.parse().ok()?)),
                None => (text, None),
            };
            let address = address.trim_start_matches('[').trim_end_matches(']');
            let address: IpAddr = address.parse().ok()?;
            Some(Hosts::Network(address, bits.unwrap_or(128)))
        };
        if let Some(hosts) = network(entry) {
            return Some(Self { hosts, port: None });
        }
        let (host, port) = match entry.rsplit_once(':') {
            Some((host, port)) => (host, Some(port.parse().ok()?)),
            None => (entry, None),
        };
        let hosts = network(host).unwrap_or_else(|| {
            let host = host.to_ascii_lowercase();
            let below = host.strip_prefix("*.").or_else(|| host.strip_prefix('.'));
            match (&*host, below) {
                ("*", _) => Hosts::All,
                (_, Some(domain)) => Hosts::Below(domain.to_owned()),
                _ => Hosts::Domain(host),
            }
        });
        Some(Self { hosts, port })
    }

    pub(super) fn matches(&self, url: &Url) -> bool {
        if self.port.is_some() && self.port != url.port_or_known_default() {
            return false;
        }
        let is_below = |name: &str, domain: &str| {
            let label = name.strip_suffix(domain);
            label.is_some_and(|label| label.ends_with('.'))
        };
        match (&self.hosts, url.host()) {
            (Hosts::All, _) => true,
            (Hosts::Domain(domain), Some(Host::Domain(name))) => {
                name == domain || is_below(name, domain)
            }
            (Hosts::Below(domain), Some(Host::Domain(name))) => is_below(name, domain),
            (Hosts::Network(network, n_bits), Some(Host::Ipv4(address))) => {
                is_in(address.into(), *network, *n_bits)
            }
            (Hosts::Network(network, n_bits), Some(Host::Ipv6(address))) => {
                is_in(address.into(), *network, *n_bits)
            }
            _ => false,
        }
    }
}

fn is_in(address: IpAddr, network: IpAddr, n_bits: u32) -> bool {
    match (address, network) {
        (IpAddr::V4(a), IpAddr::V4(b)) => {
            (a.to_bits() ^ b.to_bits()).leading_zeros() >= n_bits.min(32)
        }
        (IpAddr::V6(a), IpAddr::V6(b)) => {
            (a.to_bits() ^ b.to_bits()).leading_zeros() >= n_bits.min(128)
        }
        _ => false,
    }
}
