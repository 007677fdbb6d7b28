//! Address space: reserving, releasing, giving pages back, residency.
//!
//! Knows nothing of what the memory is for. Guards have a file of their own, [`super::guard`].

#![allow(unsafe_code)]

use std::io;
use std::ops::Range;
use std::ptr::{self, NonNull};
#[cfg(any(target_os = "linux", target_os = "android"))]
use std::sync::atomic::AtomicBool;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// The size of a page in bytes, asked once.
pub(crate) fn page_size() -> usize {
    static PAGE_SIZE: AtomicUsize = AtomicUsize::new(0);
    match PAGE_SIZE.load(Relaxed) {
        0 => {
            // SAFETY: sysconf has no preconditions.
            let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
            let size = usize::try_from(size).expect("the page size is positive");
            PAGE_SIZE.store(size, Relaxed);
            size
        }
        size => size,
    }
}

/// What a mapping for stacks is asked to be besides private and anonymous. FreeBSD's `MAP_STACK`
/// would make it grow by itself; it never reserves swap in advance.
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

/// An anonymous private mapping, released when dropped.
#[derive(Debug)]
pub(crate) struct Mapping {
    start: NonNull<u8>,
    len: usize,
}

impl Mapping {
    /// Reserves `len` bytes, readable and writable, that cost memory only once touched.
    ///
    /// # Errors
    /// What `mmap` answers, with the size in the message.
    pub(crate) fn reserve(len: usize) -> io::Result<Self> {
        // SAFETY: an anonymous mapping at an address of the kernel's choice touches no memory
        // that exists.
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
            start: NonNull::new(start.cast()).expect("mmap never answers null"),
            len,
        };
        // A huge page under a stack would commit 2 MiB for a coroutine that needs one page.
        #[cfg(any(target_os = "linux", target_os = "android"))]
        // SAFETY: advice on a mapping of our own; a kernel without it answers an error, which
        // costs nothing but memory.
        unsafe {
            libc::madvise(start, len, libc::MADV_NOHUGEPAGE);
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
        // SAFETY: the offset was just seen to be inside of the mapping.
        unsafe { self.start.add(offset) }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours alone and whoever drops it says that nothing in it is
        // used any more. Failure (the map limit, when a hole has to be made) leaks it.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.len) };
    }
}

/// How many ranges go into one system call at most.
pub(crate) const BATCH: usize = 64;

/// Gives the pages of the ranges back to the system; they read as zero when touched again.
///
/// # Safety
/// The ranges are whole pages of mappings of ours in which nothing lives any more.
pub(crate) unsafe fn discard(ranges: &[Range<usize>]) {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    // SAFETY: forwarded to the caller.
    unsafe {
        let _ = advise_all(ranges, libc::MADV_DONTNEED);
    }
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    for range in ranges {
        // SAFETY: the caller's ranges are pages of ours without content. A failure leaves
        // the pages as they are, which costs memory only.
        unsafe {
            libc::madvise(
                range.start as *mut libc::c_void,
                range.len(),
                libc::MADV_FREE,
            );
        }
    }
}

/// Gives one piece of advice for many ranges: 64 at a time where the kernel lets a process
/// advise itself that way, else one by one.
///
/// # Errors
/// The first that `madvise` gives; the ranges behind it have not been advised.
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
                if libc::madvise(start, range.len(), advice) != 0 {
                    return Err(io::Error::last_os_error());
                }
            }
        }
    }
    Ok(())
}

/// One `process_madvise` on this process, named by `PIDFD_SELF` (Linux 6.14): no descriptor is
/// needed, and a child after `fork` means itself. False if it did not do them all; a kernel that
/// does not know how is not asked again.
///
/// # Safety
/// As [`advise_all`].
#[cfg(any(target_os = "linux", target_os = "android"))]
unsafe fn advise_batch(batch: &[Range<usize>], advice: libc::c_int) -> bool {
    const PIDFD_SELF_PROCESS: libc::c_long = -10001;
    static UNKNOWN_TO_KERNEL: AtomicBool = AtomicBool::new(false);
    if UNKNOWN_TO_KERNEL.load(Relaxed) {
        return false;
    }
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
    let bytes: usize = batch.iter().map(ExactSizeIterator::len).sum();
    // SAFETY: the vectors are initialised and name memory for which the caller allows the
    // advice.
    let advised = unsafe {
        libc::syscall(
            libc::SYS_process_madvise,
            PIDFD_SELF_PROCESS,
            vectors.as_ptr(),
            batch.len(),
            libc::c_long::from(advice),
            0 as libc::c_long,
        )
    };
    if advised == -1 && io::Error::last_os_error().raw_os_error() != Some(libc::ENOMEM) {
        UNKNOWN_TO_KERNEL.store(true, Relaxed);
    }
    usize::try_from(advised) == Ok(bytes)
}

/// The lowest address in the range whose page is resident, or the end of the range.
///
/// The range is whole pages of one mapping.
pub(crate) fn lowest_resident(range: Range<usize>) -> usize {
    let page = page_size();
    let mut from = range.start;
    #[cfg(not(target_os = "openbsd"))]
    {
        let mut residency = [0_u8; 256];
        while from < range.end {
            let len = (range.end - from).min(residency.len() * page);
            // SAFETY: the vector has a byte for each page asked about; mincore reads page
            // tables, not the pages.
            let result =
                unsafe { libc::mincore(from as *mut _, len, residency.as_mut_ptr().cast()) };
            if result != 0 {
                break;
            }
            if let Some(index) = residency[..len / page]
                .iter()
                .position(|byte| byte & 1 != 0)
            {
                return from + index * page;
            }
            from += len;
        }
    }
    from
}
