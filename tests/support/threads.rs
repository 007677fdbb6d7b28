//! Waiting until another thread is asleep.

#![allow(unsafe_code)]

use std::{fs, thread};

/// This thread's id in the kernel.
pub fn thread_number() -> i32 {
    // SAFETY: only returns a number.
    unsafe { libc::gettid() }
}

/// Returns when the thread with that id sleeps in the kernel.
pub fn wait_until_asleep(thread_number: i32) {
    let path = format!("/proc/self/task/{thread_number}/stat");
    loop {
        let stat = fs::read_to_string(&path).expect("the thread's line");
        // The name comes before the state, in brackets, and may contain any character.
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
