//! Tasks that wait inside coroutines, on other stacks, in other loops: the walk covers all stacks of the task, and no
//! others.

use std::cell::RefCell;
use std::hint::black_box;
use std::rc::Rc;
use std::time::Duration;

use selvedge::coroutine::{Status, on_stack};
use selvedge::task::{current_task, spawn_eager};
use selvedge::{Coroutine, EventLoop, Generator, Yielder, sleep, spawn, yield_now};

use crate::backtraces::{HAS_BACKTRACES, assert_in_order, assert_none, joined};
use crate::support::in_virtual_loop;

const A_SECOND: Duration = Duration::from_secs(1);

#[inline(never)]
fn sleeper() {
    sleep(A_SECOND);
    black_box(());
}

#[inline(never)]
fn generator_body(yielder: &Yielder<(), u32>) {
    sleeper();
    yielder.suspend(42);
}

#[inline(never)]
fn generator_user() -> Option<u32> {
    let mut generator = Generator::new(generator_body);
    black_box(generator.next())
}

#[inline(never)]
fn coroutine_user() -> Option<u32> {
    let mut coroutine = Coroutine::new(|_: &Yielder<(), ()>, ()| black_box(generator_user()));
    black_box(coroutine.resume().unwrap_complete())
}

#[inline(never)]
fn stack_user() -> Option<u32> {
    black_box(on_stack(64 * 1024, coroutine_user))
}

#[test]
fn the_walk_goes_through_nested_coroutines_and_stacks() {
    in_virtual_loop(|| {
        let task = spawn(stack_user);
        yield_now();
        let stack = task.stack();
        let expected = [
            "chains::sleeper",
            "chains::generator_body",
            "chains::generator_user",
            "chains::coroutine_user",
            "chains::stack_user",
        ];
        assert_in_order(&stack, &expected);
        assert_eq!(joined(task), Some(42));
    });
}

#[inline(never)]
fn eager_parent() -> selvedge::Task<()> {
    black_box(spawn_eager(eager_child))
}

#[inline(never)]
fn eager_child() {
    sleeper();
    black_box(());
}

#[inline(never)]
fn loop_runner(event_loop: &EventLoop) {
    black_box(event_loop.run_until_complete(yield_now)).expect("it ran");
}

#[test]
fn the_walk_ends_at_the_root_not_in_a_former_resumer() {
    in_virtual_loop(|| {
        let task = eager_parent();
        assert_in_order(&task.stack(), &["chains::sleeper", "chains::eager_child"]);
        assert_none(&task.stack(), &["chains::eager_parent"]);
        yield_now();
        assert_none(&task.stack(), &["chains::eager_parent"]);
        joined(task);
    });
    let event_loop = EventLoop::new().expect("a loop");
    let task = event_loop.create_task(eager_child);
    loop_runner(&event_loop);
    // The loop does not run now, and the frames that entered the task have returned.
    assert_in_order(&task.stack(), &["chains::sleeper", "chains::eager_child"]);
    assert_none(&task.stack(), &["chains::loop_runner"]);
    task.cancel();
    assert!(event_loop.run_until_complete(task).is_err());
}

#[inline(never)]
fn looked_at_by_itself() -> selvedge::task::TaskStack {
    black_box(current_task().expect("a task").stack())
}

#[inline(never)]
fn looks_in_a_generator() -> selvedge::task::TaskStack {
    let mut generator = Generator::new(|yielder: &Yielder<(), _>| {
        yielder.suspend(looked_at_by_itself());
    });
    black_box(generator.next()).expect("one")
}

#[test]
fn a_running_task_is_seen_in_place_up_to_its_root() {
    let event_loop = EventLoop::new().expect("a loop");
    for look in [looked_at_by_itself, looks_in_a_generator] {
        let stack = runs(&event_loop, look);
        assert_eq!((stack.status(), stack.waits_for()), (Status::Running, None));
        assert_in_order(&stack, &["chains::looked_at_by_itself"]);
        assert_none(&stack, &["chains::runs"]);
    }
    let stack = runs(&event_loop, looks_in_a_generator);
    let expected = [
        "chains::looked_at_by_itself",
        "chains::looks_in_a_generator",
    ];
    assert_in_order(&stack, &expected);
}

#[inline(never)]
fn runs(
    event_loop: &EventLoop,
    look: fn() -> selvedge::task::TaskStack,
) -> selvedge::task::TaskStack {
    black_box(event_loop.run_until_complete(look)).expect("it ran")
}

#[inline(never)]
fn parent_of_one_that_looks(parent: selvedge::task::TaskRef) -> selvedge::task::TaskStack {
    let child = spawn_eager(move || black_box(child_that_looks(&parent)));
    joined(child)
}

#[inline(never)]
fn child_that_looks(parent: &selvedge::task::TaskRef) -> selvedge::task::TaskStack {
    black_box(parent.stack())
}

#[test]
fn a_task_runs_while_the_task_it_spawned_eagerly_runs() {
    let stack = in_virtual_loop(|| {
        let task = spawn(|| parent_of_one_that_looks(current_task().expect("a task")));
        joined(task)
    });
    if HAS_BACKTRACES {
        assert_eq!(stack.status(), Status::Running);
    }
    let expected = [
        "chains::child_that_looks",
        "chains::parent_of_one_that_looks",
    ];
    assert_in_order(&stack, &expected);
}

/// Records the stacks of its tasks when it is dropped.
#[derive(Clone, Default)]
struct Looks {
    tasks: Rc<RefCell<Vec<selvedge::task::TaskRef>>>,
    seen: Rc<RefCell<Vec<selvedge::task::TaskStack>>>,
}

impl Drop for Looks {
    fn drop(&mut self) {
        let tasks = self.tasks.take();
        let stacks = tasks.iter().map(|task| task.stack());
        self.seen.borrow_mut().extend(stacks);
    }
}

#[inline(never)]
fn task_of_another_loop(looks: Looks) {
    let _looks = looks;
    sleeper();
}

#[inline(never)]
fn drops_a_loop(event_loop: EventLoop) {
    drop(event_loop);
    black_box(());
}

/// A task that drops another loop enters that loop's tasks, from its own stack.
#[test]
fn tasks_of_a_dropped_loop_see_its_dropper_and_neighbours() {
    let (event_loop, looks) = (EventLoop::new().expect("a loop"), Looks::default());
    let shared = looks.clone();
    event_loop
        .create_task(move || task_of_another_loop(shared))
        .detach();
    event_loop.run_until_complete(yield_now).expect("it ran");
    in_virtual_loop(move || {
        let neighbour = spawn(eager_child);
        yield_now();
        let own = current_task().expect("a task");
        looks.tasks.borrow_mut().extend([own, neighbour.task_ref()]);
        drops_a_loop(event_loop);
        let seen = looks.seen.take();
        let [own, other] = &seen[..] else {
            panic!("not two: {seen:?}");
        };
        assert_in_order(
            own,
            &["chains::task_of_another_loop", "chains::drops_a_loop"],
        );
        assert_none(own, &["support::in_virtual_loop"]);
        assert_eq!(other.status(), Status::Suspended);
        assert_in_order(other, &["chains::sleeper", "chains::eager_child"]);
        assert_none(other, &["chains::drops_a_loop"]);
        joined(neighbour);
    });
}
