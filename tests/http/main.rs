//! The HTTP client, one module for each group of promises. Servers and clients are tasks of one loop: a call that
//! blocked the thread would stop both.

#[path = "../support/hang_guard.rs"]
mod hang_guard;
#[cfg(feature = "tls")]
#[path = "../soak/random.rs"]
mod random;

#[cfg(feature = "tls")]
#[path = "../foreign/connections.rs"]
mod connections;
#[path = "../foreign/interrupt.rs"]
mod interrupt;
#[path = "../foreign/page.rs"]
mod page;
#[path = "../foreign/probe.rs"]
#[allow(dead_code)]
mod probe;

mod bodies;
mod cancelling;
mod chunks;
mod cookies;
mod errors;
mod heads;
mod interrupted;
mod interrupted_pool;
#[cfg(feature = "tls")]
mod interrupted_tls;
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
#[cfg(feature = "tls")]
mod tls_table;
mod upload_readers;
mod uploads;
