//! Questions to another thread of this process: a signal handler answers them on that thread, wherever it is.

use std::mem::MaybeUninit;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicPtr, AtomicU8, AtomicUsize};
use std::{ptr, thread};

use super::watchdog::pause;

const MAX_NAME_BYTES: usize = 512;
const MAX_FRAMES: usize = 128;

/// How often an answer is looked for, every 10 ms. A thread of qemu's own never answers.
const N_PAUSES: usize = 500;

/// What the handler is to store.
#[derive(Clone, Copy, PartialEq)]
#[repr(u8)]
enum Question {
    Name,
    Frames,
}

/// The question and its answer. The handler must not allocate or lock, so all of it is atomic and of a fixed size.
struct Slot {
    tid: AtomicI32,
    question: AtomicU8,
    is_answered: AtomicBool,
    /// The bytes of a name and its length. A thread without a name has none.
    name: [AtomicU8; MAX_NAME_BYTES],
    n_bytes: AtomicUsize,
    /// The return addresses, the innermost first.
    frames: [AtomicPtr<libc::c_void>; MAX_FRAMES],
    n_frames: AtomicUsize,
}

static SLOT: Slot = Slot {
    tid: AtomicI32::new(0),
    question: AtomicU8::new(Question::Name as u8),
    is_answered: AtomicBool::new(false),
    name: [const { AtomicU8::new(0) }; MAX_NAME_BYTES],
    n_bytes: AtomicUsize::new(0),
    frames: [const { AtomicPtr::new(ptr::null_mut()) }; MAX_FRAMES],
    n_frames: AtomicUsize::new(0),
};

/// The thread's name in std. `None` if the thread has no name, has ended, or blocks the signal.
pub fn name_of(tid: libc::pid_t) -> Option<String> {
    if !ask(tid, Question::Name) {
        return None;
    }
    let n_bytes = SLOT.n_bytes.load(Relaxed);
    if n_bytes == 0 {
        return None;
    }
    let bytes: Vec<u8> = SLOT.name[..n_bytes]
        .iter()
        .map(|byte| byte.load(Relaxed))
        .collect();
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// The return addresses on the thread's stack, the innermost first: the handler's own, then those of what it interrupted.
/// The thread stays in the handler, so that its test can't end while the report is written.
pub fn frames_of(tid: libc::pid_t) -> Vec<*mut libc::c_void> {
    ask(tid, Question::Frames);
    let n_frames = SLOT.n_frames.load(Relaxed);
    SLOT.frames[..n_frames]
        .iter()
        .map(|frame| frame.load(Relaxed))
        .collect()
}

/// Whether the thread has answered.
fn ask(tid: libc::pid_t, question: Question) -> bool {
    SLOT.is_answered.store(false, Relaxed);
    SLOT.question.store(question as u8, Relaxed);
    SLOT.tid.store(tid, Release);
    // Not a signal that tests use, and not the last one, which Valgrind keeps for itself.
    let signal = libc::SIGRTMIN() + 10;
    // SAFETY: all zeros is an action with an empty mask. `answer` has a handler's type, and runs on any thread at any
    // point: it neither allocates nor locks. It stays installed, so a signal that a thread takes late does no harm.
    unsafe {
        let mut action: libc::sigaction = MaybeUninit::zeroed().assume_init();
        action.sa_sigaction = answer as *const () as usize;
        // On the alternative stack if the thread has one: a coroutine's stack may be too small.
        action.sa_flags = libc::SA_RESTART | libc::SA_ONSTACK;
        libc::sigaction(signal, &action, ptr::null_mut());
        libc::syscall(libc::SYS_tgkill, libc::getpid(), tid, signal);
    }
    for _ in 0..N_PAUSES {
        if SLOT.is_answered.load(Acquire) {
            return true;
        }
        pause(10);
    }
    false
}

extern "C" fn answer(_: libc::c_int) {
    // SAFETY: gettid only returns a number; the location of errno is valid on each thread.
    let (tid, errno) = unsafe { (libc::gettid(), *libc::__errno_location()) };
    // A thread that answers too late must not overwrite the next answer.
    if SLOT.tid.load(Acquire) == tid {
        let asks_name = SLOT.question.load(Relaxed) == Question::Name as u8;
        if asks_name {
            store_name();
        } else {
            store_frames();
        }
        SLOT.is_answered.store(true, Release);
        if !asks_name {
            loop {
                pause(1000);
            }
        }
    }
    // SAFETY: as above. The interrupted code finds the value that it left there.
    unsafe { *libc::__errno_location() = errno };
}

fn store_name() {
    let thread = thread::current();
    let bytes = thread.name().unwrap_or_default().as_bytes();
    let n_bytes = bytes.len().min(MAX_NAME_BYTES);
    for (to, byte) in SLOT.name.iter().zip(&bytes[..n_bytes]) {
        to.store(*byte, Relaxed);
    }
    SLOT.n_bytes.store(n_bytes, Relaxed);
}

fn store_frames() {
    SLOT.n_frames.store(0, Relaxed);
    // SAFETY: unsynchronized means without the crate's lock, which a test may hold while it hangs. A walk on Linux is a call
    // of the unwinder, which has no state that threads share.
    unsafe {
        backtrace::trace_unsynchronized(|frame| {
            let index = SLOT.n_frames.load(Relaxed);
            SLOT.frames[index].store(frame.ip(), Relaxed);
            SLOT.n_frames.store(index + 1, Relaxed);
            index + 1 < MAX_FRAMES
        });
    }
}
