//! The overflow report, which is printed when a coroutine touches its guard.
//!
//! Everything here runs in a signal handler: no allocation, no lock, only `write(2)`.

#![allow(unsafe_code)]

use super::record::{Record, Use};
use super::table;
use crate::sys::signal::write_stderr;

/// How many bytes below its guard a stack pointer may be to count as this stack's: C code allocates a
/// large frame before it touches the frame.
const SLACK: usize = 1024 * 1024;

/// Prints the report, and returns true, if the address lies in the guard of a stack in use and the stack
/// pointer is near that stack.
pub(super) fn report(address: usize, stack_pointer: Option<usize>) -> bool {
    let Some(slot) = table::find(address) else {
        return false;
    };
    if !slot.guard.contains(&address) {
        return false;
    }
    if stack_pointer
        .is_some_and(|sp| !(slot.guard.start.saturating_sub(SLACK)..=slot.base).contains(&sp))
    {
        return false;
    }
    // SAFETY: the record's page belongs to a mapped slab; if the slot was never taken it reads as zeros,
    // which is `Use::Unused`.
    let record = unsafe { &*(slot.base as *const Record) };
    let what: &[u8] = match record.in_use() {
        Use::Unused => return false,
        Use::Coroutine => b"coroutine ",
        Use::Call => b"on_stack call ",
    };
    // SAFETY: the code that labelled the record keeps the name in place while the stack is in use.
    let name = unsafe { &*record.name() };
    let (open, name, close): (&[u8], _, &[u8]) = if name.is_empty() {
        (b"(", b"unnamed" as &[u8], b")")
    } else {
        (b"'", name, b"'")
    };
    write_stderr(&[b"\nselvedge: the ", what, open, name, close]);
    if let Some(site) = record.site() {
        let (mut line, mut column) = ([0; 20], [0; 20]);
        let line = decimal(site.line() as usize, &mut line);
        let column = decimal(site.column() as usize, &mut column);
        let file = site.file().as_bytes();
        write_stderr(&[b", created at ", file, b":", line, b":", column, b","]);
    }
    let mut size = [0; 20];
    let kib = decimal(slot.usable_size / 1024, &mut size);
    write_stderr(&[
        b" has overflowed its stack of ",
        kib,
        b" KiB\nhelp: give it more with `Coroutine::builder().stack_size_bytes(bytes)`, or run what goes \
          deep inside of `selvedge::coroutine::on_stack(bytes, ..)`\n",
    ]);
    true
}

/// Writes a number to the end of the buffer.
fn decimal(mut n: usize, buffer: &mut [u8; 20]) -> &[u8] {
    let mut at = buffer.len();
    loop {
        at -= 1;
        buffer[at] = b'0' + (n % 10) as u8;
        n /= 10;
        if n == 0 {
            return &buffer[at..];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::decimal;

    #[test]
    fn decimals_are_written_without_allocating() {
        for n in [0, 7, 10, 256, usize::MAX] {
            assert_eq!(decimal(n, &mut [0; 20]), n.to_string().as_bytes());
        }
    }
}
