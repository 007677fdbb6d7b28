//! Our contenders: the benchmark's own program, started again. `peers/programs/src/main.rs` has a table of the work of each.

use std::cell::Cell;
use std::hint::black_box;
use std::io::{self, Read, Write};
use std::process::Command;
use std::rc::Rc;
use std::time::Duration;

use selvedge::net::unix::UnixStream;
use selvedge::net::{TcpListener, TcpStream};
use selvedge::sync::{Event, Queue};
use selvedge::{
    EventLoop, Task, gather, run, select, sleep, spawn, stack, time, timeout, yield_now,
};

use super::contest::Contender;
use super::peers::texts;
use super::protocol::{
    Watch, answer, asked, check_fairness, end_with_parent, listening, number, ready, sleep_us,
};

/// The option that makes this program a contender.
const CONTENDER: &str = "--contender";

/// Does the work of a contender if this process is one, and returns whether it is.
pub fn is_contender() -> bool {
    let is_before = |argument: &String| argument != CONTENDER;
    let arguments: Vec<String> = std::env::args().skip_while(is_before).skip(1).collect();
    let Some(what) = arguments.first() else {
        return false;
    };
    end_with_parent();
    let number = |index: usize| number(&arguments, index + 1);
    match what.as_str() {
        "yield" => yields(number(0), number(1)),
        "spawn" => spawns(number(0), number(1)),
        "gather" => gathers(number(0), number(1)),
        "sleep" => sleeps(number(0)),
        "queue" => queues(number(0), number(1)),
        "select" => selects(number(0)),
        "hand" => hands(number(0), number(1)),
        "timer" => timers(number(0), number(1)),
        "echo" => run(|| echo(number(0))).expect("a server"),
        "echo_with_looks" => {
            let looks = (number(1) > 0).then(|| Duration::from_millis(number(1) as u64));
            let builder = EventLoop::builder().idle_stack_timeout(looks);
            builder.run(|| echo(number(0))).expect("a server");
        }
        "pop" => pops().expect("a server"),
        _ => panic!("no such contender: {what}"),
    }
    true
}

/// Starts one of our contenders.
pub fn contender(what: &str, numbers: &[usize]) -> Contender {
    let mut command = Command::new(std::env::current_exe().expect("this program's path"));
    command.args([CONTENDER, what]).args(texts(numbers));
    Contender::start("selvedge", command)
}

/// The first task counts turns and time; the others only yield.
fn yields(n_tasks: usize, n_turns: usize) {
    run(|| {
        let is_done = Rc::new(Cell::new(false));
        let other = |_| {
            let is_done = Rc::clone(&is_done);
            spawn(move || {
                let mut turns = 0;
                while !is_done.get() {
                    yield_now();
                    turns += 1;
                }
                turns
            })
        };
        let others: Vec<Task<usize>> = (1..n_tasks).map(other).collect();
        let first = spawn(move || {
            yield_now();
            let mut turns = 1;
            ready();
            while asked() {
                let watch = Watch::wall();
                for _ in 0..n_turns {
                    yield_now();
                }
                answer(watch.ns_each(n_turns * n_tasks));
                turns += n_turns;
            }
            is_done.set(true);
            turns
        });
        let turns = joined(first);
        let others: Vec<usize> = others.into_iter().map(joined).collect();
        check_fairness(turns, &others);
    });
}

fn joined<T>(task: Task<T>) -> T {
    task.join().expect("it does not panic")
}

fn spawns(batch: usize, n_batches: usize) {
    keep_warm(batch);
    let main = move || {
        let mut tasks = Vec::with_capacity(batch);
        ready();
        while asked() {
            let watch = Watch::wall();
            for _ in 0..n_batches {
                tasks.extend((0..batch).map(|i| spawn(move || black_box(i))));
                for task in tasks.drain(..) {
                    black_box(joined(task));
                }
            }
            answer(watch.ns_each(batch * n_batches));
        }
    };
    run(|| joined(spawn(main)));
}

/// As `spawns`, but gathers the tasks of a batch.
fn gathers(batch: usize, n_batches: usize) {
    keep_warm(batch);
    let main = move || {
        ready();
        while asked() {
            let watch = Watch::wall();
            for _ in 0..n_batches {
                let tasks: Vec<_> = (0..batch).map(|i| move || black_box(i)).collect();
                black_box(gather(tasks).expect("none panics"));
            }
            answer(watch.ns_each(batch * n_batches));
        }
    };
    run(|| joined(spawn(main)));
}

/// Raises the pool's watermark to a large batch, so that its stacks stay warm.
fn keep_warm(batch: usize) {
    const LARGE: usize = 5_000;
    if batch >= LARGE {
        stack::set_pool_watermark(batch);
    }
}

/// The first round has cold stacks, later rounds have warm ones.
fn sleeps(n: usize) {
    stack::set_pool_watermark(n);
    let main = move || {
        ready();
        while asked() {
            let watch = Watch::cpu();
            let sleeper = |index| spawn(move || sleep(Duration::from_micros(sleep_us(index))));
            let tasks: Vec<Task<()>> = (0..n).map(sleeper).collect();
            tasks.into_iter().for_each(joined);
            answer(watch.ns_each(n));
        }
    };
    run(|| joined(spawn(main)));
}

/// The consumer orders a number of items and measures the time until it has them.
fn queues(capacity: usize, n_items: usize) {
    let main = move || {
        let (orders, queue) = (Queue::new(1), Queue::new(capacity));
        let producer = spawn({
            let (orders, queue) = (orders.clone(), queue.clone());
            move || {
                while let Ok(n_items) = orders.get() {
                    (0..n_items).for_each(|item: usize| queue.put(item).expect("it is open"));
                }
            }
        });
        yield_now();
        ready();
        while asked() {
            let watch = Watch::wall();
            orders.put(n_items).expect("it is open");
            for item in 0..n_items {
                assert_eq!(queue.get(), Ok(item));
            }
            answer(watch.ns_each(n_items));
        }
        orders.shutdown();
        joined(producer);
    };
    run(|| joined(spawn(main)));
}

/// Many tasks wait for items of a queue, which hands each item to the task that has waited longest.
fn hands(n_tasks: usize, n_laps: usize) {
    let main = move || {
        let queue = Queue::unbounded();
        let taker = |_| {
            let queue = queue.clone();
            spawn(move || while queue.get().is_ok() {})
        };
        let takers: Vec<Task<()>> = (0..n_tasks).map(taker).collect();
        yield_now();
        ready();
        while asked() {
            let watch = Watch::wall();
            for _ in 0..n_laps {
                (0..n_tasks).for_each(|item| queue.put(item).expect("it is open"));
                yield_now();
            }
            answer(watch.ns_each(n_tasks * n_laps));
        }
        queue.shutdown();
        takers.into_iter().for_each(joined);
    };
    run(|| joined(spawn(main)));
}

/// Tasks sleep for an hour and more, while another one sets a timer and cancels it.
fn timers(n_tasks: usize, n_timers: usize) {
    const HOUR: Duration = Duration::from_secs(3600);
    let main = move || {
        let sleeper = |index| {
            spawn(move || sleep(HOUR + Duration::from_millis(index as u64 * 7919 % 1_000_003)))
        };
        let sleepers: Vec<Task<()>> = (0..n_tasks).map(sleeper).collect();
        yield_now();
        ready();
        while asked() {
            let watch = Watch::wall();
            for n in 0..n_timers {
                let limit = Duration::from_secs(60 + n as u64 % 60);
                timeout(limit, || black_box(n)).expect("it takes no minute");
            }
            answer(watch.ns_each(n_timers));
        }
        sleepers.iter().for_each(|sleeper| {
            sleeper.cancel();
        });
        drop(sleepers);
    };
    run(|| joined(spawn(main)));
}

/// `u` puts an item into the queue; `p` waits for one, for a minute, and for the client's hang-up.
fn pops() -> io::Result<()> {
    run(|| {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        listening(listener.local_addr()?.port());
        let queue = Queue::unbounded();
        loop {
            let (stream, _) = listener.accept()?;
            let queue = queue.clone();
            drop(spawn(move || serve_pops(stream, &queue)));
        }
    })
}

fn serve_pops(mut stream: TcpStream, queue: &Queue<u8>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut command = [0];
    while stream.read(&mut command)? > 0 {
        if command == *b"u" {
            queue.put(b'i').expect("it is open");
            continue;
        }
        let answer = select! {
            item = queue.when_item() => item.expect("it is open"),
            () = time::after(Duration::from_secs(60)) => b't',
            closed = stream.when_peer_closed() => return closed,
        };
        stream.write_all(&[answer])?;
    }
    Ok(())
}

/// One task sets an event, for which another waits together with a deadline and the hang-up of a peer; then the other way
/// round, without the deadline and the peer.
fn selects(n_waits: usize) {
    const HOUR: Duration = Duration::from_secs(3600);
    let main = move || {
        let (near, _far) = UnixStream::pair().expect("a pair");
        let (asks, answers) = (Event::new(), Event::new());
        let waiter = spawn({
            let (asks, answers) = (asks.clone(), answers.clone());
            move || loop {
                select! {
                    () = asks.when_set() => asks.clear(),
                    () = time::after(HOUR) => unreachable!("no round takes an hour"),
                    _ = near.when_peer_closed() => return,
                }
                answers.set();
            }
        });
        yield_now();
        ready();
        while asked() {
            let watch = Watch::wall();
            for _ in 0..n_waits {
                asks.set();
                answers.wait();
                answers.clear();
            }
            answer(watch.ns_each(n_waits));
        }
        waiter.cancel();
        let _ = waiter.join();
    };
    run(|| joined(spawn(main)));
}

/// With a buffer of `buffer_size` bytes in each task.
fn echo(buffer_size: usize) -> io::Result<()> {
    let serve = match buffer_size {
        1024 => serve::<1024>,
        4096 => serve::<4096>,
        size => panic!("no server has buffers of {size} bytes"),
    };
    let listener = TcpListener::bind("127.0.0.1:0")?;
    listening(listener.local_addr()?.port());
    loop {
        let (stream, _) = listener.accept()?;
        drop(spawn(move || serve(stream)));
    }
}

fn serve<const N: usize>(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = [0; N];
    loop {
        match stream.read(&mut buffer)? {
            0 => return Ok(()),
            n => stream.write_all(&buffer[..n])?,
        }
    }
}
