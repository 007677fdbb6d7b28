//! Other people's code on this crate's sockets: what is interrupted in the middle of a message goes on as if it had not been.
//!
//! Each module has a hundred connections whose client is interrupted again and again, in each of the ways that there are, and
//! whose peer sends and receives small pieces. `table` interrupts one operation at a time, and compares the state that it leaves
//! with the table in the documentation.

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
