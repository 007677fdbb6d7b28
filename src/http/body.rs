//! [`Body`]: the body of a request.

use std::io::Read;

use serde::Serialize;
use url::form_urlencoded;

use super::error::{Error, Kind};
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
    pub(super) content: Content,
    /// The value of the header `content-type`, unless the request sets that header itself.
    pub(super) media_type: Option<&'static str>,
}

pub(super) enum Content {
    Nothing,
    Bytes(Vec<u8>),
    /// With its length in bytes, if known.
    Reader(Box<dyn Read>, Option<u64>),
    /// The error that `send` reports.
    Failed(Error),
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
        let content = match serde_json::to_vec(value) {
            Ok(bytes) => Content::Bytes(bytes),
            Err(error) => Content::Failed(Error::new(Kind::BadRequest(error.to_string()))),
        };
        Self::new(content, Some("application/json"))
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
    /// this crate.
    #[must_use]
    pub fn reader(reader: impl Read + 'static) -> Self {
        Self::new(Content::Reader(Box::new(reader), None), Some(BYTES))
    }

    /// The first `length` bytes of a reader. If it has fewer, the request fails; further ones are not sent.
    #[must_use]
    pub fn reader_with_length(reader: impl Read + 'static, length: u64) -> Self {
        let reader = Box::new(reader.take(length));
        Self::new(Content::Reader(reader, Some(length)), Some(BYTES))
    }

    fn new(content: Content, media_type: Option<&'static str>) -> Self {
        Self {
            content,
            media_type,
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
    Content::Nothing => f.write_str("Body(empty)"),
    Content::Bytes(bytes) => write!(f, "Body({} bytes)", bytes.len()),
    Content::Reader(_, Some(length)) => write!(f, "Body({length} bytes of a reader)"),
    Content::Reader(_, None) => f.write_str("Body(a reader)"),
    Content::Failed(error) => write!(f, "Body({error})"),
});
