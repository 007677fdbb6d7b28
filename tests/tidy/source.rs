//! A Rust file split into tokens and comments, so that words in strings and comments mislead no
//! rule.
//!
//! The parser knows the part of the grammar that the rules need: literals (raw ones too),
//! lifetimes, nested comments, statements and paths. It does not expand macros; their content is
//! checked as written.

use crate::tree::Finding;

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    Word,
    /// A string, character or number.
    Literal,
    Lifetime,
    /// One character, or `::`, or `=>`.
    Mark,
}

#[derive(Clone, Copy, Debug)]
pub struct Token<'text> {
    pub kind: Kind,
    pub text: &'text str,
    pub at: usize,
}

#[derive(Debug)]
pub struct Comment<'text> {
    pub text: &'text str,
    pub at: usize,
}

pub struct Source<'text> {
    pub path: &'text str,
    pub text: &'text str,
    pub tokens: Vec<Token<'text>>,
    pub comments: Vec<Comment<'text>>,
}

impl<'text> Source<'text> {
    pub fn new(path: &'text str, text: &'text str) -> Source<'text> {
        let mut source = Source {
            path,
            text,
            tokens: Vec::new(),
            comments: Vec::new(),
        };
        let mut at = 0;
        while let Some(first) = text[at..].chars().next() {
            let end = at + piece_len(&text[at..]);
            let piece = &text[at..end];
            if piece.starts_with("//") || piece.starts_with("/*") {
                source.comments.push(Comment { text: piece, at });
            } else if !first.is_whitespace() {
                let kind = kind_of(piece);
                source.tokens.push(Token {
                    kind,
                    text: piece,
                    at,
                });
            }
            at = end;
        }
        source
    }

    /// The text of the token, or nothing past the end.
    pub fn word(&self, index: usize) -> &'text str {
        self.tokens.get(index).map_or("", |token| token.text)
    }

    /// Whether the tokens from `index` on are these words.
    pub fn reads(&self, index: usize, words: &[&str]) -> bool {
        words
            .iter()
            .enumerate()
            .all(|(offset, word)| self.word(index + offset) == *word)
    }

    pub fn line(&self, at: usize) -> usize {
        1 + self.text[..at].matches('\n').count()
    }

    pub fn finding(&self, at: usize, message: impl Into<String>) -> Finding {
        Finding::new(self.path, self.line(at), message)
    }

    /// The token that closes the bracket at `open`; the last token if none does.
    pub fn closing(&self, open: usize) -> usize {
        let mut depth = 0;
        for (index, token) in self.tokens.iter().enumerate().skip(open) {
            match token.text {
                "(" | "[" | "{" => depth += 1,
                ")" | "]" | "}" => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                return index;
            }
        }
        self.tokens.len().saturating_sub(1)
    }

    /// Every path of the file: the index of its first token, and its words. A group gives one path
    /// for each of its members, so `use crate::{a::B, c}` gives `crate a B` and `crate c`. A single
    /// word is a path too.
    pub fn paths(&self) -> Vec<(usize, Vec<&'text str>)> {
        let mut found = Vec::new();
        let mut index = 0;
        while index < self.tokens.len() {
            if self.tokens[index].kind == Kind::Word {
                index = self.path(index, index, Vec::new(), &mut found);
            } else {
                index += 1;
            }
        }
        found
    }

    /// Reads a path from one of its words on, appends the paths found, and returns the index after
    /// the path.
    fn path(
        &self,
        start: usize,
        mut index: usize,
        mut words: Vec<&'text str>,
        found: &mut Vec<(usize, Vec<&'text str>)>,
    ) -> usize {
        words.push(self.word(index));
        index += 1;
        while self.word(index) == "::" {
            let next = self.tokens.get(index + 1);
            match next.map(|token| (token.kind, token.text)) {
                Some((Kind::Word, word)) => words.push(word),
                Some((_, "*")) => words.push("*"),
                Some((_, "{")) => return self.group(start, index + 1, &words, found),
                _ => break,
            }
            index += 2;
        }
        found.push((start, words));
        index
    }

    /// Reads the members of a path's group, from its brace on, and returns the index after the
    /// group.
    fn group(
        &self,
        start: usize,
        open: usize,
        words: &[&'text str],
        found: &mut Vec<(usize, Vec<&'text str>)>,
    ) -> usize {
        let end = self.closing(open);
        let mut index = open + 1;
        while index < end {
            if self.word(index) == "as" {
                index += 2;
            } else if self.tokens[index].kind == Kind::Word {
                index = self.path(start, index, words.to_vec(), found);
            } else {
                if self.word(index) == "*" {
                    found.push((start, [words, &["*"]].concat()));
                }
                index += 1;
            }
        }
        end + 1
    }
}

fn kind_of(piece: &str) -> Kind {
    let first = piece.chars().next().unwrap_or(' ');
    let last = piece.chars().last().unwrap_or(' ');
    // A piece that ends with a quote, or with the hash of a raw string, is quoted.
    let is_quoted = piece.len() > 1 && matches!(last, '"' | '\'' | '#');
    if is_quoted || first.is_ascii_digit() {
        Kind::Literal
    } else if first == '\'' {
        Kind::Lifetime
    } else if is_word(first) {
        Kind::Word
    } else {
        Kind::Mark
    }
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// The length of the token, comment or white space with which the text begins.
fn piece_len(text: &str) -> usize {
    let first = text.chars().next().unwrap_or(' ');
    if text.starts_with("//") {
        text.find('\n').unwrap_or(text.len())
    } else if text.starts_with("/*") {
        block_comment_len(text)
    } else if first == '"' {
        string_len(text)
    } else if first == '\'' {
        quote_len(text)
    } else if is_word(first) {
        let word_len = text
            .find(|character| !is_word(character))
            .unwrap_or(text.len());
        word_len + literal_tail_len(&text[..word_len], &text[word_len..])
    } else if text.starts_with("::") || text.starts_with("=>") {
        2
    } else {
        first.len_utf8()
    }
}

/// The length of the rest of a literal whose prefix is this word: `b"..."`, `r#"..."#`, `b'x'`; or
/// as a raw word, `r#type`.
fn literal_tail_len(prefix: &str, rest: &str) -> usize {
    let hashes = rest.len() - rest.trim_start_matches('#').len();
    match prefix {
        "r" | "br" | "cr" if rest[hashes..].starts_with('"') => {
            let close = format!("\"{}", "#".repeat(hashes));
            let body = &rest[hashes + 1..];
            body.find(&close)
                .map_or(rest.len(), |at| hashes + 1 + at + close.len())
        }
        "r" if hashes == 1 => {
            let name = &rest[1..];
            1 + name
                .find(|character| !is_word(character))
                .unwrap_or(name.len())
        }
        "b" | "c" if rest.starts_with('"') => string_len(rest),
        "b" if rest.starts_with('\'') => quote_len(rest),
        _ => 0,
    }
}

fn string_len(text: &str) -> usize {
    let mut escaped = false;
    for (at, character) in text.char_indices().skip(1) {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// A character literal or a lifetime.
fn quote_len(text: &str) -> usize {
    let body = &text[1..];
    let second = body.chars().next().map_or(0, char::len_utf8);
    if body.starts_with('\\') {
        // The character after the backslash may itself be a quote.
        return body[2..].find('\'').map_or(text.len(), |at| 1 + 2 + at + 1);
    }
    if body[second..].starts_with('\'') {
        return 1 + second + 1;
    }
    1 + body
        .find(|character| !is_word(character))
        .unwrap_or(body.len())
}

fn block_comment_len(text: &str) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < text.len() {
        if text[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if text[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += text[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}
