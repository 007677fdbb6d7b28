//! Programs with scopes of tasks that must not compile, each beside a similar program that does, as in
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

/// A handle can't be used after its scope: its task's result may borrow from values that no longer exist.
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

/// The scope can't leave its closure, and neither can a task that holds it for longer.
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

/// A child outlives the closure's frame, so it must not borrow from it.
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

/// A child's own child must not borrow from the child's frame.
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

/// A child's mutable borrow lasts until the scope's end.
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

/// The expressions of a select! are evaluated at the same time: two of them can't borrow one reader.
///
/// ```compile_fail,E0524
/// use std::io::Read;
/// let (mut a, mut b) = ([0], [0]);
/// let reader = &mut &b"weft"[..];
/// selvedge::select! {
///     n = reader.read(&mut a) => drop(n),
///     n = reader.read(&mut b) => drop(n),
/// }
/// ```
///
/// ```
/// use std::io::Read;
/// let (mut a, mut b) = ([0], [0]);
/// let (reader, other) = (&mut &b"weft"[..], &mut &b"warp"[..]);
/// selvedge::run(|| selvedge::select! {
///     n = reader.read(&mut a) => drop(n),
///     n = other.read(&mut b) => drop(n),
/// });
/// ```
mod two_arms_and_one_reader {}

/// Handles of two scopes can't be swapped.
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

/// A result may borrow for the scope's lifetime, not from the child's own frame, and a shorter borrow can't leave the scope.
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

/// A child's error outlives the scope, so it must not borrow.
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

/// The handle of a timeout can't leave its closure.
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

/// Two functions of a race can't borrow the same value mutably, nor can one borrow a value that lives too short.
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
