//! The rules of a file's shape: short, with its purpose first, with short names and nothing left
//! out; and the reasons in `Cargo.toml`.

use crate::source::{Kind, Source};
use crate::tables::MAX_LINES;
use crate::tree::{Finding, Tree};

const EVERYTHING: &[&str] = &["src/", "examples/", "benches/", "tests/"];

/// The most characters of a function's name. A test's name is a promise, and one that needs more
/// is two promises or a story.
const MAX_NAME_CHARS: usize = 60;

pub fn files_are_short(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.files(EVERYTHING, ".rs") {
        let Some((_, max)) = MAX_LINES
            .iter()
            .find(|(prefix, _)| path.starts_with(prefix))
        else {
            continue;
        };
        let n_lines = text.lines().count();
        if n_lines > *max {
            findings.push(Finding::new(
                path,
                n_lines,
                format!("has {n_lines} lines, {max} are the most here"),
            ));
        }
    }
    findings
}

pub fn files_begin_with_purpose(tree: &Tree) -> Vec<Finding> {
    let without = tree
        .files(EVERYTHING, ".rs")
        .filter(|(_, text)| !text.starts_with("//! "));
    without
        .map(|(path, _)| {
            Finding::new(
                path,
                1,
                "does not begin with a `//!` line that says what it is for",
            )
        })
        .collect()
}

/// Checks every function, helpers included: macros make tests that have no attribute of their own.
pub fn function_names_are_short(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in tree.sources(EVERYTHING) {
        for (index, token) in source.tokens.iter().enumerate() {
            let follows_fn = index > 0 && source.word(index - 1) == "fn";
            let n_chars = token.text.chars().count();
            if follows_fn && token.kind == Kind::Word && n_chars > MAX_NAME_CHARS {
                let message = format!(
                    "`{}` has {n_chars} characters, {MAX_NAME_CHARS} are the most in a name",
                    token.text
                );
                findings.push(source.finding(token.at, message));
            }
        }
    }
    findings
}

/// Finds ignored tests, doc tests included, and macros that stand for missing code.
pub fn nothing_is_left_out(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in tree.sources(EVERYTHING) {
        for (index, token) in source.tokens.iter().enumerate() {
            if matches!(token.text, "todo" | "unimplemented") && source.word(index + 1) == "!" {
                findings.push(source.finding(
                    token.at,
                    format!("`{}!` stands for missing code", token.text),
                ));
            }
            if source.reads(index, &["#", "["]) && attribute_ignores(&source, index + 1) {
                findings.push(source.finding(token.at, "a test is ignored"));
            }
        }
        for comment in source
            .comments
            .iter()
            .filter(|comment| is_ignored_fence(comment.text))
        {
            findings.push(source.finding(comment.at, "a doc test is ignored"));
        }
    }
    findings
}

fn attribute_ignores(source: &Source, open: usize) -> bool {
    (open..source.closing(open)).any(|index| source.word(index) == "ignore")
}

/// Whether a comment is the first line of an ignored doc test.
fn is_ignored_fence(comment: &str) -> bool {
    let text = comment.trim_start_matches(['/', '!']).trim();
    let Some(attributes) = text.strip_prefix("```") else {
        return false;
    };
    attributes
        .split(',')
        .any(|attribute| attribute.trim().starts_with("ignore"))
}

/// A test that sleeps and then checks fails on a slow machine. (A sleep under a virtual clock is
/// another function.)
pub fn tests_do_not_sleep(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in tree.sources(&["tests/"]) {
        for (index, path) in source.paths() {
            let sleeps = |words: &[&str]| {
                matches!(
                    words,
                    ["thread", "sleep"] | ["libc", "sleep" | "usleep" | "nanosleep"]
                )
            };
            if path.windows(2).any(sleeps) {
                let at = source.tokens[index].at;
                findings.push(source.finding(at, "the thread sleeps: wait for the event instead"));
            }
        }
    }
    findings
}

/// Checks that each line that names a dependency has a comment directly above it.
pub fn dependencies_have_reasons(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.files(&["Cargo.toml", "tests/"], "Cargo.toml") {
        let mut is_in_dependencies = false;
        let mut n_open = 0;
        let mut above = "";
        for (index, line) in text
            .lines()
            .enumerate()
            .map(|(index, line)| (index, line.trim()))
        {
            let mut names_one = false;
            if n_open == 0 && line.starts_with('[') {
                let header = line.trim_matches(['[', ']']);
                is_in_dependencies = header.ends_with("dependencies");
                names_one = header.contains("dependencies.");
            } else if !line.starts_with('#') && !line.is_empty() {
                names_one = is_in_dependencies && n_open == 0;
                n_open += line.matches(['[', '{']).count();
                n_open -= line.matches([']', '}']).count().min(n_open);
            }
            let reason = above.strip_prefix('#').unwrap_or_default();
            if names_one && reason.trim().is_empty() {
                findings.push(Finding::new(
                    path,
                    index + 1,
                    "the dependency has no comment above it that says why",
                ));
            }
            above = line;
        }
    }
    findings
}
