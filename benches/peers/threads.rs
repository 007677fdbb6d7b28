//! Two OS threads that pass a turn to each other: the peer without coroutines. The benchmarks and the quickstart example share
//! this file.
//!
//! The calling thread is one of the two. The result depends mostly on their cores, so they are bound to cores where the system
//! allows it.

#![allow(unsafe_code)]

use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread::{self, Thread};

/// Where the calling thread and its partner run.
#[derive(Debug)]
pub struct Placement {
    pub name: &'static str,
    caller: Option<usize>,
    partner: Option<usize>,
}

impl Placement {
    /// Both threads on one core, then each on its own core, if there are two cores; one unpinned placement where threads can't
    /// be bound. Call this before binding any thread.
    pub fn all() -> Vec<Self> {
        let place = |name, caller, partner| Self {
            name,
            caller,
            partner,
        };
        match *affinity::cores() {
            [] => vec![place("unpinned", None, None)],
            [one] => vec![place("one core", Some(one), Some(one))],
            [one, two, ..] => vec![
                place("one core", Some(one), Some(one)),
                place("two cores", Some(one), Some(two)),
            ],
        }
    }

    /// Binds the calling thread to its core.
    pub fn pin_caller(&self) {
        pin(self.caller);
    }
}

fn pin(core: Option<usize>) {
    if let Some(core) = core {
        affinity::pin(core);
    }
}

/// A partner thread; the turn is passed by `unpark` and awaited by `park`.
#[derive(Debug)]
pub struct Parking {
    turn: Arc<AtomicU8>,
    partner: Thread,
}

const CALLERS: u8 = 0;
const PARTNERS: u8 = 1;
const DONE: u8 = 2;

impl Parking {
    pub fn new(placement: &Placement) -> Self {
        placement.pin_caller();
        let turn = Arc::new(AtomicU8::new(CALLERS));
        let (core, caller) = (placement.partner, thread::current());
        let partner = thread::spawn({
            let turn = Arc::clone(&turn);
            move || {
                pin(core);
                answer_by_unpark(&turn, &caller);
            }
        });
        Self {
            turn,
            partner: partner.thread().clone(),
        }
    }

    /// Passes the turn and waits until it is back, `n` times.
    pub fn round_trips(&mut self, n: usize) {
        for _ in 0..n {
            self.pass_turn(PARTNERS);
            while self.turn.load(Ordering::Acquire) != CALLERS {
                thread::park();
            }
        }
    }

    fn pass_turn(&self, turn: u8) {
        self.turn.store(turn, Ordering::Release);
        self.partner.unpark();
    }
}

fn answer_by_unpark(turn: &AtomicU8, caller: &Thread) {
    loop {
        match turn.load(Ordering::Acquire) {
            PARTNERS => {
                turn.store(CALLERS, Ordering::Release);
                caller.unpark();
            }
            DONE => return,
            _ => thread::park(),
        }
    }
}

impl Drop for Parking {
    fn drop(&mut self) {
        self.pass_turn(DONE);
    }
}

/// A partner thread that sends back each byte from a pipe.
#[derive(Debug)]
pub struct Piping {
    from_partner: PipeReader,
    to_partner: PipeWriter,
}

impl Piping {
    pub fn new(placement: &Placement) -> io::Result<Self> {
        placement.pin_caller();
        let (mut from_caller, to_partner) = io::pipe()?;
        let (from_partner, mut to_caller) = io::pipe()?;
        let core = placement.partner;
        // The thread ends when its pipe is closed, which happens when this value is dropped.
        thread::spawn(move || {
            pin(core);
            let mut byte = [0];
            while from_caller.read_exact(&mut byte).is_ok() && to_caller.write_all(&byte).is_ok() {}
        });
        Ok(Self {
            from_partner,
            to_partner,
        })
    }

    /// Sends a byte and waits until it is back, `n` times.
    pub fn round_trips(&mut self, n: usize) {
        let mut byte = [0];
        for _ in 0..n {
            let sent = self.to_partner.write_all(&byte);
            sent.and_then(|()| self.from_partner.read_exact(&mut byte))
                .expect("the partner keeps its ends of the pipes open");
        }
    }
}

#[cfg(target_os = "linux")]
mod affinity {
    use std::mem::{size_of, zeroed};

    /// The cores that this thread may run on.
    pub fn cores() -> Vec<usize> {
        // SAFETY: all zeros is the empty set.
        let mut set: libc::cpu_set_t = unsafe { zeroed() };
        // SAFETY: the set is writable and has that size.
        if unsafe { libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), &mut set) } != 0 {
            return Vec::new();
        }
        let n_cores = usize::try_from(libc::CPU_SETSIZE).expect("a size is not negative");
        // SAFETY: the set has a bit for each of these numbers.
        let is_in = |core: &usize| unsafe { libc::CPU_ISSET(*core, &set) };
        (0..n_cores).filter(is_in).collect()
    }

    /// Binds the calling thread to one of the cores.
    pub fn pin(core: usize) {
        // SAFETY: all zeros is the empty set; the core is in range, because it comes from `cores`; the
        // set is readable and has that size.
        let answer = unsafe {
            let mut set: libc::cpu_set_t = zeroed();
            libc::CPU_SET(core, &mut set);
            libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &set)
        };
        assert_eq!(answer, 0, "can't bind a thread to core {core}");
    }
}

/// On other systems the threads stay unbound.
#[cfg(not(target_os = "linux"))]
mod affinity {
    pub fn cores() -> Vec<usize> {
        Vec::new()
    }

    pub fn pin(_core: usize) {}
}
