//! For users of tokio.
#![doc = include_str!("tokio.md")]
