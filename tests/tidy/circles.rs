//! The rule of the circles: files that import each other, directly or by way of others, are listed with a reason.
//!
//! In a `mod.rs` a re-export (`pub use`) is a listing, not an import. A name that it re-exports counts as imported from
//! the file that defines the name.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use crate::floors::{inline_module_depths, module_of, resolve};
use crate::source::Source;
use crate::tables::CIRCLES;
use crate::tree::{Finding, Tree};

/// The files that each file imports, by path.
type Imports<'tree> = BTreeMap<&'tree str, BTreeSet<&'tree str>>;

pub fn only_listed_files_form_circles(tree: &Tree) -> Vec<Finding> {
    let found = circles(&imports(tree));
    let listed: BTreeSet<Vec<&str>> = CIRCLES
        .iter()
        .map(|(files, _)| files.to_vec())
        .filter(|files| files.iter().any(|file| tree.get(file).is_some()))
        .collect();
    let new = found.difference(&listed).map(|files| {
        Finding::new(
            files[0],
            1,
            format!("imports itself by way of others: {}", files.join(", ")),
        )
    });
    let stale = listed.difference(&found).map(|files| {
        Finding::new(
            files[0],
            1,
            format!("is no circle as listed: {}", files.join(", ")),
        )
    });
    new.chain(stale).collect()
}

fn imports(tree: &Tree) -> Imports<'_> {
    let modules = Modules::of(tree);
    let mut imports = Imports::new();
    for source in tree.sources(&["src/"]) {
        let own = imports.entry(source.path).or_default();
        let listings = listings(&source);
        for (index, target) in targets(&source) {
            let is_listing = listings.iter().any(|listing| listing.contains(&index));
            if !is_listing
                && let Some(file) = modules.file_of(&target)
                && file != source.path
            {
                own.insert(file);
            }
        }
    }
    imports
}

/// What the paths of a file may name, from the crate's root, each with the index of the path's first token. A path
/// without `crate`, `self` or `super` may begin with a module below the file's own.
fn targets<'tree>(source: &Source<'tree>) -> Vec<(usize, Vec<&'tree str>)> {
    let module = module_of(source.path);
    let depths = inline_module_depths(source);
    let target = |(index, path): (usize, Vec<&'tree str>)| {
        // The path of a visibility, `pub(in path)`, imports nothing.
        if index > 0 && source.word(index - 1) == "in" {
            return None;
        }
        let below = || (path.len() > 1).then(|| [&module[..], &path].concat());
        let target = resolve(&module, depths[index], &path).or_else(below)?;
        Some((index, target))
    };
    source.paths().into_iter().filter_map(target).collect()
}

/// The tokens of each re-export of a file that lists the files below it; elsewhere a re-export is an import.
fn listings(source: &Source) -> Vec<Range<usize>> {
    if !source.path.ends_with("/mod.rs") {
        return Vec::new();
    }
    let is_public_use = |index: &usize| {
        let before = index
            .checked_sub(1)
            .map_or("", |before| source.word(before));
        source.word(*index) == "use" && matches!(before, "pub" | ")")
    };
    let end = |start: usize| {
        (start..source.tokens.len())
            .find(|index| source.word(*index) == ";")
            .unwrap_or(source.tokens.len())
    };
    (0..source.tokens.len())
        .filter(is_public_use)
        .map(|start| start..end(start))
        .collect()
}

/// Which file holds a module, and what its re-exports name.
struct Modules<'tree> {
    files: BTreeMap<Vec<&'tree str>, &'tree str>,
    exports: BTreeMap<Vec<&'tree str>, Vec<&'tree str>>,
}

impl<'tree> Modules<'tree> {
    fn of(tree: &'tree Tree) -> Self {
        let mut files = BTreeMap::new();
        let mut exports = BTreeMap::new();
        for source in tree.sources(&["src/"]) {
            let module = module_of(source.path);
            let listings = listings(&source);
            for (index, target) in targets(&source) {
                let is_listing = listings.iter().any(|listing| listing.contains(&index));
                if is_listing && let Some(name) = target.last().copied() {
                    let export = [&module[..], &[name]].concat();
                    exports.entry(export).or_insert(target);
                }
            }
            files.insert(module, source.path);
        }
        files.remove(&vec!["lib"]);
        Self { files, exports }
    }

    /// The file that defines what a path from the crate's root names.
    fn file_of(&self, target: &[&'tree str]) -> Option<&'tree str> {
        /// A chain of re-exports is no longer than this.
        const MAX_EXPORTS: usize = 8;
        let mut target = target.to_vec();
        for _ in 0..MAX_EXPORTS {
            let len = (1..=target.len())
                .rev()
                .find(|len| self.files.contains_key(&target[..*len]))?;
            let Some(export) = target.get(..=len).and_then(|name| self.exports.get(name)) else {
                return self.files.get(&target[..len]).copied();
            };
            target = [export, &target[len + 1..]].concat();
        }
        None
    }
}

/// The largest sets of files each of which imports every other one, directly or by way of others.
fn circles<'tree>(imports: &Imports<'tree>) -> BTreeSet<Vec<&'tree str>> {
    let reached: BTreeMap<&str, BTreeSet<&str>> = imports
        .keys()
        .map(|file| (*file, reached_from(file, imports)))
        .collect();
    let circle_of = |file: &&'tree str| {
        let is_mutual = |other: &&str| reached.get(*other).is_some_and(|back| back.contains(file));
        let circle: Vec<&str> = reached[*file]
            .iter()
            .copied()
            .filter(|other| is_mutual(other))
            .collect();
        (circle.len() > 1).then_some(circle)
    };
    imports.keys().filter_map(circle_of).collect()
}

/// The files that a file imports, directly or by way of others; the file itself only if it is in a circle.
fn reached_from<'tree>(file: &str, imports: &Imports<'tree>) -> BTreeSet<&'tree str> {
    let mut reached = BTreeSet::new();
    let mut open = vec![file];
    while let Some(file) = open.pop() {
        for next in imports.get(file).into_iter().flatten() {
            if reached.insert(*next) {
                open.push(next);
            }
        }
    }
    reached
}
