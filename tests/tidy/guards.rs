//! Every test binary includes the hang guard, the unit tests' too: without it a lost wake-up stops the whole run.

use crate::tree::{Finding, Tree};

pub fn binaries_are_guarded(tree: &Tree) -> Vec<Finding> {
    let roots = tree.files(&["src/lib.rs", "tests/"], ".rs");
    roots
        .filter(|(path, _)| *path == "src/lib.rs" || is_root(tree, path))
        .filter(|(_, text)| !text.lines().any(|line| line == "mod hang_guard;"))
        .map(|(path, _)| Finding::new(path, 1, "the test binary does not include the hang guard"))
        .collect()
}

/// Whether cargo makes a test binary of this file. A folder with a manifest is a package of its own.
fn is_root(tree: &Tree, path: &str) -> bool {
    match path.split('/').collect::<Vec<_>>()[..] {
        ["tests", _] => true,
        ["tests", folder, "main.rs"] => tree.get(&format!("tests/{folder}/Cargo.toml")).is_none(),
        _ => false,
    }
}
