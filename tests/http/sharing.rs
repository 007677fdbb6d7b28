//! Many tasks and one session. ureq guards its pool and its cookies by locks of std's, which would stop the thread, and
//! every task on it, if they were held while a task waits.

use std::cell::Cell;
use std::io::{Read, Write};
use std::rc::Rc;

use selvedge::http::{Body, Method, Session};
use selvedge::{Task, sleep, spawn, spawn_fallible};

use crate::server::{Gate, Server, in_loop, ok};

const N_TASKS: usize = 50;

fn fetch(session: &Session, url: String) -> Task<String> {
    let session = session.clone();
    spawn_fallible(move || session.get(url)?.text())
}

/// The server answers no request until it has received all.
#[test]
fn requests_of_many_tasks_run_concurrently() {
    in_loop(|| {
        let (n_asked, gate) = (Rc::new(Cell::new(0)), Gate::new());
        let inner = gate.clone();
        let server = Server::start(move |request| {
            n_asked.set(n_asked.get() + 1);
            if n_asked.get() == N_TASKS {
                inner.open();
            }
            inner.pass();
            ok(&request.target)
        });
        let session = Session::new();
        let tasks: Vec<_> = (0..N_TASKS)
            .map(|n| fetch(&session, server.url(&format!("/{n}"))))
            .collect();
        for (n, task) in tasks.into_iter().enumerate() {
            assert_eq!(task.join().unwrap(), format!("/{n}"));
        }
        assert_eq!(server.n_connections(), N_TASKS);
        // All of these connections are idle and can be reused.
        let again: Vec<_> = (0..N_TASKS)
            .map(|_| fetch(&session, server.url("/")))
            .collect();
        again
            .into_iter()
            .for_each(|task| drop(task.join().unwrap()));
        assert_eq!(server.n_connections(), N_TASKS);
    });
}

/// One task waits in each kind of wait; the others' requests complete.
#[test]
fn other_tasks_run_during_each_wait_of_a_request() {
    in_loop(|| {
        let quick = Server::start(|_| ok("quick"));
        let session = Session::new();
        let others_get_through = |what: &str| {
            for _ in 0..3 {
                let tasks: Vec<_> = (0..10).map(|_| fetch(&session, quick.url("/"))).collect();
                for task in tasks {
                    assert_eq!(task.join().unwrap(), "quick", "while one waits for {what}");
                }
            }
        };

        let gate = Gate::new();
        let inner = gate.clone();
        let server = Server::start(move |_| {
            inner.pass();
            ok("late")
        });
        let waits_for_head = fetch(&session, server.url("/"));
        gate.wait_until_reached();
        others_get_through("the head of a response");
        gate.open();
        assert_eq!(waits_for_head.join().unwrap(), "late");

        let gate = Gate::new();
        let first = "HTTP/1.1 200 OK\r\nset-cookie: a=b\r\ncontent-length: 4\r\n\r\nla";
        let server = Server::in_two_parts(first, &gate, "te");
        let waits_for_body = fetch(&session, server.url("/"));
        gate.wait_until_reached();
        others_get_through("the rest of a body");
        gate.open();
        assert_eq!(waits_for_body.join().unwrap(), "late");

        let gate = Gate::new();
        let inner = gate.clone();
        let server = Server::raw(move |mut stream| {
            inner.pass();
            let mut n_left = 3_000_000_i64;
            while n_left > 0 {
                n_left -= stream.read(&mut [0; 65_536]).unwrap() as i64;
            }
            stream.write_all(&ok("late")).unwrap();
        });
        let (sender, url) = (session.clone(), server.url("/"));
        let waits_for_room = spawn(move || {
            let body = Body::from(vec![0; 3_000_000]);
            sender.post(url, body).unwrap().text().unwrap()
        });
        gate.wait_until_reached();
        others_get_through("room to send");
        gate.open();
        assert_eq!(waits_for_room.join().unwrap(), "late");
    });
}

/// Reading the body to send may itself wait, here in a sleep.
#[test]
fn a_body_to_send_may_suspend() {
    struct Slow(u8);
    impl Read for Slow {
        fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
            sleep(std::time::Duration::from_micros(100));
            if self.0 == 0 {
                return Ok(0);
            }
            self.0 -= 1;
            buf[0] = b'a' + self.0;
            Ok(1)
        }
    }
    in_loop(|| {
        let server = Server::start(|request| ok(&request.body));
        let session = Session::new();
        let tasks: Vec<_> = (0..10)
            .map(|_| {
                let (session, url) = (session.clone(), server.url("/"));
                spawn(move || {
                    let response = session.post(url, Body::reader(Slow(4))).unwrap();
                    response.text().unwrap()
                })
            })
            .collect();
        for task in tasks {
            assert_eq!(task.join().unwrap(), "dcba");
        }
    });
}

/// Each request stays until the gate opens, so that more than two at once would be noticed.
#[test]
fn concurrent_requests_are_limited_and_served_in_order() {
    in_loop(|| {
        let (gate, n_inside) = (Gate::new(), Rc::new(Cell::new(0)));
        let inner = gate.clone();
        let server = Server::start(move |request| {
            n_inside.set(n_inside.get() + 1);
            assert!(n_inside.get() <= 2, "more than two at once");
            inner.pass();
            n_inside.set(n_inside.get() - 1);
            ok(&request.target)
        });
        let session = Session::builder().max_connections(2).build();
        let visitors: Vec<_> = (0..8)
            .map(|n| fetch(&session, server.url(&format!("/{n}"))))
            .collect();
        gate.wait_until_reached();
        // A request cancelled while queued takes no slot.
        assert!(visitors[5].cancel());
        gate.open();
        for (n, visitor) in visitors.into_iter().enumerate() {
            match visitor.join() {
                Ok(path) => assert_eq!(path, format!("/{n}")),
                Err(error) => assert!(n == 5 && error.is_cancelled()),
            }
        }
        assert_eq!(server.n_connections(), 2);
        let order: Vec<_> = server
            .requests()
            .into_iter()
            .map(|request| request.target)
            .collect();
        assert_eq!(order, ["/0", "/1", "/2", "/3", "/4", "/6", "/7"]);
    });
}

#[test]
fn queueing_counts_as_request_time_and_a_read_body_frees_a_slot() {
    in_loop(|| {
        let server = Server::start(|_| ok("body"));
        let session = Session::builder().max_connections(1).build();
        let held = session.get(server.url("/")).unwrap();
        let request = session.request(Method::GET, server.url("/"));
        let soon = std::time::Duration::from_millis(10);
        assert!(request.total_timeout(soon).send().unwrap_err().is_timeout());
        drop(held);
        let mut body = session.get(server.url("/")).unwrap().into_reader();
        body.read_to_end(&mut Vec::new()).unwrap();
        session.get(server.url("/")).unwrap().text().unwrap();
        session
            .get(server.url("/nowhere"))
            .unwrap()
            .error_for_status()
            .unwrap();
        session.get("http://127.0.0.1:1/").unwrap_err();
        session.get(server.url("/")).unwrap().text().unwrap();
        drop(body);
    });
}
