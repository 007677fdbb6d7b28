//! Long files, purposeless files, long names, ignored tests, sleeping tests, dependencies without a reason.

use super::expect_in;
use crate::shape;

#[test]
fn a_long_file_is_found() {
    let rule = shape::files_are_short;
    expect_in(rule, "src/sys/fd.rs", &"\n".repeat(400), &[]);
    expect_in(
        rule,
        "src/sys/fd.rs",
        &"\n".repeat(401),
        &["src/sys/fd.rs:401: has 401 lines"],
    );
    expect_in(
        rule,
        "examples/fringe.rs",
        &"\n".repeat(61),
        &["60 are the most here"],
    );
    expect_in(rule, "examples/quickstart.rs", &"\n".repeat(61), &[]);
}

#[test]
fn a_file_without_its_purpose_is_found() {
    let rule = shape::files_begin_with_purpose;
    expect_in(rule, "src/sys/fd.rs", "//! Descriptors.\n", &[]);
    for text in [
        "use std::fs;\n//! Descriptors.\n",
        "//!\n",
        "// Descriptors.\n",
        "",
    ] {
        expect_in(
            rule,
            "src/sys/fd.rs",
            text,
            &["src/sys/fd.rs:1: does not begin with"],
        );
    }
}

#[test]
fn a_long_test_name_is_found() {
    let rule = shape::function_names_are_short;
    let with_name = |n_chars: usize| format!("#[test]\nfn {}() {{}}\n", "a".repeat(n_chars));
    for path in ["tests/core/pool.rs", "src/util/list.rs"] {
        expect_in(rule, path, &with_name(60), &[]);
        expect_in(
            rule,
            path,
            &with_name(61),
            &[
                "rs:2: `aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa` has 61 characters",
            ],
        );
    }
    let long = "a".repeat(61);
    let harmless = format!("fn f() {{ let {long} = \"fn {long}\"; }} // fn {long}");
    expect_in(rule, "tests/core/pool.rs", &harmless, &[]);
}

#[test]
fn missing_code_and_ignored_tests_are_found() {
    let rule = shape::nothing_is_left_out;
    let path = "tests/core/main.rs";
    expect_in(
        rule,
        path,
        "#[test]\n#[ignore]\nfn f() {}",
        &["tests/core/main.rs:2: a test is ignored"],
    );
    expect_in(
        rule,
        path,
        "#[test]\n#[ignore = \"slow\"]\nfn f() {}",
        &["a test is ignored"],
    );
    expect_in(
        rule,
        path,
        "#[cfg_attr(miri, ignore)]\nfn f() {}",
        &["a test is ignored"],
    );
    expect_in(
        rule,
        "src/sys/fd.rs",
        "/// ```rust,ignore\n/// f();\n/// ```",
        &["a doc test is ignored"],
    );
    expect_in(
        rule,
        "src/sys/fd.rs",
        "fn f() { todo!() }",
        &["`todo!` stands for missing code"],
    );
    expect_in(
        rule,
        "src/sys/fd.rs",
        "fn f() {\nunimplemented!()\n}",
        &["fd.rs:2: `unimplemented!`"],
    );
    expect_in(
        rule,
        path,
        "#[test]\nfn f() { let ignore = \"todo!()\"; } // todo!",
        &[],
    );
}

#[test]
fn a_sleeping_test_is_found() {
    let rule = shape::tests_do_not_sleep;
    for text in [
        "fn f() { std::thread::sleep(d) }",
        "use std::thread::{self, sleep};",
        "use std::{thread::{sleep as nap}, time::Duration};",
        "fn f() { unsafe { libc::usleep(5) } }",
    ] {
        expect_in(
            rule,
            "tests/core/pool.rs",
            text,
            &["tests/core/pool.rs:1: the thread sleeps"],
        );
    }
    expect_in(
        rule,
        "tests/core/pool.rs",
        "use std::thread;\nfn f() { thread::spawn(sleep) } // thread::sleep",
        &[],
    );
}

#[test]
fn a_dependency_without_its_reason_is_found() {
    let rule = shape::dependencies_have_reasons;
    let good = "[package]\nname = \"a\"\n\n[dependencies]\n# Calls.\nlibc = \"0.2\"\n\n[dev-dependencies]\n\
                # Plots.\ncriterion = { version = \"0.8\", features = [\n    \"html_reports\",\n] }\n";
    expect_in(rule, "Cargo.toml", good, &[]);
    expect_in(
        rule,
        "Cargo.toml",
        &good.replace("# Calls.\n", ""),
        &["Cargo.toml:5: the dependency has no comment"],
    );
    expect_in(
        rule,
        "Cargo.toml",
        &good.replace("# Plots.", "#"),
        &["Cargo.toml:10:"],
    );
    let table = "[target.'cfg(unix)'.dependencies.libc]\nversion = \"0.2\"\n";
    expect_in(rule, "Cargo.toml", table, &["Cargo.toml:1:"]);
    expect_in(
        rule,
        "tests/abort/Cargo.toml",
        "[dependencies]\nselvedge = \"1\"",
        &["tests/abort/Cargo.toml:2:"],
    );
}
