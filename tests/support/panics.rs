//! Caught panics and their texts, and a count of the panic hook's calls.

use std::any::Any;
use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

pub type Payload = Box<dyn Any + Send>;

/// Runs `f`, which must panic, and returns the payload.
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

/// The text of the panic that `f` must end with, which must be a sentence.
#[track_caller]
pub fn sentence<R>(f: impl FnOnce() -> R) -> String {
    let payload = caught(f);
    let text = text(&payload).to_owned();
    assert_sentence(&text);
    text
}

/// Asserts that the text is a sentence: several words, not a bare identifier.
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

/// How often the panic hook runs on this thread during `f`. The hook belongs to the process, the count to the thread.
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

/// The address of a payload's content, which identifies the box.
pub fn address(payload: &Payload) -> usize {
    std::ptr::from_ref::<dyn Any>(&**payload).cast::<()>() as usize
}
