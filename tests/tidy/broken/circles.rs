//! The circles: two files, three by way of a re-export, a list that is out of date.

use super::expect;
use crate::circles;
use crate::tables::CIRCLES;

const RULE: crate::Rule = circles::only_listed_files_form_circles;

#[test]
fn two_files_that_import_each_other_are_found() {
    let texts = [
        ("src/net/a.rs", "use super::b::B;"),
        ("src/net/b.rs", "use crate::net::a::A;"),
    ];
    let expected = ["imports itself by way of others: src/net/a.rs, src/net/b.rs"];
    expect(RULE, &texts, &expected);
    expect(RULE, &texts[..1], &[]);
}

#[test]
fn a_circle_by_way_of_a_re_export_is_found() {
    let texts = [
        ("src/net/mod.rs", "mod a;\nmod b;\npub use a::A;"),
        ("src/net/a.rs", "fn f() { super::b::g() }"),
        ("src/net/b.rs", "use crate::net::A;"),
    ];
    expect(RULE, &texts, &["src/net/a.rs, src/net/b.rs"]);
    // The listing alone is no import.
    expect(RULE, &[texts[0], texts[2]], &[]);
}

#[test]
fn an_import_by_a_parent_that_is_no_listing_counts() {
    let texts = [
        ("src/net/mod.rs", "mod a;\nuse a::A;\npub struct Parent;"),
        ("src/net/a.rs", "use super::Parent;"),
    ];
    expect(RULE, &texts, &["src/net/a.rs, src/net/mod.rs"]);
}

#[test]
fn a_listed_circle_that_is_none_is_found() {
    let (files, _) = CIRCLES[0];
    expect(RULE, &[(files[0], "")], &["is no circle as listed"]);
}
