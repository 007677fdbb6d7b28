//! The handler for memory faults. It asks a [`Report`] whether the fault is a stack overflow, and forwards
//! every other fault to the previous handler.
//!
//! Everything that runs inside the handler is async-signal-safe: atomics, reads of mapped memory,
//! `write(2)`, `sigaction`, `raise`, `abort`. It knows nothing of coroutines: the floor above supplies the
//! [`Report`].

#![allow(unsafe_code)]

use std::ptr;
use std::sync::{Once, OnceLock};

use super::check;
use super::memory::Mapping;

/// Called for each fault with the faulting address, and with the stack pointer if it is known. If the fault
/// is an overflow, it prints a report and returns true.
pub(crate) type Report = fn(address: usize, stack_pointer: Option<usize>) -> bool;

/// The signals that an access to a guard raises.
const FAULTS: [libc::c_int; 2] = [libc::SIGSEGV, libc::SIGBUS];

/// The report, and the previous actions for [`FAULTS`]. Set before the handler is installed.
static HANDLING: OnceLock<(Report, [libc::sigaction; 2])> = OnceLock::new();

/// Installs the handler, once in the process, and gives the running thread an alternate signal stack if it
/// has none.
pub(crate) fn install(report: Report) {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: reads the current action into its storage, which is initialised with zeroes.
        let previous = FAULTS.map(|signal| unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            libc::sigaction(signal, ptr::null(), &mut action);
            action
        });
        HANDLING.get_or_init(|| (report, previous));
        for signal in FAULTS {
            // SAFETY: installs a handler with the signature that SA_SIGINFO requires.
            unsafe {
                let mut action: libc::sigaction = std::mem::zeroed();
                action.sa_sigaction = handle as *const () as usize;
                action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
                libc::sigemptyset(&mut action.sa_mask);
                libc::sigaction(signal, &action, ptr::null_mut());
            }
        }
    });
    // Not while the thread is torn down.
    let _ = ALTERNATE.try_with(|_| ());
}

/// Writes the pieces to standard error in order, without allocating.
pub(crate) fn write_stderr(pieces: &[&[u8]]) {
    for piece in pieces {
        let mut rest = *piece;
        while !rest.is_empty() {
            // SAFETY: the slice is readable for its length.
            let n = unsafe { libc::write(libc::STDERR_FILENO, rest.as_ptr().cast(), rest.len()) };
            let Ok(n @ 1..) = usize::try_from(n) else {
                return;
            };
            rest = &rest[n..];
        }
    }
}

/// Ends the process by a signal's default action, after writing std's buffered standard output.
#[cfg(feature = "runtime")]
pub(crate) fn end_process_by(signal: libc::c_int) -> ! {
    // SAFETY: sets the default action; from here on the signal ends the process, also while the flush waits.
    unsafe { libc::signal(signal, libc::SIG_DFL) };
    // A failure to print can't be reported.
    let _ = std::io::Write::flush(&mut std::io::stdout());
    // SAFETY: raise has no preconditions.
    unsafe { libc::raise(signal) };
    // The signal is blocked. Shells give this status to a process that the signal has ended.
    std::process::exit(128 + signal)
}

/// The handler.
///
/// # Safety
/// Called by the kernel, or by a handler that forwards the kernel's arguments.
unsafe extern "C" fn handle(
    signal: libc::c_int,
    info: *mut libc::siginfo_t,
    context: *mut libc::c_void,
) {
    let Some((report, previous)) = HANDLING.get() else {
        // It is set before this handler is installed.
        std::process::abort()
    };
    // SAFETY: the kernel passes a valid siginfo to an SA_SIGINFO handler.
    let (code, address) = unsafe { ((*info).si_code, (*info).si_addr() as usize) };
    // Codes above zero come from the kernel; a signal that was sent by a process has no address.
    if code > 0 {
        // SAFETY: the kernel passes the interrupted context to an SA_SIGINFO handler.
        if report(address, unsafe { stack_pointer(context) }) {
            // SAFETY: abort is async-signal-safe.
            unsafe { libc::abort() };
        }
    }
    let previous = &previous[usize::from(signal != FAULTS[0])];
    // SAFETY: these are the kernel's arguments, and the action is the signal's previous one.
    unsafe { forward(previous, signal, code, info, context) };
}

/// Does what the signal would do without this handler.
///
/// # Safety
/// As [`handle`], whose arguments these are; the system has returned `previous` for the signal.
unsafe fn forward(
    previous: &libc::sigaction,
    signal: libc::c_int,
    code: libc::c_int,
    info: *mut libc::siginfo_t,
    context: *mut libc::c_void,
) {
    match previous.sa_sigaction {
        libc::SIG_IGN if code <= 0 => {}
        libc::SIG_DFL | libc::SIG_IGN => {
            // SAFETY: restores the default action; then a fault happens again when the handler returns, and
            // a signal that was sent is sent again.
            unsafe {
                let mut default: libc::sigaction = std::mem::zeroed();
                default.sa_sigaction = libc::SIG_DFL;
                libc::sigaction(signal, &default, ptr::null_mut());
                if code <= 0 {
                    libc::raise(signal);
                }
            }
        }
        handler if previous.sa_flags & libc::SA_SIGINFO != 0 => {
            type Handler =
                unsafe extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void);
            // SAFETY: a handler registered with SA_SIGINFO has this type.
            unsafe { std::mem::transmute::<usize, Handler>(handler)(signal, info, context) }
        }
        handler => {
            // SAFETY: a handler registered without SA_SIGINFO has this type.
            unsafe {
                std::mem::transmute::<usize, unsafe extern "C" fn(libc::c_int)>(handler)(signal)
            }
        }
    }
}

/// The stack pointer of the interrupted code, on platforms where the layout of the context is known.
///
/// # Safety
/// The kernel made the context.
#[allow(
    clippy::unnecessary_cast,
    reason = "the type of the field differs between platforms"
)]
unsafe fn stack_pointer(context: *mut libc::c_void) -> Option<usize> {
    #[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
    {
        // SAFETY: forwarded to the caller.
        let context = unsafe { &(*context.cast::<libc::ucontext_t>()).uc_mcontext };
        #[cfg(all(not(target_vendor = "apple"), target_arch = "x86_64"))]
        return Some(context.gregs[libc::REG_RSP as usize] as usize);
        #[cfg(all(not(target_vendor = "apple"), target_arch = "aarch64"))]
        return Some(context.sp as usize);
        #[cfg(all(target_vendor = "apple", target_arch = "x86_64"))]
        // SAFETY: the machine context is part of what the kernel made.
        return Some(unsafe { (**context).__ss.__rsp } as usize);
        #[cfg(all(target_vendor = "apple", target_arch = "aarch64"))]
        // SAFETY: the machine context is part of what the kernel made.
        return Some(unsafe { (**context).__ss.__sp } as usize);
    }
    #[allow(unreachable_code, reason = "some platforms return above")]
    {
        let _ = context;
        None
    }
}

/// An alternate signal stack, for threads that Rust did not start and that have none: no handler could run
/// on an overflown stack.
struct Alternate(Option<Mapping>);

impl Alternate {
    const SIZE_BYTES: usize = 64 * 1024;

    /// `None` if the thread has such a stack already, or none can be mapped.
    fn install() -> Option<Mapping> {
        // SAFETY: reads the current stack into its storage, for which zeroes are a value.
        let current = unsafe {
            let mut current: libc::stack_t = std::mem::zeroed();
            check(libc::sigaltstack(ptr::null(), &mut current)).ok()?;
            current
        };
        if current.ss_flags & libc::SS_DISABLE == 0 {
            return None;
        }
        let mapping = Mapping::reserve(Self::SIZE_BYTES).ok()?;
        let stack = libc::stack_t {
            ss_sp: mapping.at(0).as_ptr().cast(),
            ss_flags: 0,
            ss_size: Self::SIZE_BYTES,
        };
        // SAFETY: the mapping is fresh, and the kernel uses it until `drop` withdraws it.
        check(unsafe { libc::sigaltstack(&stack, ptr::null_mut()) }).ok()?;
        Some(mapping)
    }
}

impl Drop for Alternate {
    fn drop(&mut self) {
        let Some(mapping) = self.0.take() else {
            return;
        };
        // SAFETY: the kernel stops using the stack before it is unmapped; if it is in use now, sigaltstack
        // fails and the stack is leaked.
        let withdrawn = unsafe {
            let mut none: libc::stack_t = std::mem::zeroed();
            none.ss_flags = libc::SS_DISABLE;
            none.ss_size = Self::SIZE_BYTES;
            check(libc::sigaltstack(&none, ptr::null_mut()))
        };
        if withdrawn.is_err() {
            std::mem::forget(mapping);
        }
    }
}

thread_local! {
    static ALTERNATE: Alternate = Alternate(Alternate::install());
}
