//! [`Client`]: what the clones of a session, its requests and their responses share.

use std::cell::Cell;
use std::sync::Arc;

use ureq::Agent;
use url::Url;

use super::cookies::CookiePolicy;
use super::error::{Error, Kind};
use super::request_limit::RequestLimit;
use crate::util::fmt::impl_fmt;

pub(super) struct Client {
    pub(super) agent: Arc<Agent>,
    pub(super) cookies: CookiePolicy,
    pub(super) request_limit: RequestLimit,
    pub(super) max_body_size_bytes: u64,
    pub(super) is_closed: Cell<bool>,
}

impl Client {
    /// The error for the caller: after [`Session::close`](super::Session::close) every failure has the one
    /// cause that the session is closed, whatever ureq reports.
    pub(super) fn explain(&self, error: Error, url: &Url) -> Error {
        if self.is_closed.get() {
            Error::new(Kind::Closed)
        } else {
            error.with_url(url)
        }
    }
}

impl_fmt!(Debug for Client, |this, f| {
    f.debug_struct("Session").field("is_closed", &this.is_closed.get()).finish_non_exhaustive()
});
