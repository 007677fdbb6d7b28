//! Programs with scopes that must not compile, each beside its nearest relative that does, as in `compile_fail`.

/// Scoped handles and scopes are as bound to their thread as coroutines.
///
/// ```compile_fail,E0277
/// fn needs_send<T: Send>() {}
/// needs_send::<selvedge::coroutine::ScopedCoroutine<'static, (), u8, ()>>();
/// ```
///
/// ```compile_fail,E0277
/// fn needs_sync<T: Sync>() {}
/// needs_sync::<selvedge::coroutine::ScopedCoroutine<'static, (), u8, ()>>();
/// ```
///
/// ```compile_fail,E0277
/// selvedge::coroutine::scope(|s| {
///     std::thread::scope(|threads| { threads.spawn(|| drop(s.coroutine(|_: &selvedge::Yielder<(), ()>, ()| ()))); });
/// });
/// ```
///
/// ```
/// selvedge::coroutine::scope(|s| {
///     std::thread::scope(|threads| { threads.spawn(|| ()); });
///     drop(s.coroutine(|_: &selvedge::Yielder<(), ()>, ()| ()));
/// });
/// ```
mod scoped_handles_and_scopes_are_neither_send_nor_sync {}

/// A scoped handle is worth nothing after its scope: the coroutine is over and what it borrowed may be gone.
///
/// ```compile_fail,E0521
/// use selvedge::{Yielder, coroutine::scope};
/// let mut escaped = None;
/// scope(|s| {
///     escaped = Some(s.coroutine(|yielder: &Yielder<(), ()>, ()| yielder.suspend(())));
/// });
/// escaped.unwrap().resume();
/// ```
///
/// ```
/// use selvedge::{Yielder, coroutine::scope};
/// let mut kept = None;
/// scope(|s| {
///     kept = Some(s.coroutine(|yielder: &Yielder<(), ()>, ()| yielder.suspend(())).resume());
/// });
/// assert!(kept.unwrap().yielded().is_some());
/// ```
mod a_scoped_handle_outside_its_scope {}

/// Nor is the scope itself: a child made through it later would be ended by nobody.
///
/// ```compile_fail,E0521
/// use selvedge::{Yielder, coroutine::scope};
/// let mut escaped = None;
/// scope(|s| escaped = Some(s));
/// escaped.unwrap().coroutine(|_: &Yielder<(), ()>, ()| ());
/// ```
///
/// ```
/// use selvedge::{Yielder, coroutine::scope};
/// let mut result = None;
/// scope(|s| result = Some(s.coroutine(|_: &Yielder<(), ()>, ()| 7).resume()));
/// assert_eq!(result.unwrap().complete(), Some(7));
/// ```
mod a_scope_outside_itself {}

/// Two handles of two scopes don't change places: one would end up where its coroutine's loans have run out.
///
/// ```compile_fail,E0521
/// use selvedge::{Yielder, coroutine::scope};
/// scope(|outer| {
///     let mut first = outer.coroutine(|yielder: &Yielder<(), ()>, ()| yielder.suspend(()));
///     scope(|inner| {
///         let mut second = inner.coroutine(|yielder: &Yielder<(), ()>, ()| yielder.suspend(()));
///         std::mem::swap(&mut first, &mut second);
///     });
///     first.resume();
/// });
/// ```
///
/// ```
/// use selvedge::{Yielder, coroutine::scope};
/// scope(|outer| {
///     let mut first = outer.coroutine(|yielder: &Yielder<(), ()>, ()| yielder.suspend(()));
///     scope(|_inner| {
///         let mut second = outer.coroutine(|yielder: &Yielder<(), ()>, ()| yielder.suspend(()));
///         std::mem::swap(&mut first, &mut second);
///     });
///     first.resume();
/// });
/// ```
mod swapped_handles_of_two_scopes {}

/// A child outlives the closure that made it, so it borrows from outside the scope and not from that closure's frame:
/// a forgotten, pinned or leaked handle would otherwise let it run on over a dead frame.
///
/// ```compile_fail,E0597
/// use selvedge::{Yielder, coroutine::scope};
/// scope(|s| {
///     let local = String::from("dropped before the scope ends its children");
///     let borrowed = &local;
///     let mut child = s.coroutine(move |yielder: &Yielder<(), ()>, ()| {
///         yielder.suspend(());
///         println!("{borrowed}");
///     });
///     child.resume();
///     std::mem::forget(child);
/// });
/// ```
///
/// ```compile_fail,E0597
/// use selvedge::{Yielder, coroutine::scope};
/// scope(|s| {
///     let local = String::from("dropped before the scope ends its children");
///     let borrowed = &local;
///     let mut child = Box::pin(s.coroutine(move |yielder: &Yielder<(), ()>, ()| {
///         yielder.suspend(());
///         println!("{borrowed}");
///     }));
///     child.resume();
///     std::mem::forget(child);
/// });
/// ```
///
/// ```
/// use selvedge::{Yielder, coroutine::scope};
/// let local = String::from("dropped after the scope has ended its children");
/// scope(|s| {
///     let mut child = s.coroutine(|yielder: &Yielder<(), ()>, ()| {
///         yielder.suspend(());
///         println!("{local}");
///     });
///     child.resume();
///     std::mem::forget(child);
/// });
/// ```
mod a_forgotten_child_of_a_dead_frame {}

/// What a child has borrowed mutably is its own until the scope's end: the host can't touch it, nor can a second child.
///
/// ```compile_fail,E0506
/// use selvedge::{Yielder, coroutine::scope};
/// let mut count = 0;
/// scope(|s| {
///     let mut child = s.coroutine(|_: &Yielder<(), ()>, ()| count += 1);
///     count = 5;
///     child.resume();
/// });
/// ```
///
/// ```compile_fail,E0499
/// use selvedge::{Yielder, coroutine::scope};
/// let mut count = 0;
/// scope(|s| {
///     drop(s.coroutine(|_: &Yielder<(), ()>, ()| count += 1));
///     drop(s.coroutine(|_: &Yielder<(), ()>, ()| count += 1));
/// });
/// ```
///
/// ```
/// use selvedge::{Yielder, coroutine::scope};
/// let mut count = 0;
/// scope(|s| {
///     let mut child = s.coroutine(|_: &Yielder<(), ()>, ()| count += 1);
///     child.resume();
/// });
/// count += 5;
/// assert_eq!(count, 6);
/// ```
mod a_loan_that_lasts_as_long_as_its_scope {}

/// What is sent to a child may stay with it until the scope's end, and what it hands out must last as long.
///
/// ```compile_fail,E0597
/// use selvedge::{Yielder, coroutine::scope};
/// scope(|s| {
///     let mut child = s.coroutine(|yielder: &Yielder<&str, ()>, first: &str| {
///         let second = yielder.suspend(());
///         println!("{first}{second}");
///     });
///     {
///         let text = String::from("gone before the next line");
///         child.send(&text);
///     }
///     child.send("");
/// });
/// ```
///
/// ```
/// use selvedge::{Yielder, coroutine::scope};
/// let text = String::from("there until the scope is over");
/// scope(|s| {
///     let mut child = s.coroutine(|yielder: &Yielder<&str, ()>, first: &str| {
///         let second = yielder.suspend(());
///         println!("{first}{second}");
///     });
///     child.send(&text);
///     child.send("");
/// });
/// ```
mod a_borrow_sent_to_a_child {}
