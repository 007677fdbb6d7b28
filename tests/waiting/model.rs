//! Random tasks that are waited for, cancelled, and clean up, against a model that computes when each wait ends and how.

use std::rc::Rc;
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::Config;
use selvedge::task::{ReturnWhen, as_completed, catch_cancelled, gather_settled, wait};
use selvedge::{Task, gather, sleep, spawn, spawn_fallible};

use crate::elapsed;
use crate::support::{in_virtual_loop, scaled};

/// The clock's unit here. Tasks end at multiples of four units; cancels and timeouts fall in between.
const TICK: Duration = Duration::from_millis(250);

/// A task that sleeps for a time and returns or fails. If cancelled, the task takes a time to clean up, and then ends
/// in its other way.
#[derive(Clone, Debug)]
struct Script {
    ticks: u32,
    fails: bool,
    clean_up_ticks: u32,
    after_cancel: AfterCancel,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum AfterCancel {
    Returns,
    Fails,
    IsUnwound,
}

/// The outcome: the number of the task that failed, or a cancel.
#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    Returned,
    Failed(usize),
    Cancelled,
}

impl Script {
    fn spawn(&self, index: usize) -> Task<usize> {
        let this = self.clone();
        spawn_fallible(move || {
            let outcome = |fails| match fails {
                true => Err(index.to_string()),
                false => Ok(index),
            };
            if catch_cancelled(|| sleep(this.ticks * TICK)).is_ok() {
                return outcome(this.fails);
            }
            sleep(this.clean_up_ticks * TICK);
            if this.after_cancel == AfterCancel::IsUnwound {
                selvedge::task::current_task().expect("a task").cancel();
                selvedge::yield_now();
            }
            outcome(this.after_cancel == AfterCancel::Fails)
        })
    }

    /// The time and the kind of the end, if the task is cancelled at a time or never.
    fn end(&self, index: usize, cancelled_at: Option<u32>) -> (u32, End) {
        let returned_or_failed = |fails| match fails {
            true => End::Failed(index),
            false => End::Returned,
        };
        match cancelled_at {
            Some(at) if at < self.ticks => {
                let end = match self.after_cancel {
                    AfterCancel::IsUnwound => End::Cancelled,
                    after => returned_or_failed(after == AfterCancel::Fails),
                };
                (at + self.clean_up_ticks, end)
            }
            _ => (self.ticks, returned_or_failed(self.fails)),
        }
    }
}

fn end_of<T>(result: Result<T, selvedge::TaskError>) -> End {
    match result {
        Ok(_) => End::Returned,
        Err(error) if error.is_cancelled() => End::Cancelled,
        Err(error) => End::Failed(error.message().unwrap().parse().expect("a task's number")),
    }
}

fn ticks() -> u32 {
    (elapsed().as_millis() / TICK.as_millis()) as u32
}

/// The time and the kind of the end of a gather that is cancelled at a time or never.
fn gather_of(scripts: &[Script], cancel_at: Option<u32>, is_settled: bool) -> (u32, End) {
    let ends = |cancelled_at| {
        let ends = scripts.iter().enumerate();
        let mut ends: Vec<_> = ends
            .map(|(i, script)| script.end(i, cancelled_at))
            .collect();
        // Tasks that end at the same time end in the order of their sleeps.
        ends.sort_by_key(|end| end.0);
        ends
    };
    let is_failure = |end: &&(u32, End)| matches!(end.1, End::Failed(_)) && !is_settled;
    let last = |ends: &[(u32, End)]| ends.iter().map(|end| end.0).max().unwrap_or(0);
    let undisturbed = ends(None);
    let first_failure = undisturbed.iter().find(is_failure).copied();
    let end = first_failure.unwrap_or((last(&undisturbed), End::Returned));
    match cancel_at {
        Some(at) if at < end.0 => {
            let ends = ends(Some(at));
            let failure = ends.iter().find(is_failure);
            (last(&ends), failure.map_or(End::Cancelled, |end| end.1))
        }
        _ => end,
    }
}

fn spawn_all(scripts: &[Script]) -> Vec<Task<usize>> {
    let scripts = scripts.iter().enumerate();
    scripts.map(|(i, script)| script.spawn(i)).collect()
}

fn played_gather(scripts: Rc<[Script]>, cancel_at: Option<u32>, is_settled: bool) -> (u32, End) {
    in_virtual_loop(move || {
        let outer = spawn(move || {
            let tasks = spawn_all(&scripts);
            let end = match is_settled {
                false => end_of(gather(tasks)),
                true => {
                    drop(gather_settled(tasks));
                    End::Returned
                }
            };
            (ticks(), end)
        });
        let target = outer.task_ref();
        if let Some(at) = cancel_at {
            spawn(move || {
                sleep(at * TICK);
                target.cancel();
            })
            .detach();
        }
        match outer.join() {
            Ok(played) => played,
            Err(error) => (ticks(), end_of::<()>(Err(error))),
        }
    })
}

/// The tasks that are done when a wait returns, and the time of the return.
fn wait_of(scripts: &[Script], when: ReturnWhen, timeout: Option<u32>) -> (u32, Vec<bool>) {
    let end = |script: &Script| script.ticks;
    let last = scripts.iter().map(end).max().expect("some");
    let first = match when {
        ReturnWhen::FirstCompleted => scripts.iter().map(end).min(),
        ReturnWhen::FirstException => scripts.iter().filter(|script| script.fails).map(end).min(),
        ReturnWhen::AllCompleted => None,
    };
    let at = first.unwrap_or(last);
    let at = timeout.map_or(at, |timeout| timeout.min(at));
    (
        at,
        scripts.iter().map(|script| script.ticks <= at).collect(),
    )
}

fn played_wait(scripts: Rc<[Script]>, when: ReturnWhen, timeout: Option<u32>) -> (u32, Vec<bool>) {
    in_virtual_loop(move || {
        let tasks = spawn_all(&scripts);
        let timeout = timeout.map(|ticks| ticks * TICK);
        let waited = wait(&tasks, when, timeout).expect("some");
        let done: Vec<_> = waited.done.iter().map(|task| task.id()).collect();
        (
            ticks(),
            tasks.iter().map(|task| done.contains(&task.id())).collect(),
        )
    })
}

fn played_as_completed(scripts: Rc<[Script]>) -> Vec<(u32, End)> {
    in_virtual_loop(move || {
        let tasks = spawn_all(&scripts);
        as_completed(tasks)
            .map(|task| (ticks(), end_of(task.join())))
            .collect()
    })
}

fn scripts() -> impl Strategy<Value = Vec<Script>> {
    let after_cancel = prop_oneof![
        2 => Just(AfterCancel::IsUnwound),
        1 => Just(AfterCancel::Returns),
        1 => Just(AfterCancel::Fails),
    ];
    let script = (1..8_u32, prop::bool::weighted(0.2), 0..4_u32, after_cancel).prop_map(
        |(seconds, fails, clean_up_seconds, after_cancel)| Script {
            ticks: 4 * seconds,
            fails,
            clean_up_ticks: 4 * clean_up_seconds,
            after_cancel,
        },
    );
    prop::collection::vec(script, 1..8)
}

fn in_between(offset: u32) -> impl Strategy<Value = Option<u32>> {
    prop::option::of((0..9_u32).prop_map(move |seconds| 4 * seconds + offset))
}

fn config() -> Config {
    let n_cases = if cfg!(debug_assertions) {
        2_000
    } else {
        20_000
    };
    Config {
        cases: scaled(n_cases, 50) as u32,
        failure_persistence: None,
        ..Config::default()
    }
}

#[test]
fn gather_ends_at_the_time_and_with_the_result_of_the_model() {
    proptest!(config(), |(scripts in scripts(), cancel_at in in_between(2), is_settled: bool)| {
        let expected = gather_of(&scripts, cancel_at, is_settled);
        prop_assert_eq!(played_gather(scripts.into(), cancel_at, is_settled), expected);
    });
}

#[test]
fn wait_ends_at_the_time_of_the_model_with_its_done_set() {
    let when = prop_oneof![
        Just(ReturnWhen::FirstCompleted),
        Just(ReturnWhen::FirstException),
        Just(ReturnWhen::AllCompleted),
    ];
    proptest!(config(), |(scripts in scripts(), when in when, timeout in in_between(1))| {
        let expected = wait_of(&scripts, when, timeout);
        prop_assert_eq!(played_wait(scripts.into(), when, timeout), expected);
    });
}

#[test]
fn as_completed_yields_tasks_in_the_order_of_the_model() {
    proptest!(config(), |(scripts in scripts())| {
        let ends = scripts.iter().enumerate();
        let mut expected: Vec<_> = ends.map(|(i, script)| script.end(i, None)).collect();
        expected.sort_by_key(|end| end.0);
        prop_assert_eq!(played_as_completed(scripts.into()), expected);
    });
}
