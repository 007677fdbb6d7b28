//! [`Body`]: the body of a request.

use std::borrow::Cow;
use std::io::{self, Read};
use std::mem;
use std::time::Instant;

use serde::Serialize;
use url::form_urlencoded;

use super::error::{Error, Kind, deadline_has_passed, from_io, is_bare_timeout, is_request_to_end};
use super::request_limit::timed_out;
use crate::error::Elapsed;
use crate::runtime::wait::task_context;
use crate::time::timeout::timeout;
use crate::util::fmt::impl_fmt;

/// The body of a request. Text and bytes convert into one by `into()`.
///
/// ```
/// use selvedge::http::Body;
///
/// let text: Body = "warp and weft".into();
/// let list = Body::json(&["warp", "weft"]);
/// let form = Body::form([("thread", "warp"), ("colour", "indigo & white")]);
/// # drop((text, list, form));
/// ```
pub struct Body {
    /// Or an error that `send` reports.
    pub(super) content: Result<Content, Error>,
    /// The value of the header `content-type`, unless the request sets that header itself.
    pub(super) media_type: Option<Cow<'static, str>>,
}

pub(super) enum Content {
    Nothing,
    Bytes(Vec<u8>),
    Reader(Upload),
}

impl Content {
    pub(super) fn reader(reader: impl Read + 'static, length: Option<u64>) -> Self {
        Self::Reader(Upload {
            reader: Box::new(reader),
            length,
            n_read: 0,
            deadline: None,
        })
    }

    /// The length in bytes, if known.
    pub(super) fn length(&self) -> Option<u64> {
        match self {
            Self::Nothing => Some(0),
            Self::Bytes(bytes) => Some(bytes.len() as u64),
            Self::Reader(upload) => upload.length,
        }
    }

    /// Whether the length is this one. A reader of unknown length is given the length.
    pub(super) fn takes_length(&mut self, length: u64) -> bool {
        if let Self::Reader(upload) = self
            && upload.length.is_none()
        {
            let reader = mem::replace(&mut upload.reader, Box::new(io::empty()));
            *self = Self::reader(reader.take(length), Some(length));
        }
        self.length() == Some(length)
    }

    pub(super) fn can_be_sent_again(&self) -> bool {
        match self {
            Self::Nothing | Self::Bytes(_) => true,
            Self::Reader(upload) => upload.n_read == 0,
        }
    }
}

/// A reader whose bytes are sent.
pub(super) struct Upload {
    reader: Box<dyn Read>,
    /// In bytes, if known.
    pub(super) length: Option<u64>,
    n_read: u64,
    /// When the total timeout of the request expires; `None` for never.
    pub(super) deadline: Option<Instant>,
}

impl Upload {
    /// May suspend. Reads, at most until the deadline: ureq's timeouts are for the connection only.
    fn read_in_time(&mut self, buf: &mut [u8]) -> Result<io::Result<usize>, Elapsed> {
        let deadline = self.deadline.filter(|_| task_context().is_ok());
        loop {
            let read = match deadline {
                Some(deadline) => {
                    let remaining = deadline.saturating_duration_since(Instant::now());
                    timeout(remaining, || self.reader.read(buf))?
                }
                None => self.reader.read(buf),
            };
            if !matches!(&read, Err(error) if error.kind() == io::ErrorKind::Interrupted) {
                return Ok(read);
            }
        }
    }
}

/// Its errors are [`Error`]s, wrapped in `io::Error`.
impl Read for Upload {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let read = self.read_in_time(buf).map_err(|_| timed_out())?;
        let n = read.map_err(|error| {
            let is_late = is_bare_timeout(&error) && deadline_has_passed();
            if is_late || is_request_to_end(&error) {
                return from_io(error);
            }
            let what = "the reader of the body failed".to_owned();
            Error::new(Kind::BadRequest(what)).with_source(error)
        })?;
        self.n_read += n as u64;
        match self.length {
            Some(length) if n == 0 && !buf.is_empty() && self.n_read < length => {
                let n_read = self.n_read;
                let what = format!("the reader of the body ended after {n_read} of {length} bytes");
                Err(Error::new(Kind::BadRequest(what)).into())
            }
            _ => Ok(n),
        }
    }
}

impl Body {
    /// No body.
    #[must_use]
    pub fn empty() -> Self {
        Self::new(Content::Nothing, None)
    }

    /// A value as JSON. If its serialization fails, sending the request fails.
    #[must_use]
    pub fn json<T: Serialize + ?Sized>(value: &T) -> Self {
        let bytes = serde_json::to_vec(value);
        let bad = |error: serde_json::Error| Error::new(Kind::BadRequest(error.to_string()));
        Self {
            content: bytes.map(Content::Bytes).map_err(bad),
            media_type: Some(Cow::Borrowed("application/json")),
        }
    }

    /// Fields, encoded as a browser encodes those of a form.
    #[must_use]
    pub fn form<K: AsRef<str>, V: AsRef<str>>(fields: impl IntoIterator<Item = (K, V)>) -> Self {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.extend_pairs(fields);
        let content = Content::Bytes(form.finish().into_bytes());
        Self::new(content, Some("application/x-www-form-urlencoded"))
    }

    /// All bytes of a reader, sent in chunks. Reading may suspend, so the reader can be a socket or a file of
    /// this crate. When the request's total timeout expires, a wait of the reader ends as in
    /// [`timeout`](crate::timeout()).
    #[must_use]
    pub fn reader(reader: impl Read + 'static) -> Self {
        Self::new(Content::reader(reader, None), Some(BYTES))
    }

    /// The first `length` bytes of a reader. If it has fewer, the request fails; further ones are not sent.
    #[must_use]
    pub fn reader_with_length(reader: impl Read + 'static, length: u64) -> Self {
        let content = Content::reader(reader.take(length), Some(length));
        Self::new(content, Some(BYTES))
    }

    /// Sets the media type, which is sent as the header `content-type`.
    ///
    /// ```
    /// let body = selvedge::http::Body::from("<p>warp</p>").with_media_type("text/html");
    /// # drop(body);
    /// ```
    #[must_use]
    pub fn with_media_type(mut self, media_type: impl Into<String>) -> Self {
        self.media_type = Some(Cow::Owned(media_type.into()));
        self
    }

    fn new(content: Content, media_type: Option<&'static str>) -> Self {
        Self {
            content: Ok(content),
            media_type: media_type.map(Cow::Borrowed),
        }
    }
}

const BYTES: &str = "application/octet-stream";
const TEXT: &str = "text/plain; charset=utf-8";

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        Self::new(Content::Bytes(bytes), Some(BYTES))
    }
}

impl From<&[u8]> for Body {
    fn from(bytes: &[u8]) -> Self {
        bytes.to_vec().into()
    }
}

impl From<String> for Body {
    fn from(text: String) -> Self {
        Self::new(Content::Bytes(text.into_bytes()), Some(TEXT))
    }
}

impl From<&str> for Body {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl_fmt!(Debug for Body, |this, f| match &this.content {
    Ok(Content::Nothing) => f.write_str("Body(empty)"),
    Ok(Content::Bytes(bytes)) => write!(f, "Body({} bytes)", bytes.len()),
    Ok(Content::Reader(Upload { length: Some(length), .. })) => {
        write!(f, "Body({length} bytes of a reader)")
    }
    Ok(Content::Reader(_)) => f.write_str("Body(a reader)"),
    Err(error) => write!(f, "Body({error})"),
});
