//! Random programs of scopes, races, timeouts, failures and cancels, checked for an invariant: no child runs, and none
//! of its values is dropped, after the end of the frame that it borrows from.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;
use std::sync::Once;

use selvedge::task::{
    ReturnWhen, Scope, ScopedTask, TaskRef, as_completed, catch_cancelled, current_task, finally,
    gather_settled, shield, wait, wait_for,
};
use selvedge::{TaskError, gather, race, run, scope, sleep, timeout, yield_now};

use crate::support::{A_SECOND, scaled, stop, virtual_loop};

/// A sequence that a seed gives, the same on every run.
struct Random(Cell<u64>);

impl Random {
    fn below(&self, n: u64) -> u64 {
        let mut word = self.0.get();
        word ^= word << 13;
        word ^= word >> 7;
        word ^= word << 17;
        self.0.set(word);
        (word >> 11) % n
    }
}

struct World {
    random: Random,
    /// Tasks to be cancelled by others.
    tasks: RefCell<Vec<TaskRef>>,
    n_live: Cell<i64>,
    budget: Cell<i64>,
}

/// A frame that others borrow from: no task may read it after its end.
struct Frame<'a> {
    world: &'a World,
    /// Set while the frame exists; the flag is read through a shared reference that outlives the frame.
    is_there: Rc<Cell<bool>>,
    n_borrowed: Cell<i64>,
}

impl<'a> Frame<'a> {
    fn new(world: &'a World) -> Self {
        world.n_live.set(world.n_live.get() + 1);
        Self {
            world,
            is_there: Rc::new(Cell::new(true)),
            n_borrowed: Cell::new(0),
        }
    }

    fn lend(&self) -> Loan<'_, 'a> {
        self.n_borrowed.set(self.n_borrowed.get() + 1);
        Loan(self, Rc::clone(&self.is_there))
    }
}

impl Drop for Frame<'_> {
    fn drop(&mut self) {
        assert_eq!(
            self.n_borrowed.get(),
            0,
            "the frame ends before its borrowers"
        );
        self.is_there.set(false);
        self.world.n_live.set(self.world.n_live.get() - 1);
    }
}

struct Loan<'f, 'a>(&'f Frame<'a>, Rc<Cell<bool>>);

impl Loan<'_, '_> {
    fn look(&self) {
        assert!(self.1.get(), "a borrower runs after the end of the frame");
    }
}

impl Drop for Loan<'_, '_> {
    fn drop(&mut self) {
        self.look();
        self.0.n_borrowed.set(self.0.n_borrowed.get() - 1);
    }
}

const FAILURE: &str = "an intended failure";

/// Does a few random steps; some open frames in which others run.
fn act(world: &World, depth: u32) {
    let frame = Frame::new(world);
    for _ in 0..world.random.below(4) + 1 {
        if world.budget.replace(world.budget.get() - 1) <= 0 {
            return;
        }
        match world.random.below(16) {
            0..=3 => sleep(A_SECOND * world.random.below(4) as u32),
            4 => yield_now(),
            5 => cancel_a_task(world),
            6 => panic!("{FAILURE}"),
            7 => drop(catch_cancelled(|| sleep(A_SECOND))),
            8 => swallow(|| sleep(A_SECOND * 2)),
            9..=11 if depth > 0 => drop(open(&frame, depth - 1)),
            12 if depth > 0 => {
                let limit = A_SECOND * world.random.below(3) as u32;
                let loan = frame.lend();
                let _ = timeout(limit, || {
                    act(world, depth - 1);
                    loan.look();
                });
            }
            13 if depth > 0 => compete(&frame, depth - 1),
            14 if depth > 0 => finally(
                || act(world, depth - 1),
                || {
                    let loan = frame.lend();
                    sleep(A_SECOND);
                    loan.look();
                },
            ),
            _ => swallow(|| act(world, depth.saturating_sub(1))),
        }
    }
}

/// Swallows every unwind except that of a failed assertion.
fn swallow(f: impl FnOnce()) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(f)) {
        let text = payload.downcast_ref::<String>().map(String::as_str);
        if text.is_some_and(|text| text != FAILURE) {
            resume_unwind(payload);
        }
    }
}

fn cancel_a_task(world: &World) {
    let tasks = world.tasks.borrow();
    if !tasks.is_empty() {
        let index = world.random.below(tasks.len() as u64) as usize;
        tasks[index].cancel();
    }
}

fn open(frame: &Frame<'_>, depth: u32) -> Result<(), selvedge::error::ScopeError> {
    let result = scope(|s| {
        let n_children = frame.world.random.below(4);
        if frame.world.random.below(3) == 0 {
            wait_for_all(
                frame.world,
                (0..n_children).map(|_| child(s, frame, depth)).collect(),
            );
        } else {
            (0..n_children).for_each(|_| part_with(frame.world, child(s, frame, depth)));
        }
        act(frame.world, depth);
    });
    assert_eq!(
        frame.n_borrowed.get(),
        0,
        "a scope returns before its children have ended"
    );
    if let Err(error) = &result {
        for error in error {
            assert!(is_expected(error), "{error}");
        }
    }
    result
}

fn child<'scope, 'a: 'scope>(
    s: &'scope Scope<'scope, '_>,
    frame: &'scope Frame<'a>,
    depth: u32,
) -> ScopedTask<'scope, Loan<'scope, 'a>> {
    let (capture, result) = (frame.lend(), frame.lend());
    s.spawn(move || {
        let local = frame.lend();
        frame.world.tasks.borrow_mut().extend(current_task());
        if depth > 0 && frame.world.random.below(3) == 0 {
            part_with(frame.world, child(s, frame, depth - 1));
        }
        act(frame.world, depth);
        local.look();
        capture.look();
        result
    })
}

fn part_with(world: &World, task: ScopedTask<'_, Loan<'_, '_>>) {
    match world.random.below(6) {
        0 => task.detach(),
        1 => drop(task.join()),
        2 => {
            task.cancel();
            std::mem::forget(task);
        }
        3 => drop(wait_for(task, A_SECOND * world.random.below(3) as u32)),
        4 => drop(shield(task)),
        _ => std::mem::forget(task),
    }
}

fn wait_for_all(world: &World, tasks: Vec<ScopedTask<'_, Loan<'_, '_>>>) {
    let limit = A_SECOND * world.random.below(3) as u32;
    match world.random.below(4) {
        0 => drop(gather(tasks)),
        1 => gather_settled(tasks)
            .into_iter()
            .flatten()
            .for_each(|loan| loan.look()),
        2 => drop(wait(&tasks, ReturnWhen::FirstCompleted, Some(limit))),
        _ => as_completed(tasks)
            .timeout(limit)
            .flatten()
            .for_each(|task| part_with(world, task)),
    }
}

fn compete(frame: &Frame<'_>, depth: u32) {
    let entrants: Vec<_> = (0..frame.world.random.below(3) + 1)
        .map(|_| {
            let loan = frame.lend();
            move || {
                frame.world.tasks.borrow_mut().extend(current_task());
                act(frame.world, depth);
                loan.look();
                loan
            }
        })
        .collect();
    match race(entrants) {
        Ok(loan) => loan.look(),
        Err(error) => assert!(is_expected(&error), "{error}"),
    }
    assert_eq!(
        frame.n_borrowed.get(),
        0,
        "a race returns before its entrants have ended"
    );
}

/// Whether the error is an intended failure, a cancel, or a refused spawn or wait during the end.
fn is_expected(error: &TaskError) -> bool {
    error.is_cancelled()
        || error.message().unwrap() == FAILURE
        || error.message().unwrap().starts_with("selvedge: ")
}

/// How a program's loop ends.
#[derive(Clone, Copy, Debug)]
enum End {
    /// When all tasks are done.
    Done,
    /// In the middle, by a shutdown that cancels all tasks and lets them run.
    Shutdown,
    /// In the middle, by an immediate forced unwind without running tasks.
    ForcedUnwind,
}

/// Runs one program; returns the number of remaining frames.
fn play(seed: u64, end: End) -> i64 {
    let world = Rc::new(World {
        random: Random(Cell::new(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)),
        tasks: RefCell::default(),
        n_live: Cell::new(0),
        budget: Cell::new(120),
    });
    let event_loop = virtual_loop();
    // A panic of the handler would only be reported.
    let findings = Rc::new(RefCell::new(Vec::new()));
    event_loop.set_exception_handler({
        let findings = Rc::clone(&findings);
        move |context| {
            if !context.exception().is_none_or(is_expected) {
                findings.borrow_mut().push(context.to_string());
            }
        }
    });
    let roots: Vec<_> = (0..3)
        .map(|_| {
            let world = Rc::clone(&world);
            event_loop.create_task(move || {
                world.tasks.borrow_mut().extend(current_task());
                for _ in 0..3 {
                    act(&world, 4);
                }
            })
        })
        .collect();
    if let End::Done = end {
        for root in roots {
            if let Err(error) = event_loop.run_until_complete(root) {
                assert!(is_expected(&error), "seed {seed}: {error}");
            }
        }
        drop(event_loop);
    } else {
        event_loop.call_later(A_SECOND * world.random.below(5) as u32, stop);
        event_loop.run_forever().expect("it can run");
        drop(roots);
        match end {
            End::ForcedUnwind => run(move || drop(event_loop)),
            _ => drop(event_loop),
        }
    }
    let findings = findings.take();
    assert!(findings.is_empty(), "seed {seed}, {end:?}: {findings:#?}");
    world.n_live.get()
}

fn play_many(end: End) {
    static QUIET: Once = Once::new();
    QUIET.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let text = info.payload().downcast_ref::<String>();
            if text.is_none_or(|text| text != FAILURE) {
                before(info);
            }
        }));
    });
    for seed in 0..scaled(400, 20) as u64 {
        assert_eq!(play(seed, end), 0, "seed {seed}, {end:?}: frames are left");
    }
}

#[test]
fn in_random_programs_no_borrow_outlives_its_frame() {
    play_many(End::Done);
}

#[test]
fn no_borrow_outlives_its_frame_if_the_loop_shuts_down() {
    play_many(End::Shutdown);
}

#[test]
fn no_borrow_outlives_its_frame_if_the_loop_is_dropped() {
    play_many(End::ForcedUnwind);
}
