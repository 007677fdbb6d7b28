//! Random schedules of tasks that use one queue, with cancels at every point, in lock-step with a model: each operation
//! must return the model's result, at once if the model does not wait; and each task parked at the end must wait in the
//! model, too.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use proptest::prelude::*;
use proptest::test_runner::Config;
use selvedge::sync::{GetError, LifoQueue, PriorityQueue, PutError, Queue};
use selvedge::{Task, sleep, yield_now};

use crate::model_queue_reference::{Model, Order};
use crate::model_tasks::{end_all, player};
use crate::support::{A_SECOND, AN_HOUR, OnDrop, in_virtual_loop, scaled};

#[derive(Clone, Debug)]
enum Action {
    Put,
    PutNowait,
    Get,
    GetNowait,
    TaskDone,
    Join,
    Yield,
    Sleep(u32),
    Cancel(usize),
    Shutdown,
    ShutdownImmediate,
}

/// The actions of a task; whether it goes on after a cancel.
type Script = (Vec<Action>, bool);

/// The three queues in one type.
trait AnyQueue {
    fn put(&self, item: u32) -> Result<(), PutError<u32>>;
    fn try_put(&self, item: u32) -> Result<(), PutError<u32>>;
    fn get(&self) -> Result<u32, GetError>;
    fn try_get(&self) -> Result<u32, GetError>;
    fn join(&self);
    fn task_done(&self) -> bool;
    fn shutdown(&self, immediate: bool);
    fn len(&self) -> usize;
}

macro_rules! any_queue {
    ($($Queue:ident),*) => {
        $(impl AnyQueue for $Queue<u32> {
            fn put(&self, item: u32) -> Result<(), PutError<u32>> {
                $Queue::put(self, item)
            }
            fn try_put(&self, item: u32) -> Result<(), PutError<u32>> {
                $Queue::try_put(self, item)
            }
            fn get(&self) -> Result<u32, GetError> {
                $Queue::get(self)
            }
            fn try_get(&self) -> Result<u32, GetError> {
                $Queue::try_get(self)
            }
            fn join(&self) {
                $Queue::join(self);
            }
            fn task_done(&self) -> bool {
                $Queue::task_done(self).is_ok()
            }
            fn shutdown(&self, immediate: bool) {
                match immediate {
                    true => self.shutdown_immediate(),
                    false => $Queue::shutdown(self),
                }
            }
            fn len(&self) -> usize {
                $Queue::len(self)
            }
        })*
    };
}

any_queue!(Queue, LifoQueue, PriorityQueue);

/// A queue and its model, shared by the tasks.
struct World {
    queue: Box<dyn AnyQueue>,
    model: RefCell<Model>,
    /// The number of operations begun or ended so far.
    n_events: Cell<u32>,
    n_items: Cell<u32>,
    tasks: RefCell<Vec<Task<()>>>,
    /// The tasks that wait in `get`, `put` and `join` in the model.
    is_parked: RefCell<Vec<bool>>,
}

impl World {
    fn event(&self) -> u32 {
        self.n_events.set(self.n_events.get() + 1);
        self.n_events.get()
    }

    /// Runs an operation, which must wait exactly if the model says so.
    fn wait<R>(&self, task: usize, waits: bool, operation: impl FnOnce() -> R) -> R {
        let before = self.event();
        self.is_parked.borrow_mut()[task] = waits;
        let unwound = OnDrop(|| {
            let mut model = self.model.borrow_mut();
            model.getters.is_cancelled(task);
            model.putters.is_cancelled(task);
            model.joiners.retain(|&other| other != task);
            self.is_parked.borrow_mut()[task] = false;
        });
        let result = operation();
        std::mem::forget(unwound);
        self.is_parked.borrow_mut()[task] = false;
        assert!(waits || self.n_events.get() == before, "it suspended");
        result
    }

    fn next_item(&self) -> u32 {
        let n = self.n_items.get() + 1;
        self.n_items.set(n);
        // Not in order, and some are equal.
        n * 7 % 11
    }

    fn put(&self, task: usize) {
        let item = self.next_item();
        let at_once = self.model.borrow_mut().try_put(item);
        let waits = matches!(at_once, Err(PutError::Full(_)));
        if waits {
            assert!(!self.model.borrow_mut().putters.ask(task, 1));
        }
        let answer = self.wait(task, waits, || self.queue.put(item));
        let expected = match waits {
            true => self.model.borrow_mut().put_later(task, item),
            false => at_once,
        };
        assert_eq!(answer, expected);
    }

    fn get(&self, task: usize) {
        let at_once = self.model.borrow_mut().try_get();
        let waits = at_once == Err(GetError::Empty);
        if waits {
            assert!(!self.model.borrow_mut().getters.ask(task, 1));
        }
        let answer = self.wait(task, waits, || self.queue.get());
        let expected = match waits {
            true => self.model.borrow_mut().get_later(task),
            false => at_once,
        };
        assert_eq!(answer, expected);
    }

    fn join(&self, task: usize) {
        let waits = self.model.borrow().n_unfinished > 0;
        if waits {
            self.model.borrow_mut().joiners.push(task);
        }
        self.wait(task, waits, || self.queue.join());
        assert!(!self.model.borrow().joiners.contains(&task));
    }

    fn act(&self, task: usize, action: &Action) {
        self.event();
        match *action {
            Action::Put => self.put(task),
            Action::Get => self.get(task),
            Action::Join => self.join(task),
            Action::PutNowait => {
                let item = self.next_item();
                let expected = self.model.borrow_mut().try_put(item);
                assert_eq!(self.queue.try_put(item), expected);
            }
            Action::GetNowait => {
                let expected = self.model.borrow_mut().try_get();
                assert_eq!(self.queue.try_get(), expected);
            }
            Action::TaskDone => {
                let is_fine = self.model.borrow().n_unfinished > 0;
                self.model.borrow_mut().finish(1);
                assert_eq!(self.queue.task_done(), is_fine);
            }
            Action::Yield => yield_now(),
            Action::Sleep(seconds) => sleep(A_SECOND * seconds),
            Action::Cancel(other) => {
                let tasks = self.tasks.borrow();
                // At the end no task is left.
                if let Some(n) = other.checked_rem(tasks.len()) {
                    tasks[n].cancel();
                }
            }
            Action::Shutdown | Action::ShutdownImmediate => {
                let immediate = matches!(action, Action::ShutdownImmediate);
                self.model.borrow_mut().shutdown(immediate);
                self.queue.shutdown(immediate);
            }
        }
        if !self.model.borrow().is_over {
            assert_eq!(self.queue.len(), self.model.borrow().items.len());
        }
    }
}

/// Plays the scripts, each in a task, until no event can happen any more.
fn play(order: Order, capacity: Option<usize>, scripts: Vec<Script>) {
    in_virtual_loop(move || {
        let n_tasks = scripts.len();
        let world = Rc::new(World {
            queue: match (order, capacity) {
                (Order::First, Some(capacity)) => Box::new(Queue::new(capacity)),
                (Order::First, None) => Box::new(Queue::unbounded()),
                (Order::Last, Some(capacity)) => Box::new(LifoQueue::new(capacity)),
                (Order::Last, None) => Box::new(LifoQueue::unbounded()),
                (Order::Smallest, Some(capacity)) => Box::new(PriorityQueue::new(capacity)),
                (Order::Smallest, None) => Box::new(PriorityQueue::unbounded()),
            },
            model: RefCell::new(Model::new(order, capacity)),
            n_events: Cell::new(0),
            n_items: Cell::new(0),
            tasks: RefCell::default(),
            is_parked: RefCell::new(vec![false; n_tasks]),
        });
        for (number, (script, goes_on)) in scripts.into_iter().enumerate() {
            let theirs = Rc::clone(&world);
            let task = player(script, goes_on, move |action| theirs.act(number, action));
            world.tasks.borrow_mut().push(task);
        }
        // The clock jumps when every task is parked.
        sleep(AN_HOUR);
        let model = world.model.borrow();
        for (number, task) in world.tasks.borrow().iter().enumerate() {
            let failure = task.exception().ok().flatten();
            assert!(failure.is_none(), "task {number}: {failure:?}");
            let waits = model.getters.waits(number)
                || model.putters.waits(number)
                || model.joiners.contains(&number);
            assert_eq!(!task.is_done(), waits, "task {number} at the end");
            assert_eq!(world.is_parked.borrow()[number], waits);
        }
        assert!(model.getters.promised.is_empty() && model.putters.promised.is_empty());
        drop(model);
        world.model.borrow_mut().is_over = true;
        end_all(&world.tasks.take());
    });
}

fn script() -> impl Strategy<Value = Script> {
    let action = prop_oneof![
        8 => Just(Action::Put),
        8 => Just(Action::Get),
        2 => Just(Action::PutNowait),
        2 => Just(Action::GetNowait),
        2 => Just(Action::TaskDone),
        1 => Just(Action::Join),
        4 => Just(Action::Yield),
        2 => (0..3_u32).prop_map(Action::Sleep),
        5 => (0..8_usize).prop_map(Action::Cancel),
    ];
    let end = prop_oneof![
        6 => Just(None),
        1 => Just(Some(Action::Shutdown)),
        1 => Just(Some(Action::ShutdownImmediate)),
    ];
    let actions = (prop::collection::vec(action, 1..12), end, 0..12_usize);
    let actions = actions.prop_map(|(mut actions, end, place)| {
        let place = place.min(actions.len());
        actions.splice(place..place, end);
        actions
    });
    (actions, any::<bool>())
}

fn order() -> impl Strategy<Value = Order> {
    prop_oneof![
        2 => Just(Order::First),
        1 => Just(Order::Last),
        1 => Just(Order::Smallest),
    ]
}

proptest! {
    #![proptest_config(Config {
        cases: scaled(2000, 30) as u32,
        failure_persistence: None,
        ..Config::default()
    })]

    #[test]
    fn random_schedules_do_what_the_model_says(
        order in order(),
        capacity in prop::option::weighted(0.75, 1..4_usize),
        scripts in prop::collection::vec(script(), 2..7),
    ) {
        play(order, capacity, scripts);
    }
}

/// A cancel of each task after each number of turns.
#[test]
fn a_cancel_at_every_point_does_what_the_model_says() {
    use Action::{Cancel, Get, Put, Yield};
    let scripts = || -> Vec<Script> {
        vec![
            (vec![Get, Put, Get, Get], false),
            (vec![Put, Put, Put, Get, Put], true),
            (vec![Get, Get, Yield, Put, Put], true),
            (vec![Put, Get, Put], false),
        ]
    };
    for capacity in [Some(1), Some(2), None] {
        for victim in 0..4 {
            for n_turns in 0..scaled(12, 3) {
                for again in [false, true] {
                    let mut scripts = scripts();
                    let mut canceller = vec![Yield; n_turns];
                    canceller.push(Cancel(victim));
                    if again {
                        canceller.extend([Yield, Cancel(victim)]);
                    }
                    scripts.push((canceller, false));
                    let order = [Order::First, Order::Last, Order::Smallest][n_turns % 3];
                    play(order, capacity, scripts);
                }
            }
        }
    }
}
