//! `print_stack`, which writes to standard error.

use std::hint::black_box;
use std::time::Duration;

use selvedge::task::all_tasks;
use selvedge::{sleep, spawn_named, yield_now};

use crate::backtraces::{HAS_BACKTRACES, joined};
use crate::support::{child, in_virtual_loop};

pub const SCENARIOS: &[(&str, fn())] = &[("prints", prints)];

#[inline(never)]
fn warps() {
    sleep(Duration::from_secs(1));
    black_box(());
}

fn prints() {
    in_virtual_loop(|| {
        let task = spawn_named("loom", warps);
        yield_now();
        task.print_stack();
        all_tasks().iter().for_each(|task| task.print_stack());
        joined(task);
    });
}

#[test]
fn print_stack_writes_to_standard_error() {
    let ended = child::run("prints");
    ended.assert_exited(0);
    let line = concat!("task loom (suspended), spawned at ", file!());
    ended.assert_reported(&[line, "waits for a deadline\n", " (running), spawned at "]);
    assert_eq!(ended.stderr.matches("task loom").count(), 2, "{ended:#?}");
    assert_eq!(ended.stdout.matches("task loom").count(), 0, "{ended:#?}");
    if HAS_BACKTRACES {
        ended.assert_reported(&["introspection::printed::warps"]);
    }
}
