//! The page about asyncio's names: entries that are missing, doubled, foreign or empty.

use super::expect;
use crate::asyncio::every_name_has_an_entry as rule;

const NAMES: &str = "tests/tidy/asyncio-3.14.txt";
const PAGE: &str = "src/docs/asyncio.md";

/// The rule's findings for a list of names and a page.
#[track_caller]
fn expect_of(names: &str, page: &str, expected: &[&str]) {
    expect(rule, &[(NAMES, names), (PAGE, page)], expected);
}

#[test]
fn a_name_without_an_entry_is_found() {
    let entry = "| `asyncio.run` | [`run`](crate::run). |";
    expect_of("# names\nasyncio.run\n", entry, &[]);
    expect_of(
        "asyncio.run\nloop.stop\n",
        entry,
        &["loop.stop has no entry"],
    );
    expect_of(
        "loop.stop",
        "",
        &["asyncio-3.14.txt:1: loop.stop has no entry"],
    );
}

#[test]
fn an_entry_without_a_name_is_found() {
    let page = "| asyncio | here |\n|---|---|\n| `asyncio.run` | [`run`](crate::run). |";
    expect_of(
        "",
        page,
        &["asyncio.md:3: asyncio.run is none of the names"],
    );
    let twice = format!("{page}\n| `asyncio.run` | [`run`](crate::run). |");
    expect_of(
        "asyncio.run",
        &twice,
        &["asyncio.md:4: asyncio.run has two entries"],
    );
}

#[test]
fn an_empty_entry_is_found() {
    for (text, problem) in [
        ("yes.", "without a link"),
        ("[`run`](crate::run)", "does not end as a sentence"),
        (
            "not yet: sorry about that.",
            "does not say what to do instead",
        ),
    ] {
        let page = format!("| `asyncio.run` | {text} |");
        expect_of("asyncio.run", &page, &[problem]);
    }
    let page = "| `asyncio.run` | not yet: there is none; make a loop and run it yourself. |";
    expect_of("asyncio.run", page, &[]);
}
