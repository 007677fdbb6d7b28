//! The floors: upwards, sideways, nowhere.

use super::expect_in;
use crate::floors;
use crate::tree::Tree;

#[test]
fn a_higher_floor_is_found_however_it_is_named() {
    let rule = floors::names_only_lower_floors;
    for text in [
        "use crate::coroutine::Yielder;",
        "use crate::{sys::memory, coroutine::{self, Yielder as Y}};",
        "fn f() { let x: Vec<crate::coroutine::Status> = g(); }",
        "use super::super::coroutine::Status;",
        "mod tests { use super::super::super::coroutine::Status; }",
    ] {
        let findings = rule(&Tree::of(&[("src/stack/pool.rs", text)]));
        let first = findings.first().expect(text).to_string();
        assert!(
            first.starts_with("src/stack/pool.rs:1: coroutine"),
            "{text}\n{first}"
        );
        assert!(
            first.ends_with("is on floor 3, above this file's floor 1"),
            "{text}\n{first}"
        );
    }
    for text in [
        "use crate::sys::memory;\nuse crate::stack::slab;\nuse super::slab::Slab;",
        "mod tests { use super::super::slab::Slab; use super::*; }",
        "//! Used by [`crate::coroutine`].\nconst S: &str = \"crate::coroutine::Status\";",
        "pub(crate) fn f() { self::g(); std::mem::drop(()) }",
    ] {
        expect_in(rule, "src/stack/pool.rs", text, &[]);
    }
    expect_in(rule, "src/lib.rs", "pub use crate::coroutine::Status;", &[]);
}

#[test]
fn a_neighbour_on_the_same_floor_is_found() {
    let rule = floors::names_only_lower_floors;
    let expected = ["src/sys/fd.rs:2: util::ring::Ring is in another room of the same floor 0"];
    expect_in(
        rule,
        "src/sys/fd.rs",
        "use crate::sys::memory;\nuse crate::util::ring::Ring;",
        &expected,
    );
}

#[test]
fn a_module_without_a_floor_is_found() {
    let rule = floors::names_only_lower_floors;
    let expected = ["src/gizmo/wheel.rs:1: the module gizmo::wheel has no entry"];
    expect_in(rule, "src/gizmo/wheel.rs", "", &expected);
    let expected = ["Status is not below a module in the table of floors"];
    expect_in(
        rule,
        "src/coroutine/scope.rs",
        "use crate::Status;",
        &expected,
    );
    expect_in(
        rule,
        "src/coroutine/mod.rs",
        "use super::Status;",
        &expected,
    );
}
