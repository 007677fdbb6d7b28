//! The programs of an asyncio tutorial, one after the other.
#![doc = include_str!("tutorial.md")]
