//! The programs of an asyncio tutorial.
#![doc = include_str!("tutorial.md")]
