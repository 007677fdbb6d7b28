//! Floors: the machine's charge for private, guarded stacks, in any library. A floor is measured in the same rounds as a row
//! and subtracted from ours, where the peer's tasks have no stacks.
//!
//! A virtual machine walks the page tables twice, and a first touch may reach the host, so among a million stacks these charges
//! alone can exceed the whole cost of a peer's task. They differ by an order of magnitude between machines; the library's own
//! cost does not.

use std::hint::black_box;
use std::io;
use std::ptr;

use selvedge::stack::DEFAULT_STACK_SIZE_BYTES;

use super::machine::{cpu_ns_of, ns_each};

const PAGE: usize = 4096;
const GUARD: usize = 64 * 1024;
/// From one stack to the next: guard, stack, and a page for the library's data of the stack.
const STRIDE: usize = GUARD + DEFAULT_STACK_SIZE_BYTES + PAGE;
/// Stacks begin at this many different offsets in a page, a line apart, as a slab's do.
const N_COLOURS: usize = 32;
const LINE: usize = 64;
/// From the line of the parked registers to that of the control block.
const CONTROL: usize = 512;

/// Maps `size` private bytes, which the caller must unmap.
fn map(size: usize) -> *mut u8 {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    let access = libc::PROT_READ | libc::PROT_WRITE;
    // SAFETY: the kernel chooses a free range for a new private mapping, so no other memory changes.
    let start = unsafe { libc::mmap(ptr::null_mut(), size, access, flags, -1, 0) };
    assert!(start != libc::MAP_FAILED, "{}", io::Error::last_os_error());
    start.cast()
}

/// Address space for `n` stacks.
struct Stacks {
    start: *mut u8,
    n: usize,
}

impl Stacks {
    fn map(n: usize) -> Self {
        let start = map(n * STRIDE);
        Self { start, n }
    }

    /// The cache line of the saved registers on a suspended stack.
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

    /// Installs guards at the stacks' lower ends, many in a call, as the library does.
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
            // SAFETY: the ranges are in the mapping, and no value is there.
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
            // The kernel is older: the library's guards cost more there, and this floor is lower.
            if answer < 0 {
                break;
            }
        }
    }
}

impl Drop for Stacks {
    fn drop(&mut self) {
        // SAFETY: this value owns the mapping, and no pointer into it remains.
        unsafe { libc::munmap(self.start.cast(), self.n * STRIDE) };
    }
}

/// Visits stacks in the order of their addresses, as a round of tasks does that were spawned one after the other, and returns
/// nanoseconds a visit. A visit reads and writes the line of the saved registers, and reads `n_lines - 1` others of the same
/// page. With two lines this is the least work of a turn on a private stack: the other line is that of the cancel flag. No
/// visit waits for the previous one.
pub fn visits(n: usize, n_lines: usize) -> impl FnMut() -> f64 {
    assert!(n_lines <= (PAGE / 4 - CONTROL) / LINE, "the page ends");
    let stacks = Stacks::map(n);
    stacks.touch();
    move || {
        const LAPS: usize = 20;
        ns_each(LAPS * n, || {
            for _ in 0..LAPS {
                for index in 0..n {
                    let line = stacks.line(index);
                    // SAFETY: as in `touch`; the other lines are above this one, on the same page.
                    unsafe {
                        line.write_volatile(line.read_volatile().wrapping_add(1));
                        for above in 1..n_lines {
                            let other = line.add(CONTROL + (above - 1) * LINE);
                            black_box(other.read_volatile());
                        }
                    }
                }
            }
        })
    }
}

/// Touches more memory than `n` tasks need, and frees it.
///
/// The host of a virtual machine may take back pages that the guest has freed. The next touch of such a page waits for the host,
/// ten times as long as for the kernel. The kernel reuses first the pages that were freed last, so after this call a
/// measurement pays the kernel's charge for its pages, and not the host's.
pub fn recall_memory(n: usize) {
    const EACH: usize = 6 * 1024;
    let size = n * EACH;
    let start = map(size);
    // SAFETY: this function owns the mapping, writes within its bounds, and does not use it after it is
    // unmapped. Huge pages are a hint.
    unsafe {
        libc::madvise(start.cast(), size, libc::MADV_HUGEPAGE);
        for page in (0..size).step_by(PAGE) {
            start.add(page).write_volatile(1);
        }
        libc::munmap(start.cast(), size);
    }
}

/// Maps and guards stacks, touches one page of each, and returns seconds of CPU.
pub fn first_touches(n: usize) -> f64 {
    let cpu_seconds = || cpu_ns_of(std::process::id()) as f64 / 1e9;
    let before = cpu_seconds();
    let stacks = Stacks::map(n);
    stacks.guard();
    stacks.touch();
    cpu_seconds() - before
}
