//! [`Multipart`]: a form with files.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Cursor, Read};
use std::mem;

use super::body::{Body, Content};
use super::error::Error;
use crate::util::fmt::impl_fmt;

/// A form with files, `multipart/form-data`: the body of a request, which consists of parts.
///
/// The contents of a part can be any type that converts into a [`Body`]. The contents of readers are
/// streamed.
///
/// ```no_run
/// use selvedge::http::{Body, Multipart, Session};
/// use selvedge::fs::File;
///
/// # let session = Session::new();
/// let form = Multipart::new()
///     .text("title", "warp and weft")
///     .file("note", "note.txt", "plain text")
///     .file("photo", "cloth.jpg", Body::reader(File::open("cloth.jpg")?).with_media_type("image/jpeg"));
/// session.post("http://example.com/upload", form)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "a form does nothing until it is sent as the body of a request"]
pub struct Multipart {
    boundary: String,
    /// Three bodies for each part: its head, its contents, a line break.
    segments: Vec<Result<Content, Error>>,
}

impl Multipart {
    /// Creates a form without parts.
    pub fn new() -> Self {
        let random = || RandomState::new().hash_one(0_u8);
        Self {
            boundary: format!("selvedge-{:016x}{:016x}", random(), random()),
            segments: Vec::new(),
        }
    }

    /// Adds a field.
    pub fn text(self, name: impl AsRef<str>, value: impl AsRef<str>) -> Self {
        let head = format!("name=\"{}\"", escape(name.as_ref()));
        self.part(&head, value.as_ref().as_bytes().to_vec().into(), None)
    }

    /// Adds a file, with the name that the server sees. The contents need not come from a file.
    ///
    /// The part's `content-type` is the body's, which [`Body::with_media_type`] sets.
    pub fn file(
        self,
        name: impl AsRef<str>,
        file_name: impl AsRef<str>,
        contents: impl Into<Body>,
    ) -> Self {
        let (name, file_name) = (escape(name.as_ref()), escape(file_name.as_ref()));
        let head = format!("name=\"{name}\"; filename=\"{file_name}\"");
        let contents = contents.into();
        let media_type = contents.media_type.clone();
        self.part(&head, contents, media_type.as_deref())
    }

    fn part(mut self, head: &str, contents: Body, media_type: Option<&str>) -> Self {
        let boundary = &self.boundary;
        let mut head = format!("--{boundary}\r\ncontent-disposition: form-data; {head}\r\n");
        if let Some(media_type) = media_type {
            // A line break would begin another header.
            let media_type = media_type.replace(['\r', '\n'], " ");
            head.push_str(&format!("content-type: {media_type}\r\n"));
        }
        head.push_str("\r\n");
        self.segments.push(Ok(Content::Bytes(head.into_bytes())));
        self.segments.push(contents.content);
        self.segments.push(Ok(Content::Bytes(b"\r\n".to_vec())));
        self
    }
}

impl Default for Multipart {
    fn default() -> Self {
        Self::new()
    }
}

/// A name in quotes, as browsers write it.
fn escape(name: &str) -> String {
    name.replace('"', "%22")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

impl From<Multipart> for Body {
    fn from(form: Multipart) -> Self {
        let Multipart {
            boundary,
            mut segments,
        } = form;
        let end = format!("--{boundary}--\r\n");
        segments.push(Ok(Content::Bytes(end.into_bytes())));
        let media_type = Cow::Owned(format!("multipart/form-data; boundary={boundary}"));
        Self {
            content: segments.into_iter().collect::<Result<_, _>>().map(join),
            media_type: Some(media_type),
        }
    }
}

/// Joins several bodies into one. If all are bytes, the result is bytes, which can be sent again.
fn join(segments: Vec<Content>) -> Content {
    // A length that a `u64` can't represent is not sent.
    let length =
        (segments.iter()).try_fold(0, |sum: u64, segment| sum.checked_add(segment.length()?));
    let mut readers: VecDeque<Box<dyn Read>> = VecDeque::new();
    let mut bytes = Vec::new();
    for segment in segments {
        match segment {
            Content::Nothing => {}
            Content::Bytes(some) => bytes.extend(some),
            Content::Reader(upload) => {
                readers.push_back(Box::new(Cursor::new(mem::take(&mut bytes))));
                readers.push_back(Box::new(upload));
            }
        }
    }
    if readers.is_empty() {
        return Content::Bytes(bytes);
    }
    readers.push_back(Box::new(Cursor::new(bytes)));
    Content::reader(Chain(readers), length)
}

/// Reads several readers in turn.
struct Chain(VecDeque<Box<dyn Read>>);

impl Read for Chain {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        while let Some(first) = self.0.front_mut() {
            let n = first.read(buf)?;
            if n > 0 || buf.is_empty() {
                return Ok(n);
            }
            self.0.pop_front();
        }
        Ok(0)
    }
}

impl_fmt!(Debug for Multipart, |this, f| write!(f, "Multipart({} parts)", this.segments.len() / 3));
