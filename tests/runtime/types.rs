//! Types that may cross threads and types that may not, checked at compile time; and errors that go through `?`.

use std::error::Error;

use selvedge::error::LoopError;
use selvedge::event_loop::{CallbackHandle, LocalLoop, LoopHandle, TimerHandle};
use selvedge::net::unix::{UnixDatagram, UnixListener, UnixStream};
use selvedge::net::{TcpListener, TcpStream, UdpSocket};
use selvedge::task::{RemoteTask, TaskRef};
use selvedge::{EventLoop, Promise, RunError, Task, TaskError};

use crate::traits::{assert_clone, assert_error};

fn assert_send_and_sync<T: Send + Sync + 'static>() {}

assert_stays_on_its_thread!(
    EventLoop,
    LocalLoop,
    Task<u32>,
    TaskRef,
    Promise<u32>,
    CallbackHandle,
    TimerHandle
);
assert_lacks!(Task<u32>: Clone);

#[test]
fn parties_of_other_threads_may_cross() {
    assert_send_and_sync::<LoopHandle>();
    assert_send_and_sync::<RemoteTask<u32>>();
    assert_send_and_sync::<RemoteTask<std::cell::Cell<u32>>>();
    assert_send_and_sync::<TaskError>();
    assert_send_and_sync::<LoopError<()>>();
}

#[test]
fn sockets_may_cross() {
    assert_send_and_sync::<TcpListener>();
    assert_send_and_sync::<TcpStream>();
    assert_send_and_sync::<UdpSocket>();
    assert_send_and_sync::<UnixListener>();
    assert_send_and_sync::<UnixStream>();
    assert_send_and_sync::<UnixDatagram>();
}

#[test]
fn views_and_handles_are_clone() {
    assert_clone::<LoopHandle>();
    assert_clone::<LocalLoop>();
    assert_clone::<TaskRef>();
    assert_clone::<Promise<std::sync::Mutex<()>>>();
    assert_clone::<TaskError>();
}

#[test]
fn errors_go_through_the_question_mark() {
    assert_error::<TaskError>();
    assert_error::<RunError>();
    assert_error::<LoopError<()>>();
    fn main_of_a_program() -> Result<u32, Box<dyn Error + Send + Sync>> {
        let value = selvedge::try_run(|| selvedge::spawn(|| 4).join())??;
        Ok(value)
    }
    assert_eq!(main_of_a_program().expect("no error"), 4);
}

#[test]
fn an_ordinary_body_needs_no_annotation() {
    let sum = selvedge::run(|| {
        let a = selvedge::spawn(|| 1).join()?;
        let b = selvedge::spawn_named("b", || 2).join()?;
        let c = selvedge::spawn_fallible(|| "3".parse::<i32>()).join()?;
        Ok::<_, TaskError>(a + b + c)
    });
    assert_eq!(sum.expect("no error"), 6);
}
