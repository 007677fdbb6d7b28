//! A test for each row of the page `docs::crates`, which says which crates work.

use std::cell::Cell;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::process::Command;
use std::rc::Rc;
use std::sync::mpsc;
use std::time::Duration;

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use selvedge::event_loop::current_loop;
use selvedge::net::unix::UnixStream;
use selvedge::{block_on, run, sleep, spawn, to_thread};
use serde_json::{Value, json};
use socket2::SockRef;
use tokio::sync::{Notify, oneshot};

use crate::{heads, page, websocket};

/// The crates of the page, each with a program. The other rows are tested in `tests/http`, which needs features.
const CRATES: &[(&str, fn())] = &[
    ("`tungstenite`", websocket::shake_hands),
    ("`flate2`", compress),
    ("`httparse`", parse_heads),
    ("`serde_json`", exchange_values),
    ("`socket2`", set_options),
    ("`corosensei`", resume_others),
    ("`tokio::sync`", wait_for_channels),
    ("`tokio`, with a runtime", call_a_runtime),
    ("futures of any crate", wait_for_futures),
    (
        "`std::sync::mpsc`, `std::process`, `std::thread`",
        block_a_thread,
    ),
];

const OF_FEATURES: &[&str] = &["`rustls`", "`ureq`"];

#[test]
fn the_crates_of_the_page_work_as_it_says() {
    let named = page::first_cells(include_str!("../../src/docs/crates.md"), "# What was run");
    let tested = CRATES.iter().map(|(name, _)| name).chain(OF_FEATURES);
    let (mut named, mut tested): (Vec<&str>, Vec<&str>) = (named, tested.copied().collect());
    named.sort_unstable();
    tested.sort_unstable();
    assert_eq!(named, tested);
    for (_, program) in CRATES {
        program();
    }
}

fn compress() {
    run(|| {
        let (near, far) = UnixStream::pair().unwrap();
        let decoder = spawn(move || std::io::read_to_string(GzDecoder::new(far)).unwrap());
        let mut encoder = GzEncoder::new(&near, Compression::fast());
        encoder.write_all(b"selvedge").unwrap();
        encoder.try_finish().unwrap();
        near.shutdown(Shutdown::Write).unwrap();
        assert_eq!(decoder.join().unwrap(), "selvedge");
    });
}

fn parse_heads() {
    run(|| {
        let (mut near, mut far) = UnixStream::pair().unwrap();
        let parser = spawn(move || {
            let (mut received, mut byte) = (Vec::new(), [0]);
            while heads::lengths(&received).is_none() {
                far.read_exact(&mut byte).unwrap();
                received.push(byte[0]);
            }
            received.len()
        });
        let head = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n";
        near.write_all(head).unwrap();
        near.write_all(b"warp").unwrap();
        assert_eq!(parser.join().unwrap(), head.len());
    });
}

fn exchange_values() {
    run(|| {
        let (near, far) = UnixStream::pair().unwrap();
        let value = json!({ "warp": [1, 2, 3] });
        let reader = spawn(move || serde_json::from_reader::<_, Value>(far).unwrap());
        serde_json::to_writer(&near, &value).unwrap();
        drop(near);
        assert_eq!(reader.join().unwrap(), value);
    });
}

fn set_options() {
    run(|| {
        let (near, _far) = UnixStream::pair().unwrap();
        SockRef::from(&near).set_send_buffer_size(8192).unwrap();
        assert!(SockRef::from(&near).send_buffer_size().unwrap() >= 8192);
    });
}

/// Each task has a coroutine of the other crate, and waits while that is suspended.
fn resume_others() {
    run(|| {
        let counters = [1, 10].map(|step| {
            spawn(move || {
                let mut counter = corosensei::Coroutine::new(move |yielder, ()| {
                    (0..3).for_each(|n| yielder.suspend(n * step));
                });
                let mut sum = 0;
                while let corosensei::CoroutineResult::Yield(n) = counter.resume(()) {
                    sum += n;
                    sleep(Duration::from_micros(1));
                }
                sum
            })
        });
        assert_eq!(counters.map(|task| task.join().unwrap()), [3, 30]);
    });
}

fn wait_for_channels() {
    run(|| {
        let (sender, mut receiver) = tokio::sync::mpsc::channel(1);
        let producer = spawn(move || {
            for n in 0..10 {
                block_on(sender.send(n)).unwrap();
            }
        });
        let mut sum = 0;
        while let Some(n) = block_on(receiver.recv()) {
            sum += n;
        }
        assert_eq!(sum, 45);
        producer.join().unwrap();
        let (answer, notify) = (oneshot::channel(), Rc::new(Notify::new()));
        let notified = Rc::clone(&notify);
        let answering = spawn(move || {
            block_on(notified.notified());
            answer.0.send(42).unwrap();
        });
        notify.notify_one();
        assert_eq!(block_on(answer.1), Ok(42));
        answering.join().unwrap();
    });
}

fn call_a_runtime() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let there = runtime.handle().clone();
    let (stop, stopped) = oneshot::channel::<()>();
    let thread = std::thread::spawn(move || runtime.block_on(stopped));
    run(|| {
        let answer = block_on(there.spawn(async {
            tokio::time::sleep(Duration::from_millis(1)).await;
            42
        }));
        assert_eq!(answer.unwrap(), 42);
        // The other way: a task of the runtime waits for one of this loop.
        let here = current_loop().unwrap().handle().unwrap();
        let answer = block_on(there.spawn(async move {
            let task = here.spawn_threadsafe(|| {
                sleep(Duration::from_millis(1));
                42
            });
            task.unwrap().await.unwrap()
        }));
        assert_eq!(answer.unwrap(), 42);
    });
    stop.send(()).unwrap();
    thread.join().unwrap().unwrap();
}

fn wait_for_futures() {
    let ready = run(|| block_on(async { std::future::ready(40).await + 2 }));
    assert_eq!(ready, 42);
}

/// Another task runs meanwhile: the one that releases what is blocked.
fn block_a_thread() {
    run(|| {
        let (sender, receiver) = mpsc::channel();
        let n_turns = Rc::new(Cell::new(0));
        let others = Rc::clone(&n_turns);
        let releasing = spawn(move || {
            others.set(others.get() + 1);
            sender.send("released").unwrap();
        });
        assert_eq!(to_thread(move || receiver.recv()).unwrap(), Ok("released"));
        releasing.join().unwrap();
        assert_eq!(n_turns.get(), 1);
        assert!(
            to_thread(|| Command::new("true").status())
                .unwrap()
                .unwrap()
                .success()
        );
        let thread = std::thread::spawn(|| 42);
        assert_eq!(to_thread(|| thread.join().unwrap()).unwrap(), 42);
    });
}
