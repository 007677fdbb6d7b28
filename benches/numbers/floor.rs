//! What a machine charges for private, guarded stacks, whoever makes them: figures that are measured
//! beside a row and taken off it, where a peer's tasks have no stacks.
//!
//! On a virtual machine the page tables are walked twice, and a first touch may go through to the
//! host, so that among a million stacks these charges alone can be more than a peer's whole task costs.
//! They differ by an order of magnitude between machines; what the library adds does not.

use std::hint::black_box;
use std::io;
use std::ptr;

use selvedge::stack::DEFAULT_STACK_SIZE;

use crate::support::machine::{cpu_ns_of, ns_each};

const PAGE: usize = 4096;
const GUARD: usize = 64 * 1024;
/// From one stack to the next: guard, stack, and the page for what is kept beside it.
const STRIDE: usize = GUARD + DEFAULT_STACK_SIZE + PAGE;
/// Stacks begin at so many different places of a page, a line apart, as a slab's do.
const N_COLOURS: usize = 32;
const LINE: usize = 64;
/// From the line of the parked registers to that of the control block.
const CONTROL: usize = 512;

/// A private mapping of so many bytes, which is the caller's to unmap.
fn map(size: usize) -> *mut u8 {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    let access = libc::PROT_READ | libc::PROT_WRITE;
    // SAFETY: a fresh private mapping touches nothing of anybody's.
    let start = unsafe { libc::mmap(ptr::null_mut(), size, access, flags, -1, 0) };
    assert!(start != libc::MAP_FAILED, "{}", io::Error::last_os_error());
    start.cast()
}

/// Address space for so many stacks.
struct Stacks {
    start: *mut u8,
    n: usize,
}

impl Stacks {
    fn map(n: usize) -> Self {
        let start = map(n * STRIDE);
        Self { start, n }
    }

    /// The line at which a parked stack is entered.
    fn line(&self, index: usize) -> *mut u8 {
        let base = (index + 1) * STRIDE - index % N_COLOURS * LINE;
        self.start.wrapping_add(base - PAGE / 4)
    }

    fn touch(&self) {
        for index in 0..self.n {
            // SAFETY: the line is in the mapping, above the stack's guard.
            unsafe { self.line(index).write_volatile(1) };
        }
    }

    /// Guards at the stacks' lower ends, many in a call, as the library asks for them.
    fn guard(&self) {
        const BATCH: usize = 64;
        const GUARD_INSTALL: libc::c_int = 102;
        const THIS_PROCESS: libc::c_int = -10_001;
        let range = |index: usize| libc::iovec {
            iov_base: self.start.wrapping_add(index * STRIDE).cast(),
            iov_len: GUARD,
        };
        for first in (0..self.n).step_by(BATCH) {
            let ranges: Vec<_> = (first..self.n.min(first + BATCH)).map(range).collect();
            let call = libc::SYS_process_madvise;
            // SAFETY: the ranges are in the mapping, and nothing lives there.
            let answer = unsafe {
                libc::syscall(
                    call,
                    THIS_PROCESS,
                    ranges.as_ptr(),
                    ranges.len(),
                    GUARD_INSTALL,
                    0,
                )
            };
            // An older kernel: the library's guards cost more there, and this floor is lower.
            if answer < 0 {
                break;
            }
        }
    }
}

impl Drop for Stacks {
    fn drop(&mut self) {
        // SAFETY: nobody uses the mapping any more.
        unsafe { libc::munmap(self.start.cast(), self.n * STRIDE) };
    }
}

/// Visits stacks in the order of their addresses, as a round of tasks does that were spawned one after
/// the other; answers nanoseconds a visit. A visit is the least that a turn on a stack of one's own can be:
/// the line of the parked registers is read and written, and the line is read that tells whether the
/// task was cancelled. No visit waits for the one before.
pub fn visits(n: usize) -> impl FnMut() -> f64 {
    let stacks = Stacks::map(n);
    stacks.touch();
    move || {
        const LAPS: usize = 20;
        ns_each(LAPS * n, || {
            for _ in 0..LAPS {
                for index in 0..n {
                    let line = stacks.line(index);
                    // SAFETY: as in `touch`; the other line is above this one, on the same page.
                    unsafe {
                        line.write_volatile(line.read_volatile().wrapping_add(1));
                        black_box(line.add(CONTROL).read_volatile());
                    }
                }
            }
        })
    }
}

/// Touches more memory than so many tasks take, and frees it.
///
/// The host of a virtual machine may take back what the guest has freed, and whoever touches it next
/// waits for the host, page by page, ten times as long as for the kernel. What is freed last is given
/// out first: after this, what is measured pays for its pages alone.
pub fn recall_memory(n: usize) {
    const EACH: usize = 6 * 1024;
    let size = n * EACH;
    let start = map(size);
    // SAFETY: the mapping is this function's; it is written within its bounds and nobody uses it after
    // it is unmapped. Huge pages are a hint.
    unsafe {
        libc::madvise(start.cast(), size, libc::MADV_HUGEPAGE);
        for page in (0..size).step_by(PAGE) {
            start.add(page).write_volatile(1);
        }
        libc::munmap(start.cast(), size);
    }
}

/// Makes stacks and guards and touches one page of each; answers seconds of CPU.
pub fn first_touches(n: usize) -> f64 {
    let cpu_seconds = || cpu_ns_of(std::process::id()) as f64 / 1e9;
    let before = cpu_seconds();
    let stacks = Stacks::map(n);
    stacks.guard();
    stacks.touch();
    cpu_seconds() - before
}
