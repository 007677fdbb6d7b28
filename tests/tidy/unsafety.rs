//! The rules of unsafe code: where it may stand, what must be written beside it, and where `libc`
//! may be named.

use crate::source::{Kind, Source};
use crate::tables::{LIBC_FOLDER, UNSAFE_FILES, lists, permits};
use crate::tree::{Finding, Tree};

/// What a user's program is made of: the library, and the examples that show how to use it without
/// `unsafe`.
const SHIPPED: &[&str] = &["src/", "examples/"];
const EVERYTHING: &[&str] = &["src/", "examples/", "benches/", "tests/"];

pub fn stays_in_listed_files(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in tree.sources(SHIPPED) {
        let is_listed = lists(UNSAFE_FILES, source.path);
        if let (Some((at, _)), false) = (uses(&source).first(), is_listed) {
            let message = "this file is not on the list of those that may say `unsafe`";
            findings.push(source.finding(*at, message));
        }
    }
    findings
}

/// An entry that permits nothing would permit something unseen one day.
pub fn list_is_current(tree: &Tree) -> Vec<Finding> {
    let sources = tree
        .sources(SHIPPED)
        .filter(|source| !uses(source).is_empty());
    let used: Vec<&str> = sources.map(|source| source.path).collect();
    let stale = UNSAFE_FILES
        .iter()
        .filter(|entry| !used.iter().any(|path| permits(entry, path)));
    stale
        .map(|entry| {
            Finding::new(
                entry,
                1,
                "is listed, but nothing there is unsafe: delete the entry",
            )
        })
        .collect()
}

pub fn blocks_argue(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in tree.sources(EVERYTHING) {
        for (at, use_) in uses(&source) {
            if use_.must_argue && !is_commented(&source, at, "SAFETY:") {
                let message = format!(
                    "the unsafe {} has no `// SAFETY:` comment directly above",
                    use_.what
                );
                findings.push(source.finding(at, message));
            }
        }
    }
    findings
}

pub fn functions_demand(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in tree.sources(SHIPPED) {
        for (at, use_) in uses(&source) {
            if use_.must_demand && !is_commented(&source, at, "# Safety") {
                let message = format!(
                    "the unsafe {} has no `# Safety` section in its docs",
                    use_.what
                );
                findings.push(source.finding(at, message));
            }
        }
    }
    findings
}

pub fn libc_stays_in_sys(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in tree.sources(&["src/"]) {
        if source.path.starts_with(LIBC_FOLDER) {
            continue;
        }
        for token in source.tokens.iter().filter(|token| token.text == "libc") {
            findings
                .push(source.finding(token.at, format!("`libc` is named outside {LIBC_FOLDER}")));
        }
    }
    findings
}

/// What an `unsafe` introduces.
#[derive(Clone, Copy)]
struct Use {
    what: &'static str,
    /// It relies on something: `// SAFETY:` says why that holds.
    must_argue: bool,
    /// It demands something: `# Safety` says what.
    must_demand: bool,
}

/// Every `unsafe` of the file and its offset.
fn uses(source: &Source) -> Vec<(usize, Use)> {
    let tokens = source.tokens.iter().enumerate();
    tokens
        .filter(|(_, token)| token.kind == Kind::Word && token.text == "unsafe")
        .map(|(index, token)| (token.at, use_at(source, index)))
        .collect()
}

fn use_at(source: &Source, index: usize) -> Use {
    let argues = |what| Use {
        what,
        must_argue: true,
        must_demand: false,
    };
    let demands = |what| Use {
        what,
        must_argue: false,
        must_demand: true,
    };
    // `extern "C"` may stand between.
    let mut next = index + 1;
    let is_extern = source.word(next) == "extern";
    if is_extern {
        next += 1;
        if source
            .tokens
            .get(next)
            .is_some_and(|token| token.kind == Kind::Literal)
        {
            next += 1;
        }
    }
    match source.word(next) {
        "{" if is_extern => argues("extern block"),
        "{" => argues("block"),
        "impl" => argues("impl"),
        "(" => argues("attribute"),
        // Not a declaration but the type of a pointer.
        "fn" if source.word(next + 1) == "(" => Use {
            what: "fn type",
            must_argue: false,
            must_demand: false,
        },
        "fn" => demands("fn"),
        _ => demands("trait"),
    }
}

/// Whether a comment with these words stands above the place, within its statement or item, or on
/// its line.
fn is_commented(source: &Source, at: usize, words: &str) -> bool {
    let start = statement_start(source, at);
    let line = source.line(at);
    source.comments.iter().any(|comment| {
        let is_near = start <= comment.at && comment.at < at || source.line(comment.at) == line;
        is_near && comment.text.contains(words)
    })
}

/// A bracket that is open.
struct Level<'text> {
    bracket: &'text str,
    /// Where the statement that is current in it begins.
    start: usize,
    /// Whether that statement is an arm of a `match`, which a comma ends.
    is_arm: bool,
}

/// Where the statement, item or match arm begins in which the offset stands: the end of what
/// precedes it.
fn statement_start(source: &Source, at: usize) -> usize {
    let level = |bracket, start| Level {
        bracket,
        start,
        is_arm: false,
    };
    // The file itself is the outermost level and is never closed.
    let mut inner = level("{", 0);
    let mut outer = Vec::new();
    for (index, token) in source.tokens.iter().enumerate() {
        if token.at >= at {
            break;
        }
        let end = token.at + token.text.len();
        let ends_statement = match token.text {
            "(" | "[" | "{" => {
                outer.push(std::mem::replace(&mut inner, level(token.text, end)));
                false
            }
            ")" | "]" | "}" => {
                inner = outer.pop().unwrap_or(level("{", end));
                token.text == "}" && !continues(source.word(index + 1))
            }
            ";" => inner.bracket == "{",
            "," => inner.bracket == "{" && inner.is_arm,
            "=>" => {
                inner.is_arm = true;
                false
            }
            _ => false,
        };
        if ends_statement {
            inner = level(inner.bracket, end);
        }
    }
    // What stands in parentheses belongs to the statement around them.
    outer.push(inner);
    let innermost_braces = outer.iter().rev().find(|level| level.bracket == "{");
    innermost_braces.map_or(0, |level| level.start)
}

/// Whether a statement goes on after a closing brace that stands before this word.
fn continues(word: &str) -> bool {
    matches!(
        word,
        "," | "." | ")" | "]" | "?" | ";" | "=" | "+" | "/" | "else" | "as"
    )
}
