//! The rules of the instructions: they are in `asm`, one file an operation, each explained by its
//! header, the same files for each architecture; Rust files include these files and hold no
//! instructions.

use std::collections::BTreeSet;

use crate::source::{Kind, Source};
use crate::tables::{ASM_FILES, ASSEMBLY, HEADER_LABELS, lists};
use crate::tree::{Finding, Tree};

const MACROS: [&str; 3] = ["asm", "global_asm", "naked_asm"];

/// A test may have instructions of its own (to fill registers with patterns); no other code may.
pub fn macros_include_files(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in tree.sources(&["src/", "benches/", "examples/"]) {
        for (index, token) in source.tokens.iter().enumerate() {
            if MACROS.contains(&token.text) && source.word(index + 1) == "!" {
                check_macro(&source, index, &mut findings);
            }
        }
    }
    findings
}

fn check_macro(source: &Source, index: usize, findings: &mut Vec<Finding>) {
    let at = source.tokens[index].at;
    let name = source.word(index);
    if !lists(ASM_FILES, source.path) {
        let message = format!("this file is not on the list of those that may use `{name}!`");
        findings.push(source.finding(at, message));
    }
    let arguments = arguments(source, index + 2);
    let is_included = |first: &usize| source.reads(*first, &["include_str", "!"]);
    if !arguments.first().is_some_and(is_included) {
        findings.push(source.finding(
            at,
            format!("`{name}!` does not begin with an `include_str!` of a file in asm/"),
        ));
    }
    // Operands and options never begin with a literal, so an argument that does is a template.
    for argument in arguments {
        let token = source.tokens[argument];
        if token.kind == Kind::Literal {
            findings.push(source.finding(token.at, "instructions belong into a file in asm/"));
        }
    }
}

/// The first token of each argument of the macro whose bracket opens here.
fn arguments(source: &Source, open: usize) -> Vec<usize> {
    let end = source.closing(open);
    let mut firsts = Vec::new();
    let mut index = open + 1;
    let mut is_first = true;
    while index < end {
        if is_first {
            firsts.push(index);
        }
        is_first = source.word(index) == ",";
        let opens = matches!(source.word(index), "(" | "[" | "{");
        index = if opens {
            source.closing(index) + 1
        } else {
            index + 1
        };
    }
    firsts
}

pub fn headers_are_complete(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.files(&["asm/"], ".s") {
        let header: Vec<&str> = text.lines().map_while(comment_text).collect();
        let folder = folder_of(path);
        match ASSEMBLY
            .iter()
            .find(|group| group.folders.contains(&folder))
        {
            None => findings.push(Finding::new(
                path,
                1,
                format!("asm/{folder} is in no group of the table"),
            )),
            Some(_) if header.is_empty() => {
                findings.push(Finding::new(
                    path,
                    1,
                    "does not begin with a comment that says what it is for",
                ));
            }
            Some(group) if group.needs_header => check_header(path, &header, &mut findings),
            Some(_) => {}
        }
    }
    findings
}

/// Checks that each label begins a line of the header, in the table's order, and is followed by
/// words.
fn check_header(path: &str, header: &[&str], findings: &mut Vec<Finding>) {
    let mut from = 0;
    for label in HEADER_LABELS {
        let Some(offset) = header[from..]
            .iter()
            .position(|line| line.starts_with(label))
        else {
            let message =
                format!("the header has no line that begins with `{label}`, or not in its place");
            findings.push(Finding::new(path, 1, message));
            continue;
        };
        let line = from + offset;
        let next = header.get(line + 1).copied().unwrap_or_default();
        let is_label = |text: &str| HEADER_LABELS.iter().any(|label| text.starts_with(label));
        if header[line] == *label && (next.is_empty() || is_label(next)) {
            findings.push(Finding::new(
                path,
                line + 1,
                format!("nothing follows `{label}`"),
            ));
        }
        from = line + 1;
    }
}

/// The text of a line that is a comment.
fn comment_text(line: &str) -> Option<&str> {
    line.trim().strip_prefix("//").map(str::trim)
}

pub fn folders_match(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for group in ASSEMBLY {
        let all: BTreeSet<&str> = group
            .folders
            .iter()
            .flat_map(|folder| names_in(tree, folder))
            .collect();
        for folder in group.folders {
            let here = names_in(tree, folder);
            for name in all.iter().filter(|name| !here.contains(*name)) {
                let path = format!("asm/{folder}/{name}");
                findings.push(Finding::new(
                    &path,
                    1,
                    format!("is missing beside {}", group.folders.join(" and ")),
                ));
            }
        }
    }
    findings
}

fn names_in<'tree>(tree: &'tree Tree, folder: &str) -> BTreeSet<&'tree str> {
    let files = tree.files(&["asm/"], ".s").map(|(path, _)| path);
    files
        .filter(|path| folder_of(path) == folder)
        .filter_map(|path| path.rsplit('/').next())
        .collect()
}

/// The folder below `asm` that has the file.
fn folder_of(path: &str) -> &str {
    path.split('/').nth(1).unwrap_or_default()
}
