//! Compares each row of the documentation's tables of interruptions with the observed state.

use crate::probe::Row;
use crate::{crate_probes, our_probes, page, read_probes, write_probes};

/// Rows about what a feature brings, which are tested in `tests/http`.
const OF_FEATURES: &[&str] = &["`rustls`", "`http::"];

fn assert_is_the_table(heading: &str, tested: &[Row]) {
    page::assert_says(heading, tested, |operation| {
        !OF_FEATURES.iter().any(|name| operation.starts_with(name))
    });
}

#[test]
fn the_table_of_readers_says_what_interruptions_leave() {
    assert_is_the_table("# Readers of std, interrupted", &read_probes::rows());
}

#[test]
fn the_table_of_writers_says_what_interruptions_leave() {
    assert_is_the_table("# Writers of std, interrupted", &write_probes::rows());
}

#[test]
fn the_table_of_crates_says_what_interruptions_leave() {
    assert_is_the_table("# Other crates, interrupted", &crate_probes::rows());
}

#[test]
fn the_table_of_ours_says_what_interruptions_leave() {
    assert_is_the_table("# Types of this crate, interrupted", &our_probes::rows());
}
