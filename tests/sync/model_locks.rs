//! Random schedules of tasks that use a semaphore, a lock and a condition, with cancels at every point, in lock-step
//! with a model: no task is served out of turn, no permit or notification is lost, and each task parked at the end has
//! a reason.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use proptest::prelude::*;
use proptest::test_runner::Config;
use selvedge::sync::{Condition, Mutex, Permit, Semaphore};
use selvedge::task::catch_cancelled;
use selvedge::{Task, sleep, yield_now};

use crate::model_permits::{Turn, WaitList};
use crate::model_tasks::{end_all, player};
use crate::support::{A_SECOND, AN_HOUR, OnDrop, in_virtual_loop, scaled};

#[derive(Clone, Debug)]
enum Action {
    /// A number of permits, kept for a number of turns.
    Acquire(usize, usize),
    TryAcquire(usize),
    Release(usize),
    Cancel(usize),
    Yield,
    Sleep(u32),
}

const N_PERMITS: usize = 3;

struct World {
    semaphore: Semaphore,
    wait_list: RefCell<WaitList>,
    tasks: RefCell<Vec<Task<()>>>,
}

impl World {
    fn acquire(&self, task: usize, n: usize) -> Permit {
        let at_once = self.wait_list.borrow_mut().ask(task, n);
        let unwound = OnDrop(|| self.wait_list.borrow_mut().is_cancelled(task));
        let permit = self.semaphore.acquire_many(n);
        std::mem::forget(unwound);
        if !at_once {
            let turn = self.wait_list.borrow_mut().go_on(task);
            assert_eq!(turn, Turn::Promised, "out of turn");
        }
        permit
    }

    fn act(&self, task: usize, action: &Action) {
        match *action {
            Action::Acquire(n, n_turns) => {
                let permit = self.acquire(task, n);
                let _given = OnDrop(|| self.wait_list.borrow_mut().give(n));
                let _permit = permit;
                (0..n_turns).for_each(|_| yield_now());
            }
            Action::TryAcquire(n) => {
                let is_free = self.wait_list.borrow().is_free(n);
                let permit = self.semaphore.try_acquire_many(n);
                assert_eq!(permit.is_some(), is_free);
            }
            Action::Release(n) => {
                self.wait_list.borrow_mut().give(n);
                self.semaphore.release(n).expect("far from too many");
            }
            Action::Cancel(other) => {
                let tasks = self.tasks.borrow();
                if let Some(n) = other.checked_rem(tasks.len()) {
                    tasks[n].cancel();
                }
            }
            Action::Yield => yield_now(),
            Action::Sleep(seconds) => sleep(A_SECOND * seconds),
        }
        assert_eq!(
            self.semaphore.available_permits(),
            self.wait_list.borrow().n_free
        );
    }
}

fn play(scripts: Vec<(Vec<Action>, bool)>) {
    in_virtual_loop(move || {
        let world = Rc::new(World {
            semaphore: Semaphore::new(N_PERMITS),
            wait_list: RefCell::new(WaitList::new(N_PERMITS)),
            tasks: RefCell::default(),
        });
        for (number, (script, goes_on)) in scripts.into_iter().enumerate() {
            let theirs = Rc::clone(&world);
            let task = player(script, goes_on, move |action| theirs.act(number, action));
            world.tasks.borrow_mut().push(task);
        }
        sleep(AN_HOUR);
        for (number, task) in world.tasks.borrow().iter().enumerate() {
            let failure = task.exception().ok().flatten();
            assert!(failure.is_none(), "task {number}: {failure:?}");
            assert_eq!(!task.is_done(), world.wait_list.borrow().waits(number));
        }
        assert!(world.wait_list.borrow().promised.is_empty());
        end_all(&world.tasks.take());
    });
}

/// A step on a queue made of a lock and a condition: each put notifies, and each waiter takes one item.
#[derive(Clone, Debug)]
enum Step {
    /// Waits for an item, and takes it.
    Take,
    /// Puts a number of items, with a notification for each.
    Put(usize),
    /// Keeps the lock for a number of turns.
    Hold(usize),
    Cancel(usize),
    Yield,
}

fn play_condition(scripts: Vec<(Vec<Step>, bool)>) {
    in_virtual_loop(move || {
        let lock = Mutex::new(VecDeque::new());
        let changed = Condition::new();
        let (n_put, n_taken) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
        let tasks: Rc<RefCell<Vec<Task<()>>>> = Rc::default();
        for (script, goes_on) in scripts {
            let (lock, changed, all) = (lock.clone(), changed.clone(), Rc::clone(&tasks));
            let (n_put, n_taken) = (Rc::clone(&n_put), Rc::clone(&n_taken));
            let act = move |step: &Step| match *step {
                Step::Take => {
                    let mut items = lock.lock();
                    // The lock is held after a return and after a cancel.
                    let waited = catch_cancelled(|| {
                        changed.wait_while(&mut items, |items| items.is_empty());
                    });
                    assert!(lock.try_lock().is_none());
                    if waited.is_ok() {
                        n_taken.set(n_taken.get() + 1);
                        assert!(items.pop_front().is_some());
                    }
                }
                Step::Put(n) => {
                    let mut items = lock.lock();
                    items.extend(0..n);
                    n_put.set(n_put.get() + n);
                    drop(items);
                    changed.notify(n);
                }
                Step::Hold(n_turns) => {
                    let _items = lock.lock();
                    (0..n_turns).for_each(|_| yield_now());
                }
                Step::Cancel(other) => {
                    let all = all.borrow();
                    if let Some(n) = other.checked_rem(all.len()) {
                        all[n].cancel();
                    }
                }
                Step::Yield => yield_now(),
            };
            tasks.borrow_mut().push(player(script, goes_on, act));
        }
        sleep(AN_HOUR);
        let items = lock.try_lock().expect("no task holds the lock any longer");
        let n_parked = tasks.borrow().iter().filter(|task| !task.is_done()).count();
        for task in tasks.borrow().iter() {
            let failure = task.exception().ok().flatten();
            assert!(failure.is_none(), "{failure:?}");
        }
        assert_eq!(items.len(), n_put.get() - n_taken.get());
        assert!(
            n_parked == 0 || items.is_empty(),
            "{n_parked} wait beside {} items",
            items.len()
        );
        drop(items);
        end_all(&tasks.take());
    });
}

fn with_choice<T: std::fmt::Debug>(
    action: impl Strategy<Value = T>,
) -> impl Strategy<Value = Vec<(Vec<T>, bool)>> {
    let script = prop::collection::vec(action, 1..10);
    prop::collection::vec((script, any::<bool>()), 2..9)
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        8 => (0..5_usize, 0..4_usize).prop_map(|(n, turns)| Action::Acquire(n, turns)),
        2 => (0..4_usize).prop_map(Action::TryAcquire),
        1 => (1..3_usize).prop_map(Action::Release),
        4 => (0..8_usize).prop_map(Action::Cancel),
        2 => Just(Action::Yield),
        1 => (0..3_u32).prop_map(Action::Sleep),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => Just(Step::Take),
        3 => (1..3_usize).prop_map(Step::Put),
        4 => (1..4_usize).prop_map(Step::Hold),
        6 => (0..8_usize).prop_map(Step::Cancel),
        2 => Just(Step::Yield),
    ]
}

proptest! {
    #![proptest_config(Config {
        cases: scaled(1500, 30) as u32,
        failure_persistence: None,
        ..Config::default()
    })]

    #[test]
    fn a_semaphore_does_what_the_model_says(scripts in with_choice(action())) {
        play(scripts);
    }

    #[test]
    fn a_condition_loses_no_notification_and_holds_the_lock(scripts in with_choice(step())) {
        play_condition(scripts);
    }
}

/// A cancel of each of two waiters, after each number of turns, beside a task that notifies and keeps the lock.
#[test]
fn a_cancel_at_every_point_loses_no_notification() {
    use Step::{Cancel, Hold, Put, Take, Yield};
    for victim in 0..2 {
        for n_turns in 0..10 {
            for goes_on in [false, true] {
                let mut canceller = vec![Yield; n_turns];
                canceller.push(Cancel(victim));
                play_condition(vec![
                    (vec![Take], goes_on),
                    (vec![Take], false),
                    (vec![Yield, Put(1), Hold(4)], false),
                    (canceller, false),
                ]);
            }
        }
    }
}
