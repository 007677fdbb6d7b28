//! Comparisons and items of queues, values of locks and channels.

use std::cell::RefCell;
use std::rc::Rc;

use selvedge::sync::{Condition, Event, Mutex, PriorityQueue, Queue, channel};
use selvedge::{sleep, spawn, timeout, yield_now};

use super::strikes::{IN_CMP, IN_DROP, Strikes};
use super::{later, places, strike};
use crate::support::A_SECOND;

type Value = Strikes<IN_DROP>;

/// A priority queue with two items, of which one is compared when it is put.
fn compared() -> PriorityQueue<Strikes<IN_CMP>> {
    let queue = PriorityQueue::unbounded();
    drop(queue.try_put(Strikes));
    let used = queue.clone();
    later(move || {
        drop(used.try_put(Strikes));
        while used.try_get().is_ok() {}
    });
    queue
}

/// Waits in a condition, whose predicate strikes.
fn waits_while_striking() {
    let (lock, condition) = (Mutex::new(0), Condition::new());
    let waiter = condition.clone();
    let mut guard = lock.lock();
    let is_first = RefCell::new(true);
    spawn(move || waiter.notify_all()).detach();
    condition.wait_while(&mut guard, |_| {
        let again = is_first.replace(false);
        if !again {
            strike();
        }
        again
    });
}

places! {
    "a comparison at a put" => || drop(compared().try_put(Strikes)),
    "a comparison at a put that waits" => || {
        let queue = Rc::new(PriorityQueue::new(2));
        drop(queue.try_put(Strikes::<IN_CMP>));
        let own = Rc::clone(&queue);
        spawn(move || { sleep(A_SECOND); drop(own.put(Strikes)); drop(own.put(Strikes)) }).detach();
        let waits = Rc::clone(&queue);
        let getter = spawn(move || { sleep(2 * A_SECOND); while waits.try_get().is_ok() {} });
        sleep(3 * A_SECOND);
        drop(getter.join());
    },
    "a comparison at a get" => || {
        let queue = PriorityQueue::unbounded();
        let numbered = |n| (n, Strikes::<IN_CMP>);
        // Numbers are compared first, so only the get compares equal ones.
        for n in [1, 2, 2, 2] { drop(queue.try_put(numbered(n))); }
        while queue.try_get().is_ok() {}
    },
    "items of a dropped queue" => || {
        let queue = Queue::unbounded();
        drop(queue.try_put(Some(Strikes::<IN_DROP>)));
        drop(queue.try_put(None));
        drop(queue);
    },
    "items of a queue that is shut down" => || {
        let queue = Queue::new(2);
        drop(queue.try_put(Some(Strikes::<IN_DROP>)));
        drop(queue.try_put(None));
        let (own, other) = (queue.clone(), queue.clone());
        spawn(move || drop(own.put(None))).detach();
        yield_now();
        queue.shutdown_immediate();
        later(move || drop(other.try_get()));
    },
    "an item of a put that was late" => || {
        let queue = Queue::new(1);
        drop(queue.try_put(None));
        let value: Value = Strikes;
        let _ = timeout(A_SECOND, || drop(queue.put(Some(value))));
    },
    "the value of a lock" => || drop(Mutex::new(Strikes::<IN_DROP>)),
    "a value that is assigned in a lock" => || {
        let lock = Rc::new(Mutex::new(None::<Value>));
        *lock.lock() = Some(Strikes);
        let waits = Rc::clone(&lock);
        spawn(move || drop(waits.lock())).detach();
        let mut guard = lock.lock();
        yield_now();
        *guard = None;
    },
    "a value in a lock's unwind" => || {
        let lock = Rc::new(Mutex::new(()));
        let waits = Rc::clone(&lock);
        let waiting = spawn(move || { let _value: Value = Strikes; drop(waits.lock()) });
        let guard = lock.lock();
        yield_now();
        waiting.cancel();
        drop(waiting.join());
        drop(guard);
    },
    "a condition's predicate" => waits_while_striking,
    "items of a channel" => || {
        let (sender, receiver) = channel::unbounded();
        drop(sender.try_send(Strikes::<IN_DROP>));
        drop(receiver);
        drop(sender);
    },
    "an item of a channel that was late" => || {
        let (sender, receiver) = channel::bounded(1);
        drop(sender.try_send(None));
        let value: Value = Strikes;
        drop(sender.send_timeout(Some(value), A_SECOND));
        later(move || drop(receiver));
    },
    "a value beside an event" => || {
        let event = Rc::new(Event::new());
        let waits = Rc::clone(&event);
        let waiting = spawn(move || { let _value: Value = Strikes; waits.wait() });
        yield_now();
        event.set();
        drop(waiting.join());
    },
}
