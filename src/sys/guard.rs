//! Guards: pages that fault when touched, at the limit of every stack.
//!
//! Linux 6.13 has lightweight guards, which live in the page tables and cost no mapping. Elsewhere
//! `mprotect` splits the mapping in two for each guard, and the number of mappings is limited. Whether
//! lightweight guards work is probed once, by causing a fault, because qemu-user reports success and does
//! nothing.

#![allow(unsafe_code)]

use std::io;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use super::cached::Cached;
use super::check;
#[cfg(any(target_os = "linux", target_os = "android"))]
use super::memory::{Mapping, advise_all, page_size};

/// Linux's advice number for installing a guard.
#[cfg(any(target_os = "linux", target_os = "android"))]
const MADV_GUARD_INSTALL: libc::c_int = 102;

/// The number of mappings that guards by `mprotect` take in this process: two for each guard.
static SPLIT: AtomicUsize = AtomicUsize::new(0);

/// Turns the ranges into guards and adds the number of those that `mprotect` made to `n_split`.
///
/// # Errors
/// With `mprotect`, `OutOfMemory` at the limit of mappings, naming the sysctl. A reserve of mappings is
/// kept, so that the rest of the process can still map memory. Guards that were already made stay.
///
/// # Safety
/// The ranges are whole pages of this crate's mappings in which nothing lives.
pub(crate) unsafe fn install(ranges: &[Range<usize>], n_split: &mut usize) -> io::Result<()> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    if lightweight() {
        // SAFETY: forwarded to the caller.
        let installed = unsafe { advise_all(ranges, MADV_GUARD_INSTALL) };
        // Locked memory (mlockall) refuses lightweight guards, but not those of `mprotect`.
        match installed {
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) => {}
            other => return other,
        }
    }
    for range in ranges {
        // SAFETY: forwarded to the caller.
        unsafe { protect(range)? };
        *n_split += 1;
    }
    Ok(())
}

/// Uncounts guards that `mprotect` made, after their mapping was released.
pub(crate) fn released(n_split: usize) {
    SPLIT.fetch_sub(2 * n_split, Relaxed);
}

/// Makes a guard by `mprotect`.
///
/// # Safety
/// As [`install`].
unsafe fn protect(range: &Range<usize>) -> io::Result<()> {
    let limit = map_limit();
    let split = SPLIT.fetch_add(2, Relaxed) + 2;
    let reserve = (limit / 4).min(4096);
    let result = if split > limit - reserve {
        Err(io::Error::from_raw_os_error(libc::ENOMEM))
    } else {
        let start = range.start as *mut libc::c_void;
        // SAFETY: nothing lives in the caller's range, so nothing accesses it.
        check(unsafe { libc::mprotect(start, range.len(), libc::PROT_NONE) })
    };
    result.map(drop).map_err(|error| {
        SPLIT.fetch_sub(2, Relaxed);
        if error.raw_os_error() != Some(libc::ENOMEM) {
            return error;
        }
        io::Error::new(
            io::ErrorKind::OutOfMemory,
            format!(
                "no more guarded coroutine stacks: {} memory mappings are in use for them, and \
                 the limit vm.max_map_count is {limit} for the whole process; raise it with \
                 `sysctl -w vm.max_map_count=...`, or use Linux 6.13, whose guards need no mappings",
                split - 2,
            ),
        )
    })
}

/// The limit of mappings of this process, as far as it is known.
fn map_limit() -> usize {
    static LIMIT: Cached = Cached::new();
    LIMIT.get(|| {
        let text = std::fs::read_to_string("/proc/sys/vm/max_map_count").ok();
        let limit = text.and_then(|text| text.trim().parse().ok());
        let is_linux = cfg!(target_os = "linux");
        limit.unwrap_or(if is_linux { 65_530 } else { usize::MAX })
    })
}

/// Whether lightweight guards work here: probed once, by making one that faults.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) fn lightweight() -> bool {
    const YES: usize = 2;
    static WORKS: Cached = Cached::new();
    if cfg!(selvedge_guard = "mprotect") {
        return false;
    }
    // No descriptor may be free for the probe: no for now, and probe again.
    WORKS.get(|| probe().map_or(0, |works| if works { YES } else { 1 })) == YES
}

/// Makes a guard in a fresh mapping and lets the kernel read from it. `None` if that is not possible now.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn probe() -> Option<bool> {
    use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

    let page = page_size();
    let mapping = Mapping::reserve(page).ok()?;
    // SAFETY: the mapping is fresh and not shared.
    if unsafe { advise_all(std::slice::from_ref(&mapping.range()), MADV_GUARD_INSTALL) }.is_err() {
        return Some(false);
    }
    let mut ends = [-1; 2];
    // SAFETY: the array has room for the two descriptors.
    if unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC | libc::O_NONBLOCK) } != 0 {
        return None;
    }
    // SAFETY: pipe2 succeeded, so both descriptors are open and not owned elsewhere.
    let [_reader, writer] = ends.map(|end| unsafe { OwnedFd::from_raw_fd(end) });
    // SAFETY: the kernel reads the byte for this call and reports EFAULT where a load would fault; the
    // mapping is alive.
    let written = unsafe { libc::write(writer.as_raw_fd(), mapping.at(0).as_ptr().cast(), 1) };
    Some(written == -1 && io::Error::last_os_error().raw_os_error() == Some(libc::EFAULT))
}
