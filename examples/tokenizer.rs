//! A tokenizer driven by hand: the caller sends text in chunks, cut anywhere, and each `send` returns the tokens that are
//! complete. The tokenizer itself is a plain loop over characters, which suspends where a chunk ends.
//!
//! `cargo run --example tokenizer`

use selvedge::{Coroutine, Yielder};

/// A chunk of the text, or `None` at its end.
type Chunk = Option<&'static str>;

struct Input<'a> {
    yielder: &'a Yielder<Chunk, Vec<String>>,
    chunk: Chunk,
    tokens: Vec<String>,
}

impl Input<'_> {
    /// Takes the next character if `belongs` accepts it. Suspends at the end of a chunk.
    fn take_if(&mut self, belongs: fn(char) -> bool) -> Option<char> {
        while self.chunk?.is_empty() {
            self.chunk = self.yielder.suspend(std::mem::take(&mut self.tokens));
        }
        let chunk = self.chunk?;
        self.chunk = Some(chunk.strip_prefix(belongs)?);
        chunk.chars().next()
    }
}

/// Each word, each number, and each other character except blanks is a token.
fn tokenize(yielder: &Yielder<Chunk, Vec<String>>, chunk: Chunk) -> Vec<String> {
    let mut input = Input {
        yielder,
        chunk,
        tokens: Vec::new(),
    };
    while let Some(first) = input.take_if(|_| true) {
        let mut token = String::from(first);
        if first.is_alphanumeric() {
            token.extend(std::iter::from_fn(|| input.take_if(char::is_alphanumeric)));
        }
        if !first.is_whitespace() {
            input.tokens.push(token);
        }
    }
    input.tokens
}

fn main() {
    let mut tokenizer = Coroutine::new(tokenize);
    let mut tokens = Vec::new();
    for chunk in ["warp = 1", "2*(we", "ft", " +3)", ""] {
        let complete = tokenizer.send(Some(chunk)).unwrap_yielded();
        println!("{chunk:?} completes {complete:?}");
        tokens.extend(complete);
    }
    tokens.extend(tokenizer.send(None).unwrap_complete());
    assert_eq!(tokens.join(" "), "warp = 12 * ( weft + 3 )");
}
