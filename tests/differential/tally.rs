//! Counts of each kind of event: programs that agree because they do nothing would prove nothing.

use std::fmt;

use selvedge::coroutine::Status;

use crate::record::{Event, What};

/// The events that a run of many programs must have seen.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Dropped,
    Received,
    Yielded,
    Complete,
    RefusedUnstarted,
    RefusedDone,
    Closed,
    ClosedWithValue,
    IgnoredClose,
    Item,
    SeenUnstarted,
    SeenSuspended,
    SeenDone,
    Forgot,
    HookCalled,
    PayloadCaught,
    CloseCaught,
    FinishedCaught,
    OutsideCaught,
    PanickingCaught,
    PayloadMet,
    CloseMet,
    PanickingMet,
    Other,
}

const N_KINDS: usize = Kind::Other as usize + 1;

#[derive(Default)]
pub struct Tally {
    counts: [(Option<Kind>, u64); N_KINDS],
}

impl Tally {
    pub fn add(&mut self, events: &[Event]) {
        for event in events {
            if let Event::Status(statuses) = event {
                statuses
                    .iter()
                    .flatten()
                    .for_each(|status| self.count(seen(*status)));
            } else {
                self.count(kind(*event));
            }
        }
    }

    fn count(&mut self, kind: Kind) {
        let (slot, n) = &mut self.counts[kind as usize];
        *slot = Some(kind);
        *n += 1;
    }

    /// Panics if a kind of event never happened.
    pub fn assert_all_seen(&self) {
        let never: Vec<_> = (0..N_KINDS - 1)
            .filter(|kind| self.counts[*kind].1 == 0)
            .collect();
        assert!(never.is_empty(), "kinds {never:?} never happened:\n{self}");
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (kind, n) in &self.counts {
            if let Some(kind) = kind {
                writeln!(f, "    {kind:?}: {n}")?;
            }
        }
        Ok(())
    }
}

fn kind(event: Event) -> Kind {
    match event {
        Event::Dropped(_) => Kind::Dropped,
        Event::Received(_) => Kind::Received,
        Event::Yielded(_) => Kind::Yielded,
        Event::Complete(_) => Kind::Complete,
        Event::Refused(_, Status::Unstarted) => Kind::RefusedUnstarted,
        Event::Refused(..) => Kind::RefusedDone,
        Event::Ended(None) => Kind::Closed,
        Event::Ended(Some(_)) => Kind::ClosedWithValue,
        Event::IgnoredClose(_) => Kind::IgnoredClose,
        Event::Item(_) => Kind::Item,
        Event::Forgot => Kind::Forgot,
        Event::Hook => Kind::HookCalled,
        Event::Caught(What::Mark(_)) => Kind::PayloadCaught,
        Event::Caught(What::Close) => Kind::CloseCaught,
        Event::Caught(What::Finished) => Kind::FinishedCaught,
        Event::Caught(What::Outside) => Kind::OutsideCaught,
        Event::Caught(What::Panicking) => Kind::PanickingCaught,
        Event::Met(What::Mark(_)) => Kind::PayloadMet,
        Event::Met(What::Close) => Kind::CloseMet,
        Event::Met(What::Panicking) => Kind::PanickingMet,
        Event::Caught(_) | Event::Met(_) | Event::Status(_) => Kind::Other,
    }
}

fn seen(status: Status) -> Kind {
    match status {
        Status::Unstarted => Kind::SeenUnstarted,
        Status::Suspended => Kind::SeenSuspended,
        Status::Running => Kind::Other,
        Status::Done => Kind::SeenDone,
    }
}
