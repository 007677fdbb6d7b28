//! Random bodies of a task over nested timeouts, scopes, masks and catches, with cancels from outside, against a model of
//! the contract: each step has the same result, at the same time, with the same count of requests.

mod script;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::io::{ErrorKind, Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};
use selvedge::coroutine::{on_stack, scope as coroutine_scope};
use selvedge::event_loop::current_loop;
use selvedge::io::is_cancelled;
use selvedge::net::unix::UnixStream;
use selvedge::task::{ScopedTask, catch_cancelled, current_task, finally};
use selvedge::time::deadline;
use selvedge::{Yielder, scope, sleep, spawn, timeout, yield_now};

pub use self::script::*;
use crate::cancel_reference::Reference;
use crate::support::{finished, scaled, virtual_loop};

fn milliseconds(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn now() -> u64 {
    let elapsed = current_loop().and_then(|event_loop| event_loop.elapsed().ok());
    elapsed.expect("a loop runs here").as_millis() as u64
}

impl Child {
    /// The body of the task.
    fn run(&self) -> Result<(), &'static str> {
        let until = now() + self.lasts;
        match self.on_cancel {
            OnCancel::End => sleep(milliseconds(self.lasts)),
            OnCancel::CleanUp(lasts) => {
                let is_over = Cell::new(false);
                finally(
                    || {
                        sleep(milliseconds(self.lasts));
                        is_over.set(true);
                    },
                    || {
                        if !is_over.get() {
                            sleep(milliseconds(lasts));
                        }
                    },
                );
            }
            OnCancel::GoOn => {
                while now() < until {
                    let _ = catch_cancelled(|| sleep(milliseconds(until - now())));
                }
            }
        }
        if self.fails { Err("torn") } else { Ok(()) }
    }
}

/// The children of the innermost scope that were not joined.
type Children<'a, 'scope> = &'a RefCell<Vec<Option<ScopedTask<'scope, ()>>>>;

/// The task that plays a script.
struct Player {
    log: Rc<RefCell<Vec<Entry>>>,
    /// The streams that the script reads from.
    streams: HashMap<usize, UnixStream>,
}

impl Player {
    fn note(&self, id: usize, what: What) {
        let entry = Entry {
            time: now(),
            id,
            what,
            cancelling: current_task().expect("a task").cancelling(),
        };
        self.log.borrow_mut().push(entry);
    }

    fn act_all(&self, script: &[Node], children: Children<'_, '_>) {
        for node in script {
            match catch_unwind(AssertUnwindSafe(|| self.act(node, children))) {
                Ok(what) => self.note(node.id, what),
                Err(payload) => {
                    self.note(node.id, What::Unwound);
                    resume_unwind(payload);
                }
            }
        }
    }

    fn act(&self, node: &Node, children: Children<'_, '_>) -> What {
        match &node.action {
            Action::Sleep(lasts) => sleep(milliseconds(*lasts)),
            Action::Yield => yield_now(),
            Action::ReadReady => {
                let n = (&self.streams[&node.id]).read(&mut [0]);
                assert_eq!(n.expect("a byte"), 1);
            }
            Action::Read { n_tries, .. } => {
                for _ in 0..*n_tries {
                    match (&self.streams[&node.id]).read(&mut [0]) {
                        Ok(_) => break,
                        Err(error) if error.kind() == ErrorKind::TimedOut => {
                            self.note(node.id, What::Failed(Failure::TimedOut));
                        }
                        Err(error) => {
                            assert!(is_cancelled(&error), "{error}");
                            self.note(node.id, What::Failed(Failure::Cancelled));
                        }
                    }
                }
            }
            Action::Join(child) => {
                let child = child.clone();
                let _ = spawn(move || child.run()).join();
            }
            Action::JoinChild(n) => {
                let child = children.borrow_mut().get_mut(*n).and_then(Option::take);
                let _ = child.map(ScopedTask::join);
            }
            Action::CancelSelf => drop(current_task().expect("a task").cancel()),
            Action::Uncancel => drop(current_task().expect("a task").uncancel()),
            Action::Timeout(lasts, inner) => {
                let lasts = lasts.map_or(Duration::MAX, milliseconds);
                if timeout(lasts, || self.act_all(inner, children)).is_err() {
                    return What::Elapsed;
                }
            }
            Action::Deadline(lasts, inner) => {
                deadline(milliseconds(*lasts), || self.act_all(inner, children));
            }
            Action::Scope(children, inner) => {
                let result = scope(|s| {
                    let spawn = |child| Some(s.spawn_fallible(move || Child::run(child)));
                    let spawned = children.iter().map(spawn);
                    self.act_all(inner, &RefCell::new(spawned.collect()));
                });
                if let Err(error) = result {
                    return What::Errors(error.errors().len());
                }
            }
            Action::Finally(inner, cleanup) => {
                finally(
                    || self.act_all(inner, children),
                    || self.act_all(cleanup, children),
                );
            }
            Action::Catch(inner) => {
                if catch_cancelled(|| self.act_all(inner, children)).is_err() {
                    return What::Caught;
                }
            }
            Action::Swallow(inner) => {
                if catch_unwind(AssertUnwindSafe(|| self.act_all(inner, children))).is_err() {
                    return What::Caught;
                }
            }
            Action::Inside(Stack::Called, inner) => {
                on_stack(256 * 1024, || self.act_all(inner, children))
            }
            Action::Inside(Stack::Coroutine, inner) => coroutine_scope(|s| {
                let mut coroutine =
                    s.coroutine(|_: &Yielder<(), ()>, ()| self.act_all(inner, children));
                coroutine.resume();
            }),
        }
        What::Done
    }
}

/// Runs a script on a loop.
fn play(script: &Rc<[Node]>, cancels: &[u64]) -> Vec<Entry> {
    let log = Rc::default();
    let seen = Rc::clone(&log);
    let (script, cancels) = (Rc::clone(script), cancels.to_vec());
    let event_loop = virtual_loop();
    event_loop.set_exception_handler(|_| ());
    finished(event_loop.run_until_complete(move || {
        let mut streams = HashMap::new();
        Node::visit(&script, &mut |node| {
            let at = match node.action {
                Action::ReadReady => 0,
                Action::Read { at, .. } => at,
                _ => return,
            };
            let (near, mut far) = UnixStream::pair().expect("a pair");
            streams.insert(node.id, near);
            match at {
                0 => far.write_all(&[1]).expect("room for a byte"),
                at => spawn(move || {
                    sleep(milliseconds(at));
                    far.write_all(&[1]).expect("room for a byte");
                    sleep(Duration::MAX);
                })
                .detach(),
            }
        });
        let player = Player {
            log: Rc::clone(&log),
            streams,
        };
        let task = spawn(move || player.act_all(&script, &RefCell::default()));
        let cancel_at = |times: Vec<u64>| {
            let task = task.task_ref();
            spawn(move || {
                for at in times {
                    sleep(milliseconds(at - now()));
                    task.cancel();
                }
            })
            .detach();
        };
        cancels.iter().for_each(|at| cancel_at(vec![*at]));
        cancel_at(last_cancels().collect());
        let result = task.join();
        let what = match result {
            Err(error) if error.is_cancelled() => What::Unwound,
            result => {
                finished(result);
                What::Done
            }
        };
        log.borrow_mut().push(Entry {
            time: now(),
            id: usize::MAX,
            what,
            cancelling: 0,
        });
    }));
    seen.take()
}

#[test]
fn requests_are_delivered_as_in_the_model() {
    let default = Config::default();
    let seed = match default.rng_seed {
        RngSeed::Fixed(seed) => seed,
        RngSeed::Random => RandomState::new().hash_one(()),
    };
    println!("again with PROPTEST_RNG_SEED={seed}");
    let config = Config {
        cases: scaled(
            if cfg!(debug_assertions) {
                1_000
            } else {
                20_000
            },
            30,
        ) as u32,
        max_global_rejects: 100_000,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(seed),
        ..default
    };
    let cancels = prop::collection::vec(time(), 0..4);
    proptest!(config, |(script in scripts(), cancels in cancels)| {
        let expected = Reference::play(&script, &cancels);
        prop_assume!(expected.is_some(), "two things happen at once");
        prop_assert_eq!(Some(play(&script, &cancels)), expected);
    });
}
