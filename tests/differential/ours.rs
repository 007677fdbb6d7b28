//! The library under test, through its public API.

use selvedge::coroutine::{self, IgnoredClose, Scope, ScopedCoroutine, Status};
use selvedge::{Coroutine, CoroutineState, Generator, Yielder};

use crate::engine::{Answer, Closed, Engine, Payload, Thrown};

pub struct Ours;

/// The size of the pool's stacks, so that calls come from the pool too.
const ON_STACK_BYTES: usize = selvedge::stack::DEFAULT_STACK_SIZE_BYTES;

fn answer<V>(state: CoroutineState<V, V>) -> Answer<V> {
    match state {
        CoroutineState::Yielded(out) => Answer::Yielded(out),
        CoroutineState::Complete(ret) => Answer::Complete(ret),
    }
}

impl Engine for Ours {
    type Coroutine<In: 'static, V: 'static> = Coroutine<In, V, V>;
    type Inside<'a, In: 'static, V: 'static> = Yielder<In, V>;
    type Generator<V: 'static> = Generator<V>;
    type Scope<'s> = Scope<'s, 'static>;
    type Child<'s, In: 'static, V: 'static> = ScopedCoroutine<'s, In, V, V>;

    fn create<In: 'static, V: 'static, F>(body: F) -> Coroutine<In, V, V>
    where
        F: FnOnce(&Yielder<In, V>, In) -> V + 'static,
    {
        Coroutine::new(body)
    }

    fn status<In: 'static, V: 'static>(coroutine: &Coroutine<In, V, V>) -> Status {
        coroutine.status()
    }

    fn send<In: 'static, V: 'static>(coroutine: &mut Coroutine<In, V, V>, value: In) -> Answer<V> {
        answer(coroutine.send(value))
    }

    fn try_send<In: 'static, V: 'static>(
        coroutine: &mut Coroutine<In, V, V>,
        value: In,
    ) -> Result<Answer<V>, (In, Status)> {
        match coroutine.try_send(value) {
            Ok(state) => Ok(answer(state)),
            Err(refused) => Err((refused.value, refused.status)),
        }
    }

    fn throw<In: 'static, V: 'static>(
        coroutine: &mut Coroutine<In, V, V>,
        payload: Payload,
    ) -> Answer<V> {
        answer(coroutine.throw(payload))
    }

    fn try_throw<In: 'static, V: 'static>(
        coroutine: &mut Coroutine<In, V, V>,
        payload: Payload,
    ) -> Result<Answer<V>, (Payload, Status)> {
        match coroutine.try_throw(payload) {
            Ok(state) => Ok(answer(state)),
            Err(refused) => Err((refused.value, refused.status)),
        }
    }

    fn close<In: 'static, V: 'static>(coroutine: &mut Coroutine<In, V, V>) -> Closed<V> {
        match coroutine.close().map_err(IgnoredClose::into_value) {
            Ok(ret) => Closed::Ended(ret),
            Err(Some(out)) => Closed::Ignored(out),
            Err(None) => unreachable!("panics unwind in this program"),
        }
    }

    fn suspend<In: 'static, V: 'static>(inside: &Yielder<In, V>, out: V) -> In {
        inside.suspend(out)
    }

    fn suspend_catching<In: 'static, V: 'static>(
        inside: &Yielder<In, V>,
        out: V,
    ) -> Result<In, Thrown> {
        inside.suspend_catching(out).map_err(|thrown| match thrown {
            selvedge::coroutine::Thrown::Close => Thrown::Close,
            selvedge::coroutine::Thrown::Payload(payload) => Thrown::Payload(payload),
            selvedge::coroutine::Thrown::Panicking => Thrown::Panicking,
            other => unreachable!("a new kind of thing thrown: {other:?}"),
        })
    }

    fn delegate<In: 'static, V: 'static>(
        inside: &Yielder<In, V>,
        inner: &mut Coroutine<In, V, V>,
        first: In,
    ) -> V {
        inside.delegate(inner, first)
    }

    fn yield_from<V: 'static>(inside: &Yielder<(), V>, items: impl Iterator<Item = V>) {
        inside.yield_from(items);
    }

    fn generator<V: 'static, F>(body: F) -> Generator<V>
    where
        F: FnOnce(&Yielder<(), V>) + 'static,
    {
        Generator::new(body)
    }

    fn on_stack(f: impl FnOnce()) {
        selvedge::coroutine::on_stack(ON_STACK_BYTES, f);
    }

    fn scope<R>(f: impl for<'s> FnOnce(&'s Scope<'s, 'static>) -> R) -> R {
        coroutine::scope(f)
    }

    fn create_child<'s, In: 'static, V: 'static, F>(
        scope: &'s Scope<'s, 'static>,
        body: F,
    ) -> ScopedCoroutine<'s, In, V, V>
    where
        F: FnOnce(&Yielder<In, V>, In) -> V + 'static,
    {
        scope.coroutine(body)
    }

    fn send_to_child<In: 'static, V: 'static>(
        child: &mut ScopedCoroutine<'_, In, V, V>,
        value: In,
    ) -> Answer<V> {
        answer(child.send(value))
    }
}
