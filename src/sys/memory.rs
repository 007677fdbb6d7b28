//! Address space: reserving and releasing it, returning pages to the system, residency.
//!
//! Nothing here knows the purpose of the memory. Guards are in [`super::guard`].

#![allow(unsafe_code)]

use std::io;
use std::ops::Range;
use std::ptr::{self, NonNull};
#[cfg(any(target_os = "linux", target_os = "android"))]
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use super::cached::Cached;
#[cfg(any(target_os = "linux", target_os = "android"))]
use super::check;

/// The size of a page in bytes, cached.
pub(crate) fn page_size() -> usize {
    static PAGE_SIZE: Cached = Cached::new();
    PAGE_SIZE.get(|| {
        // SAFETY: sysconf has no preconditions.
        let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
        usize::try_from(size).expect("the page size is positive")
    })
}

/// The flags of a mapping for stacks besides private and anonymous. Not FreeBSD's `MAP_STACK`, which would
/// make the mapping grow by itself; FreeBSD never reserves swap in advance.
const STACK_FLAGS: libc::c_int = {
    #[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
    let flags = libc::MAP_NORESERVE;
    #[cfg(any(target_os = "openbsd", target_os = "netbsd"))]
    let flags = libc::MAP_STACK;
    #[cfg(not(any(
        target_os = "linux",
        target_os = "android",
        target_vendor = "apple",
        target_os = "openbsd",
        target_os = "netbsd"
    )))]
    let flags = 0;
    flags
};

/// Linux's numbers for naming a mapping, which not every C library's headers have.
#[cfg(any(target_os = "linux", target_os = "android"))]
const PR_SET_VMA: libc::c_int = 0x5356_4d41;
#[cfg(any(target_os = "linux", target_os = "android"))]
const PR_SET_VMA_ANON_NAME: libc::c_ulong = 0;

/// An anonymous private mapping, released when dropped.
#[derive(Debug)]
pub(crate) struct Mapping {
    start: NonNull<u8>,
    len: usize,
}

impl Mapping {
    /// Reserves `len` bytes, readable and writable, that take memory only once touched.
    ///
    /// # Errors
    /// The error of `mmap`, with the size in the message.
    pub(crate) fn reserve(len: usize) -> io::Result<Self> {
        // SAFETY: an anonymous mapping at an address that the kernel chooses affects no existing memory.
        let start = unsafe {
            libc::mmap(
                ptr::null_mut(),
                len,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | STACK_FLAGS,
                -1,
                0,
            )
        };
        if start == libc::MAP_FAILED {
            let error = io::Error::last_os_error();
            return Err(io::Error::new(
                error.kind(),
                format!(
                    "cannot reserve {len} bytes of address space for coroutine stacks: {error}"
                ),
            ));
        }
        let mapping = Self {
            start: NonNull::new(start.cast()).expect("mmap never returns null"),
            len,
        };
        // A huge page under a stack would commit 2 MiB for a coroutine that needs one page.
        #[cfg(any(target_os = "linux", target_os = "android"))]
        // SAFETY: advice on a mapping of this crate; a kernel that lacks it returns an error, which costs
        // only memory.
        unsafe {
            libc::madvise(start, len, libc::MADV_NOHUGEPAGE);
            // `pmap` and /proc/self/smaps show the name.
            libc::prctl(
                PR_SET_VMA,
                PR_SET_VMA_ANON_NAME,
                start,
                len,
                c"selvedge stacks".as_ptr(),
            );
        }
        Ok(mapping)
    }

    /// The addresses of the mapping.
    pub(crate) fn range(&self) -> Range<usize> {
        let start = self.start.as_ptr() as usize;
        start..start + self.len
    }

    /// The address `offset` bytes into the mapping.
    pub(crate) fn at(&self, offset: usize) -> NonNull<u8> {
        assert!(
            offset < self.len,
            "an offset of {offset} bytes is outside of the mapping"
        );
        // SAFETY: the assertion above says that the offset is inside the mapping.
        unsafe { self.start.add(offset) }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the mapping is not shared, and its owner drops it only when nothing in it is used any more.
        // Failure (the limit of mappings, when this makes a hole) leaks it.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.len) };
    }
}

/// The maximum number of ranges in one system call.
pub(crate) const BATCH: usize = 64;

/// Returns the pages of the ranges to the system; they read as zero when touched again.
///
/// # Safety
/// The ranges are whole pages of this crate's mappings in which nothing lives any more.
pub(crate) unsafe fn discard(ranges: &[Range<usize>]) {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    // SAFETY: forwarded to the caller.
    unsafe {
        let _ = advise_all(ranges, libc::MADV_DONTNEED);
    }
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    for range in ranges {
        // SAFETY: the caller's ranges are pages of this crate without content. A failure leaves the pages as
        // they are, which costs only memory.
        unsafe {
            libc::madvise(
                range.start as *mut libc::c_void,
                range.len(),
                libc::MADV_FREE,
            );
        }
    }
}

/// Commits the pages of the ranges ahead of their first use, in one call of the system instead of a fault for each. A hint.
///
/// # Safety
/// The ranges are whole pages of this crate's mappings.
pub(crate) unsafe fn populate(ranges: &[Range<usize>]) {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        static IS_REFUSED: AtomicBool = AtomicBool::new(false);
        if !IS_REFUSED.load(Relaxed) {
            // SAFETY: committing pages changes no content; the rest is the caller's promise.
            let populated = unsafe { process_madvise(ranges, libc::MADV_POPULATE_WRITE) };
            if populated < 0 {
                IS_REFUSED.store(true, Relaxed);
            }
        }
    }
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let _ = ranges;
}

/// Gives the same advice for many ranges: 64 at a time if the kernel supports that for the process itself,
/// otherwise one by one.
///
/// # Errors
/// The first error of `madvise`; the ranges after it are not advised.
///
/// # Safety
/// The advice may be given for each of the ranges.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) unsafe fn advise_all(ranges: &[Range<usize>], advice: libc::c_int) -> io::Result<()> {
    for batch in ranges.chunks(BATCH) {
        // SAFETY: forwarded to the caller.
        unsafe {
            if batch.len() > 1 && advise_batch(batch, advice) {
                continue;
            }
            for range in batch {
                let start = range.start as *mut libc::c_void;
                check(libc::madvise(start, range.len(), advice))?;
            }
        }
    }
    Ok(())
}

/// One `process_madvise`. False if not all ranges were advised; a kernel that does not support the call is not asked
/// again.
///
/// # Safety
/// As [`advise_all`].
#[cfg(any(target_os = "linux", target_os = "android"))]
unsafe fn advise_batch(batch: &[Range<usize>], advice: libc::c_int) -> bool {
    static UNKNOWN_TO_KERNEL: AtomicBool = AtomicBool::new(false);
    if UNKNOWN_TO_KERNEL.load(Relaxed) {
        return false;
    }
    let bytes: usize = batch.iter().map(ExactSizeIterator::len).sum();
    // SAFETY: forwarded to the caller.
    let advised = unsafe { process_madvise(batch, advice) };
    if advised == -1 && io::Error::last_os_error().raw_os_error() != Some(libc::ENOMEM) {
        UNKNOWN_TO_KERNEL.store(true, Relaxed);
    }
    usize::try_from(advised) == Ok(bytes)
}

/// `process_madvise` on this process, by `PIDFD_SELF` (Linux 6.14): that needs no descriptor, and in a child after `fork` it
/// means the child. At most 64 ranges. Returns the number of bytes, or -1 with an error in `errno`.
///
/// # Safety
/// As [`advise_all`].
#[cfg(any(target_os = "linux", target_os = "android"))]
unsafe fn process_madvise(batch: &[Range<usize>], advice: libc::c_int) -> libc::c_long {
    const PIDFD_SELF_PROCESS: libc::c_long = -10001;
    let mut vectors = [libc::iovec {
        iov_base: ptr::null_mut(),
        iov_len: 0,
    }; BATCH];
    for (vector, range) in vectors.iter_mut().zip(batch) {
        *vector = libc::iovec {
            iov_base: range.start as *mut _,
            iov_len: range.len(),
        };
    }
    // SAFETY: the vectors are initialised and refer to memory for which the caller allows the advice.
    unsafe {
        libc::syscall(
            libc::SYS_process_madvise,
            PIDFD_SELF_PROCESS,
            vectors.as_ptr(),
            batch.len(),
            libc::c_long::from(advice),
            0 as libc::c_long,
        )
    }
}

/// The lowest address in the range whose page is resident, or the end of the range. Looks downward, and stops at a gap of 256
/// pages: a stack grows page by page, because each function touches the pages of its frame in order.
///
/// The range is whole pages of one mapping.
#[cfg(not(target_os = "openbsd"))]
pub(crate) fn lowest_resident(range: Range<usize>) -> usize {
    let page = page_size();
    let mut residency = [0_u8; 256];
    let (mut lowest, mut end) = (range.end, range.end);
    while end > range.start {
        let start = range.start.max(end.saturating_sub(residency.len() * page));
        let n_pages = (end - start) / page;
        // SAFETY: the vector has a byte for each page of the range; mincore reads page tables, not the pages.
        let result =
            unsafe { libc::mincore(start as *mut _, end - start, residency.as_mut_ptr().cast()) };
        if result != 0 {
            return start;
        }
        let Some(index) = residency[..n_pages].iter().position(|byte| byte & 1 != 0) else {
            break;
        };
        lowest = start + index * page;
        end = start;
    }
    lowest
}

/// The start of the range: this system does not tell.
#[cfg(target_os = "openbsd")]
pub(crate) fn lowest_resident(range: Range<usize>) -> usize {
    range.start
}
