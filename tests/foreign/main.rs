//! Code of std and of other crates on this crate's sockets: after an interruption in the middle of a message it continues
//! without a loss.
//!
//! Each module has a hundred connections. Their clients are interrupted repeatedly, in every way of `interrupt`, and their peers
//! send and receive small pieces. `table` interrupts one operation at a time, and compares the state that it leaves with the
//! table in the documentation.

#![allow(unsafe_code)]

#[path = "../support/hang_guard.rs"]
mod hang_guard;
#[path = "../soak/random.rs"]
mod random;

mod compressed;
mod connections;
mod crate_probes;
mod crates;
mod delivered;
mod heads;
mod interrupt;
mod json;
mod lines;
mod our_probes;
mod page;
mod probe;
mod read_probes;
mod table;
mod websocket;
mod write_probes;
