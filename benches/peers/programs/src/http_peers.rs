//! HTTP clients: our session, and reqwest on tokio's current-thread runtime. Both keep cookies, unpack gzip, follow redirects and
//! reuse connections.
//!
//! A batch has a client of its own and a hundred tasks, which share the requests. A hundred is also aiohttp's limit of
//! connections.

use std::hint::black_box;
use std::io::{Read, Write};
use std::net::TcpStream;

use crate::contender::{Watch, answer, asked, ready};

const N_TASKS: usize = 100;

/// Requests for each task.
fn share(n_requests: usize) -> usize {
    assert_eq!(n_requests % N_TASKS, 0, "each task has the same number");
    n_requests / N_TASKS
}

fn url(port: usize) -> String {
    format!("http://127.0.0.1:{port}/page")
}

pub fn ours(port: usize, n_requests: usize, n_batches: usize) {
    use selvedge::{http::Session, run, spawn};
    run(|| {
        let share = share(n_requests);
        ready();
        while asked() {
            let watch = Watch::cpu();
            for _ in 0..n_batches {
                let session = Session::new();
                let task = |_| {
                    let (session, url) = (session.clone(), url(port));
                    spawn(move || {
                        for _ in 0..share {
                            let page = session.get(&url).expect("an answer");
                            assert_eq!(black_box(page.bytes().expect("a page")).len(), 1024);
                        }
                    })
                };
                let tasks: Vec<_> = (0..N_TASKS).map(task).collect();
                for task in tasks {
                    task.join().expect("it does not panic");
                }
            }
            answer(watch.ns_each(n_requests * n_batches));
        }
    });
}

pub fn reqwest(port: usize, n_requests: usize, n_batches: usize) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.expect("tokio's runtime").block_on(async {
        let share = share(n_requests);
        ready();
        while asked() {
            let watch = Watch::cpu();
            for _ in 0..n_batches {
                let client = reqwest::Client::builder().cookie_store(true).build();
                let client = client.expect("a client");
                let task = |_| {
                    let (client, url) = (client.clone(), url(port));
                    tokio::spawn(async move {
                        for _ in 0..share {
                            let page = client.get(&url).send().await.expect("an answer");
                            let bytes = page.bytes().await.expect("a page");
                            assert_eq!(black_box(bytes).len(), 1024);
                        }
                    })
                };
                let tasks: Vec<_> = (0..N_TASKS).map(task).collect();
                for task in tasks {
                    task.await.expect("it does not panic");
                }
            }
            answer(watch.ns_each(n_requests * n_batches));
        }
    });
}

/// The system's cost: the same connections and transfers on blocking sockets. The requests of all connections are sent before the
/// first answer is read.
pub fn bare(port: usize, n_requests: usize, n_batches: usize) {
    const REQUEST: &[u8] = b"GET /page HTTP/1.1\r\nhost: 127.0.0.1\r\naccept: */*\r\n\r\n";
    let share = share(n_requests);
    let connect = |_| {
        let stream = TcpStream::connect(("127.0.0.1", port as u16)).expect("a connection");
        stream.set_nodelay(true).expect("an option");
        stream
    };
    ready();
    while asked() {
        let watch = Watch::cpu();
        for _ in 0..n_batches {
            let mut streams: Vec<TcpStream> = (0..N_TASKS).map(connect).collect();
            for _ in 0..share {
                for stream in &mut streams {
                    stream.write_all(REQUEST).expect("it is sent");
                }
                for stream in &mut streams {
                    let mut answer = [0; 2048];
                    let n_bytes = stream.read(&mut answer).expect("an answer");
                    assert!(black_box(&answer[..n_bytes]).ends_with(b"x"));
                }
            }
        }
        answer(watch.ns_each(n_requests * n_batches));
    }
}
