//! Each rule fails on a small tree that breaks it, and passes on the corrected tree.

mod assembly;
mod asyncio;
mod circles;
mod floors;
mod guards;
mod map;
mod shape;
mod unsafety;

use crate::Rule;
use crate::tree::{Finding, Tree};

/// Asserts that the findings, in order, contain these words; no words stand for no findings.
#[track_caller]
fn expect(rule: Rule, texts: &[(&str, &str)], expected: &[&str]) {
    let findings: Vec<String> = rule(&Tree::of(texts))
        .iter()
        .map(Finding::to_string)
        .collect();
    let pairs = findings.iter().zip(expected);
    let agree = findings.len() == expected.len()
        && pairs.clone().all(|(found, words)| found.contains(words));
    assert!(agree, "expected {expected:#?}\nfound {findings:#?}");
}

/// Asserts these findings for one file with that text.
#[track_caller]
fn expect_in(rule: Rule, path: &str, text: &str, expected: &[&str]) {
    expect(rule, &[(path, text)], expected);
}
