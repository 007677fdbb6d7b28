//! Answers.

use std::fmt;
use std::io::{self, Read};

use serde::de::DeserializeOwned;
use ureq::ResponseExt;
use ureq::http::{self, HeaderMap, StatusCode};
use url::Url;

use super::error::{Error, Kind, from_io};
use super::session::Session;
use crate::sync::Permit;

/// An answer: its status and headers, and its body, which is still to be read.
///
/// Dropping it closes the connection, unless the body has been read to its end: then the next request to the
/// same host uses it again.
#[derive(Debug)]
pub struct Response {
    status: StatusCode,
    headers: HeaderMap,
    url: Url,
    body: ureq::Body,
    session: Session,
    /// Dropped after the body, so that whoever is next finds its connection in the pool.
    place: Permit,
}

impl Response {
    pub(super) fn new(
        response: http::Response<ureq::Body>,
        asked: Url,
        session: Session,
        place: Permit,
    ) -> Self {
        let answered = response.get_uri();
        // Only redirects lead elsewhere. What they lead to has been connected to, so it is an address.
        let url = if *answered == *asked.as_str() {
            asked
        } else {
            Url::parse(&answered.to_string()).unwrap_or(asked)
        };
        let (parts, body) = response.into_parts();
        Self {
            status: parts.status,
            headers: parts.headers,
            url,
            body,
            session,
            place,
        }
    }

    /// The status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The headers. If the body was packed and is unpacked here, those that say so and tell the packed length
    /// are gone.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The address that has answered: where the last redirect led, if there was any.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// How long the body is, if the server has said so.
    #[must_use]
    pub fn content_length(&self) -> Option<u64> {
        self.body.content_length()
    }

    /// The answer, if its status is below 400.
    ///
    /// # Errors
    /// An error whose [`status`](Error::status) it is. The body is dropped.
    pub fn error_for_status(self) -> Result<Self, Error> {
        if self.status.is_client_error() || self.status.is_server_error() {
            return Err(Error::new(Kind::Status(self.status)).at(&self.url));
        }
        Ok(self)
    }

    /// May suspend. The body as text. What is not UTF-8 becomes U+FFFD.
    ///
    /// # Errors
    /// As [`bytes`](Self::bytes).
    ///
    /// # Cancellation
    /// As for [`bytes`](Self::bytes).
    pub fn text(self) -> Result<String, Error> {
        let bytes = self.bytes()?;
        // Without a copy, if nothing needs to be replaced.
        Ok(String::from_utf8(bytes)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
    }

    /// May suspend. The body.
    ///
    /// # Errors
    /// If it is longer than [`max_body_size`](super::SessionBuilder::max_body_size), ends early, stays away
    /// for too long, or can't be unpacked.
    ///
    /// # Cancellation
    /// What has been read is lost, and the connection is closed.
    pub fn bytes(self) -> Result<Vec<u8>, Error> {
        let limit = self.session.max_body_size();
        let expected = self.content_length().unwrap_or(0).min(64 * 1024);
        let mut reader = self.body.into_with_config().limit(limit).reader();
        let mut bytes = Vec::with_capacity(usize::try_from(expected).unwrap_or(0));
        match reader.read_to_end(&mut bytes) {
            Ok(_) => Ok(bytes),
            Err(error) => Err(self.session.explain(from_io(error).at(&self.url))),
        }
    }

    /// May suspend. The value that the body is in JSON.
    ///
    /// ```no_run
    /// # let session = selvedge::http::Session::new();
    /// let names: Vec<String> = session.get("http://example.com/names")?.json()?;
    /// # Ok::<(), selvedge::http::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`bytes`](Self::bytes), or if it is not such a value.
    ///
    /// # Cancellation
    /// As for [`bytes`](Self::bytes).
    pub fn json<T: DeserializeOwned>(self) -> Result<T, Error> {
        let url = self.url.clone();
        let bytes = self.bytes()?;
        serde_json::from_slice(&bytes).map_err(|error| {
            Error::new(Kind::Decode("what was asked for"))
                .because(error)
                .at(&url)
        })
    }

    /// The body, to be read piece by piece. It has no limit but the time's.
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
            reader: self.body.into_with_config().reader(),
            url: self.url,
            session: self.session,
            place: Some(self.place),
        }
    }
}

/// The body of an answer, as it comes, unpacked.
///
/// Dropping it before its end closes the connection.
pub struct BodyReader {
    reader: ureq::BodyReader<'static>,
    url: Url,
    session: Session,
    /// Given up at the end of the body.
    place: Option<Permit>,
}

/// Each method may suspend. The errors are [`Error`]s inside of std's.
///
/// # Cancellation
/// A cancelled `read` has taken nothing, and the next one goes on.
impl Read for BodyReader {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self.reader.read(buf) {
            Ok(0) if !buf.is_empty() => {
                self.place = None;
                Ok(0)
            }
            Ok(n) => Ok(n),
            Err(error) => Err(self.session.explain(from_io(error).at(&self.url)).into()),
        }
    }
}

impl fmt::Debug for BodyReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BodyReader")
            .field("url", &self.url.as_str())
            .finish_non_exhaustive()
    }
}
