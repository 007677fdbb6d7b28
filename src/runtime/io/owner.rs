//! [`Owner`]: the loop that has registered a socket, the loops that have registered its clones, and the
//! directions that were shut down.
//!
//! A `shutdown` affects the socket, hence all clones. The system does not report every `shutdown`: no event wakes a
//! task that waits to write to a Unix socket when this end is shut down for writing.

use std::sync::{Arc, Mutex};

use crate::runtime::threads::Injector;
use crate::sys::wait_fd::Direction;
use crate::util::lock::lock;

/// A registration as other threads see it. The registration keeps it under a lock.
#[derive(Default)]
pub(super) struct Owner {
    /// The loop that owns the registration.
    injector: Option<Arc<Injector>>,
    /// Without clones.
    is_shut: Shut,
    /// `None` until a clone is made.
    clones: Option<Arc<Mutex<Clones>>>,
}

/// The state that the clones of a socket share.
#[derive(Default)]
struct Clones {
    is_shut: Shut,
    /// Their registrations: the loop and the token.
    registered: Vec<(Arc<Injector>, u64)>,
}

/// The directions that were shut down.
#[derive(Clone, Copy, Default)]
struct Shut {
    read: bool,
    write: bool,
}

impl Shut {
    fn of(&mut self, direction: Direction) -> &mut bool {
        match direction {
            Direction::Read => &mut self.read,
            Direction::Write => &mut self.write,
        }
    }
}

impl Owner {
    /// Returns the owner for another descriptor of the same socket. `token` is the token of this
    /// registration.
    pub(super) fn for_clone(&mut self, token: u64) -> Self {
        let clones = self.clones.get_or_insert_with(|| {
            let registered = self.injector.iter().cloned();
            Arc::new(Mutex::new(Clones {
                is_shut: self.is_shut,
                registered: registered.map(|injector| (injector, token)).collect(),
            }))
        });
        Self {
            clones: Some(Arc::clone(clones)),
            ..Self::default()
        }
    }

    pub(super) fn has_clones(&self) -> bool {
        let clones = self.clones.as_ref();
        clones.is_some_and(|clones| Arc::strong_count(clones) > 1)
    }

    /// A loop has registered the socket.
    pub(super) fn set(&mut self, injector: &Arc<Injector>, token: u64) {
        self.injector = Some(Arc::clone(injector));
        if let Some(clones) = &self.clones {
            let place = (Arc::clone(injector), token);
            lock(clones).registered.push(place);
        }
    }

    /// The registration has ended. Returns its loop.
    pub(super) fn take(&mut self, token: u64) -> Option<Arc<Injector>> {
        let injector = self.injector.take()?;
        if let Some(clones) = &self.clones {
            let is_this =
                |place: &(Arc<Injector>, u64)| place.1 == token && Arc::ptr_eq(&place.0, &injector);
            lock(clones).registered.retain(|place| !is_this(place));
        }
        Some(injector)
    }

    pub(super) fn is_closed(&self) -> bool {
        let injector = self.injector.as_ref();
        injector.is_some_and(|injector| injector.is_closed())
    }

    pub(super) fn is_shut(&mut self, direction: Direction) -> bool {
        match &self.clones {
            Some(clones) => *lock(clones).is_shut.of(direction),
            None => *self.is_shut.of(direction),
        }
    }

    /// Notes that a direction was shut down. Returns the registrations to notify: this one, whose token is given, and
    /// those of the clones.
    pub(super) fn shut(&mut self, direction: Direction, token: u64) -> Vec<(Arc<Injector>, u64)> {
        if let Some(clones) = &self.clones {
            let mut clones = lock(clones);
            *clones.is_shut.of(direction) = true;
            return clones.registered.clone();
        }
        *self.is_shut.of(direction) = true;
        let registered = self.injector.iter().cloned();
        registered.map(|injector| (injector, token)).collect()
    }
}
