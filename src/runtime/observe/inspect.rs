//! Looking at a task: where it stands, and what it waits for.

#![allow(unsafe_code)]

use crate::arch::Parked;
use crate::coroutine::{Hosted, Status};
use crate::runtime::core::{
    AnyPacket, SCHEDULED, TAKING_BYTES, TaskBlock, TaskId, TaskPtr, TaskStack, with_room,
    without_task,
};

impl TaskStack {
    pub(crate) fn of(packet: &AnyPacket) -> Self {
        let link = packet.link();
        let mut stack = Self::done(link.id(), link.name());
        if let Some(task) = link.task() {
            stack.look_at(task, None);
        }
        stack
    }

    /// For a task that the loop has taken from its queue and will enter at `parked`; `None` if the task has not begun.
    pub(crate) fn of_next(task: TaskPtr, parked: Parked) -> Option<Self> {
        task.has_begun().then(|| {
            let mut stack = Self::done(task.id, task.name());
            stack.look_at(task, Some(parked));
            stack
        })
    }

    fn done(id: TaskId, name: String) -> Self {
        Self {
            id,
            name,
            status: Status::Done,
            site: None,
            waits_for: None,
            backtrace: None,
        }
    }

    /// Inspects a task that is not done. `next` is the address at which the task is parked if the loop is
    /// about to enter it.
    fn look_at(&mut self, task: TaskPtr, next: Option<Parked>) {
        // SAFETY: a task that is not done has a living loop.
        let core = unsafe { task.core.as_ref() };
        self.site = task.site();
        // SAFETY: the task is alive and belongs to this thread, as does everything that names it.
        let known = unsafe { Hosted::<TaskBlock>::is_entered(task.0) };
        let is_entered = known.unwrap_or_else(|| {
            let (current, hidden) = core.entered();
            [current, hidden].contains(&Some(task))
        });
        let parked = match () {
            () if is_entered => None,
            () if next.is_some() => next,
            () if !task.has(SCHEDULED) => Some(task.parked.get()),
            () => core.run_queue.parked(task),
        };
        self.status = match (task.has_begun(), parked) {
            (false, _) => Status::Unstarted,
            (true, Some(_)) => Status::Suspended,
            (true, None) => Status::Running,
        };
        if self.status != Status::Running {
            self.waits_for = Some(task.waits_for());
        }
        if known.is_some() && (self.status == Status::Suspended || is_entered) {
            let take = || {
                // SAFETY: the task has begun and is not done, and whether it is entered was seen on the stacks, all of
                // which are this library's or the thread's own. Only its loop enters it, and the loop does not run now,
                // unless the allocator waits; while no task is current, no code waits.
                without_task(|| unsafe { Hosted::<TaskBlock>::backtrace(task.0, parked) })
            };
            self.backtrace = with_room(TAKING_BYTES, take);
        }
    }
}
