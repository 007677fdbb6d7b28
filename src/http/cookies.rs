//! [`Cookies`]: the cookies of a session.

use std::cell::RefCell;
use std::cmp::Reverse;

use cookie_store::CookieStore;
use ureq::http::header::{COOKIE, SET_COOKIE};
use ureq::http::{HeaderMap, HeaderValue};
use url::Url;

use super::credentials::text_without_user;
use super::error::{Error, Kind};

/// The cookies of a session; `None` if the session keeps none.
pub(super) struct Cookies(Option<RefCell<CookieStore>>);

impl Cookies {
    pub(super) fn new(keeps_cookies: bool) -> Self {
        Self(keeps_cookies.then(RefCell::default))
    }

    /// Adds a cookie as if a response from this URL had set it.
    pub(super) fn set(&self, url: &str, cookie: &str) -> Result<(), Error> {
        let bad = |error: String| Error::new(Kind::BadRequest(error));
        let url = Url::parse(url).map_err(|error| {
            let shown = text_without_user(url);
            bad(format!("{shown:?} is not a URL: {error}"))
        })?;
        let Some(store) = &self.0 else {
            return Ok(());
        };
        HeaderValue::from_str(cookie).map_err(|_| {
            bad(format!(
                "the cookie {cookie:?} has characters that a header can't have"
            ))
        })?;
        let added = store.borrow_mut().parse(cookie, &url);
        added.map(drop).map_err(|error| bad(error.to_string()))
    }

    /// Adds the cookies of a response. Cookies that the response's URL may not set are ignored.
    pub(super) fn store(&self, url: &Url, headers: &HeaderMap) {
        let Some(store) = &self.0 else {
            return;
        };
        for value in headers.get_all(SET_COOKIE) {
            let cookie = String::from_utf8_lossy(value.as_bytes());
            let _ = store.borrow_mut().parse(&cookie, url);
        }
    }

    /// Adds the cookies for a URL to the header `cookie`, which a request may have already.
    ///
    /// They are sent as they were received, with spaces, commas and quotes, as browsers do.
    pub(super) fn add_to(&self, headers: &mut HeaderMap, url: &Url) {
        let Some(store) = &self.0 else {
            return;
        };
        let store = store.borrow();
        let mut cookies = store.matches(url);
        cookies.sort_by_key(|cookie| Reverse(cookie.path.len()));
        let given = headers.get_all(COOKIE).iter();
        let mut all: Vec<Vec<u8>> = given.map(|value| value.as_bytes().to_vec()).collect();
        for cookie in cookies {
            let (name, value) = cookie.name_value();
            let pair = format!("{name}={value}");
            if HeaderValue::from_str(&pair).is_ok() {
                all.push(pair.into_bytes());
            }
        }
        if let Ok(value) = HeaderValue::from_bytes(&all.join(&b"; "[..]))
            && !all.is_empty()
        {
            headers.insert(COOKIE, value);
        }
    }

    pub(super) fn clear(&self) {
        if let Some(store) = &self.0 {
            store.borrow_mut().clear();
        }
    }
}
