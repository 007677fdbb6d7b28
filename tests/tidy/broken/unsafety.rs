//! Unsafe code: unlisted, unexplained; and `libc` above `sys`.

use super::expect_in;
use crate::tables::UNSAFE_FILES;
use crate::tree::Tree;
use crate::unsafety;

#[test]
fn unsafe_in_an_unlisted_file_is_found() {
    let rule = unsafety::stays_in_listed_files;
    let text = "// unsafe\nfn f() { unsafe { g() } }";
    let expected = ["src/unlisted.rs:2: this file is not on the list"];
    expect_in(rule, "src/unlisted.rs", text, &expected);
    expect_in(
        rule,
        "examples/tokens.rs",
        "unsafe fn f() {}",
        &["examples/tokens.rs:1:"],
    );
    expect_in(rule, "src/sys/memory.rs", text, &[]);
    expect_in(
        rule,
        "src/unlisted.rs",
        "#![deny(unsafe_code)] // no unsafe here",
        &[],
    );
}

#[test]
fn an_entry_that_permits_nothing_is_found() {
    let rule = unsafety::list_is_current;
    let n_found = |texts: &[(&str, &str)]| rule(&Tree::of(texts)).len();
    assert_eq!(n_found(&[]), UNSAFE_FILES.len());
    let unsafe_code = "unsafe impl Send for A {}";
    assert_eq!(
        n_found(&[("src/sys/memory.rs", unsafe_code)]),
        UNSAFE_FILES.len() - 1
    );
}

#[test]
fn an_unsafe_block_without_its_reason_is_found() {
    let rule = unsafety::blocks_argue;
    let path = "src/sys/memory.rs";
    for (text, line, what) in [
        ("fn f() {\n    unsafe { g() }\n}", 2, "block"),
        (
            "// SAFETY: of another item.\nfn f() { unsafe { g() } }",
            2,
            "block",
        ),
        (
            "fn f() {\n    // SAFETY: of g.\n    unsafe { g() };\n    unsafe { h() };\n}",
            4,
            "block",
        ),
        (
            "match x {\n    // SAFETY: of g.\n    1 => unsafe { g() },\n    _ => unsafe { h() },\n}",
            4,
            "block",
        ),
        (
            "// SAFETY: of A.\nunsafe impl Send for A {}\nunsafe impl Send for B {}",
            3,
            "impl",
        ),
        ("#[unsafe(no_mangle)]\nfn f() {}", 1, "attribute"),
        ("unsafe extern \"C\" { fn f(); }", 1, "extern block"),
        (
            "fn f() { g(\"// SAFETY: in a string\", unsafe { h() }) }",
            1,
            "block",
        ),
    ] {
        expect_in(
            rule,
            path,
            text,
            &[&format!("{path}:{line}: the unsafe {what} has no")],
        );
    }
    for text in [
        "fn f() {\n    // SAFETY: of g.\n    unsafe { g() }\n}",
        "fn f() {\n    // SAFETY: of both.\n    let x: Pair<A, B> = (unsafe { g() }, unsafe { h() });\n}",
        "fn f() {\n    // SAFETY: of g.\n    let x = if a { b } else { c }.d(\n        unsafe { g() },\n    );\n}",
        "fn f() { unsafe { g() } } // SAFETY: of g.",
        "/// Docs.\n// SAFETY: of A.\n#[derive(Debug)]\nunsafe impl<'a, T> Send for A<'a, T> {}",
        "type Handler = unsafe extern \"C\" fn(i32);",
    ] {
        expect_in(rule, path, text, &[]);
    }
}

#[test]
fn an_unsafe_function_without_its_demands_is_found() {
    let rule = unsafety::functions_demand;
    let path = "src/arch/mod.rs";
    let documented = "/// Switches.\n///\n/// # Safety\n/// The context is live.\n";
    for item in [
        "pub unsafe fn f() {}",
        "unsafe extern \"C\" fn f() {}",
        "unsafe trait T {}",
    ] {
        expect_in(rule, path, item, &["src/arch/mod.rs:1: the unsafe"]);
        expect_in(
            rule,
            path,
            &format!("/// Switches.\n{item}"),
            &["src/arch/mod.rs:2: the unsafe"],
        );
        expect_in(rule, path, &format!("{documented}#[inline]\n{item}"), &[]);
    }
    expect_in(rule, path, "type F = unsafe fn(u8);", &[]);
}

#[test]
fn libc_above_sys_is_found() {
    let rule = unsafety::libc_stays_in_sys;
    let text = "use std::ptr;\nfn f() { g(libc::SIGSEGV) }";
    expect_in(
        rule,
        "src/stack/slab.rs",
        text,
        &["src/stack/slab.rs:2: `libc` is named outside"],
    );
    expect_in(
        rule,
        "src/stack/slab.rs",
        "use libc as c;",
        &["src/stack/slab.rs:1:"],
    );
    expect_in(rule, "src/sys/signal.rs", text, &[]);
}
