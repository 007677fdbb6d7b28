//! The page about asyncio's names: each name has an entry with its counterpart here, and each entry is one of the
//! names. rustdoc checks the links.

use std::collections::BTreeMap;

use crate::tree::{Finding, Tree};

const NAMES: &str = "tests/tidy/asyncio-3.14.txt";
const PAGE: &str = "src/docs/asyncio.md";

/// The beginning of an entry for a name without a counterpart.
const NOT_YET: &str = "not yet: ";

pub fn every_name_has_an_entry(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let Some((names, page)) = tree.get(NAMES).zip(tree.get(PAGE)) else {
        return findings;
    };
    let mut entries: BTreeMap<&str, (usize, &str)> = BTreeMap::new();
    for (line, name, text) in page.lines().enumerate().filter_map(entry) {
        if entries.insert(name, (line, text)).is_some() {
            findings.push(Finding::new(PAGE, line, format!("{name} has two entries")));
        }
        if let Some(problem) = problem(text) {
            findings.push(Finding::new(PAGE, line, format!("{name} {problem}")));
        }
    }
    let is_name = |line: &(usize, &str)| !line.1.is_empty() && !line.1.starts_with('#');
    for (index, name) in names.lines().enumerate().filter(is_name) {
        if entries.remove(name).is_none() {
            let message = format!("{name} has no entry in {PAGE}");
            findings.push(Finding::new(NAMES, index + 1, message));
        }
    }
    for (name, (line, _)) in entries {
        let message = format!("{name} is none of the names in {NAMES}");
        findings.push(Finding::new(PAGE, line, message));
    }
    findings
}

/// The name and the text of a table's row, with its line number.
fn entry((index, line): (usize, &str)) -> Option<(usize, &str, &str)> {
    let row = line.strip_prefix("| `")?.strip_suffix(" |")?;
    let (name, text) = row.split_once("` | ")?;
    Some((index + 1, name, text))
}

/// The error in the text of an entry.
fn problem(text: &str) -> Option<&'static str> {
    let links_to_ours = text.contains("](crate::");
    let n_words = text.split_whitespace().count();
    match text.strip_prefix(NOT_YET) {
        _ if !text.ends_with('.') => Some("has an entry that does not end as a sentence does"),
        Some(_) if n_words < 8 => Some("has an entry that does not say what to do instead"),
        None if !links_to_ours && n_words < 5 => Some("has an entry without a link or a sentence"),
        _ => None,
    }
}
