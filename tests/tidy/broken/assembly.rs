//! Instructions in Rust files, incomplete headers, files missing for one architecture.

use super::{expect, expect_in};
use crate::assembly;
use crate::tables::HEADER_LABELS;

#[test]
fn instructions_in_a_rust_file_are_found() {
    let rule = assembly::macros_include_files;
    let included =
        "asm!(include_str!(\"../../asm/x86_64/a.s\"), in(\"rdi\") f(x, \"y\"), options(nomem))";
    expect_in(rule, "src/arch/x86_64.rs", included, &[]);
    expect_in(
        rule,
        "src/sys/fd.rs",
        included,
        &["src/sys/fd.rs:1: this file is not on the list"],
    );
    let expected = [
        "`global_asm!` does not begin with",
        "instructions belong into a file",
    ];
    expect_in(
        rule,
        "src/arch/x86_64.rs",
        "global_asm!(\"nop\");",
        &expected,
    );
    let expected = ["src/arch/x86_64.rs:2: instructions belong into a file"];
    expect_in(
        rule,
        "src/arch/x86_64.rs",
        "asm!(include_str!(\"a.s\"),\n r#\"nop\"#, in(\"rdi\") x)",
        &expected,
    );
}

/// A header with text behind each label.
fn header() -> String {
    HEADER_LABELS
        .iter()
        .map(|label| format!("// {label} something\n"))
        .collect()
}

#[test]
fn an_incomplete_assembly_header_is_found() {
    let rule = assembly::headers_are_complete;
    let path = "asm/x86_64/resume.s";
    expect_in(rule, path, &format!("{}    ret\n", header()), &[]);
    for label in HEADER_LABELS {
        let without = header().replace(label, "");
        expect_in(
            rule,
            path,
            &without,
            &[&format!(
                "{path}:1: the header has no line that begins with `{label}`"
            )],
        );
    }
    let empty = header().replace("Frame: something", "Frame:");
    expect_in(
        rule,
        path,
        &empty,
        &["asm/x86_64/resume.s:4: nothing follows `Frame:`"],
    );
    let late = format!("    ret\n{}", header());
    expect_in(rule, path, &late, &["does not begin with a comment"]);
    let swapped = header()
        .replace("Entry:", "x")
        .replace("Exit:", "Entry:")
        .replace("x ", "Exit: ");
    expect_in(
        rule,
        path,
        &swapped,
        &["begins with `Exit:`, or not in its place"],
    );
    expect_in(
        rule,
        "asm/elf/begin.s",
        "    .text\n",
        &["does not begin with a comment"],
    );
    expect_in(
        rule,
        "asm/elf/begin.s",
        "// Begins a function.\n    .text\n",
        &[],
    );
    expect_in(
        rule,
        "asm/vax/resume.s",
        &header(),
        &["asm/vax is in no group"],
    );
}

#[test]
fn an_assembly_file_of_one_architecture_only_is_found() {
    let rule = assembly::folders_match;
    let both = [("asm/x86_64/resume.s", ""), ("asm/aarch64/resume.s", "")];
    expect(rule, &both, &[]);
    expect(
        rule,
        &both[1..],
        &["asm/x86_64/resume.s:1: is missing beside"],
    );
    expect_in(
        rule,
        "asm/elf/end.s",
        "",
        &["asm/macho/end.s:1: is missing beside elf and macho"],
    );
}
