//! A test binary without the hang guard.

use super::{expect, expect_in};
use crate::guards;

#[test]
fn a_test_binary_without_the_hang_guard_is_found() {
    let rule = guards::binaries_are_guarded;
    for root in ["src/lib.rs", "tests/loom.rs", "tests/loom/main.rs"] {
        let guard = "#[path = \"../support/hang_guard.rs\"]\nmod hang_guard;\n";
        expect_in(rule, root, guard, &[]);
        for text in ["mod heddle;\n", "// mod hang_guard;\n", ""] {
            expect_in(rule, root, text, &[&format!("{root}:1: the test binary")]);
        }
    }
    expect_in(rule, "tests/loom/heddle.rs", "", &[]);
    expect_in(rule, "src/heddle.rs", "", &[]);
    let package = [("tests/loom/Cargo.toml", ""), ("tests/loom/main.rs", "")];
    expect(rule, &package, &[]);
}
