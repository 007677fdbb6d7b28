//! The user and the password in a URL.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use percent_encoding::percent_decode_str;
use ureq::http::HeaderValue;
use url::Url;

/// The value of the header `authorization` for a URL; `None` if the URL has neither a user nor a password.
pub(super) fn authorization(url: &Url) -> Option<HeaderValue> {
    if url.username().is_empty() && url.password().is_none() {
        return None;
    }
    let mut pair: Vec<u8> = percent_decode_str(url.username()).collect();
    pair.push(b':');
    pair.extend(percent_decode_str(url.password().unwrap_or_default()));
    let text = format!("Basic {}", BASE64_STANDARD.encode(pair));
    let mut value = HeaderValue::try_from(text).expect("base64 is valid in a header");
    value.set_sensitive(true);
    Some(value)
}

/// The text of an invalid URL without a user and a password.
pub(super) fn text_without_user(url: &str) -> &str {
    url.rsplit_once('@').map_or(url, |(_, rest)| rest)
}

/// The URL without its user and password.
pub(super) fn without_user(url: &Url) -> Url {
    let mut url = url.clone();
    // These calls fail only on a URL without a host, which has neither a user nor a password.
    let _ = url.set_password(None);
    let _ = url.set_username("");
    url
}
