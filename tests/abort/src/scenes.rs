//! The checks that need a process of their own: this program plays a scene in a child and checks
//! how the child ended.

use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitCode, Output};

use selvedge::coroutine::scope;

use crate::{ensure, keep_suspended_coroutine};

const SIGABRT: i32 = 6;

const SCOPE: &str = "scope-with-suspended-child";
const EXIT: &str = "exit-with-suspended-coroutine";

/// The child's output when a scene has run to its end.
const PLAYED: &str = "the scene has ended";

/// Plays a scene in the child.
pub fn play(scene: &str) -> ExitCode {
    match scene {
        SCOPE => {
            let mut borrowed = 0;
            scope(|s| {
                let mut child = s.coroutine(|yielder, ()| {
                    borrowed += 1;
                    yielder.suspend(());
                    borrowed += 1;
                });
                child.resume();
            });
        }
        EXIT => keep_suspended_coroutine(),
        _ => {
            eprintln!("There is no scene '{scene}'.");
            return ExitCode::FAILURE;
        }
    }
    println!("{PLAYED}");
    ExitCode::SUCCESS
}

/// The child coroutine borrows from the frame around the scope and can't be ended, so the process
/// must abort.
pub fn scope_aborts() -> Result<(), String> {
    let output = run(SCOPE)?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure(
        output.status.signal() == Some(SIGABRT),
        &format!("it ended with {}", output.status),
    )?;
    ensure(
        said.contains("scope"),
        &format!("no sentence names the scope: {said:?}"),
    )?;
    ensure(output.stdout.is_empty(), "the scope returned")
}

pub fn process_ends() -> Result<(), String> {
    let output = run(EXIT)?;
    let said = String::from_utf8_lossy(&output.stdout);
    ensure(
        output.status.success(),
        &format!("it ended with {}", output.status),
    )?;
    ensure(said.trim() == PLAYED, "the scene was not played to its end")
}

/// Runs this program as a child that plays a scene.
fn run(scene: &str) -> Result<Output, String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut words = emulator();
    words.extend([program.into(), scene.into()]);
    let output = Command::new(&words[0]).args(&words[1..]).output();
    output.map_err(|error| error.to_string())
}

/// The command that must stand before the program's path where the kernel can't start the program
/// by itself (.ci/aarch64 sets both variables).
fn emulator() -> Vec<OsString> {
    if std::env::var_os("SELVEDGE_UNDER_QEMU").is_none() {
        return Vec::new();
    }
    let runner = std::env::var("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER");
    let runner = runner.unwrap_or_default();
    runner.split_whitespace().map(OsString::from).collect()
}
