//! Runs this test binary again as a child process that plays one scenario, for tests that end a process.
//!
//! An alarm ends a child that hangs, so that the assertion about its end fails (`hang_guard.rs`).

#![allow(unsafe_code)]

use std::env;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};

use crate::hang_guard::{self, SCENARIO};

/// A child's exit status and output.
#[derive(Debug)]
pub struct Ended {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

impl Ended {
    #[track_caller]
    pub fn assert_exited(&self, code: i32) {
        assert_eq!(self.status.code(), Some(code), "{self:#?}");
    }

    #[track_caller]
    pub fn assert_killed_by(&self, signal: i32) {
        assert_eq!(self.status.signal(), Some(signal), "{self:#?}");
    }

    /// Asserts that stderr contains each of `parts`.
    #[track_caller]
    pub fn assert_reported(&self, parts: &[&str]) {
        for part in parts {
            assert!(self.stderr.contains(part), "{part:?} is not in {self:#?}");
        }
    }
}

/// Plays `scenario` in a child whose harness runs the test `play_a_scenario`.
pub fn run(scenario: &str) -> Ended {
    finish(&mut command(scenario))
}

/// The command that [`run`] runs.
pub fn command(scenario: &str) -> Command {
    let arguments = [
        "play_a_scenario",
        "--exact",
        "--nocapture",
        "--test-threads=1",
    ];
    let mut command = this_program(&arguments);
    command.env(SCENARIO, scenario);
    command
}

/// The command that plays `scenario` in the `main` of a program without a harness.
pub fn main_command(scenario: &str) -> Command {
    let mut command = this_program(&[]);
    command.env(SCENARIO, scenario);
    command
}

/// The command that runs this program again.
pub fn this_program(arguments: &[&str]) -> Command {
    let program = env::current_exe().expect("the path of this test");
    let mut command = match emulator() {
        Some(emulator) => {
            let mut words = emulator.split_whitespace();
            let mut command = Command::new(words.next().expect("an emulator's name"));
            command.args(words).arg(program);
            command
        }
        None => Command::new(program),
    };
    command
        .args(arguments)
        .env("RUST_BACKTRACE", "0")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Runs `command` to its end.
pub fn finish(command: &mut Command) -> Ended {
    collect(command.spawn().expect("this test starts itself again"))
}

/// Closes the child's input and waits for its end.
pub fn collect(child: Child) -> Ended {
    let output = child.wait_with_output().expect("the child ends");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ended {
        status: output.status,
        stdout: text(&output.stdout),
        stderr: text(&output.stderr),
    }
}

/// In a child, plays its scenario and returns true; in the parent does nothing and returns false.
pub fn play(scenarios: &[(&str, fn())]) -> bool {
    let Ok(name) = env::var(SCENARIO) else {
        return false;
    };
    let (_, scenario) = scenarios
        .iter()
        .find(|(known, _)| *known == name)
        .expect("a scenario of that name");
    let no_core = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: these only set limits of this process, from values on this stack, and the actions of signals.
    unsafe {
        libc::setrlimit(libc::RLIMIT_CORE, &no_core);
        libc::alarm((hang_guard::limit_seconds() * 4).div_ceil(5));
        // Shells make their background processes ignore some signals.
        for signal in [libc::SIGHUP, libc::SIGINT, libc::SIGQUIT, libc::SIGTERM] {
            libc::signal(signal, libc::SIG_DFL);
        }
    }
    scenario();
    true
}

/// The emulator with which cargo runs a binary for another architecture: a child needs it, too.
fn emulator() -> Option<String> {
    let under_qemu = env::var_os("SELVEDGE_UNDER_QEMU").is_some() || cfg!(target_arch = "aarch64");
    let runner = || env::var("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER").ok();
    if under_qemu { runner() } else { None }
}
