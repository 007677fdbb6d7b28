//! Reads the tables of the documentation.

use crate::probe::Row;

/// The page on cancellation.
pub const CANCELLATION: &str = include_str!("../../src/docs/cancellation.md");

/// The rows of the table below a heading.
fn rows<'a>(page: &'a str, heading: &str) -> impl Iterator<Item = Vec<&'a str>> {
    let lines = page.lines().skip_while(move |line| *line != heading);
    let lines = lines.skip_while(|line| !line.starts_with('|'));
    // Below the names of the columns and a line.
    let lines = lines.take_while(|line| line.starts_with('|')).skip(2);
    lines.map(|line| line.trim_matches('|').split(" | ").map(str::trim).collect())
}

/// The first two cells of each row.
pub fn first_two_cells<'a>(page: &'a str, heading: &str) -> Vec<(&'a str, &'a str)> {
    rows(page, heading)
        .map(|cells| (cells[0], cells[1]))
        .collect()
}

/// The first cell of each row.
#[allow(dead_code)]
pub fn first_cells<'a>(page: &'a str, heading: &str) -> Vec<&'a str> {
    rows(page, heading).map(|cells| cells[0]).collect()
}

/// Asserts that the page on cancellation says what the tests have shown. `is_tested` says of an operation whether these tests
/// are about it.
pub fn assert_says(heading: &str, tested: &[Row], is_tested: impl Fn(&str) -> bool) {
    let tested: Vec<_> = tested
        .iter()
        .map(|row| (row.operation, row.state.words()))
        .collect();
    let written: Vec<_> = first_two_cells(CANCELLATION, heading)
        .into_iter()
        .filter(|(operation, _)| is_tested(operation))
        .collect();
    let missing = tested.iter().filter(|row| !written.contains(row));
    let untested = written.iter().filter(|row| !tested.contains(row));
    let line = |(operation, state): &(&str, &str)| format!("\n| {operation} | {state} |");
    let (missing, untested): (String, String) =
        (missing.map(line).collect(), untested.map(line).collect());
    assert!(
        missing.is_empty() && untested.is_empty(),
        "{heading}\nThe tests show, and the page does not say: {missing}\n\n\
         The page says, and no test shows: {untested}"
    );
}
