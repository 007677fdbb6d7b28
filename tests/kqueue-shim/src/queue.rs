//! One queue: its knotes, the changes to them, and the events that it reports.
//!
//! The descriptor that `kqueue` returns is an epoll. In it are the files with a READ knote, a
//! second epoll with the files that have a WRITE knote, and the descriptor that is always ready,
//! armed when an `EVFILT_USER` is triggered. Two epolls, because one has room for a file only
//! once and would report both directions whenever one of them changes; a kqueue does not, and a
//! reactor that relies on it should fail here.
//!
//! A kqueue forgets a descriptor when it is closed. An epoll forgets an open file when its last
//! descriptor is closed, even if its descriptor number refers to another file meanwhile. So each
//! knote has a generation, which its file's events carry, and before a knote is changed or
//! reported, its number is checked to refer to the same file still. A file that a duplicate keeps
//! alive goes on giving edges, which are not reported.

use std::collections::{BTreeMap, HashMap};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use crate::abi::*;
use crate::files::{self, Result};
use crate::refuse;

/// The generation in epoll events that belong to no knote's file. 0 is reserved for probes.
const USER: u64 = 1;
const WRITE_SIDE: u64 = 2;
const FIRST_GENERATION: u64 = 3;

pub struct Queue {
    /// The epoll whose descriptor the program has, and closes.
    kqueue: RawFd,
    write_side: OwnedFd,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    n_generations: u64,
    /// By generation.
    knotes: HashMap<u64, Knote>,
    /// By file and filter, the generation.
    generations: HashMap<(RawFd, i16), u64>,
    /// By ident.
    users: BTreeMap<usize, User>,
}

#[derive(Clone, Copy)]
struct Knote {
    fd: RawFd,
    filter: i16,
    udata: usize,
    is_enabled: bool,
}

#[derive(Clone, Copy)]
struct User {
    udata: usize,
    is_enabled: bool,
    is_triggered: bool,
}

impl Queue {
    pub fn new(kqueue: RawFd) -> Result<Self> {
        let write_side = files::epoll_create(libc::EPOLL_CLOEXEC)?;
        let add = libc::EPOLL_CTL_ADD;
        let fd = write_side.as_raw_fd();
        files::epoll_control(kqueue, add, fd, libc::EPOLLIN, WRITE_SIDE)?;
        files::epoll_control(kqueue, add, files::always_ready(), 0, USER)?;
        Ok(Self {
            kqueue,
            write_side,
            state: Mutex::default(),
        })
    }

    /// Whether the program has not closed the queue, and its number is not reused.
    pub fn is_open(&self) -> bool {
        files::is_in_epoll(self.kqueue, self.write_side.as_raw_fd())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("a panic here aborts")
    }

    pub fn change(&self, change: &Event) -> Result<()> {
        let flags = change.flags;
        if flags & !KNOWN_FLAGS != 0 {
            refuse(&format!("the flags {flags:#x} of a change"));
        }
        if flags & EV_ADD != 0 && flags & EV_CLEAR == 0 {
            refuse("an event without EV_CLEAR");
        }
        match change.filter {
            EVFILT_READ | EVFILT_WRITE => self.change_file(change),
            EVFILT_USER => self.change_user(change),
            filter => refuse(&format!("the filter {filter}")),
        }
    }

    fn epoll_of(&self, filter: i16) -> RawFd {
        match filter {
            EVFILT_READ => self.kqueue,
            _ => self.write_side.as_raw_fd(),
        }
    }

    fn change_file(&self, change: &Event) -> Result<()> {
        let Event {
            filter,
            flags,
            udata,
            ..
        } = *change;
        if change.fflags != 0 {
            refuse(&format!("the filter's flags {:#x}", change.fflags));
        }
        let fd = RawFd::try_from(change.ident).map_err(|_| libc::EBADF)?;
        if !files::is_open(fd) {
            return Err(libc::EBADF);
        }
        let mut state = self.lock();
        let epoll = self.epoll_of(filter);
        let mut found = state.generations.get(&(fd, filter)).copied();
        if let Some(generation) = found
            && !files::is_in_epoll(epoll, fd)
        {
            state.forget(generation);
            found = None;
        }
        let generation = match found {
            Some(generation) => generation,
            None if flags & EV_ADD == 0 => return Err(libc::ENOENT),
            None => {
                check_direction(fd, filter)?;
                attach(&mut state, epoll, fd, filter)?
            }
        };
        if flags & EV_DELETE != 0 {
            state.forget(generation);
            return files::epoll_control(epoll, libc::EPOLL_CTL_DEL, fd, 0, 0);
        }
        let knote = state.knotes.get_mut(&generation).expect("it was found");
        knote.udata = udata;
        knote.is_enabled |= flags & (EV_ADD | EV_ENABLE) != 0;
        knote.is_enabled &= flags & EV_DISABLE == 0;
        // Arming it again reports existing readiness.
        let bits = if knote.is_enabled { bits_of(filter) } else { 0 };
        let bits = bits | libc::EPOLLET;
        files::epoll_control(epoll, libc::EPOLL_CTL_MOD, fd, bits, generation)
    }

    fn change_user(&self, change: &Event) -> Result<()> {
        if change.fflags & !NOTE_TRIGGER != 0 {
            refuse(&format!("the flags {:#x} of a user's event", change.fflags));
        }
        let mut state = self.lock();
        let flags = change.flags;
        if flags & EV_ADD != 0 {
            state.users.entry(change.ident).or_insert(User {
                udata: 0,
                is_enabled: true,
                is_triggered: false,
            });
        }
        if flags & EV_DELETE != 0 {
            let removed = state.users.remove(&change.ident);
            return removed.map(|_| ()).ok_or(libc::ENOENT);
        }
        let user = state.users.get_mut(&change.ident).ok_or(libc::ENOENT)?;
        user.udata = change.udata;
        user.is_enabled |= flags & (EV_ADD | EV_ENABLE) != 0;
        user.is_enabled &= flags & EV_DISABLE == 0;
        user.is_triggered |= change.fflags & NOTE_TRIGGER != 0;
        if user.is_triggered && user.is_enabled {
            self.wake()?;
        }
        Ok(())
    }

    fn wake(&self) -> Result<()> {
        let bits = libc::EPOLLIN | libc::EPOLLONESHOT;
        files::epoll_control(
            self.kqueue,
            libc::EPOLL_CTL_MOD,
            files::always_ready(),
            bits,
            USER,
        )
    }

    /// Waits for events, at most `n_max`, until the timeout expires.
    pub fn wait(&self, n_max: usize, timeout: Option<Duration>) -> Result<Vec<Event>> {
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        loop {
            let events = self.take(n_max)?;
            if !events.is_empty() {
                return Ok(events);
            }
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            let left = left.map(|left| libc::timespec {
                tv_sec: left.as_secs() as libc::time_t,
                tv_nsec: left.subsec_nanos().into(),
            });
            if !files::sleep(self.kqueue, left)? {
                return Ok(Vec::new());
            }
        }
    }

    /// The events to report now. An edge taken from an epoll must be reported, so no more are taken
    /// than there is room for.
    fn take(&self, n_max: usize) -> Result<Vec<Event>> {
        let mut events = Vec::new();
        let (mut has_users, mut has_writes) = (false, false);
        for (bits, data) in files::epoll_look(self.kqueue, n_max)? {
            match data {
                USER => has_users = true,
                WRITE_SIDE => has_writes = true,
                generation => events.extend(self.report(generation, bits)),
            }
        }
        if has_users {
            self.take_users(n_max, &mut events)?;
        }
        if has_writes {
            let n_left = n_max - events.len();
            for (bits, generation) in files::epoll_look(self.write_side.as_raw_fd(), n_left)? {
                events.extend(self.report(generation, bits));
            }
        }
        Ok(events)
    }

    fn take_users(&self, n_max: usize, events: &mut Vec<Event>) -> Result<()> {
        let mut state = self.lock();
        let triggered = state
            .users
            .iter_mut()
            .filter(|(_, user)| user.is_enabled && user.is_triggered);
        for (ident, user) in triggered {
            if events.len() == n_max {
                return self.wake();
            }
            user.is_triggered = false;
            events.push(Event {
                ident: *ident,
                filter: EVFILT_USER,
                flags: EV_CLEAR,
                fflags: 0,
                data: 0,
                udata: user.udata,
            });
        }
        Ok(())
    }

    /// The event of a knote, unless the knote is removed or disabled.
    fn report(&self, generation: u64, bits: i32) -> Option<Event> {
        let mut state = self.lock();
        let knote = *state.knotes.get(&generation)?;
        let Knote { fd, filter, .. } = knote;
        if !files::is_in_epoll(self.epoll_of(filter), fd) {
            state.forget(generation);
            return None;
        }
        let has_error = bits & libc::EPOLLERR != 0;
        let (data, is_eof) = match filter {
            EVFILT_READ => (
                files::n_readable(fd),
                bits & (libc::EPOLLRDHUP | libc::EPOLLHUP) != 0,
            ),
            _ => (
                files::n_writable(fd),
                bits & libc::EPOLLHUP != 0 || has_error && files::is_pipe(fd),
            ),
        };
        let eof = if is_eof { EV_EOF } else { 0 };
        // On Linux the error can't be read without taking it away from the next reader.
        let is_failed_socket = is_eof && has_error && !files::is_pipe(fd);
        knote.is_enabled.then_some(Event {
            ident: fd as usize,
            filter,
            flags: EV_CLEAR | eof,
            fflags: if is_failed_socket {
                libc::EIO as u32
            } else {
                0
            },
            data,
            udata: knote.udata,
        })
    }
}

impl State {
    fn forget(&mut self, generation: u64) {
        if let Some(knote) = self.knotes.remove(&generation) {
            self.generations.remove(&(knote.fd, knote.filter));
        }
    }
}

fn bits_of(filter: i16) -> i32 {
    match filter {
        EVFILT_READ => libc::EPOLLIN | libc::EPOLLRDHUP,
        _ => libc::EPOLLOUT,
    }
}

/// A new knote, in an epoll that does not report it yet.
fn attach(state: &mut State, epoll: RawFd, fd: RawFd, filter: i16) -> Result<u64> {
    let generation = FIRST_GENERATION + state.n_generations;
    match files::epoll_control(epoll, libc::EPOLL_CTL_ADD, fd, libc::EPOLLET, generation) {
        // `dup2` gave the number to a duplicate of the same file: the file is still there.
        Ok(()) | Err(libc::EEXIST) => {}
        Err(error) => return Err(error),
    }
    state.n_generations += 1;
    let knote = Knote {
        fd,
        filter,
        udata: 0,
        is_enabled: false,
    };
    state.knotes.insert(generation, knote);
    state.generations.insert((fd, filter), generation);
    Ok(generation)
}

/// Checks pipes as the BSDs' kernels do: no filter of the wrong direction, and none for writing
/// without a reader.
fn check_direction(fd: RawFd, filter: i16) -> Result<()> {
    if !files::is_pipe(fd) {
        return Ok(());
    }
    let wrong = match filter {
        EVFILT_READ => libc::O_WRONLY,
        _ => libc::O_RDONLY,
    };
    if files::is_opened_for(fd, wrong) {
        return Err(libc::EINVAL);
    }
    if filter == EVFILT_WRITE && files::has_error(fd) {
        return Err(libc::EPIPE);
    }
    Ok(())
}
