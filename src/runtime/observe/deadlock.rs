//! The report of a deadlock: each parked task, what it waits for, and a cycle.

use std::collections::HashMap;

use crate::error::Deadlock;
use crate::runtime::core::{Core, TaskId, TaskPtr};

/// The most tasks that a report covers.
const N_TASKS: usize = 1000;

/// Reports the parked tasks of a loop in which no task can run again.
pub(crate) fn report(core: &Core) -> Deadlock {
    let tasks = core.tasks();
    let waits = tasks.iter().map(|task| (task.name(), task.waits_for()));
    let waits: Vec<_> = waits.take(N_TASKS).collect();
    Deadlock::new(waits, cycle(&tasks).unwrap_or_default())
}

/// The names of tasks that wait for each other in a cycle, if there is one: from the oldest of them back to itself.
fn cycle(tasks: &[TaskPtr]) -> Option<Vec<String>> {
    // Tasks that were visited, and whether each is on the current path.
    let mut seen = HashMap::new();
    for start in tasks.iter().take(N_TASKS) {
        if !seen.contains_key(&start.id)
            && let Some(mut cycle) = cycle_from(*start, &mut seen)
        {
            let oldest = (0..cycle.len()).min_by_key(|index| cycle[*index].id)?;
            cycle.rotate_left(oldest);
            cycle.push(*cycle.first()?);
            return Some(cycle.iter().map(|task| task.name()).collect());
        }
    }
    None
}

/// Searches in depth from a task to the tasks that it waits for, until one is found twice on a path.
fn cycle_from(start: TaskPtr, seen: &mut HashMap<TaskId, bool>) -> Option<Vec<TaskPtr>> {
    let mut path = vec![(start, awaited(start))];
    seen.insert(start.id, true);
    while let Some((task, next)) = path.last_mut() {
        match next.pop() {
            None => {
                seen.insert(task.id, false);
                path.pop();
            }
            Some(next) => match seen.get(&next.id) {
                Some(true) => {
                    let first = path.iter().position(|(task, _)| *task == next)?;
                    return Some(path[first..].iter().map(|(task, _)| *task).collect());
                }
                Some(false) => (),
                None if seen.len() < N_TASKS => {
                    seen.insert(next.id, true);
                    path.push((next, awaited(next)));
                }
                None => return None,
            },
        }
    }
    None
}

/// The tasks that a task waits for, last one first. The holder of a lock is one of them.
fn awaited(task: TaskPtr) -> Vec<TaskPtr> {
    let mut tasks = Vec::new();
    task.with_awaiting(|what| {
        what.tasks(&mut |task| tasks.push(task));
        tasks.extend(what.holder());
    });
    tasks.reverse();
    tasks
}
