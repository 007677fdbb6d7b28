//! The operations that a program needs of coroutines, as a trait, so that a program runs on either
//! engine.

use std::any::Any;

use selvedge::coroutine::Status;

pub type Payload = Box<dyn Any + Send>;

/// The outcome of entering a coroutine.
pub enum Answer<Out, Ret = Out> {
    Yielded(Out),
    Complete(Ret),
}

/// The outcome of closing a coroutine.
pub enum Closed<Out, Ret = Out> {
    Ended(Option<Ret>),
    Ignored(Out),
}

/// The event that came instead of a value.
pub enum Thrown {
    Close,
    Payload(Payload),
    Panicking,
}

/// An implementation of coroutines that take an `In`, suspend with a `V` and return a `V`.
pub trait Engine: Sized + 'static {
    /// The handle, which ends its coroutine when it is dropped.
    type Coroutine<In: 'static, V: 'static>: 'static;
    /// The yielder, by which a body suspends.
    type Inside<'a, In: 'static, V: 'static>;
    type Generator<V: 'static>: Iterator<Item = V>;
    type Scope<'s>;
    /// A handle that owns nothing; dropping it ends its coroutine.
    type Child<'s, In: 'static, V: 'static>;

    fn create<In: 'static, V: 'static, F>(body: F) -> Self::Coroutine<In, V>
    where
        F: FnOnce(&Self::Inside<'_, In, V>, In) -> V + 'static;
    fn status<In: 'static, V: 'static>(coroutine: &Self::Coroutine<In, V>) -> Status;
    fn send<In: 'static, V: 'static>(
        coroutine: &mut Self::Coroutine<In, V>,
        value: In,
    ) -> Answer<V>;
    fn try_send<In: 'static, V: 'static>(
        coroutine: &mut Self::Coroutine<In, V>,
        value: In,
    ) -> Result<Answer<V>, (In, Status)>;
    fn throw<In: 'static, V: 'static>(
        coroutine: &mut Self::Coroutine<In, V>,
        payload: Payload,
    ) -> Answer<V>;
    fn try_throw<In: 'static, V: 'static>(
        coroutine: &mut Self::Coroutine<In, V>,
        payload: Payload,
    ) -> Result<Answer<V>, (Payload, Status)>;
    fn close<In: 'static, V: 'static>(coroutine: &mut Self::Coroutine<In, V>) -> Closed<V>;

    fn suspend<In: 'static, V: 'static>(inside: &Self::Inside<'_, In, V>, out: V) -> In;
    fn suspend_catching<In: 'static, V: 'static>(
        inside: &Self::Inside<'_, In, V>,
        out: V,
    ) -> Result<In, Thrown>;
    fn delegate<In: 'static, V: 'static>(
        inside: &Self::Inside<'_, In, V>,
        inner: &mut Self::Coroutine<In, V>,
        first: In,
    ) -> V;
    fn yield_from<V: 'static>(inside: &Self::Inside<'_, (), V>, items: impl Iterator<Item = V>);

    fn generator<V: 'static, F>(body: F) -> Self::Generator<V>
    where
        F: FnOnce(&Self::Inside<'_, (), V>) + 'static;

    /// Calls a function on a stack of its own.
    fn on_stack(f: impl FnOnce());

    /// Calls a function with a scope, and ends the scope's children.
    fn scope<R>(f: impl for<'s> FnOnce(&'s Self::Scope<'s>) -> R) -> R;
    fn create_child<'s, In: 'static, V: 'static, F>(
        scope: &'s Self::Scope<'s>,
        body: F,
    ) -> Self::Child<'s, In, V>
    where
        F: FnOnce(&Self::Inside<'_, In, V>, In) -> V + 'static;
    fn send_to_child<In: 'static, V: 'static>(
        child: &mut Self::Child<'_, In, V>,
        value: In,
    ) -> Answer<V>;
}
