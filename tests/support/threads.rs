//! Waiting until another thread is asleep.

#![allow(unsafe_code)]

use std::{fs, thread};

/// The kernel's number of this thread.
pub fn thread_number() -> i32 {
    // SAFETY: asks for a number.
    unsafe { libc::gettid() }
}

/// Returns when the thread with that number sleeps in the kernel.
pub fn wait_until_asleep(thread_number: i32) {
    let path = format!("/proc/self/task/{thread_number}/stat");
    loop {
        let stat = fs::read_to_string(&path).expect("the thread's line");
        // The name comes before the state, in brackets, and may hold anything.
        let state = stat
            .rsplit(") ")
            .next()
            .and_then(|rest| rest.chars().next());
        if state == Some('S') {
            return;
        }
        thread::yield_now();
    }
}
