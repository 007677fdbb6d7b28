//! The rules of the tree, as tests over its text: rules that clippy and rustfmt can't check.
//!
//! A rule is a pure function from a [`Tree`] (a map of path to text) to a list of findings, and
//! does not read the disk. Here each rule is checked on the tree on the disk; in `broken.rs` each
//! is shown to fail on a small tree that breaks it. `tables.rs` lists what the rules permit by
//! name: edit it when a module is added.

#[path = "../support/hang_guard.rs"]
mod hang_guard;

mod assembly;
mod asyncio;
mod broken;
mod circles;
mod floors;
mod guards;
mod map;
mod shape;
mod source;
mod tables;
mod tree;
mod unsafety;

use tree::{Finding, Tree};

type Rule = fn(&Tree) -> Vec<Finding>;

/// Panics with all findings of the rule in the tree on the disk.
#[track_caller]
fn holds(rule: Rule) {
    let findings = rule(&Tree::read());
    let lines: Vec<String> = findings.iter().map(Finding::to_string).collect();
    assert!(
        lines.is_empty(),
        "{} found:\n{}",
        lines.len(),
        lines.join("\n")
    );
}

/// Every rule holds on an empty tree, so this checks that the tree was read.
#[test]
fn the_tree_was_read() {
    let tree = Tree::read();
    for path in [
        "Cargo.toml",
        "src/lib.rs",
        "asm/x86_64/resume.s",
        "src/docs/asyncio.md",
        "tests/tidy/asyncio-3.14.txt",
        "tests/tidy/main.rs",
    ] {
        assert!(tree.get(path).is_some(), "{path} was not read");
    }
}

#[test]
fn a_module_names_only_lower_floors() {
    holds(floors::names_only_lower_floors);
}

#[test]
fn only_listed_files_import_each_other() {
    holds(circles::only_listed_files_form_circles);
}

#[test]
fn the_map_in_architecture_is_current() {
    holds(map::architecture_draws_the_rooms);
}

#[test]
fn unsafe_stays_in_the_listed_files() {
    holds(unsafety::stays_in_listed_files);
}

#[test]
fn the_list_of_unsafe_files_is_current() {
    holds(unsafety::list_is_current);
}

#[test]
fn every_unsafe_block_and_impl_says_why_it_is_sound() {
    holds(unsafety::blocks_argue);
}

#[test]
fn every_unsafe_fn_and_trait_states_its_demands() {
    holds(unsafety::functions_demand);
}

#[test]
fn only_sys_names_libc() {
    holds(unsafety::libc_stays_in_sys);
}

#[test]
fn only_arch_includes_instructions_and_none_are_in_rust_files() {
    holds(assembly::macros_include_files);
}

#[test]
fn every_assembly_file_has_its_header() {
    holds(assembly::headers_are_complete);
}

#[test]
fn architectures_have_the_same_assembly_files() {
    holds(assembly::folders_match);
}

#[test]
fn files_are_short() {
    holds(shape::files_are_short);
}

#[test]
fn every_source_file_begins_with_its_purpose() {
    holds(shape::files_begin_with_purpose);
}

#[test]
fn test_names_have_at_most_60_characters() {
    holds(shape::function_names_are_short);
}

#[test]
fn every_test_binary_includes_the_hang_guard() {
    holds(guards::binaries_are_guarded);
}

#[test]
fn no_test_is_ignored_and_no_code_is_missing() {
    holds(shape::nothing_is_left_out);
}

#[test]
fn tests_wait_on_events_and_never_sleep() {
    holds(shape::tests_do_not_sleep);
}

#[test]
fn every_dependency_has_its_reason() {
    holds(shape::dependencies_have_reasons);
}

#[test]
fn every_name_of_asyncio_has_an_entry() {
    holds(asyncio::every_name_has_an_entry);
}
