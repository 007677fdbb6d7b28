//! What the core tests share: a log of drops, a counted value, caught panics and a count of panic-hook calls.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::panic::{self, AssertUnwindSafe};
use std::rc::Rc;
use std::sync::Once;

pub type Payload = Box<dyn Any + Send>;

/// What happened, in order. Clones share one list.
#[derive(Clone, Debug, Default)]
pub struct Log(Rc<RefCell<Vec<&'static str>>>);

impl Log {
    pub fn push(&self, event: &'static str) {
        self.0.borrow_mut().push(event);
    }

    /// A value that writes `event` when it is dropped.
    pub fn guard(&self, event: &'static str) -> Guard {
        Guard {
            log: self.clone(),
            event,
        }
    }

    /// Everything since the last call.
    pub fn take(&self) -> Vec<&'static str> {
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

thread_local! {
    static LIVE: Cell<isize> = const { Cell::new(0) };
    static HOOK_CALLS: Cell<usize> = const { Cell::new(0) };
}

/// A value whose copies are counted: `live()` is what was made less what was dropped, on this thread.
#[derive(Debug, PartialEq, Eq)]
pub struct Counted(pub u32);

impl Counted {
    pub fn new(id: u32) -> Self {
        LIVE.set(LIVE.get() + 1);
        Self(id)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        LIVE.set(LIVE.get() - 1);
    }
}

/// How many `Counted` of this thread exist. A value lost shows above the truth, one dropped twice below it.
pub fn live() -> isize {
    LIVE.get()
}

/// Runs `f`, which must panic, and hands back the payload.
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
pub fn sentence<R>(f: impl FnOnce() -> R) -> String {
    let payload = caught(f);
    let text = text(&payload).to_owned();
    assert_sentence(&text);
    text
}

/// Several words, that say something to whoever reads them.
pub fn assert_sentence(text: &str) {
    assert!(
        text.split_whitespace().count() >= 4,
        "not a sentence: {text:?}"
    );
    assert!(
        !text.contains("already borrowed"),
        "a leaked internal: {text:?}"
    );
}

/// The address of what a payload points to: the same box keeps it.
pub fn address(payload: &Payload) -> usize {
    std::ptr::from_ref::<dyn Any>(&**payload).cast::<()>() as usize
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
    if emulated() { slow } else { full }
}

/// Whether Valgrind or qemu runs us; both also move mappings about.
pub fn emulated() -> bool {
    ["SELVEDGE_UNDER_VALGRIND", "SELVEDGE_UNDER_QEMU"]
        .iter()
        .any(|name| std::env::var_os(name).is_some())
}

/// Runs `f` on a thread of its own, whose pool of stacks starts empty, and hands its panic on.
pub fn on_fresh_thread<R: Send>(f: impl FnOnce() -> R + Send) -> R {
    std::thread::scope(|s| s.spawn(f).join())
        .unwrap_or_else(|payload| panic::resume_unwind(payload))
}

/// Goes down by calling itself until at least `depth_bytes` of stack lie between here and there, every frame touched,
/// and runs `f` at the bottom.
pub fn at_depth<R>(depth_bytes: usize, f: &mut dyn FnMut() -> R) -> R {
    #[inline(never)]
    fn descend<R>(top: usize, depth_bytes: usize, f: &mut dyn FnMut() -> R) -> R {
        let mut frame = [0u8; 512];
        let here = std::hint::black_box(&mut frame).as_ptr() as usize;
        let result = if top.saturating_sub(here) >= depth_bytes {
            f()
        } else {
            descend(top, depth_bytes, f)
        };
        std::hint::black_box(&mut frame);
        result
    }
    let top = 0u8;
    descend(
        std::ptr::from_ref(std::hint::black_box(&top)) as usize,
        depth_bytes,
        f,
    )
}
