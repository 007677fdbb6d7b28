//! Programs with scopes that must not compile, each beside a similar program that does, as in `compile_fail`.

/// Scoped handles and scopes stay on their thread, like coroutines.
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

/// A scoped handle can't be used after its scope: the coroutine has ended, and its borrows may be invalid.
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

/// The scope itself can't be used after its end: a child that is made then would never be ended.
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

/// Handles of two scopes can't be swapped: one of them would outlive its coroutine's borrows.
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

/// A child outlives the closure that made it, so it borrows from outside of the scope and not from that closure's frame:
/// otherwise a child with a forgotten, pinned or leaked handle would use a dead frame.
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

/// A child's mutable borrow lasts until the scope's end: neither the host nor a second child can use the value.
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

/// A value that is sent to a child may stay with it until the scope's end, and a yielded value must live as long.
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
