//! [`Response`] and its body.

use std::io::{self, Read};
use std::rc::Rc;

use serde::de::DeserializeOwned;
use ureq::http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use ureq::http::{self, HeaderMap, Method, StatusCode};
use url::Url;

use super::client::Client;
use super::credentials::without_user;
use super::decode::{Decoder, n_gzips};
use super::error::{Error, Kind, from_io};
use super::outgoing::Outgoing;
use super::request_limit::Permit;
use crate::util::fmt::impl_debug;

/// A response: its status and headers, and its body, which has not been read yet.
///
/// Dropping it closes the connection, unless the body is empty or has been read to its end, where `read` returns 0: then
/// the next request to the same host reuses the connection.
///
/// ```no_run
/// # let session = selvedge::http::Session::new();
/// let response = session.get("http://example.com/")?;
/// println!("{}: {:?} bytes", response.status(), response.content_length());
/// let text = response.error_for_status()?.text()?;
/// # Ok::<(), selvedge::http::Error>(())
/// ```
pub struct Response {
    status: StatusCode,
    headers: HeaderMap,
    url: Url,
    content_length: Option<u64>,
    body: Decoder,
    client: Rc<Client>,
    /// Dropped after the body, so that the next request finds the connection in the pool.
    permit: Permit,
}

impl Response {
    /// The response to a request. After redirects, the response to the last request.
    pub(super) fn new(
        response: http::Response<ureq::Body>,
        request: Outgoing,
        client: Rc<Client>,
        permit: Permit,
    ) -> Self {
        let (parts, body) = response.into_parts();
        let mut headers = parts.headers;
        let mut content_length = body.content_length();
        let has_body = request.method != Method::HEAD
            && !matches!(parts.status.as_u16(), 204 | 304)
            && content_length != Some(0);
        let n_gzips = match has_body {
            true => n_gzips(&headers),
            false => 0,
        };
        if n_gzips > 0 {
            // These headers describe the compressed body.
            headers.remove(CONTENT_ENCODING);
            headers.remove(CONTENT_LENGTH);
            content_length = None;
        }
        Self {
            status: parts.status,
            headers,
            url: request.url,
            content_length,
            body: Decoder::new(body, n_gzips),
            client,
            permit,
        }
    }

    /// The status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The headers. If the body is compressed, which reading it undoes, the headers with the encoding and the
    /// compressed length are removed.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The URL of this response: the target of the last redirect, if there was any.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The length of the body in bytes, if the server has sent it.
    #[must_use]
    pub fn content_length(&self) -> Option<u64> {
        self.content_length
    }

    /// Returns the response if its status is below 400.
    ///
    /// # Errors
    /// An error with the [`status`](Error::status). The body is dropped.
    pub fn error_for_status(self) -> Result<Self, Error> {
        if self.status.is_client_error() || self.status.is_server_error() {
            return Err(Error::new(Kind::Status(self.status)).with_url(&self.url));
        }
        Ok(self)
    }

    /// May suspend. Reads the body as text. Invalid UTF-8 is replaced by U+FFFD.
    ///
    /// # Errors
    /// As [`bytes`](Self::bytes).
    ///
    /// # Cancellation
    /// As for [`bytes`](Self::bytes).
    pub fn text(self) -> Result<String, Error> {
        let bytes = self.bytes()?;
        // Valid UTF-8 is not copied.
        Ok(String::from_utf8(bytes)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
    }

    /// May suspend. Reads the body.
    ///
    /// # Errors
    /// If the body is larger than [`max_body_size_bytes`](super::SessionBuilder::max_body_size_bytes), ends
    /// early, times out, or can't be decompressed.
    ///
    /// # Cancellation
    /// The bytes read so far are lost, and the connection is closed.
    pub fn bytes(self) -> Result<Vec<u8>, Error> {
        let max_bytes = self.client.max_body_size_bytes;
        let expected = self.content_length().unwrap_or(0).min(64 * 1024);
        let mut bytes = Vec::with_capacity(usize::try_from(expected).unwrap_or(0));
        let read = self
            .body
            .take(max_bytes.saturating_add(1))
            .read_to_end(&mut bytes);
        let read = read
            .map_err(from_io)
            .and_then(|n| match n as u64 > max_bytes {
                true => Err(Error::new(Kind::BodyTooLarge { max_bytes })),
                false => Ok(()),
            });
        read.map_err(|error| self.client.explain(error, &self.url))?;
        Ok(bytes)
    }

    /// May suspend. Reads the body and deserializes it from JSON.
    ///
    /// ```no_run
    /// # let session = selvedge::http::Session::new();
    /// let names: Vec<String> = session.get("http://example.com/names")?.json()?;
    /// # Ok::<(), selvedge::http::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`bytes`](Self::bytes), or if the body is not JSON of that type.
    ///
    /// # Cancellation
    /// As for [`bytes`](Self::bytes).
    pub fn json<T: DeserializeOwned>(self) -> Result<T, Error> {
        let url = self.url.clone();
        let bytes = self.bytes()?;
        serde_json::from_slice(&bytes).map_err(|error| {
            Error::new(Kind::Decode("JSON of the requested type"))
                .with_source(error)
                .with_url(&url)
        })
    }

    /// Returns a reader for the body. The body may have any size; the timeouts apply.
    ///
    /// ```no_run
    /// # let session = selvedge::http::Session::new();
    /// let mut body = session.get("http://example.com/large")?.into_reader();
    /// let n_bytes = std::io::copy(&mut body, &mut std::io::sink())?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[must_use]
    pub fn into_reader(self) -> BodyReader {
        BodyReader {
            reader: self.body,
            url: self.url,
            client: self.client,
            permit: Some(self.permit),
        }
    }
}

/// A reader for the body of a response, made by [`Response::into_reader`]. Decompresses if necessary.
///
/// Dropping it before the end of the body, where `read` returns 0, closes the connection.
pub struct BodyReader {
    reader: Decoder,
    url: Url,
    client: Rc<Client>,
    /// Released at the end of the body.
    permit: Option<Permit>,
}

/// Each method may suspend. The errors are [`Error`]s, wrapped in std's.
///
/// # Cancellation
/// A cancelled `read` has taken nothing, and the next one continues.
impl Read for BodyReader {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buf);
        let n = read.map_err(|error| self.client.explain(from_io(error), &self.url))?;
        if n == 0 && !buf.is_empty() {
            self.permit = None;
        }
        Ok(n)
    }
}

impl_debug!(BodyReader, |this| { url: without_user(&this.url).as_str() });

impl_debug!(Response, |this| {
    status: this.status, url: without_user(&this.url).as_str(), headers: this.headers
});
