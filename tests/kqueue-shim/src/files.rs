//! The shim's calls to Linux: epoll, and the state of one descriptor.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::sync::OnceLock;

/// Results carry an error number, as the interface does.
pub type Result<T> = std::result::Result<T, i32>;

pub fn last_error() -> i32 {
    io::Error::last_os_error().raw_os_error().unwrap_or(0)
}

/// A new epoll.
pub fn epoll_create(flags: i32) -> Result<OwnedFd> {
    // SAFETY: epoll_create1 has no preconditions.
    match unsafe { libc::epoll_create1(flags) } {
        -1 => Err(last_error()),
        // SAFETY: the descriptor has just come from the system.
        fd => Ok(unsafe { OwnedFd::from_raw_fd(fd) }),
    }
}

pub fn epoll_control(epoll: RawFd, operation: i32, fd: RawFd, bits: i32, data: u64) -> Result<()> {
    let mut event = libc::epoll_event {
        events: bits as u32,
        u64: data,
    };
    // SAFETY: the event is readable, and epoll_ctl keeps a copy.
    match unsafe { libc::epoll_ctl(epoll, operation, fd, &mut event) } {
        0 => Ok(()),
        _ => Err(last_error()),
    }
}

/// The ready events, at most `n_max`, as bits and data.
pub fn epoll_look(epoll: RawFd, n_max: usize) -> Result<Vec<(i32, u64)>> {
    if n_max == 0 {
        return Ok(Vec::new());
    }
    let mut events = vec![libc::epoll_event { events: 0, u64: 0 }; n_max];
    // SAFETY: the vector is writable for the number of entries given.
    let n_events = unsafe { libc::epoll_wait(epoll, events.as_mut_ptr(), n_max as i32, 0) };
    let n_events = usize::try_from(n_events).map_err(|_| last_error())?;
    let events = events[..n_events].iter();
    Ok(events
        .map(|event| (event.events as i32, event.u64))
        .collect())
}

/// Whether this descriptor number still refers to the open file that was added under it. Exactly
/// then a second addition is refused, and changes nothing.
pub fn is_in_epoll(epoll: RawFd, fd: RawFd) -> bool {
    match epoll_control(epoll, libc::EPOLL_CTL_ADD, fd, libc::EPOLLET, 0) {
        Err(libc::EEXIST) => true,
        Err(_) => false,
        Ok(()) => {
            let _ = epoll_control(epoll, libc::EPOLL_CTL_DEL, fd, 0, 0);
            false
        }
    }
}

/// Sleeps until the epoll has an event, or the timeout expires: then returns false.
pub fn sleep(epoll: RawFd, timeout: Option<libc::timespec>) -> Result<bool> {
    let mut entry = libc::pollfd {
        fd: epoll,
        events: libc::POLLIN,
        revents: 0,
    };
    let timeout = timeout
        .as_ref()
        .map_or(std::ptr::null(), std::ptr::from_ref);
    // SAFETY: the entry is writable, the timeout readable or null.
    match unsafe { libc::ppoll(&mut entry, 1, timeout, std::ptr::null()) } {
        -1 => Err(last_error()),
        n_ready => Ok(n_ready > 0),
    }
}

/// A descriptor that is always readable: adding it to an epoll, or arming it there again, wakes the
/// sleepers of that epoll. The process has one, so that a queue needs no further descriptor.
pub fn always_ready() -> RawFd {
    static ALWAYS_READY: OnceLock<OwnedFd> = OnceLock::new();
    ALWAYS_READY
        .get_or_init(|| {
            // SAFETY: eventfd has no preconditions.
            let fd = unsafe { libc::eventfd(1, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
            assert_ne!(fd, -1, "eventfd: error {}", last_error());
            // SAFETY: the descriptor has just come from the system.
            unsafe { OwnedFd::from_raw_fd(fd) }
        })
        .as_raw_fd()
}

pub fn is_open(fd: RawFd) -> bool {
    // SAFETY: reading a flag.
    unsafe { libc::fcntl(fd, libc::F_GETFD) != -1 }
}

pub fn is_pipe(fd: RawFd) -> bool {
    // SAFETY: a stat is integers, for which zero is a value; fstat writes to it.
    unsafe {
        let mut stat: libc::stat = std::mem::zeroed();
        libc::fstat(fd, &mut stat) == 0 && stat.st_mode & libc::S_IFMT == libc::S_IFIFO
    }
}

/// Whether the descriptor was opened with exactly this access mode, such as `O_RDONLY`.
pub fn is_opened_for(fd: RawFd, mode: i32) -> bool {
    // SAFETY: reading flags.
    unsafe { libc::fcntl(fd, libc::F_GETFL) & libc::O_ACCMODE == mode }
}

/// Whether `poll` reports an error: for the writing end of a pipe, that no reader is left.
pub fn has_error(fd: RawFd) -> bool {
    let mut entry = libc::pollfd {
        fd,
        events: 0,
        revents: 0,
    };
    // SAFETY: the entry is writable.
    unsafe { libc::poll(&mut entry, 1, 0) == 1 && entry.revents & libc::POLLERR != 0 }
}

/// The number of readable bytes. For a listening socket the manual says the number of connections,
/// which Linux does not tell: 1.
pub fn n_readable(fd: RawFd) -> isize {
    let mut is_listening = 0;
    if socket_option(fd, libc::SO_ACCEPTCONN, &mut is_listening) && is_listening != 0 {
        return 1;
    }
    let mut n_bytes = 0;
    // SAFETY: the integer is writable.
    match unsafe { libc::ioctl(fd, libc::FIONREAD, &mut n_bytes) } {
        0 => n_bytes as isize,
        _ => 0,
    }
}

/// The number of bytes for which there is room.
pub fn n_writable(fd: RawFd) -> isize {
    let (mut n_unsent, mut size) = (0, 0);
    if is_pipe(fd) {
        // SAFETY: asking for a size; the integer is writable.
        unsafe {
            size = libc::fcntl(fd, libc::F_GETPIPE_SZ);
            libc::ioctl(fd, libc::FIONREAD, &mut n_unsent);
        }
    } else {
        // SAFETY: the integer is writable.
        unsafe { libc::ioctl(fd, libc::TIOCOUTQ, &mut n_unsent) };
        socket_option(fd, libc::SO_SNDBUF, &mut size);
    }
    (size - n_unsent).max(0) as isize
}

fn socket_option(fd: RawFd, name: i32, value: &mut i32) -> bool {
    let mut len = size_of::<i32>() as libc::socklen_t;
    let value = std::ptr::from_mut(value).cast();
    // SAFETY: the integer is writable for the length given.
    unsafe { libc::getsockopt(fd, libc::SOL_SOCKET, name, value, &mut len) == 0 }
}
