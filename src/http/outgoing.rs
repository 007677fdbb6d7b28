//! [`Outgoing`]: a request as it is sent, and its changes by redirects.

use ureq::http::header::{
    AUTHORIZATION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, HOST, LOCATION,
    PROXY_AUTHORIZATION, TRANSFER_ENCODING,
};
use ureq::http::{HeaderMap, Method, StatusCode};
use url::Url;

use super::body::Content;
use super::credentials::{text_without_user, without_user};
use super::error::{Error, Kind};

/// A request, which redirects change.
pub(super) struct Outgoing {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) content: Content,
}

/// The URL to which a response redirects its request; `None` if it does not.
pub(super) fn redirect_target(
    status: StatusCode,
    headers: &HeaderMap,
    from: &Url,
) -> Result<Option<Url>, Error> {
    if !matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let Some(location) = headers.get_all(LOCATION).iter().next_back() else {
        return Ok(None);
    };
    let location = String::from_utf8_lossy(location.as_bytes());
    let mut url = from.join(&location).map_err(|error| {
        Error::new(Kind::Redirect("a redirect to something that is not a URL"))
            .with_source(format!("{:?}: {error}", text_without_user(&location)))
    })?;
    if !matches!(url.scheme(), "http" | "https") {
        let what = "a redirect to a URL that is neither http nor https";
        return Err(Error::new(Kind::Redirect(what)).with_source(without_user(&url).to_string()));
    }
    if url.fragment().is_none() {
        url.set_fragment(from.fragment());
    }
    Ok(Some(url))
}

impl Outgoing {
    /// Turns this request into the one that follows a redirect.
    pub(super) fn redirect(&mut self, status: StatusCode, to: Url) -> Result<(), Error> {
        if matches!(status.as_u16(), 307 | 308) {
            if !self.content.can_be_sent_again() {
                let what = "the redirect requires sending the body again, which was read from a \
                    reader; send it as bytes, or to the final URL";
                return Err(Error::new(Kind::Redirect(what)));
            }
        } else if self.method != Method::HEAD {
            self.method = Method::GET;
            self.content = Content::Nothing;
            let of_the_body = [
                CONTENT_ENCODING,
                CONTENT_LENGTH,
                CONTENT_TYPE,
                TRANSFER_ENCODING,
            ];
            for name in of_the_body {
                self.headers.remove(name);
            }
        }
        if self.url.scheme() != to.scheme() {
            // For the proxy that has seen the request. The proxy of the other scheme, or the server, would see it now.
            self.headers.remove(PROXY_AUTHORIZATION);
        }
        if !is_same_origin(&self.url, &to) {
            for name in [AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION, HOST] {
                self.headers.remove(name);
            }
        }
        self.url = to;
        Ok(())
    }
}

/// Whether two URLs have the same scheme, host and port, or the second URL is the encrypted form of the first,
/// as when a server redirects all requests to https.
fn is_same_origin(from: &Url, to: &Url) -> bool {
    let is_upgrade = (from.scheme(), to.scheme()) == ("http", "https")
        && (from.port(), to.port()) == (None, None)
        && from.host() == to.host();
    is_upgrade || from.origin() == to.origin()
}
