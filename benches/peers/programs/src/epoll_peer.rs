//! An echo server and an HTTP server of one page, on bare epoll: the cost of the system calls with as little else as possible.
//! Level-triggered, so that a request takes one read and one write. An event has the connection's descriptor.

use std::io;
use std::net::TcpListener;
use std::os::fd::{AsRawFd, RawFd};
use std::ptr;

use crate::contender::listening;

const MAX_EVENTS: usize = 1024;

pub fn echo() {
    serve_with(|request| Some(request));
}

/// Sends a page of a kilobyte for each request. A request arrives in one piece here.
pub fn pages() {
    const HEAD: &str =
        "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 1024\r\n\r\n";
    let page = format!("{HEAD}{}", "x".repeat(1024));
    let page: &'static [u8] = page.leak().as_bytes();
    serve_with(|request| request.ends_with(b"\r\n\r\n").then_some(page));
}

/// Sends `answer(request)` to each client, and closes the connection where that is `None`.
fn serve_with(answer: impl for<'a> Fn(&'a [u8]) -> Option<&'a [u8]>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let port = listener.local_addr().expect("an address").port();
    listener.set_nonblocking(true).expect("a flag");
    let listener = listener.as_raw_fd();
    // SAFETY: the call takes numbers only.
    let epoll = check(unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) }).expect("epoll");
    watch(epoll, listener);
    listening(port);
    let mut events = [libc::epoll_event { events: 0, u64: 0 }; MAX_EVENTS];
    loop {
        // SAFETY: `events` has room for `MAX_EVENTS`.
        let n = unsafe { libc::epoll_wait(epoll, events.as_mut_ptr(), MAX_EVENTS as i32, -1) };
        for event in &events[..n.max(0) as usize] {
            match event.u64 as RawFd {
                fd if fd == listener => accept(epoll, listener),
                fd => serve(fd, &answer),
            }
        }
    }
}

fn check(answer: i32) -> io::Result<i32> {
    if answer < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(answer)
}

fn watch(epoll: RawFd, fd: RawFd) {
    let mut event = libc::epoll_event {
        events: libc::EPOLLIN as u32,
        u64: fd as u64,
    };
    // SAFETY: the event is read during the call.
    check(unsafe { libc::epoll_ctl(epoll, libc::EPOLL_CTL_ADD, fd, &mut event) }).expect("epoll");
}

fn accept(epoll: RawFd, listener: RawFd) {
    loop {
        let flags = libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
        // SAFETY: the address may be null.
        let answer = unsafe { libc::accept4(listener, ptr::null_mut(), ptr::null_mut(), flags) };
        let Ok(fd) = check(answer) else { return };
        let on: i32 = 1;
        // SAFETY: the option is read during the call and has that size.
        unsafe {
            let (on, size) = (&raw const on, size_of::<i32>() as u32);
            libc::setsockopt(fd, libc::IPPROTO_TCP, libc::TCP_NODELAY, on.cast(), size);
        }
        watch(epoll, fd);
    }
}

/// The answer always fits the socket's buffer here: a client has one request outstanding.
fn serve(fd: RawFd, answer: &impl for<'a> Fn(&'a [u8]) -> Option<&'a [u8]>) {
    let mut buffer = [0_u8; 1024];
    // SAFETY: the buffer is writable and has that size.
    let n = unsafe { libc::recv(fd, buffer.as_mut_ptr().cast(), buffer.len(), 0) };
    if let Some(answer) = answer(&buffer[..n.max(0) as usize])
        && n > 0
    {
        let (at, len) = (answer.as_ptr().cast(), answer.len());
        // SAFETY: `len` bytes are readable at `at`.
        if unsafe { libc::send(fd, at, len, libc::MSG_NOSIGNAL) } == len as isize {
            return;
        }
    }
    if n < 0 && io::Error::last_os_error().kind() == io::ErrorKind::WouldBlock {
        return;
    }
    // SAFETY: this function owns the connection's descriptor, and no later call uses it.
    unsafe { libc::close(fd) };
}
