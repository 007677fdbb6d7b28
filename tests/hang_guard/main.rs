//! The guard of the test binaries fails a test that hangs, and names it.

#![cfg(target_os = "linux")]
#![allow(unsafe_code)]

#[allow(dead_code)]
#[path = "../support/child.rs"]
mod child;
#[path = "../support/hang_guard.rs"]
mod hang_guard;

mod hangs;
mod threads;
