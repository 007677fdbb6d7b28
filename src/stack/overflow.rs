//! The overflow report, which is printed when the code of a coroutine, a task or an `on_stack` call touches the guard of
//! its stack.
//!
//! Everything here runs in a signal handler: no allocation, no lock, only `write(2)`.

#![allow(unsafe_code)]

use super::record::{Record, Use};
use super::table;
use crate::sys::signal::write_stderr;

/// How many bytes below its guard a stack pointer may be to count as this stack's: C code allocates a
/// large frame before it touches the frame.
const SLACK: usize = 1024 * 1024;

const COROUTINE_HELP: &[u8] =
    b"give it more with `Coroutine::builder().stack_size_bytes(bytes)`, or run what goes deep \
inside of `selvedge::coroutine::on_stack(bytes, ..)`";
const TASK_HELP: &[u8] = b"give it more with `Task::builder().stack_size_bytes(bytes)`, or give more to each task of the \
loop, the main task included, with `EventLoop::builder().stack_size_bytes(bytes)`, or run what goes deep inside of \
`selvedge::coroutine::on_stack(bytes, ..)`";
const CALL_HELP: &[u8] = b"pass a larger size to `selvedge::coroutine::on_stack(bytes, ..)`";

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
    let is_task = record.task() != 0;
    let (what, made, help): (&[u8], &[u8], &[u8]) = match record.in_use() {
        Use::Unused => return false,
        Use::Call => (b"on_stack call ", b", created at ", CALL_HELP),
        _ if is_task => (b"task ", b", spawned at ", TASK_HELP),
        _ => (b"coroutine ", b", created at ", COROUTINE_HELP),
    };
    // SAFETY: the code that labelled the record keeps the name in place while the stack is in use.
    let name = unsafe { &*record.name() };
    let mut number = [0; 20];
    let (open, name, close): (&[u8], _, &[u8]) = match name {
        [] if is_task => (b"Task-", decimal(record.task(), &mut number), b""),
        [] => (b"(", b"unnamed" as &[u8], b")"),
        name => (b"'", name, b"'"),
    };
    write_stderr(&[b"\nselvedge: the ", what, open, name, close]);
    if let Some(site) = record.site() {
        let (mut line, mut column) = ([0; 20], [0; 20]);
        let line = decimal(site.line().into(), &mut line);
        let column = decimal(site.column().into(), &mut column);
        let file = site.file().as_bytes();
        write_stderr(&[made, file, b":", line, b":", column, b","]);
    }
    let mut size = [0; 20];
    let kib = decimal(slot.usable_size as u64 / 1024, &mut size);
    write_stderr(&[
        b" has overflowed its stack of ",
        kib,
        b" KiB\nhelp: ",
        help,
        b"\n",
    ]);
    true
}

/// Writes a number to the end of the buffer.
fn decimal(mut n: u64, buffer: &mut [u8; 20]) -> &[u8] {
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
        for n in [0, 7, 10, 256, u64::MAX] {
            assert_eq!(decimal(n, &mut [0; 20]), n.to_string().as_bytes());
        }
    }
}
