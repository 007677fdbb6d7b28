//! The tasks of the random schedules: each plays a script.

use selvedge::task::catch_cancelled;
use selvedge::{Task, spawn, yield_now};

/// Spawns a task that plays a script. If it goes on, a cancel ends one action only, else the whole script.
pub fn player<A: 'static>(script: Vec<A>, goes_on: bool, act: impl Fn(&A) + 'static) -> Task<()> {
    spawn(move || {
        for action in &script {
            if goes_on {
                let _ = catch_cancelled(|| act(action));
            } else {
                act(action);
            }
        }
    })
}

/// Cancels each task until it has ended.
pub fn end_all(tasks: &[Task<()>]) {
    while tasks.iter().any(|task| !task.is_done()) {
        for task in tasks {
            task.cancel();
        }
        yield_now();
    }
}
