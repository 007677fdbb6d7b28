//! Programs with scopes of tasks that must not compile, each beside its nearest relative that does, as in
//! `compile_fail`.

/// Scopes and handles of tasks stay on their thread.
///
/// ```compile_fail,E0277
/// fn needs_send<T: Send>() {}
/// needs_send::<selvedge::task::ScopedTask<'static, u8>>();
/// ```
///
/// ```compile_fail,E0277
/// fn needs_sync<T: Sync>() {}
/// needs_sync::<selvedge::task::ScopedTask<'static, u8>>();
/// ```
///
/// ```compile_fail,E0277
/// let _ = selvedge::scope(|s| {
///     std::thread::scope(|threads| { threads.spawn(|| s.spawn(|| ()).detach()); });
/// });
/// ```
///
/// ```
/// let _ = selvedge::scope(|s| {
///     std::thread::scope(|threads| { threads.spawn(|| ()); });
///     s.spawn(|| ()).detach();
/// });
/// ```
mod scopes_of_tasks_are_neither_send_nor_sync {}

/// A handle is worth nothing after its scope: what its task returned may borrow from what is gone.
///
/// ```compile_fail,E0521
/// let mut escaped = None;
/// let _ = selvedge::scope(|s| escaped = Some(s.spawn(|| 1)));
/// drop(escaped);
/// ```
///
/// ```compile_fail
/// let escaped = selvedge::scope(|s| s.spawn(|| 1));
/// drop(escaped);
/// ```
///
/// ```
/// let mut escaped = None;
/// let _ = selvedge::scope(|s| escaped = Some(s.spawn(|| 1).task_ref()));
/// drop(escaped);
/// ```
mod a_handle_outside_its_scope {}

/// The scope itself does not leave its closure, nor does a task that has it for longer.
///
/// ```compile_fail,E0521
/// let _ = selvedge::scope(|s| { selvedge::spawn(move || s.spawn(|| ()).detach()).detach() });
/// ```
///
/// ```compile_fail
/// let s = selvedge::scope(|s| s).unwrap();
/// s.spawn(|| ()).detach();
/// ```
///
/// ```
/// let _ = selvedge::scope(|s| { s.spawn(move || s.spawn(|| ()).detach()).detach() });
/// ```
mod a_scope_outside_its_closure {}

/// A child outlives the closure's frame, so it does not borrow from it.
///
/// ```compile_fail,E0373
/// let _ = selvedge::scope(|s| {
///     let local = String::from("gone before the child runs");
///     std::mem::forget(s.spawn(|| local.len()));
/// });
/// ```
///
/// ```compile_fail,E0597
/// let _ = selvedge::scope(|s| {
///     let local = String::from("gone before the child runs");
///     let borrowed = &local;
///     std::mem::forget(s.spawn(move || borrowed.len()));
/// });
/// ```
///
/// ```
/// let local = String::from("there until the scope is over");
/// let _ = selvedge::scope(|s| std::mem::forget(s.spawn(|| local.len())));
/// ```
mod a_child_of_a_dead_frame {}

/// Nor does a child's own child borrow from the child's frame.
///
/// ```compile_fail,E0597
/// let _ = selvedge::scope(|s| {
///     s.spawn(move || {
///         let local = 5;
///         let borrowed = &local;
///         s.spawn(move || println!("{borrowed}")).detach();
///     })
///     .detach();
/// });
/// ```
///
/// ```
/// let _ = selvedge::scope(|s| {
///     s.spawn(move || {
///         let local = 5;
///         let borrowed = &local;
///         let _ = selvedge::scope(|s| s.spawn(move || println!("{borrowed}")).detach());
///     })
///     .detach();
/// });
/// ```
mod a_grandchild_of_a_dead_frame {}

/// What a child has borrowed mutably is its own until the scope's end.
///
/// ```compile_fail,E0506
/// let mut count = 0;
/// let _ = selvedge::scope(|s| {
///     s.spawn(|| count += 1).detach();
///     count = 5;
/// });
/// ```
///
/// ```compile_fail,E0499
/// let mut count = 0;
/// let _ = selvedge::scope(|s| {
///     s.spawn(|| count += 1).detach();
///     s.spawn(|| count += 1).detach();
/// });
/// ```
///
/// ```
/// let mut count = 0;
/// let _ = selvedge::scope(|s| s.spawn(|| count += 1).detach());
/// count += 5;
/// ```
mod a_loan_to_a_child {}

/// Handles of two scopes don't change places.
///
/// ```compile_fail,E0521
/// let _ = selvedge::scope(|outer| {
///     let mut first = outer.spawn(|| 1);
///     let _ = selvedge::scope(|inner| {
///         let mut second = inner.spawn(|| 2);
///         std::mem::swap(&mut first, &mut second);
///     });
///     drop(first);
/// });
/// ```
///
/// ```
/// let _ = selvedge::scope(|outer| {
///     let mut first = outer.spawn(|| 1);
///     let _ = selvedge::scope(|_inner| {
///         let mut second = outer.spawn(|| 2);
///         std::mem::swap(&mut first, &mut second);
///     });
///     drop(first);
/// });
/// ```
mod swapped_handles_of_two_scopes_of_tasks {}

/// A result may borrow for the scope, and not from the child's own frame; and it does not leave the scope with less.
///
/// ```compile_fail,E0515
/// let _ = selvedge::scope(|s| {
///     s.spawn(|| {
///         let local = String::from("gone with the child");
///         local.as_str()
///     })
///     .detach();
/// });
/// ```
///
/// ```
/// let local = String::from("there until the scope is over");
/// let _ = selvedge::scope(|s| s.spawn(|| local.as_str()).detach());
/// ```
mod a_result_that_borrows_from_its_child {}

/// A child's failure is kept when the scope is over: it borrows nothing.
///
/// ```compile_fail,E0597
/// #[derive(Debug)]
/// struct Failure<'a>(&'a str);
/// impl std::fmt::Display for Failure<'_> {
///     fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.write_str(self.0) }
/// }
/// impl std::error::Error for Failure<'_> {}
/// let text = String::from("gone before the error");
/// let result = selvedge::scope(|s| {
///     s.spawn_fallible(|| Err::<(), _>(Failure(&text))).detach();
/// });
/// drop(text);
/// drop(result);
/// ```
///
/// ```
/// #[derive(Debug)]
/// struct Failure<'a>(&'a str);
/// impl std::fmt::Display for Failure<'_> {
///     fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.write_str(self.0) }
/// }
/// impl std::error::Error for Failure<'_> {}
/// let text = String::from("gone before the error");
/// let result = selvedge::scope(|s| {
///     s.spawn_fallible(|| Err::<(), _>(Failure("static"))).detach();
/// });
/// drop(text);
/// drop(result);
/// ```
mod a_failure_that_borrows {}

/// The handle of a timeout does not leave its closure.
///
/// ```compile_fail
/// let mut escaped = None;
/// selvedge::run(|| selvedge::time::timeout_with(None, |t| escaped = Some(t)));
/// drop(escaped);
/// ```
///
/// ```compile_fail,E0521
/// selvedge::run(|| selvedge::time::timeout_with(None, |t| selvedge::spawn(move || t.is_expired()).detach()));
/// ```
///
/// ```
/// let mut when = None;
/// selvedge::run(|| selvedge::time::timeout_with(None, |t| when = t.when()));
/// drop(when);
/// ```
mod a_timeout_outside_its_closure {}

/// Functions of a race that borrow the same thing mutably are refused, and so is a loan that is gone.
///
/// ```compile_fail,E0499
/// let mut count = 0;
/// let _ = selvedge::race((|| count += 1, || count += 1));
/// ```
///
/// ```compile_fail,E0597
/// let text: &str = {
///     let local = String::from("gone");
///     selvedge::race([|| local.as_str()]).unwrap_or_default()
/// };
/// println!("{text}");
/// ```
///
/// ```
/// let (mut count, mut other) = (0, 0);
/// let _ = selvedge::race((|| count += 1, || other += 1));
/// ```
mod loans_in_a_race {}
