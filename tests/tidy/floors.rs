//! The rule of the floors: a file names only rooms of lower floors, or files of its own room.

use crate::source::Source;
use crate::tables::FLOORS;
use crate::tree::{Finding, Tree};

/// `lib.rs` stands above every floor and may name everything.
const ROOT: &str = "src/lib.rs";

pub fn names_only_lower_floors(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in tree.sources(&["src/"]) {
        if source.path == ROOT {
            continue;
        }
        let module = module_of(source.path);
        match room_of(&module) {
            Some(room) => check_paths(&source, &module, room, &mut findings),
            None => findings.push(Finding::new(
                source.path,
                1,
                format!(
                    "the module {} has no entry in the table of floors",
                    module.join("::")
                ),
            )),
        }
    }
    findings
}

fn check_paths(
    source: &Source,
    module: &[&str],
    (room, floor): (&str, u32),
    findings: &mut Vec<Finding>,
) {
    let depths = inline_module_depths(source);
    for (index, path) in source.paths() {
        let Some(target) = resolve(module, depths[index], &path) else {
            continue;
        };
        let name = target.join("::");
        let message = match room_of(&target) {
            None => format!(
                "{name} is not below a module in the table of floors: name it by its module"
            ),
            Some((target_room, _)) if target_room == room => continue,
            Some((_, target_floor)) if target_floor > floor => {
                format!("{name} is on floor {target_floor}, above this file's floor {floor}")
            }
            Some((_, target_floor)) if target_floor == floor => {
                format!("{name} is in another room of the same floor {floor}")
            }
            Some(_) => continue,
        };
        findings.push(source.finding(source.tokens[index].at, message));
    }
}

/// The module of a file: `src/stack/pool.rs` and `src/stack/pool/mod.rs` are both `stack pool`.
pub fn module_of(path: &str) -> Vec<&str> {
    let path = path.strip_prefix("src/").unwrap_or(path);
    let path = path.strip_suffix(".rs").unwrap_or(path);
    path.strip_suffix("/mod")
        .unwrap_or(path)
        .split('/')
        .collect()
}

/// The room of a path, which is the longest entry that the path begins with, and the room's floor.
fn room_of(path: &[&str]) -> Option<(&'static str, u32)> {
    let len = |entry: &str| {
        let words: Vec<&str> = entry.split("::").collect();
        path.starts_with(&words).then_some(words.len())
    };
    FLOORS
        .iter()
        .copied()
        .filter_map(|(entry, floor)| Some((len(entry)?, (entry, floor))))
        .max()
        .map(|(_, room)| room)
}

/// What a path names, counted from the crate's root; nothing for a path that stays in its own file
/// or leaves the crate. `inline_depth` is the number of `mod name { }` around it.
pub fn resolve<'text>(
    module: &[&'text str],
    inline_depth: usize,
    path: &[&'text str],
) -> Option<Vec<&'text str>> {
    let path = path.strip_prefix(&["self"]).unwrap_or(path);
    if path.len() < 2 {
        return None;
    }
    if path[0] == "crate" {
        return Some(path[1..].to_vec());
    }
    let n_supers = path.iter().take_while(|word| **word == "super").count();
    let n_up = n_supers
        .checked_sub(inline_depth)
        .filter(|n_up| *n_up > 0)?;
    let kept = module.len().checked_sub(n_up)?;
    Some([&module[..kept], &path[n_supers..]].concat())
}

/// For each token, how many inline modules stand around it.
pub fn inline_module_depths(source: &Source) -> Vec<usize> {
    let mut depths = vec![0; source.tokens.len()];
    for index in 0..source.tokens.len() {
        if source.word(index) == "mod" && source.word(index + 2) == "{" {
            for depth in &mut depths[index + 2..=source.closing(index + 2)] {
                *depth += 1;
            }
        }
    }
    depths
}
