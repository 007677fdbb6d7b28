//! The watchdog thread, and what it does about a test that hangs.

use std::ffi::{CStr, c_void};
use std::fmt::Write;
use std::sync::atomic::Ordering::Relaxed;
use std::{fs, mem, process, ptr};

use super::ages::Ages;
use super::{N_STEPS, question};

/// The status of a process whose test hangs: that of timeout(1).
const STATUS: i32 = 124;

/// The report may hang as well, for a lock that the test holds. An alarm ends the process then.
const REPORT_SECONDS: u32 = 30;

struct Watchdog {
    limit_seconds: u32,
    /// The list of this process's threads.
    directory: libc::c_int,
}

/// Starts the thread. Without `/proc`, or if no thread can be started, there is no guard.
pub fn start(limit_seconds: u32) {
    let path = c"/proc/self/task".as_ptr();
    let flags = libc::O_RDONLY | libc::O_DIRECTORY | libc::O_CLOEXEC;
    // SAFETY: the path ends with a NUL.
    let directory = unsafe { libc::open(path, flags) };
    if directory < 0 {
        return;
    }
    let watchdog = Box::new(Watchdog {
        limit_seconds,
        directory,
    });
    // Not a thread of std: std numbers its threads, and `main` should stay the first.
    // SAFETY: each pointer is to a value of the type that the callee asks for. The new thread inherits a mask that blocks
    // all signals, and owns the box.
    unsafe {
        let (mut all, mut before): (libc::sigset_t, libc::sigset_t) =
            (mem::zeroed(), mem::zeroed());
        libc::sigfillset(&mut all);
        libc::pthread_sigmask(libc::SIG_SETMASK, &all, &mut before);
        let mut thread = mem::zeroed();
        let watchdog = Box::into_raw(watchdog).cast();
        libc::pthread_create(&mut thread, ptr::null(), run, watchdog);
        libc::pthread_sigmask(libc::SIG_SETMASK, &before, ptr::null_mut());
    }
}

extern "C" fn run(watchdog: *mut c_void) -> *mut c_void {
    // SAFETY: the pointer comes from `Box::into_raw` in `start`, which passes it to this thread only.
    let watchdog = unsafe { Box::from_raw(watchdog.cast::<Watchdog>()) };
    // SAFETY: names this thread; the text ends with a NUL.
    unsafe { libc::prctl(libc::PR_SET_NAME, c"hang-guard".as_ptr()) };
    watchdog.watch()
}

impl Watchdog {
    fn watch(&self) -> ! {
        let pid = process::id() as libc::pid_t;
        // SAFETY: asks for a number.
        let own = unsafe { libc::gettid() };
        let mut ages = Ages::new();
        let mut n_steps = 0;
        loop {
            pause(1000);
            let n_steps_before = mem::replace(&mut n_steps, N_STEPS.load(Relaxed));
            if n_steps != n_steps_before {
                ages = Ages::new();
            }
            ages.begin_round(|tid| is_alive(pid, tid));
            self.each_thread(|tid| {
                // The main thread runs no test, and this one answers no signal.
                if tid != pid && tid != own {
                    ages.add(tid);
                }
            });
            let mut report = String::new();
            let mut hung = Vec::new();
            while let Some(tid) = ages.take_older_than(self.limit_seconds) {
                if let Some(name) = question::name_of(tid).filter(|name| is_path(name)) {
                    let limit_seconds = self.limit_seconds;
                    let _ = writeln!(
                        report,
                        "\nTest {name} hangs: it has not ended in {limit_seconds} s. \
                         (SELVEDGE_HANG_SECONDS sets another limit, 0 none.)"
                    );
                    hung.push((tid, name));
                }
            }
            if !hung.is_empty() {
                fail(&report, &hung);
            }
        }
    }

    /// Calls `f` with the number of each thread of this process. Opens nothing and allocates nothing.
    fn each_thread(&self, mut f: impl FnMut(libc::pid_t)) {
        // Of linux_dirent64: the length of the entry, and its name, which ends with a NUL.
        const LENGTH_AT: usize = 16;
        const NAME_AT: usize = 19;
        let mut buffer = [0_u8; 4096];
        // SAFETY: sets the position of a descriptor that this watchdog owns.
        unsafe { libc::lseek(self.directory, 0, libc::SEEK_SET) };
        loop {
            let (to, n) = (buffer.as_mut_ptr(), buffer.len());
            // SAFETY: the kernel writes at most `n` bytes, the length of the buffer.
            let n_read = unsafe { libc::syscall(libc::SYS_getdents64, self.directory, to, n) };
            if n_read <= 0 {
                return;
            }
            let mut entries = &buffer[..n_read as usize];
            while entries.len() > NAME_AT {
                let length = [entries[LENGTH_AT], entries[LENGTH_AT + 1]];
                let (entry, rest) = entries.split_at(u16::from_ne_bytes(length).into());
                entries = rest;
                let name = CStr::from_bytes_until_nul(&entry[NAME_AT..]).ok();
                if let Some(tid) = name.and_then(|name| name.to_str().ok()?.parse().ok()) {
                    f(tid);
                }
            }
        }
    }
}

/// Blocks this thread for `milliseconds`.
pub fn pause(milliseconds: libc::c_int) {
    // SAFETY: with 0 descriptors the kernel reads none; the call returns after the timeout.
    unsafe { libc::poll(ptr::null_mut(), 0, milliseconds) };
}

fn is_alive(pid: libc::pid_t, tid: libc::pid_t) -> bool {
    // SAFETY: signal 0 is not sent; the kernel only looks for the thread.
    unsafe { libc::syscall(libc::SYS_tgkill, pid, tid, 0) == 0 }
}

/// Whether a thread of this name runs a test: the harness names it by the path of the test's function.
fn is_path(name: &str) -> bool {
    name.bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b':'))
}

/// Reports the hung tests and ends the process. The names come first, because a backtrace may fail.
fn fail(report: &str, hung: &[(libc::pid_t, String)]) -> ! {
    // SAFETY: both calls only set what SIGALRM does and when it comes: it ends this process.
    unsafe {
        libc::signal(libc::SIGALRM, libc::SIG_DFL);
        libc::alarm(REPORT_SECONDS);
    }
    print(report);
    for (tid, name) in hung {
        print(&format!("\nThe thread of {name}, innermost frame first:\n"));
        print(&backtrace_of(*tid));
    }
    kill_children();
    // SAFETY: ends the process. No destructor runs, which might wait for the test.
    unsafe { libc::_exit(STATUS) }
}

/// Prints past the harness, which keeps what tests print, and past std's lock, which the test may hold.
fn print(text: &str) {
    let mut rest = text.as_bytes();
    while !rest.is_empty() {
        // SAFETY: the kernel reads that many bytes from the slice.
        let n_written = unsafe { libc::write(2, rest.as_ptr().cast(), rest.len()) };
        if n_written <= 0 {
            return;
        }
        rest = &rest[n_written as usize..];
    }
}

/// The frames of the test, without those of the signal's handler and of the harness.
fn backtrace_of(tid: libc::pid_t) -> String {
    let frames = question::frames_of(tid);
    let frames: Vec<String> = frames.into_iter().map(symbol).collect();
    let position = |name| frames.iter().position(|frame| frame.contains(name));
    let start = position("question::answer").map_or(0, |handler| handler + 1);
    let end = position("test::__rust_begin_short_backtrace").unwrap_or(frames.len());
    frames[start.min(end)..end].concat()
}

/// The function that contains a return address, after those that are inlined there; one line each. The address at which the
/// signal has interrupted the thread is no return address: it may be a function's first, so that the one before is in no function.
fn symbol(frame: *mut c_void) -> String {
    [frame, frame.wrapping_byte_add(1)]
        .into_iter()
        .map(functions)
        .find(|lines| !lines.is_empty())
        .unwrap_or_else(|| format!("    {frame:p}\n"))
}

/// The functions that contain the byte before an address, innermost first; one line each.
fn functions(after: *mut c_void) -> String {
    let mut lines = String::new();
    backtrace::resolve(after, |symbol| {
        let Some(name) = symbol.name() else { return };
        let _ = write!(lines, "    {name:#}");
        if let (Some(file), Some(line)) = (symbol.filename(), symbol.lineno()) {
            let _ = write!(lines, "  {}:{line}", file.display());
        }
        lines.push('\n');
    });
    lines
}

/// Kills the processes that this one has started. A hung child would keep open the pipe on which the caller of the tests
/// waits for the end of their output.
fn kill_children() {
    let me = process::id().to_string();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok())
        else {
            continue;
        };
        let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        // The state and the parent's number come after the name, which is in brackets and may hold anything.
        let mut rest = stat.rsplit(") ").next().unwrap_or_default().split(' ');
        if rest.nth(1) == Some(&me) {
            // SAFETY: the process is a child of this one.
            unsafe { libc::kill(pid, libc::SIGKILL) };
        }
    }
}
