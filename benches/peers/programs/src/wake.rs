//! Yields for any executor: a future that is pending once, after it has woken its own task or another.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

/// Wakes itself.
#[derive(Debug, Default)]
pub struct Yield {
    was_pending: bool,
}

impl Future for Yield {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.was_pending {
            return Poll::Ready(());
        }
        self.was_pending = true;
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

/// Tasks that wake each other in a ring, for an executor that runs a task again at once if it has woken itself.
#[derive(Clone, Debug)]
pub struct Ring {
    asleep: Rc<RefCell<VecDeque<Waker>>>,
    n_tasks: usize,
}

impl Ring {
    pub fn new(n_tasks: usize) -> Self {
        let asleep = Rc::new(RefCell::new(VecDeque::with_capacity(n_tasks)));
        Self { asleep, n_tasks }
    }

    /// Sleeps. If all tasks sleep then, wakes the one that has slept for longest.
    pub fn pass(&self) -> Pass<'_> {
        Pass {
            ring: self,
            was_pending: false,
        }
    }

    /// Leaves the ring and wakes the next task.
    pub fn leave(&self) {
        let next = self.asleep.borrow_mut().pop_front();
        if let Some(waker) = next {
            waker.wake();
        }
    }
}

#[derive(Debug)]
pub struct Pass<'a> {
    ring: &'a Ring,
    was_pending: bool,
}

impl Future for Pass<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.was_pending {
            return Poll::Ready(());
        }
        self.was_pending = true;
        let mut asleep = self.ring.asleep.borrow_mut();
        asleep.push_back(context.waker().clone());
        if asleep.len() == self.ring.n_tasks {
            let next = asleep.pop_front();
            drop(asleep);
            if let Some(waker) = next {
                waker.wake();
            }
        }
        Poll::Pending
    }
}
