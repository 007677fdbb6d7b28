//! [`LoopResolver`]: looks up hosts for ureq on the loop's pool of threads, while the task is parked.

use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

use super::error::{Error, Kind, from_io, is_bare_timeout, is_request_to_end};
use super::transport::duration;
use crate::net::ToSocketAddrs;
use crate::runtime::wait::task_context;
use crate::time::deadline;

/// The most addresses that ureq accepts.
const N_ADDRESSES: usize = 16;

/// Looks up hosts by [`ToSocketAddrs`].
#[derive(Debug)]
pub(super) struct LoopResolver;

impl Resolver for LoopResolver {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        limit: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let host = uri.host().unwrap_or_default();
        let port = match (uri.port_u16(), uri.scheme_str()) {
            (Some(port), _) => port,
            (None, Some("http")) => 80,
            (None, Some("https")) => 443,
            _ => {
                return Err(ureq::Error::BadUri(
                    "the URL has no port, and its scheme is neither http nor https".to_owned(),
                ));
            }
        };
        // A URL encloses an IPv6 address in brackets.
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let lookup_failed = || Error::new(Kind::Lookup(bare.to_owned()));
        let look_up = || (bare, port).to_socket_addrs();
        let found = match duration(limit) {
            Some(after) if task_context().is_ok() => deadline(after, look_up),
            _ => look_up(),
        };
        let found = found.map_err(|error| match error {
            error if is_bare_timeout(&error) => ureq::Error::Timeout(limit.reason),
            error if is_request_to_end(&error) => from_io(error).into_ureq(),
            error => lookup_failed().with_source(error).into_ureq(),
        })?;
        let mut addresses = self.empty();
        for address in config.ip_family().keep_wanted(found).take(N_ADDRESSES) {
            addresses.push(address);
        }
        if addresses.is_empty() {
            return Err(lookup_failed().into_ureq());
        }
        Ok(addresses)
    }
}

/// A resolver that looks up the proxy instead of each host.
#[derive(Debug)]
pub(super) struct ProxyResolver(pub(super) Uri);

impl Resolver for ProxyResolver {
    fn resolve(
        &self,
        _uri: &Uri,
        config: &Config,
        limit: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        LoopResolver.resolve(&self.0, config, limit)
    }
}
