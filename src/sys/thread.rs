//! The bounds of the running thread's own stack, and whether it is the main thread.

#![allow(unsafe_code)]

use std::ops::Range;

/// The addresses of the running thread's own stack without its guard, if the platform reports them.
///
/// The main thread's lower bound follows its resource limit, up to which the stack may grow.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) fn stack_bounds() -> Option<Range<usize>> {
    use std::mem::MaybeUninit;
    let mut attributes = MaybeUninit::uninit();
    let mut start = std::ptr::null_mut();
    let mut len = 0;
    let mut guard = 0;
    // SAFETY: pthread_getattr_np initialises the attributes if it returns 0; the getters read them and write
    // to locals; destroy ends their life.
    unsafe {
        if libc::pthread_getattr_np(libc::pthread_self(), attributes.as_mut_ptr()) != 0 {
            return None;
        }
        let found = libc::pthread_attr_getstack(attributes.as_ptr(), &mut start, &mut len) == 0
            && libc::pthread_attr_getguardsize(attributes.as_ptr(), &mut guard) == 0;
        libc::pthread_attr_destroy(attributes.as_mut_ptr());
        if !found {
            return None;
        }
    }
    // The range excludes the guard in glibc and musl, and includes it in bionic.
    let guard = if cfg!(target_os = "android") {
        guard
    } else {
        0
    };
    let start = start as usize;
    Some(start + guard..start + len)
}

/// The addresses of the running thread's own stack.
#[cfg(target_vendor = "apple")]
pub(crate) fn stack_bounds() -> Option<Range<usize>> {
    // SAFETY: both functions only read the thread's own data.
    let (base, len) = unsafe {
        let thread = libc::pthread_self();
        (
            libc::pthread_get_stackaddr_np(thread) as usize,
            libc::pthread_get_stacksize_np(thread),
        )
    };
    Some(base - len..base)
}

/// The addresses of the running thread's own stack: unknown on this platform.
#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
pub(crate) fn stack_bounds() -> Option<Range<usize>> {
    None
}

/// Whether this is the process's main thread; false if the platform does not report it.
#[cfg(feature = "runtime")]
pub(crate) fn is_main() -> bool {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    // SAFETY: both only return a number.
    return unsafe { libc::gettid() == libc::getpid() };
    #[cfg(any(
        target_vendor = "apple",
        target_os = "freebsd",
        target_os = "openbsd",
        target_os = "dragonfly"
    ))]
    // SAFETY: it only returns a number.
    return unsafe { libc::pthread_main_np() == 1 };
    #[allow(unreachable_code, reason = "most platforms return above")]
    false
}
