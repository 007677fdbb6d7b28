//! The map: no file, a room that is missing, one that is gone, one on another floor.

use super::expect;
use crate::map;
use crate::tables::FLOORS;

const RULE: crate::Rule = map::architecture_draws_the_rooms;
const PATH: &str = "ARCHITECTURE.md";

/// A map of these rooms.
fn draw(rooms: &[(&str, u32)]) -> String {
    let lines: Vec<String> = rooms
        .iter()
        .map(|(room, floor)| format!("{floor:>3} {room}  what it is\n"))
        .collect();
    format!("# A\n\n## The rooms\n\n```text\n{}```\n", lines.concat())
}

#[test]
fn a_missing_map_is_found() {
    expect(RULE, &[], &["the file with the map is missing"]);
}

#[test]
fn a_map_that_is_out_of_date_is_found() {
    let mut rooms = FLOORS.to_vec();
    expect(RULE, &[(PATH, &draw(&rooms))], &[]);
    let (room, floor) = rooms.pop().expect("there are rooms");
    let missing = format!("{room} on floor {floor} is not on the map");
    expect(RULE, &[(PATH, &draw(&rooms))], &[&missing]);
    rooms.push((room, floor + 40));
    let moved = format!(
        "{room} on floor {} is not in the table of floors",
        floor + 40
    );
    expect(RULE, &[(PATH, &draw(&rooms))], &[&missing, &moved]);
    rooms.pop();
    rooms.extend([(room, floor), ("gizmo", 3)]);
    expect(
        RULE,
        &[(PATH, &draw(&rooms))],
        &["gizmo on floor 3 is not in the table of floors"],
    );
}
