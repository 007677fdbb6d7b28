//! The verdict that no task can ever run again, and who waits for what.

use super::context::Core;
use super::task::TaskPtr;
use crate::error::Deadlock;

/// How many tasks a report looks at.
const N_TASKS: usize = 1000;

/// Reports the parked tasks of a loop.
pub(crate) fn report(core: &Core) -> Deadlock {
    let tasks = core.tasks();
    let waits = tasks.iter().map(|task| (task.name(), task.waits_for()));
    let waits: Vec<_> = waits.take(N_TASKS).collect();
    let cycle = tasks.iter().take(N_TASKS).find_map(|task| cycle(*task));
    Deadlock::new(waits, cycle.unwrap_or_default())
}

/// The names along the circle that a task is in, if it is in one.
fn cycle(start: TaskPtr) -> Option<Vec<String>> {
    let mut names = vec![start.name()];
    let mut task = awaited(start)?;
    while task != start {
        if names.len() > N_TASKS {
            return None;
        }
        names.push(task.name());
        task = awaited(task)?;
    }
    names.push(start.name());
    Some(names)
}

/// The task that a task waits for.
fn awaited(task: TaskPtr) -> Option<TaskPtr> {
    task.with_awaiting(|what| what.task()).flatten()
}
