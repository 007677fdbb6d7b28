//! The guard of the test binaries fails a test that hangs, and names it.

#![cfg(target_os = "linux")]
#![allow(unsafe_code)]

#[path = "../support/hang_guard.rs"]
mod hang_guard;
#[path = "../support/mod.rs"]
mod support;

mod hangs;
mod threads;
