//! For people who come from tokio.
#![doc = include_str!("tokio.md")]
