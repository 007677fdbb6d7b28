//! Sockets where no task can wait: in callbacks, in another loop, during a panic.

use std::cell::RefCell;
use std::io::{self, ErrorKind, Read, Write};
use std::rc::Rc;
use std::sync::Arc;

use selvedge::event_loop::current_loop;
use selvedge::net::unix::UnixStream;
use selvedge::net::{TcpStream, ToSocketAddrs};
use selvedge::{run, spawn};

use crate::loop_support::{begun, settle, shared_unix, text};
use crate::sockets::{beside, tcp_pair};

/// Runs `f` in a callback of the running loop.
fn in_callback<T: 'static>(f: impl FnOnce() -> T + 'static) -> T {
    let answer = Rc::new(RefCell::new(None));
    let here = current_loop().unwrap();
    let theirs = Rc::clone(&answer);
    here.call_soon(move || *theirs.borrow_mut() = Some(f()))
        .unwrap();
    settle();
    answer.take().expect("the callback has run")
}

#[test]
fn a_callback_cannot_wait_for_a_socket() {
    run(|| {
        let (a, b) = shared_unix();
        let reader = Rc::clone(&b);
        let error = in_callback(move || (&*reader).read(&mut [0; 8])).unwrap_err();
        assert_ne!(error.kind(), ErrorKind::WouldBlock, "{error}");
        // A callback can do operations that need no wait.
        let writer = Rc::clone(&a);
        assert_eq!(in_callback(move || (&*writer).write(b"x")).unwrap(), 1);
        let reader = Rc::clone(&b);
        assert_eq!(
            in_callback(move || (&*reader).read(&mut [0; 8])).unwrap(),
            1
        );
    });
}

#[test]
fn a_callback_cannot_look_up_a_name() {
    run(|| {
        assert!(in_callback(|| ("localhost", 80).to_socket_addrs()).is_err());
        assert!(in_callback(|| ("127.0.0.1", 80).to_socket_addrs()).is_ok());
    });
}

#[test]
fn another_loop_gets_an_error_that_suggests_a_clone() {
    let (a, b) = tcp_pair();
    let b = Arc::new(b);
    run(|| {
        let reader = begun({
            let b = Arc::clone(&b);
            move || (&*b).read(&mut [0; 1])
        });
        let clone = b.try_clone().unwrap();
        let elsewhere = {
            let b = Arc::clone(&b);
            beside(move || run(|| (&*b).read(&mut [0; 1])))
        };
        let message = text(elsewhere.join().unwrap());
        assert!(message.contains("try_clone"), "{message}");

        (&a).write_all(b"x").unwrap();
        assert_eq!(reader.join().unwrap().unwrap(), 1);
        let elsewhere = beside(move || run(|| (&clone).read(&mut [0; 1])));
        (&a).write_all(b"y").unwrap();
        assert_eq!(elsewhere.join().unwrap().unwrap(), 1);
    });
}

/// Operations that need no wait work everywhere; a thread without a loop blocks.
#[test]
fn a_thread_without_a_loop_may_use_the_same_socket() {
    let (a, b) = tcp_pair();
    let (a, b) = (Arc::new(a), Arc::new(b));
    run(|| {
        let reader = begun({
            let b = Arc::clone(&b);
            move || (&*b).read(&mut [0; 1])
        });
        let writer = {
            let a = Arc::clone(&a);
            beside(move || (&*a).write(b"x").unwrap())
        };
        assert_eq!(reader.join().unwrap().unwrap(), 1);
        writer.join().unwrap();
        let blocked = {
            let b = Arc::clone(&b);
            beside(move || (&*b).read(&mut [0; 1]))
        };
        (&*a).write_all(b"y").unwrap();
        assert_eq!(blocked.join().unwrap().unwrap(), 1);
    });
}

#[test]
fn a_socket_outlives_its_loop() {
    let (a, b) = tcp_pair();
    let b = Arc::new(b);
    let receive = |a: &TcpStream| {
        let reader = begun({
            let b = Arc::clone(&b);
            move || (&*b).read(&mut [0; 1])
        });
        (&*a).write_all(b"x").unwrap();
        assert_eq!(reader.join().unwrap().unwrap(), 1);
    };
    run(|| receive(&a));
    // On the plain thread.
    (&a).write_all(b"y").unwrap();
    assert_eq!((&*b).read(&mut [0; 1]).unwrap(), 1);
    // The socket's loop is closed, so another loop may register it.
    run(|| receive(&a));
}

/// Uses its socket when it is dropped, and keeps the results.
struct Farewell {
    stream: Rc<UnixStream>,
    answers: Rc<RefCell<Vec<io::Result<usize>>>>,
}

impl Drop for Farewell {
    fn drop(&mut self) {
        let mut answers = self.answers.borrow_mut();
        answers.push((&*self.stream).write(b"farewell"));
        answers.push((&*self.stream).read(&mut [0; 8]));
    }
}

#[test]
fn a_panicking_task_tries_once_and_does_not_park() {
    run(|| {
        let (a, b) = shared_unix();
        let answers = Rc::new(RefCell::default());
        let farewell = Farewell {
            stream: a,
            answers: Rc::clone(&answers),
        };
        let task = spawn(move || {
            let _farewell = farewell;
            panic!("on purpose");
        });
        assert!(task.join().unwrap_err().is_panic());
        let answers: Vec<io::Result<usize>> = answers.take();
        assert!(matches!(answers[0], Ok(8)), "{answers:?}");
        assert!(answers[1].is_err(), "{answers:?}");
        let mut text = String::new();
        (&*b).read_to_string(&mut text).unwrap();
        assert_eq!(text, "farewell");
    });
}

#[test]
fn a_panicking_thread_without_a_loop_still_writes() {
    let (a, b) = UnixStream::pair().unwrap();
    let thread = beside(move || {
        struct Last(UnixStream);
        impl Drop for Last {
            fn drop(&mut self) {
                (&self.0).write_all(b"farewell").unwrap();
            }
        }
        let _last = Last(a);
        panic!("on purpose");
    });
    assert!(thread.join().is_err());
    let mut text = String::new();
    (&b).read_to_string(&mut text).unwrap();
    assert_eq!(text, "farewell");
}

#[test]
fn a_socket_that_leaves_its_loop_becomes_stds() {
    let (a, b) = tcp_pair();
    let b = run(|| {
        let b = Rc::new(b);
        let reader = begun({
            let b = Rc::clone(&b);
            move || (&*b).read(&mut [0; 1])
        });
        (&a).write_all(b"x").unwrap();
        assert_eq!(reader.join().unwrap().unwrap(), 1);
        let b = Rc::into_inner(b).unwrap().into_std();
        // The conversion works within the loop, too.
        let b = TcpStream::from_std(b);
        let reader = begun(move || {
            (&b).read_exact(&mut [0; 1]).unwrap();
            b
        });
        (&a).write_all(b"y").unwrap();
        reader.join().unwrap().into_std()
    });
    let blocked = beside(move || (&b).read(&mut [0; 1]));
    (&a).write_all(b"z").unwrap();
    assert_eq!(blocked.join().unwrap().unwrap(), 1);
}
