//! Programs that must not compile, each beside a similar program that does. Only doc tests see this module.
//!
//! The two programs of a pair differ in the line that matters. A nightly compiler checks the error code, and so does a
//! stable one with `RUSTC_BOOTSTRAP=1`. The first line of each item says why its program must not compile.

/// A coroutine stays on its thread: its locals may hold an `Rc`, and its frames the address of a thread-local.
///
/// ```compile_fail,E0277
/// let mut coroutine = selvedge::Coroutine::<(), u8, ()>::new(|yielder, ()| { yielder.suspend(1); });
/// std::thread::spawn(move || { coroutine.resume(); });
/// ```
///
/// ```
/// std::thread::spawn(move || {
///     let mut coroutine = selvedge::Coroutine::<(), u8, ()>::new(|yielder, ()| { yielder.suspend(1); });
///     coroutine.resume();
/// })
/// .join()
/// .unwrap();
/// ```
mod a_coroutine_is_not_send {}

/// A coroutine can't be shared with another thread by reference either.
///
/// ```compile_fail,E0277
/// let coroutine = selvedge::Coroutine::<(), u8, ()>::new(|yielder, ()| { yielder.suspend(1); });
/// std::thread::scope(|s| { s.spawn(|| coroutine.status()); });
/// ```
///
/// ```
/// let coroutine = selvedge::Coroutine::<(), u8, ()>::new(|yielder, ()| { yielder.suspend(1); });
/// let status = coroutine.status();
/// std::thread::scope(|s| { s.spawn(|| status); });
/// ```
mod a_coroutine_is_not_sync {}

/// A coroutine stays on its thread even if every type in its signature is `Send` and `Sync`.
///
/// ```compile_fail,E0277
/// fn needs_send<T: Send>() {}
/// needs_send::<selvedge::Generator<u8>>();
/// ```
///
/// ```compile_fail,E0277
/// fn needs_sync<T: Sync>() {}
/// needs_sync::<selvedge::Generator<u8>>();
/// ```
///
/// ```
/// fn needs_send_and_sync<T: Send + Sync>() {}
/// needs_send_and_sync::<selvedge::CoroutineState<u8, u8>>();
/// needs_send_and_sync::<selvedge::coroutine::Status>();
/// ```
mod a_generator_is_neither_send_nor_sync {}

/// A yielder names the stack that it suspends; on another thread that stack is not the running one.
///
/// ```compile_fail,E0277
/// fn needs_send<T: Send>() {}
/// needs_send::<selvedge::Yielder<u8, u8>>();
/// ```
///
/// ```compile_fail,E0277
/// selvedge::Coroutine::<(), u8, ()>::new(|yielder, ()| {
///     std::thread::scope(|s| { s.spawn(|| yielder.suspend(1)); });
/// })
/// .resume();
/// ```
///
/// ```
/// selvedge::Coroutine::<(), u8, ()>::new(|yielder, ()| {
///     let value = std::thread::scope(|s| s.spawn(|| 1).join().unwrap());
///     yielder.suspend(value);
/// })
/// .resume();
/// ```
mod a_yielder_is_neither_send_nor_sync {}

/// A plain coroutine can be kept, forgotten or returned, so its body must not borrow.
///
/// ```compile_fail,E0373
/// use selvedge::{Coroutine, Yielder};
/// let mut count = 0;
/// let mut coroutine = Coroutine::new(|_: &Yielder<(), ()>, ()| count += 1);
/// coroutine.resume();
/// ```
///
/// ```
/// use selvedge::{Coroutine, Yielder};
/// let mut count = 0;
/// let mut coroutine = Coroutine::new(move |_: &Yielder<(), ()>, ()| { count += 1; count });
/// assert_eq!(coroutine.resume().complete(), Some(1));
/// ```
///
/// ```
/// use selvedge::Yielder;
/// let mut count = 0;
/// selvedge::coroutine::scope(|s| {
///     let mut coroutine = s.coroutine(|_: &Yielder<(), ()>, ()| count += 1);
///     coroutine.resume();
/// });
/// assert_eq!(count, 1);
/// ```
mod borrowed_captures {}

/// The same holds for a coroutine from a builder, a generator, and a body that captures a reference.
///
/// ```compile_fail,E0597
/// use selvedge::{Coroutine, Yielder};
/// let text = String::from("gone before its reader");
/// let borrowed = &text;
/// let built = Coroutine::builder().build(move |_: &Yielder<(), ()>, ()| borrowed.len());
/// std::mem::forget(built);
/// ```
///
/// ```compile_fail,E0597
/// use selvedge::{Generator, Yielder};
/// let text = String::from("gone before its reader");
/// let letters = text.chars();
/// let generator = Generator::new(move |yielder: &Yielder<(), char>| yielder.yield_from(letters));
/// ```
///
/// ```
/// use selvedge::{Coroutine, Yielder};
/// let text = String::from("taken along");
/// let built = Coroutine::builder().build(move |_: &Yielder<(), ()>, ()| text.len());
/// assert_eq!(built.unwrap().resume().complete(), Some(11));
/// ```
mod borrowed_captures_by_other_ways {}

/// A value that crosses a switch may be kept on the other side, so it must not borrow from the resumer's frame,
///
/// ```compile_fail,E0597
/// use selvedge::{Coroutine, Yielder};
/// let mut coroutine = Coroutine::new(|yielder: &Yielder<&str, ()>, first: &str| {
///     let second = yielder.suspend(());
///     println!("{first}{second}");
/// });
/// {
///     let text = String::from("a frame that ends before the next line");
///     coroutine.send(&text);
/// }
/// coroutine.send("");
/// ```
///
/// nor from the coroutine's.
///
/// ```compile_fail,E0597
/// use selvedge::{Coroutine, Yielder};
/// let mut coroutine = Coroutine::new(|yielder: &Yielder<(), &'static str>, ()| {
///     let text = String::from("a stack that is gone by the last line");
///     yielder.suspend(&text);
/// });
/// let text = coroutine.resume().unwrap_yielded();
/// drop(coroutine);
/// println!("{text}");
/// ```
///
/// ```
/// use selvedge::{Coroutine, Yielder};
/// let mut coroutine = Coroutine::new(|yielder: &Yielder<String, String>, first: String| {
///     let second = yielder.suspend(first.clone());
///     first + &second
/// });
/// let text = coroutine.send(String::from("a")).unwrap_yielded();
/// assert_eq!(coroutine.send(text).complete(), Some(String::from("aa")));
/// ```
mod borrowed_values {}

/// The yielder is lent to the body only: outside of it, the yielder would suspend a coroutine that does not run.
///
/// ```compile_fail,E0521
/// use selvedge::{Coroutine, Yielder};
/// use std::{cell::Cell, rc::Rc};
/// let stolen: Rc<Cell<Option<&'static Yielder<(), u8>>>> = Rc::default();
/// let slot = Rc::clone(&stolen);
/// let mut coroutine = Coroutine::new(move |yielder: &Yielder<(), u8>, ()| {
///     slot.set(Some(yielder));
///     yielder.suspend(1);
/// });
/// coroutine.resume();
/// stolen.get().unwrap().suspend(2);
/// ```
///
/// ```
/// use selvedge::{Coroutine, Yielder};
/// use std::{cell::Cell, rc::Rc};
/// let told: Rc<Cell<Option<u8>>> = Rc::default();
/// let slot = Rc::clone(&told);
/// let mut coroutine = Coroutine::new(move |yielder: &Yielder<(), u8>, ()| {
///     slot.set(Some(1));
///     yielder.suspend(1);
/// });
/// coroutine.resume();
/// assert_eq!(told.get(), Some(1));
/// ```
mod an_escaping_yielder {}

/// The yielder can't be returned, nor captured by a coroutine made inside, which may outlive the body.
///
/// ```compile_fail,E0521
/// use selvedge::{Coroutine, Yielder};
/// let mut outer = Coroutine::new(|outer_yielder: &Yielder<(), u8>, ()| {
///     let mut inner = Coroutine::new(move |_: &Yielder<(), u8>, ()| outer_yielder.suspend(1));
///     inner.resume();
/// });
/// outer.resume();
/// ```
///
/// ```
/// use selvedge::{Coroutine, Yielder};
/// let mut outer = Coroutine::new(|outer_yielder: &Yielder<(), u8>, ()| {
///     let mut inner = Coroutine::new(move |yielder: &Yielder<(), u8>, ()| yielder.suspend(1));
///     outer_yielder.suspend(inner.resume().unwrap_yielded());
/// });
/// assert_eq!(outer.resume().yielded(), Some(1));
/// ```
mod a_yielder_in_an_inner_coroutine {}

/// A coroutine that keeps received values for ever can't be used as one that takes shorter-lived values.
///
/// ```compile_fail,E0597
/// use selvedge::{Coroutine, Yielder};
/// let text = String::from("dropped while it is borrowed");
/// let keeps = Coroutine::new(|_: &Yielder<&'static str, ()>, first: &'static str| {
///     std::thread::spawn(move || println!("{first}"));
/// });
/// let mut takes: Coroutine<&str, (), ()> = keeps;
/// takes.send(&text);
/// ```
///
/// ```
/// use selvedge::{Coroutine, Yielder};
/// let text = "there for ever";
/// let keeps = Coroutine::new(|_: &Yielder<&'static str, ()>, first: &'static str| {
///     std::thread::spawn(move || println!("{first}"));
/// });
/// let mut takes: Coroutine<&str, (), ()> = keeps;
/// takes.send(&text);
/// ```
mod a_coroutine_that_passes_for_another {}

/// A coroutine can't be resumed while it runs: its resumer borrows its only handle.
///
/// ```compile_fail,E0499
/// use selvedge::{Coroutine, Yielder};
/// let mut coroutine = Coroutine::new(|yielder: &Yielder<(), ()>, ()| yielder.suspend(()));
/// let (first, second) = (&mut coroutine, &mut coroutine);
/// first.resume();
/// second.resume();
/// ```
///
/// ```compile_fail,E0502
/// use selvedge::{Coroutine, Yielder, coroutine::scope};
/// let mut coroutine = Coroutine::new(|yielder: &Yielder<(), ()>, ()| yielder.suspend(()));
/// scope(|s| {
///     let mut resumer = s.coroutine(|_: &Yielder<(), ()>, ()| { coroutine.resume(); });
///     coroutine.status();
///     resumer.resume();
/// });
/// ```
///
/// ```
/// use selvedge::{Coroutine, Yielder, coroutine::scope};
/// let mut coroutine = Coroutine::new(|yielder: &Yielder<(), ()>, ()| yielder.suspend(()));
/// coroutine.status();
/// scope(|s| {
///     let mut resumer = s.coroutine(|_: &Yielder<(), ()>, ()| { coroutine.resume(); });
///     resumer.resume();
/// });
/// coroutine.resume();
/// ```
mod re_entrant_send {}

/// A coroutine can't hold the handle that runs it.
///
/// ```compile_fail,E0425
/// use selvedge::{Coroutine, Yielder};
/// let mut own = Coroutine::new(|_: &Yielder<(), ()>, ()| { own.resume(); });
/// ```
///
/// ```
/// use selvedge::{Coroutine, Yielder};
/// let mut other = Coroutine::new(|_: &Yielder<(), ()>, ()| ());
/// let mut coroutine = Coroutine::new(move |_: &Yielder<(), ()>, ()| { other.resume(); });
/// coroutine.resume();
/// ```
mod a_handle_inside_its_own_body {}

/// A thread may borrow from a coroutine's stack, because that stack is never freed while the thread runs. Values that
/// the coroutine itself borrows have no such guarantee, so a forgotten coroutine inside `thread::scope` must not borrow.
///
/// ```compile_fail,E0597
/// use selvedge::{Coroutine, Yielder};
/// let mut data = vec![1, 2, 3];
/// let borrowed = &mut data;
/// let mut coroutine = Coroutine::new(move |yielder: &Yielder<(), ()>, ()| {
///     std::thread::scope(|threads| {
///         threads.spawn(|| borrowed.push(4));
///         yielder.suspend(());
///     });
/// });
/// coroutine.resume();
/// std::mem::forget(coroutine);
/// ```
///
/// ```
/// use selvedge::{Coroutine, Yielder};
/// let mut data = vec![1, 2, 3];
/// let mut coroutine = Coroutine::new(move |yielder: &Yielder<(), ()>, ()| {
///     std::thread::scope(|threads| {
///         threads.spawn(|| data.push(4));
///         yielder.suspend(());
///     });
/// });
/// coroutine.resume();
/// std::mem::forget(coroutine);
/// ```
mod a_forgotten_coroutine_around_a_borrowing_thread {}

/// A coroutine made on another's stack must not borrow from that stack, which may be freed first.
///
/// ```compile_fail,E0373
/// use selvedge::{Coroutine, Yielder};
/// let mut outer = Coroutine::new(|_: &Yielder<(), ()>, ()| {
///     let on_this_stack = [1, 2, 3];
///     Coroutine::new(|_: &Yielder<(), ()>, ()| on_this_stack.len())
/// });
/// let mut inner = outer.resume().unwrap_complete();
/// drop(outer);
/// inner.resume();
/// ```
///
/// ```
/// use selvedge::{Coroutine, Yielder};
/// let mut outer = Coroutine::new(|_: &Yielder<(), ()>, ()| {
///     let on_this_stack = [1, 2, 3];
///     Coroutine::new(move |_: &Yielder<(), ()>, ()| on_this_stack.len())
/// });
/// let mut inner = outer.resume().unwrap_complete();
/// drop(outer);
/// assert_eq!(inner.resume().complete(), Some(3));
/// ```
mod a_borrowed_stack {}

mod scopes;
#[cfg(feature = "runtime")]
mod task_scopes;
