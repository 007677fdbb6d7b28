//! The HTTP client, one module for each group of promises. Servers and clients are tasks of one loop: a call that
//! blocked the thread would stop both.

#[path = "../support/hang_guard.rs"]
mod hang_guard;

mod bodies;
mod cancelling;
mod cookies;
mod errors;
mod heads;
mod interrupted;
mod multipart;
mod pool;
mod proxies;
mod redirects;
mod requests;
mod server;
mod sharing;
mod stale;
mod timeouts;
#[cfg(feature = "tls")]
mod tls;
mod uploads;
