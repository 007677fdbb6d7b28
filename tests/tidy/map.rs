//! The rule of the map: ARCHITECTURE.md draws the rooms as the table of floors has them.

use std::collections::BTreeSet;

use crate::tables::FLOORS;
use crate::tree::{Finding, Tree};

const MAP: &str = "ARCHITECTURE.md";
const HEADING: &str = "## The rooms";

pub fn architecture_draws_the_rooms(tree: &Tree) -> Vec<Finding> {
    let Some(text) = tree.get(MAP) else {
        return vec![Finding::new(MAP, 1, "the file with the map is missing")];
    };
    let drawn = drawn_rooms(text);
    let listed: BTreeSet<(String, u32)> = FLOORS
        .iter()
        .map(|(room, floor)| ((*room).to_owned(), *floor))
        .collect();
    let finding = |(room, floor): &(String, u32), message: &str| {
        Finding::new(MAP, 1, format!("{room} on floor {floor} {message}"))
    };
    let missing = listed
        .difference(&drawn)
        .map(|room| finding(room, "is not on the map"));
    let stale = drawn
        .difference(&listed)
        .map(|room| finding(room, "is not in the table of floors"));
    missing.chain(stale).collect()
}

/// The rooms of the text block below the heading. A line is a floor, and what stands on it as `name: about; name: about`,
/// continued on lines without a number.
fn drawn_rooms(text: &str) -> BTreeSet<(String, u32)> {
    let below = text.split_once(HEADING).map_or("", |(_, below)| below);
    let block = below.split("```").nth(1).unwrap_or("");
    let mut floor = None;
    let mut rooms = BTreeSet::new();
    for line in block.lines().skip(1) {
        let mut words = line.split_whitespace().peekable();
        if let Some(number) = words.peek().and_then(|word| word.parse().ok()) {
            floor = Some(number);
            words.next();
        }
        if let (Some(room), Some(floor)) = (words.next(), floor) {
            rooms.insert((room.to_owned(), floor));
        }
    }
    rooms
}
