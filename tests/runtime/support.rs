//! What the runtime tests share: a log, drops that act, caught panics, collected reports, a count of hops, and
//! waiting until another thread is asleep.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::fs;
use std::panic::{self, AssertUnwindSafe};
use std::rc::Rc;
use std::sync::Once;
use std::time::Duration;

use selvedge::{Coroutine, CoroutineState, EventLoop, TaskError, Yielder, current_loop};

pub type Payload = Box<dyn Any + Send>;

/// Longer than any test may take, and a number that nothing overflows with.
pub const AN_HOUR: Duration = Duration::from_secs(3600);
/// Long enough that two of them tell apart under a virtual clock.
pub const A_SECOND: Duration = Duration::from_secs(1);

/// What happened, in order. Clones share one list.
#[derive(Clone, Debug, Default)]
pub struct Log(Rc<RefCell<Vec<String>>>);

impl Log {
    pub fn push(&self, event: impl Into<String>) {
        self.0.borrow_mut().push(event.into());
    }

    /// A value that writes `event` when it is dropped.
    pub fn guard(&self, event: &'static str) -> Guard {
        Guard {
            log: self.clone(),
            event,
        }
    }

    /// A closure that writes `event`.
    pub fn pusher(&self, event: &'static str) -> impl FnOnce() + 'static {
        let log = self.clone();
        move || log.push(event)
    }

    /// Everything since the last call.
    pub fn take(&self) -> Vec<String> {
        self.0.take()
    }
}

#[derive(Debug)]
pub struct Guard {
    log: Log,
    event: &'static str,
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.log.push(self.event);
    }
}

/// Runs a closure when it is dropped, whoever drops it.
pub struct OnDrop<F: FnMut()>(pub F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// A cell that clones share: how a 'static body tells its test something.
pub type Shared<T> = Rc<Cell<T>>;

pub fn shared<T>(value: T) -> Shared<T> {
    Rc::new(Cell::new(value))
}

pub fn event_loop() -> EventLoop {
    EventLoop::new().expect("a loop")
}

/// A loop whose clock jumps to the next deadline instead of waiting for it.
pub fn virtual_loop() -> EventLoop {
    EventLoop::builder()
        .virtual_clock(true)
        .build()
        .expect("a loop")
}

/// Runs `body` as the one task that a fresh loop with a virtual clock was made for, and hands its panic on.
pub fn in_virtual_loop<T: 'static>(body: impl FnOnce() -> T + 'static) -> T {
    finished(virtual_loop().run_until_complete(body))
}

/// The value of a task that must not have failed; its panic goes on, so that a failed assertion in it is seen.
#[track_caller]
pub fn finished<T>(outcome: Result<T, TaskError>) -> T {
    match outcome.map_err(TaskError::into_panic) {
        Ok(value) => value,
        Err(Ok(payload)) => panic::resume_unwind(payload),
        Err(Err(error)) => panic!("the task failed: {error}"),
    }
}

/// One call of an exception handler.
#[derive(Clone, Debug)]
pub struct Report {
    pub message: String,
    pub exception: Option<TaskError>,
    pub subject: Option<String>,
    pub text: String,
}

/// What a loop's exception handler was called with.
#[derive(Clone, Debug, Default)]
pub struct Reports(Rc<RefCell<Vec<Report>>>);

impl Reports {
    /// Becomes the handler of the loop.
    pub fn of(event_loop: &EventLoop) -> Self {
        let reports = Self::default();
        let list = Rc::clone(&reports.0);
        event_loop.set_exception_handler(move |context| {
            list.borrow_mut().push(Report {
                message: context.message().to_string(),
                exception: context.exception().cloned(),
                subject: context.subject().map(str::to_string),
                text: context.to_string(),
            });
        });
        reports
    }

    /// Everything since the last call.
    pub fn take(&self) -> Vec<Report> {
        self.0.take()
    }

    /// The one report since the last call.
    #[track_caller]
    pub fn only(&self) -> Report {
        let mut reports = self.take();
        assert_eq!(reports.len(), 1, "not one report: {reports:#?}");
        reports.remove(0)
    }
}

/// Counts the trips through the run queue by a callback that schedules itself again, until this is dropped.
pub struct Hops {
    count: Shared<u64>,
    goes_on: Shared<bool>,
}

impl Hops {
    /// Starts counting with the next iteration of the loop that runs.
    pub fn start() -> Self {
        let hops = Self {
            count: shared(0),
            goes_on: shared(true),
        };
        schedule_tick(&hops.count, &hops.goes_on);
        hops
    }

    pub fn count(&self) -> u64 {
        self.count.get()
    }

    /// The counter itself, for a closure that outlives this borrow.
    pub fn counter(&self) -> Shared<u64> {
        Rc::clone(&self.count)
    }

    /// How many hops pass during `f`.
    pub fn during<R>(&self, f: impl FnOnce() -> R) -> u64 {
        let before = self.count();
        f();
        self.count() - before
    }
}

impl Drop for Hops {
    fn drop(&mut self) {
        self.goes_on.set(false);
    }
}

fn schedule_tick(count: &Shared<u64>, goes_on: &Shared<bool>) {
    let (count, goes_on) = (Rc::clone(count), Rc::clone(goes_on));
    let tick = move || {
        count.set(count.get() + 1);
        if goes_on.get() {
            schedule_tick(&count, &goes_on);
        }
    };
    soon(tick);
}

/// Schedules a callback on the loop that runs on this thread.
pub fn soon(f: impl FnOnce() + 'static) -> selvedge::Handle {
    current_loop()
        .expect("a loop runs here")
        .call_soon(f)
        .expect("an open loop")
}

/// The loop that runs on this thread is told to stop.
pub fn stop() {
    current_loop()
        .expect("a loop runs here")
        .stop()
        .expect("an open loop");
}

/// Runs `f`, which must panic, and hands back the payload.
#[track_caller]
pub fn caught<R>(f: impl FnOnce() -> R) -> Payload {
    match panic::catch_unwind(AssertUnwindSafe(f)) {
        Ok(_) => panic!("this must panic, and it returned"),
        Err(payload) => payload,
    }
}

/// The text of a panic.
pub fn text(payload: &Payload) -> &str {
    payload
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| payload.downcast_ref::<&'static str>().copied())
        .expect("a panic with a text")
}

/// The text of the panic that `f` must end with, which must be a sentence and not a word.
#[track_caller]
pub fn sentence<R>(f: impl FnOnce() -> R) -> String {
    let payload = caught(f);
    let text = text(&payload).to_owned();
    assert_sentence(&text);
    text
}

/// Several words, that say something to whoever reads them.
#[track_caller]
pub fn assert_sentence(text: &str) {
    assert!(
        text.split_whitespace().count() >= 4,
        "not a sentence: {text:?}"
    );
    assert!(
        !text.contains("already borrowed") && !text.contains("RefCell"),
        "a leaked internal: {text:?}"
    );
}

thread_local! {
    static HOOK_CALLS: Cell<usize> = const { Cell::new(0) };
}

/// How often the panic hook runs on this thread during `f`. The hook is the process's, the count the thread's.
pub fn hook_calls(f: impl FnOnce()) -> usize {
    static COUNTING: Once = Once::new();
    COUNTING.call_once(|| {
        let previous = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            HOOK_CALLS.set(HOOK_CALLS.get() + 1);
            previous(info);
        }));
    });
    let before = HOOK_CALLS.get();
    f();
    HOOK_CALLS.get() - before
}

/// `full` in an ordinary run, `slow` where an emulator makes every step dear.
pub fn scaled(full: usize, slow: usize) -> usize {
    let is_emulated = ["SELVEDGE_UNDER_VALGRIND", "SELVEDGE_UNDER_QEMU"]
        .iter()
        .any(|name| std::env::var_os(name).is_some());
    if is_emulated { slow } else { full }
}

/// The kernel's number of this thread.
pub fn thread_number() -> i32 {
    // SAFETY: asks for a number.
    unsafe { libc::gettid() }
}

/// Returns when the thread with that number sleeps in the kernel.
pub fn wait_until_asleep(thread_number: i32) {
    let path = format!("/proc/self/task/{thread_number}/stat");
    loop {
        let stat = fs::read_to_string(&path).expect("the thread's line");
        // The name comes before the state, in brackets, and may hold anything.
        let state = stat
            .rsplit(") ")
            .next()
            .and_then(|rest| rest.chars().next());
        if state == Some('S') {
            return;
        }
        std::thread::yield_now();
    }
}

/// `full` stacks at once, or fewer where that is not the place for so many: under an emulator, and where each guard is
/// a mapping, of which a process may have some 65,000 for all of its tests.
pub fn many_stacks(full: usize) -> usize {
    if guards_are_mappings() {
        full.min(5_000)
    } else {
        scaled(full, 2_000)
    }
}

/// Whether a stack is a mapping of its own, between two guards, and not a part of its slab's. Only what is around one
/// stack is looked at: other tests map and unmap meanwhile.
fn guards_are_mappings() -> bool {
    const LARGER_THAN_A_STACK: usize = 1 << 20;
    let mut probe = Coroutine::new(|yielder: &Yielder<(), usize>, ()| {
        let local = 0_u8;
        yielder.suspend(&raw const local as usize);
    });
    let CoroutineState::Yielded(on_its_stack) = probe.resume() else {
        panic!("the probe is suspended");
    };
    let maps = fs::read_to_string("/proc/self/maps").expect("the mappings");
    let len_around = maps.lines().find_map(|line| {
        let (start, rest) = line.split_once('-')?;
        let start = usize::from_str_radix(start, 16).ok()?;
        let end = usize::from_str_radix(rest.split_once(' ')?.0, 16).ok()?;
        (start..end).contains(&on_its_stack).then_some(end - start)
    });
    len_around.expect("the probe's stack is mapped") < LARGER_THAN_A_STACK
}
