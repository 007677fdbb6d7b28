//! Looking up hosts for ureq: on the loop's pool of threads, while the task is parked.

use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

use super::error::{Error, Kind};
use super::socket::duration;
use crate::net::ToSocketAddrs;
use crate::runtime::wait::here::task_context;
use crate::time::timeout;

/// As many addresses as ureq has room for.
const N_ADDRESSES: usize = 16;

/// Looks up hosts as [`crate::net`] does.
#[derive(Debug)]
pub(super) struct LoopResolver;

impl Resolver for LoopResolver {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let host = uri.host().unwrap_or_default();
        let port = match (uri.port_u16(), uri.scheme_str()) {
            (Some(port), _) => port,
            (None, Some("http")) => 80,
            (None, Some("https")) => 443,
            _ => {
                return Err(ureq::Error::BadUri(
                    "neither http nor https, and no port".to_owned(),
                ));
            }
        };
        // A literal address of version six has brackets in a URL.
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let lookup_failed = || Error::new(Kind::Lookup(bare.to_owned()));
        let look_up = || (bare, port).to_socket_addrs();
        let found = match duration(timeout) {
            Some(limit) if can_give_up() => timeout::timeout(limit, look_up)
                .map_err(|_| ureq::Error::Timeout(timeout.reason))?,
            _ => look_up(),
        };
        let found = found.map_err(|error| lookup_failed().because(error).travelling())?;
        let mut addresses = self.empty();
        for address in config.ip_family().keep_wanted(found).take(N_ADDRESSES) {
            addresses.push(address);
        }
        if addresses.is_empty() {
            return Err(lookup_failed().travelling());
        }
        Ok(addresses)
    }
}

/// Whether a lookup can be left behind on its thread: where the thread itself waits, or nothing unwinds, it can't.
fn can_give_up() -> bool {
    !cfg!(panic = "abort") && task_context().is_ok()
}
