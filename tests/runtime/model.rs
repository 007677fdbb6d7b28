//! Random programs of tasks against a model of the scheduler that fits on two screens: the order of steps and each
//! task's end must be the same.
//!
//! The model is asyncio's: one queue, iterations, a clock that jumps when the queue is empty.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use proptest::prelude::*;
use proptest::test_runner::Config;
use selvedge::coroutine::{on_stack, scope};
use selvedge::task::{catch_cancelled, spawn_eager};
use selvedge::{Coroutine, Promise, Task, Yielder, sleep, spawn, yield_now};

use crate::model_reference::Reference;
use crate::support::{A_SECOND, scaled, soon, virtual_loop};

/// The number of promises that the tasks of a program share.
pub const N_PROMISES: usize = 3;

/// The next action of a task. Indices of children count the task's own children, modulo their number.
#[derive(Clone, Debug)]
pub enum Action {
    Yield,
    Sleep(u32),
    Spawn(Vec<Action>),
    SpawnEager(Vec<Action>),
    CallSoon,
    Set(usize),
    Wait(usize),
    AddDoneCallback(usize),
    Join(usize),
    Cancel(usize),
    Detach(usize),
    /// The inner actions on another kind of stack, which makes no difference.
    Inside(Around, Vec<Action>),
    /// The inner actions, with a cancel caught, which skips the rest of them.
    Catch(Vec<Action>),
}

#[derive(Clone, Copy, Debug)]
pub enum Around {
    Coroutine,
    Stack,
    Scope,
}

/// The count of numbers that the actions of a script take.
pub fn n_steps(script: &[Action]) -> usize {
    let of_one = |action: &Action| match action {
        Action::Inside(_, inner) | Action::Catch(inner) => n_steps(inner),
        _ => 1,
    };
    script.iter().map(of_one).sum()
}

/// The events, in order. Tasks are numbered in the order of creation.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A task does the action with that number.
    Does(usize, usize),
    Ends(usize),
    /// The task was unwound by a cancel.
    IsUnwound(usize),
    /// The task was cancelled before its first step.
    NeverRan(usize),
    /// The callback that a task scheduled by its action with that number is called.
    Called(usize, usize),
    Deadlock,
}

/// The state that the tasks of a real program share.
#[derive(Clone)]
struct World {
    events: Rc<RefCell<Vec<Event>>>,
    n_tasks: Rc<Cell<usize>>,
    promises: Rc<[Promise<()>; N_PROMISES]>,
    /// Events after the run do not count.
    is_over: Rc<Cell<bool>>,
}

impl World {
    fn note(&self, event: Event) {
        if !self.is_over.get() {
            self.events.borrow_mut().push(event);
        }
    }

    /// The body of the next task.
    fn body(&self, script: &[Action]) -> impl FnOnce() + 'static + use<> {
        let id = self.n_tasks.get();
        self.n_tasks.set(id + 1);
        let life = Life {
            world: self.clone(),
            id,
            has_begun: false,
        };
        let (world, script) = (self.clone(), script.to_vec());
        move || {
            let mut life = life;
            life.has_begun = true;
            let this = Player {
                world,
                id,
                children: Rc::default(),
            };
            this.act_all(0, &script);
        }
    }
}

/// A running task.
#[derive(Clone)]
struct Player {
    world: World,
    id: usize,
    children: Rc<RefCell<Vec<Task<()>>>>,
}

impl Player {
    /// Executes a script, whose first action has the number `step`.
    fn act_all(&self, mut step: usize, script: &[Action]) {
        for action in script {
            match action {
                Action::Inside(around, inner) => self.act_inside(*around, step, inner),
                Action::Catch(inner) => {
                    let _ = catch_cancelled(|| self.act_all(step, inner));
                }
                action => {
                    self.world.note(Event::Does(self.id, step));
                    self.act(step, action);
                }
            }
            step += n_steps(std::slice::from_ref(action));
        }
    }

    fn act_inside(&self, around: Around, step: usize, script: &[Action]) {
        match around {
            Around::Stack => on_stack(64 * 1024, || self.act_all(step, script)),
            Around::Coroutine => {
                let (this, script) = (self.clone(), script.to_vec());
                let mut coroutine =
                    Coroutine::new(move |_: &Yielder<(), ()>, ()| this.act_all(step, &script));
                coroutine.resume();
            }
            Around::Scope => scope(|s| {
                let mut child = s.coroutine(|_: &Yielder<(), ()>, ()| self.act_all(step, script));
                child.resume();
            }),
        }
    }

    /// Takes a child, if there is one.
    fn take(&self, n: usize) -> Option<Task<()>> {
        let mut children = self.children.borrow_mut();
        let n_children = children.len();
        (n_children > 0).then(|| children.remove(n % n_children))
    }

    fn spawned(&self, child: Task<()>) {
        self.children.borrow_mut().push(child);
    }

    fn act(&self, step: usize, action: &Action) {
        let world = &self.world;
        let call = || {
            let (world, id) = (world.clone(), self.id);
            move || world.note(Event::Called(id, step))
        };
        match action {
            Action::Yield => yield_now(),
            Action::Sleep(seconds) => sleep(*seconds * A_SECOND),
            Action::Spawn(script) => self.spawned(spawn(world.body(script))),
            Action::SpawnEager(script) => self.spawned(spawn_eager(world.body(script))),
            Action::CallSoon => drop(soon(call())),
            Action::Set(n) => drop(world.promises[*n].set_result(())),
            Action::Wait(n) => drop(world.promises[*n].wait()),
            Action::AddDoneCallback(n) => {
                let call = call();
                world.promises[*n].add_done_callback(move |_| call());
            }
            Action::Join(n) => drop(self.take(*n).map(Task::join)),
            Action::Cancel(n) => {
                let children = self.children.borrow();
                if !children.is_empty() {
                    children[n % children.len()].cancel();
                }
            }
            Action::Detach(n) => drop(self.take(*n)),
            Action::Inside(..) | Action::Catch(_) => unreachable!("a script of its own"),
        }
    }
}

/// Records how a task ends, when its body or the rest of it is dropped.
struct Life {
    world: World,
    id: usize,
    has_begun: bool,
}

impl Drop for Life {
    fn drop(&mut self) {
        let event = match (self.has_begun, std::thread::panicking()) {
            (false, _) => Event::NeverRan(self.id),
            (true, true) => Event::IsUnwound(self.id),
            (true, false) => Event::Ends(self.id),
        };
        self.world.note(event);
    }
}

/// Runs the program on a loop.
fn play(script: &[Action]) -> Vec<Event> {
    let event_loop = virtual_loop();
    event_loop.set_exception_handler(|_| ());
    let world = World {
        events: Rc::default(),
        n_tasks: Rc::default(),
        promises: Rc::new([(); N_PROMISES].map(|()| event_loop.create_promise())),
        is_over: Rc::default(),
    };
    let outcome = event_loop.run_until_complete(world.body(script));
    if outcome.is_err() {
        world.note(Event::Deadlock);
    }
    world.is_over.set(true);
    drop(event_loop);
    world.events.take()
}

fn scripts() -> impl Strategy<Value = Vec<Action>> {
    let simple = prop_oneof![
        4 => Just(Action::Yield),
        2 => (1..4_u32).prop_map(Action::Sleep),
        1 => Just(Action::CallSoon),
        2 => (0..N_PROMISES).prop_map(Action::Set),
        2 => (0..N_PROMISES).prop_map(Action::Wait),
        1 => (0..N_PROMISES).prop_map(Action::AddDoneCallback),
        2 => (0..4_usize).prop_map(Action::Join),
        2 => (0..4_usize).prop_map(Action::Cancel),
        1 => (0..4_usize).prop_map(Action::Detach),
    ];
    let action = simple.prop_recursive(4, 80, 8, |inner| {
        let script = prop::collection::vec(inner, 0..8);
        prop_oneof![
            6 => script.clone().prop_map(Action::Spawn),
            2 => script.clone().prop_map(Action::SpawnEager),
            2 => script.clone().prop_map(Action::Catch),
            1 => script.clone().prop_map(|script| Action::Inside(Around::Coroutine, script)),
            1 => script.clone().prop_map(|script| Action::Inside(Around::Stack, script)),
            1 => script.prop_map(|script| Action::Inside(Around::Scope, script)),
        ]
    });
    prop::collection::vec(action, 0..16)
}

#[test]
fn tasks_run_and_end_as_in_the_model() {
    let config = Config {
        cases: scaled(
            if cfg!(debug_assertions) {
                1_000
            } else {
                30_000
            },
            50,
        ) as u32,
        failure_persistence: None,
        ..Config::default()
    };
    proptest!(config, |(script in scripts())| {
        prop_assert_eq!(play(&script), Reference::play(&script));
    });
}

/// The same tasks yield in many rounds: the queue's mode for repeated rounds must not change the order.
#[test]
fn long_rounds_of_yields_run_in_the_order_of_the_model() {
    let disturbances = [
        Action::CallSoon,
        Action::Spawn(vec![Action::Yield; 3]),
        Action::SpawnEager(vec![Action::Yield; 3]),
        Action::Sleep(1),
        Action::Cancel(0),
        Action::Cancel(1),
        Action::Detach(1),
        Action::Set(0),
        Action::Wait(0),
        Action::Join(1),
    ];
    for n_tasks in [1, 2, 3, 7] {
        for n_yields in [0, 1, 5, 63, 64, 65, 130] {
            for disturbance in &disturbances {
                let round = vec![Action::Yield; 140];
                let mut script = vec![Action::Spawn(round); n_tasks];
                script.push(Action::Spawn(vec![
                    Action::Wait(0),
                    Action::Yield,
                    Action::Yield,
                ]));
                script.extend(vec![Action::Yield; n_yields]);
                script.push(disturbance.clone());
                script.extend([
                    Action::Yield,
                    Action::Set(0),
                    Action::Yield,
                    Action::Join(0),
                ]);
                assert_eq!(
                    play(&script),
                    Reference::play(&script),
                    "{n_tasks} {n_yields} {disturbance:?}"
                );
            }
        }
    }
}
