//! The verdict that no task can ever run again, and who waits for what.

use std::collections::HashMap;

use crate::error::Deadlock;
use crate::runtime::core::block::TaskPtr;
use crate::runtime::core::context::Core;
use crate::runtime::core::id::TaskId;

/// How many tasks a report looks at.
const N_TASKS: usize = 1000;

/// Reports the parked tasks of a loop.
pub(crate) fn report(core: &Core) -> Deadlock {
    let tasks = core.tasks();
    let waits = tasks.iter().map(|task| (task.name(), task.waits_for()));
    let waits: Vec<_> = waits.take(N_TASKS).collect();
    Deadlock::new(waits, circle(&tasks).unwrap_or_default())
}

/// The names of tasks that wait for each other in a circle, if some do: from the oldest of them to
/// itself.
fn circle(tasks: &[TaskPtr]) -> Option<Vec<String>> {
    // Whether a task that was met is on the way that is being gone.
    let mut seen = HashMap::new();
    for start in tasks.iter().take(N_TASKS) {
        if !seen.contains_key(&start.id)
            && let Some(mut circle) = circle_from(*start, &mut seen)
        {
            let oldest = (0..circle.len()).min_by_key(|index| circle[*index].id)?;
            circle.rotate_left(oldest);
            circle.push(*circle.first()?);
            return Some(circle.iter().map(|task| task.name()).collect());
        }
    }
    None
}

/// Goes from a task to those that it waits for, in depth, until one is met again on the way to itself.
fn circle_from(start: TaskPtr, seen: &mut HashMap<TaskId, bool>) -> Option<Vec<TaskPtr>> {
    let mut way = vec![(start, awaited(start))];
    seen.insert(start.id, true);
    while let Some((task, next)) = way.last_mut() {
        match next.pop() {
            None => {
                seen.insert(task.id, false);
                way.pop();
            }
            Some(next) => match seen.get(&next.id) {
                Some(true) => {
                    let first = way.iter().position(|(task, _)| *task == next)?;
                    return Some(way[first..].iter().map(|(task, _)| *task).collect());
                }
                Some(false) => (),
                None if seen.len() < N_TASKS => {
                    seen.insert(next.id, true);
                    way.push((next, awaited(next)));
                }
                None => return None,
            },
        }
    }
    None
}

/// The tasks that a task waits for, the last one first.
fn awaited(task: TaskPtr) -> Vec<TaskPtr> {
    let mut tasks = Vec::new();
    task.with_awaiting(|what| what.tasks(&mut |task| tasks.push(task)));
    tasks.reverse();
    tasks
}
