//! A task that waits for many tasks or promises at once.
//!
//! Each member has a [`Node`] of the group in its list of waiters. A member that ends notifies the group, which counts,
//! and wakes its task only when the wait is over. The nodes lie together, in the waiting frame or in one allocation,
//! and unlink themselves when the frame goes.
//!
//! After the end of the last member, the waiting task goes through the run queue twice before the wait returns. asyncio
//! has the same two passes: there the first one is a callback's.

#![allow(unsafe_code)]

use std::cell::Cell;

use super::{Node, TaskPtr, WaitList, next_sequence, wake};
use crate::coroutine::OpenFrame;
use crate::error::TaskError;

/// How a member ended. A later variant is worse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Outcome {
    Returned,
    Cancelled,
    Failed,
}

impl Outcome {
    #[inline]
    pub(crate) fn of<T>(result: &Result<T, TaskError>) -> Self {
        match result {
            Ok(_) => Self::Returned,
            Err(error) => Self::of_error(error),
        }
    }

    pub(crate) fn of_error(error: &TaskError) -> Self {
        match error.is_cancelled() {
            true => Self::Cancelled,
            false => Self::Failed,
        }
    }
}

/// When a wait for many is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Until {
    /// One member has ended.
    First,
    /// One has failed, or all have ended.
    Failure,
    /// One has failed or was cancelled, or all have ended.
    Error,
    /// All have ended.
    All,
}

/// The nodes of a group whose size is known at run time only. A thread keeps the memory for the next group, because
/// allocators return memory of that size to the system, to be mapped again.
pub(crate) struct Nodes(Vec<Node>);

/// The most nodes that a thread keeps.
const N_KEPT: usize = 16 * 1024;

thread_local! {
    static KEPT: Cell<Vec<Node>> = const { Cell::new(Vec::new()) };
}

impl Nodes {
    pub(crate) fn new(n: usize) -> Self {
        let mut nodes = KEPT.try_with(Cell::take).unwrap_or_default();
        nodes.resize_with(n, Node::new);
        Self(nodes)
    }
}

impl AsRef<[Node]> for Nodes {
    fn as_ref(&self) -> &[Node] {
        &self.0
    }
}

impl Drop for Nodes {
    fn drop(&mut self) {
        let mut nodes = std::mem::take(&mut self.0);
        // Each node unlinks itself.
        nodes.clear();
        if nodes.capacity() <= N_KEPT {
            // At the end of the thread the memory is not kept.
            let _ = KEPT.try_with(|kept| kept.set(nodes));
        }
    }
}

/// A wait of one task for many members.
pub(crate) struct Group {
    task: TaskPtr,
    /// Sequence number of the wait.
    pub(crate) sequence: u64,
    until: Cell<Until>,
    n_pending: Cell<usize>,
    is_over: Cell<bool>,
    /// The worst outcome before the wait was over.
    worst: Cell<Outcome>,
    culprit: Cell<usize>,
    nodes: Cell<*const [Node]>,
    n_added: Cell<usize>,
}

impl Group {
    /// Calls a function with a group of the running task. The function adds as many members as there are nodes.
    ///
    /// The function may run user code: destructors of members that are refused, and of results. If a destructor
    /// abandons the coroutine that waits, the task is abandoned as well, because the nodes refer to the task.
    pub(crate) fn with<R>(
        task: TaskPtr,
        until: Until,
        nodes: impl AsRef<[Node]>,
        f: impl FnOnce(&Self) -> R,
    ) -> R {
        let _open = OpenFrame::open_for_task();
        let n_members = nodes.as_ref().len();
        let group = Self {
            task,
            sequence: next_sequence(),
            until: Cell::new(until),
            n_pending: Cell::new(n_members),
            is_over: Cell::new(n_members == 0),
            worst: Cell::new(Outcome::Returned),
            culprit: Cell::new(0),
            nodes: Cell::new(&[]),
            n_added: Cell::new(0),
        };
        // The nodes don't move from here on, and unlink themselves before the group goes.
        let nodes = nodes;
        group.nodes.set(nodes.as_ref());
        f(&group)
    }

    /// Adds a member that has ended.
    #[inline]
    pub(crate) fn add_ended(&self, outcome: Outcome) {
        self.count(self.next_node(), outcome);
    }

    /// Adds a member that is pending, by its list of waiters.
    #[inline]
    pub(crate) fn add_pending(&self, waiters: &WaitList) {
        let node = self.next_node();
        if !self.is_over.get() {
            node.group.set(self);
            // SAFETY: `with` keeps node and group in place until the node has unlinked itself, and the task to which
            // the group refers lives as long: the task does not end before the frame of `with`, or the task is
            // abandoned with that frame (the open frame) and its block stays allocated. A list unlinks its nodes when
            // it is dropped.
            unsafe { waiters.push(node) };
        }
    }

    #[inline]
    fn next_node(&self) -> &Node {
        let index = self.n_added.get();
        self.n_added.set(index + 1);
        // SAFETY: `with` keeps the nodes as long as the group can be named.
        unsafe { &(&*self.nodes.get())[index] }
    }

    /// Notes that a node's member has ended.
    #[inline]
    pub(crate) fn member_ended(&self, node: *const Node, outcome: Outcome) {
        let was_over = self.is_over.get();
        self.count(node, outcome);
        if self.is_over.get() && !was_over {
            wake::unpark(self.task);
        }
    }

    #[inline]
    fn count(&self, node: *const Node, outcome: Outcome) {
        let n_pending = self.n_pending.get() - 1;
        self.n_pending.set(n_pending);
        if self.is_over.get() {
            return;
        }
        if outcome > self.worst.get() {
            self.worst.set(outcome);
            let offset = node.addr() - self.nodes.get().cast::<Node>().addr();
            self.culprit.set(offset / size_of::<Node>());
        }
        let is_enough = match self.until.get() {
            Until::First => true,
            Until::Failure => outcome == Outcome::Failed,
            Until::Error => outcome != Outcome::Returned,
            Until::All => false,
        };
        self.is_over.set(is_enough || n_pending == 0);
    }

    pub(crate) fn is_over(&self) -> bool {
        self.is_over.get()
    }

    /// From now on the group waits for all members, however they end.
    pub(crate) fn wait_for_all(&self) {
        self.until.set(Until::All);
    }

    /// The worst outcome before the wait was over, and the first member that ended so.
    pub(crate) fn worst(&self) -> (Outcome, usize) {
        (self.worst.get(), self.culprit.get())
    }
}
