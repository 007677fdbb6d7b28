//! The oracle, under the names of an engine.

use selvedge::coroutine::Status;

use crate::engine::{Answer, Closed, Engine, Payload, Thrown};
use crate::oracle::{self, Child, Handle, Inside, Raised, Scope, raise};

pub struct Oracle;

pub struct Generator<V: 'static>(Handle<(), V, ()>);

impl<V> Iterator for Generator<V> {
    type Item = V;

    fn next(&mut self) -> Option<V> {
        if self.0.status() == Status::Done {
            return None;
        }
        match self.0.send(()) {
            Answer::Yielded(item) => Some(item),
            Answer::Complete(()) => None,
        }
    }
}

impl Engine for Oracle {
    type Coroutine<In: 'static, V: 'static> = Handle<In, V, V>;
    type Inside<'a, In: 'static, V: 'static> = Inside<'a, In, V>;
    type Generator<V: 'static> = Generator<V>;
    type Scope<'s> = Scope;
    type Child<'s, In: 'static, V: 'static> = Child<In, V>;

    fn create<In: 'static, V: 'static, F>(body: F) -> Handle<In, V, V>
    where
        F: FnOnce(&Inside<'_, In, V>, In) -> V + 'static,
    {
        Handle::new(body)
    }

    fn status<In: 'static, V: 'static>(coroutine: &Handle<In, V, V>) -> Status {
        coroutine.status()
    }

    fn send<In: 'static, V: 'static>(coroutine: &mut Handle<In, V, V>, value: In) -> Answer<V> {
        coroutine.send(value)
    }

    fn try_send<In: 'static, V: 'static>(
        coroutine: &mut Handle<In, V, V>,
        value: In,
    ) -> Result<Answer<V>, (In, Status)> {
        match coroutine.status() {
            Status::Done => Err((value, Status::Done)),
            _ => Ok(coroutine.send(value)),
        }
    }

    fn throw<In: 'static, V: 'static>(
        coroutine: &mut Handle<In, V, V>,
        payload: Payload,
    ) -> Answer<V> {
        coroutine.throw(payload)
    }

    fn try_throw<In: 'static, V: 'static>(
        coroutine: &mut Handle<In, V, V>,
        payload: Payload,
    ) -> Result<Answer<V>, (Payload, Status)> {
        match coroutine.status() {
            Status::Suspended => Ok(coroutine.throw(payload)),
            status => Err((payload, status)),
        }
    }

    fn close<In: 'static, V: 'static>(coroutine: &mut Handle<In, V, V>) -> Closed<V> {
        coroutine.close()
    }

    fn suspend<In: 'static, V: 'static>(inside: &Inside<'_, In, V>, out: V) -> In {
        inside.exchange(out).unwrap_or_else(|raised| raise(raised))
    }

    fn suspend_catching<In: 'static, V: 'static>(
        inside: &Inside<'_, In, V>,
        out: V,
    ) -> Result<In, Thrown> {
        inside.exchange(out).map_err(|raised| match raised {
            Raised::Close(_) => Thrown::Close,
            Raised::Payload(payload) => Thrown::Payload(payload),
            Raised::Panicking => Thrown::Panicking,
            Raised::Outside => raise(raised),
        })
    }

    fn delegate<In: 'static, V: 'static>(
        inside: &Inside<'_, In, V>,
        inner: &mut Handle<In, V, V>,
        first: In,
    ) -> V {
        inside.delegate(inner, first)
    }

    fn yield_from<V: 'static>(inside: &Inside<'_, (), V>, items: impl Iterator<Item = V>) {
        for item in items {
            Self::suspend(inside, item);
        }
    }

    fn generator<V: 'static, F>(body: F) -> Generator<V>
    where
        F: FnOnce(&Inside<'_, (), V>) + 'static,
    {
        let body = |inside: &Inside<'_, (), V>, ()| body(inside);
        Generator(Handle::new(body))
    }

    fn on_stack(f: impl FnOnce()) {
        oracle::on_stack(f);
    }

    fn scope<R>(f: impl for<'s> FnOnce(&'s Scope) -> R) -> R {
        oracle::scope(f)
    }

    fn create_child<In: 'static, V: 'static, F>(scope: &Scope, body: F) -> Child<In, V>
    where
        F: FnOnce(&Inside<'_, In, V>, In) -> V + 'static,
    {
        scope.create(body)
    }

    fn send_to_child<In: 'static, V: 'static>(child: &mut Child<In, V>, value: In) -> Answer<V> {
        child.send(value)
    }
}
