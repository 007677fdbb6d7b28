//! tokio, on its current-thread runtime. The measured code runs in a spawned task: the runtime schedules the future of
//! `block_on` by other rules.

use std::collections::VecDeque;
use std::future::Future;
use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::runtime::Builder;
use tokio::sync::{Notify, mpsc, oneshot};

use crate::contender::{Watch, answer, asked, check_fairness, listening, ready, sleep_us};

fn run<F: Future<Output = ()> + Send + 'static>(main: F) {
    let runtime = Builder::new_current_thread().enable_all().build();
    runtime.expect("tokio's runtime").block_on(async {
        tokio::spawn(main).await.expect("it does not panic");
    });
}

/// The first task counts turns and time; the others only yield.
pub fn yields<Y, F>(n_tasks: usize, n_turns: usize, yield_now: Y)
where
    Y: Fn() -> F + Copy + Send + Sync + 'static,
    F: Future<Output = ()> + Send,
{
    run(async move {
        let is_done = Arc::new(AtomicBool::new(false));
        let other = |_| {
            let is_done = Arc::clone(&is_done);
            tokio::spawn(async move {
                let mut turns = 0;
                while !is_done.load(Ordering::Relaxed) {
                    yield_now().await;
                    turns += 1;
                }
                turns
            })
        };
        let others: Vec<_> = (1..n_tasks).map(other).collect();
        yield_now().await;
        let mut turns = 1;
        ready();
        while asked() {
            let watch = Watch::wall();
            for _ in 0..n_turns {
                yield_now().await;
            }
            answer(watch.ns_each(n_turns * n_tasks));
            turns += n_turns;
        }
        is_done.store(true, Ordering::Relaxed);
        let mut all = Vec::new();
        for other in others {
            all.push(other.await.expect("it does not panic"));
        }
        check_fairness(turns, &all);
    });
}

pub fn spawns(batch: usize, n_batches: usize) {
    run(async move {
        let mut handles = Vec::with_capacity(batch);
        ready();
        while asked() {
            let watch = Watch::wall();
            for _ in 0..n_batches {
                handles.extend((0..batch).map(|i| tokio::spawn(async move { black_box(i) })));
                for handle in handles.drain(..) {
                    black_box(handle.await.expect("it does not panic"));
                }
            }
            answer(watch.ns_each(batch * n_batches));
        }
    });
}

pub fn sleeps(n: usize) {
    run(async move {
        ready();
        while asked() {
            let watch = Watch::cpu();
            let sleeper =
                |index| tokio::spawn(tokio::time::sleep(Duration::from_micros(sleep_us(index))));
            let handles: Vec<_> = (0..n).map(sleeper).collect();
            for handle in handles {
                handle.await.expect("it does not panic");
            }
            answer(watch.ns_each(n));
        }
    });
}

/// The consumer orders a number of items and measures the time until it has them.
pub fn queues(capacity: usize, n_items: usize) {
    run(async move {
        let (order, mut orders) = mpsc::channel::<usize>(1);
        let (sender, mut receiver) = mpsc::channel(capacity);
        tokio::spawn(async move {
            while let Some(n_items) = orders.recv().await {
                for item in 0..n_items {
                    sender.send(item).await.expect("the receiver is open");
                }
            }
        });
        ready();
        while asked() {
            let watch = Watch::wall();
            order.send(n_items).await.expect("the receiver is open");
            for item in 0..n_items {
                assert_eq!(receiver.recv().await, Some(item));
            }
            answer(watch.ns_each(n_items));
        }
    });
}

/// As `queues`, without a limit.
pub fn unbounded_queues(n_items: usize) {
    run(async move {
        let (order, mut orders) = mpsc::channel::<usize>(1);
        let (sender, mut receiver) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Some(n_items) = orders.recv().await {
                for item in 0..n_items {
                    sender.send(item).expect("the receiver is open");
                }
            }
        });
        ready();
        while asked() {
            let watch = Watch::wall();
            order.send(n_items).await.expect("the receiver is open");
            for item in 0..n_items {
                assert_eq!(receiver.recv().await, Some(item));
            }
            answer(watch.ns_each(n_items));
        }
    });
}

/// One task notifies another, which waits for that together with a deadline and a socket; then the other way round, without
/// the deadline and the socket.
pub fn selects(n_waits: usize) {
    const HOUR: Duration = Duration::from_secs(3600);
    run(async move {
        let (near, _far) = UnixStream::pair().expect("a pair");
        let (asks, answers) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let waiter = tokio::spawn({
            let (asks, answers) = (Arc::clone(&asks), Arc::clone(&answers));
            async move {
                loop {
                    tokio::select! {
                        biased;
                        () = asks.notified() => {}
                        () = tokio::time::sleep(HOUR) => unreachable!("no round takes an hour"),
                        _ = near.readable() => return,
                    }
                    answers.notify_one();
                }
            }
        });
        tokio::task::yield_now().await;
        ready();
        while asked() {
            let watch = Watch::wall();
            for _ in 0..n_waits {
                asks.notify_one();
                answers.notified().await;
            }
            answer(watch.ns_each(n_waits));
        }
        waiter.abort();
    });
}

/// With a buffer of `buffer_size` bytes in each task.
pub fn echo(buffer_size: usize) {
    match buffer_size {
        1024 => echo_with::<1024>(),
        4096 => echo_with::<4096>(),
        size => panic!("no server has buffers of {size} bytes"),
    }
}

fn echo_with<const N: usize>() {
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
        listening(listener.local_addr().expect("an address").port());
        loop {
            let (stream, _) = listener.accept().await.expect("a connection");
            tokio::spawn(serve::<N>(stream));
        }
    });
}

async fn serve<const N: usize>(mut stream: TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = [0; N];
    loop {
        match stream.read(&mut buffer).await? {
            0 => return Ok(()),
            n => stream.write_all(&buffer[..n]).await?,
        }
    }
}

/// The items of a queue, or the connections that wait for one.
#[derive(Default)]
struct Shared {
    items: VecDeque<u8>,
    waiting: VecDeque<oneshot::Sender<u8>>,
}

/// `u` puts an item into the queue; `p` waits for one, for a minute, and for the client's hang-up.
pub fn pops() {
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
        listening(listener.local_addr().expect("an address").port());
        let shared = Arc::new(Mutex::new(Shared::default()));
        loop {
            let (stream, _) = listener.accept().await.expect("a connection");
            tokio::spawn(serve_pops(stream, Arc::clone(&shared)));
        }
    });
}

async fn serve_pops(mut stream: TcpStream, shared: Arc<Mutex<Shared>>) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut command = [0];
    while stream.read(&mut command).await? > 0 {
        if command == *b"u" {
            push(&mut shared.lock().expect("no panic"), b'i');
            continue;
        }
        let item = {
            let mut shared = shared.lock().expect("no panic");
            match shared.items.pop_front() {
                Some(item) => Ok(item),
                None => {
                    let (sender, receiver) = oneshot::channel();
                    shared.waiting.push_back(sender);
                    Err(receiver)
                }
            }
        };
        let mut next = [0];
        let answer = match item {
            Ok(item) => item,
            Err(receiver) => tokio::select! {
                biased;
                item = receiver => item.expect("a sender that is dropped has sent"),
                () = tokio::time::sleep(Duration::from_secs(60)) => b't',
                _ = stream.peek(&mut next) => return Ok(()),
            },
        };
        stream.write_all(&[answer]).await?;
    }
    Ok(())
}

/// Hands the item to the first connection that still waits.
fn push(shared: &mut Shared, mut item: u8) {
    while let Some(sender) = shared.waiting.pop_front() {
        match sender.send(item) {
            Ok(()) => return,
            Err(refused) => item = refused,
        }
    }
    shared.items.push_back(item);
}
