//! An operation that is always ready gives the other tasks turns: one rule for every operation that may
//! wait.

use std::cell::Cell;
use std::fs as std_fs;
use std::io::{self, Cursor, Read, Seek, SeekFrom, Write};
use std::net::Ipv4Addr;
use std::rc::Rc;
use std::time::Duration;

use selvedge::fs::File;
use selvedge::io::StreamReader;
use selvedge::net::UdpSocket;
use selvedge::net::unix::UnixStream;
use selvedge::sync::{
    Barrier, Condition, Event, LifoQueue, Mutex, PriorityQueue, Queue, Semaphore, channel,
};
use selvedge::task::{ReturnWhen, as_completed, shield, try_scope, wait, wait_for};
use selvedge::{Promise, block_on, gather, run, scope, sleep, spawn, timeout, yield_now};

use crate::support::ticker;

/// How often each operation is done.
const N: usize = 1024;

/// The least turns of the others during that many operations.
const N_TURNS: usize = N / 256;

/// Does an operation many times, and checks that another task had its turns.
#[track_caller]
fn assert_gives_turns(mut operation: impl FnMut()) {
    let (n_ticks, ticker) = ticker();
    yield_now();
    let before = n_ticks.get();
    for _ in 0..N {
        operation();
    }
    let n = n_ticks.get() - before;
    ticker.cancel();
    assert!(n >= N_TURNS, "{n} turns during {N} operations");
}

fn done(value: u32) -> Promise<u32> {
    let promise = Promise::new();
    promise.set_result(value).expect("pending");
    promise
}

#[test]
fn ready_queues_give_turns() {
    run(|| {
        let queue = Queue::unbounded();
        assert_gives_turns(|| queue.put(1).expect("open"));
        assert_gives_turns(|| assert_eq!(queue.get(), Ok(1)));
        let queue = LifoQueue::unbounded();
        assert_gives_turns(|| queue.put(1).expect("open"));
        assert_gives_turns(|| assert_eq!(queue.get(), Ok(1)));
        let queue = PriorityQueue::unbounded();
        assert_gives_turns(|| queue.put(1).expect("open"));
        assert_gives_turns(|| assert_eq!(queue.get(), Ok(1)));
        // Refusals count as well, and so does a queue that is used once.
        queue.shutdown();
        assert_gives_turns(|| assert!(queue.get().is_err() && queue.put(1).is_err()));
        assert_gives_turns(|| Queue::unbounded().put(1).expect("open"));
        let queue = Queue::<u32>::unbounded();
        assert_gives_turns(|| queue.join());
    });
}

#[test]
fn ready_locks_and_events_give_turns() {
    run(|| {
        let lock = Mutex::new(0);
        assert_gives_turns(|| *lock.lock() += 1);
        let (condition, mut guard) = (Condition::new(), lock.lock());
        assert_gives_turns(|| condition.wait_while(&mut guard, |_| false));
        let semaphore = Semaphore::new(3);
        assert_gives_turns(|| drop(semaphore.acquire()));
        assert_gives_turns(|| drop(semaphore.acquire_many(3)));
        let event = Event::new();
        event.set();
        assert_gives_turns(|| event.wait());
        let barrier = Barrier::new(1);
        assert_gives_turns(|| assert_eq!(barrier.wait(), Ok(0)));
        barrier.abort();
        assert_gives_turns(|| assert!(barrier.wait().is_err()));
        // An object that is used once.
        assert_gives_turns(|| drop(Mutex::new(0).lock()));
    });
}

#[test]
fn ready_channels_give_turns() {
    run(|| {
        let (sender, receiver) = channel::unbounded();
        assert_gives_turns(|| sender.send(1).expect("open"));
        assert_gives_turns(|| assert_eq!(receiver.recv(), Ok(1)));
        drop(sender);
        assert_gives_turns(|| assert!(receiver.recv().is_err()));
    });
}

#[test]
fn waits_for_what_is_done_give_turns() {
    run(|| {
        assert_gives_turns(|| assert_eq!(done(1).wait().expect("set"), 1));
        assert_gives_turns(|| drop(gather([done(1), done(2)])));
        assert_gives_turns(|| drop(shield(done(1))));
        assert_gives_turns(|| drop(wait_for(done(1), Duration::from_secs(3600))));
        let promise = done(1);
        assert_gives_turns(|| drop(wait([&promise], ReturnWhen::AllCompleted, None)));
        assert_gives_turns(|| assert_eq!(block_on(async { 1 }), 1));
        let promises = (0..N).map(|_| done(1)).collect::<Vec<_>>();
        let mut arrivals = as_completed(promises);
        assert_gives_turns(|| drop(arrivals.next().expect("another one")));
        let tasks = (0..N).map(|n| spawn(move || n)).collect::<Vec<_>>();
        yield_now();
        let mut tasks = tasks.into_iter();
        assert_gives_turns(|| {
            let task = tasks.next().expect("another one");
            assert!(task.is_done());
            task.join().expect("no panic");
        });
        assert_gives_turns(|| timeout(Duration::from_secs(3600), || ()).expect("time enough"));
        assert_gives_turns(|| scope(|_| ()).expect("no child"));
        assert_gives_turns(|| try_scope(|_| Ok::<(), io::Error>(())).expect("no child"));
    });
}

#[test]
fn ready_sockets_give_turns() {
    run(|| {
        let (mut near, mut far) = UnixStream::pair().expect("a pair");
        assert_gives_turns(|| {
            near.write_all(&[1]).expect("room");
            far.read_exact(&mut [0]).expect("a byte");
        });
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let address = socket.local_addr().expect("bound");
        assert_gives_turns(|| {
            socket.send_to(&[1], address).expect("sent");
            socket.recv(&mut [0]).expect("received");
        });
    });
}

#[test]
fn buffered_and_cached_reads_give_turns() {
    let path = std::env::temp_dir().join(format!("selvedge-turns-{}", std::process::id()));
    std_fs::write(&path, vec![b'\n'; 2 * N]).expect("written");
    run(|| {
        let mut reader = StreamReader::new(Cursor::new(vec![b'\n'; 4 * N]));
        assert_gives_turns(|| drop(reader.read_line().expect("a line")));
        assert_gives_turns(|| drop(reader.read_exactly(1).expect("a byte")));
        assert_gives_turns(|| reader.read_exact(&mut [0]).expect("a byte"));
        let mut file = File::open(&path).expect("opened");
        assert_gives_turns(|| file.read_exact(&mut [0]).expect("a byte"));
        assert_gives_turns(|| assert_eq!(file.seek(SeekFrom::Start(9)).expect("in it"), 9));
    });
    std_fs::remove_file(&path).expect("removed");
}

#[test]
fn a_timeout_elapses_around_a_task_that_never_waits() {
    run(|| {
        let queue = Queue::unbounded();
        let busy = timeout(Duration::from_millis(1), || {
            loop {
                queue.put(1).expect("open");
                queue.get().expect("an item");
            }
        });
        assert!(busy.is_err());
        // The turn was given between two operations: nothing is lost or half done.
        assert!(queue.len() <= 1);
        let lock = Mutex::new(0);
        let busy = timeout(Duration::from_millis(1), || {
            loop {
                *lock.lock() += 1;
            }
        });
        assert!(busy.is_err() && !lock.is_locked());
    });
}

#[test]
fn a_turn_does_not_lose_the_item_of_a_cancelled_get() {
    run(|| {
        let queue = Queue::unbounded();
        (0..N).for_each(|n| queue.try_put(n).expect("open"));
        let (n_taken, theirs) = (Rc::new(Cell::new(0)), queue.clone());
        let taken = n_taken.clone();
        let taker = spawn(move || {
            while let Ok(item) = theirs.get() {
                assert_eq!(item, taken.get());
                taken.set(item + 1);
            }
        });
        sleep(Duration::ZERO);
        taker.cancel();
        assert!(taker.join().expect_err("cancelled").is_cancelled());
        assert_eq!(queue.len(), N - n_taken.get());
        assert_eq!(queue.try_get(), Ok(n_taken.get()));
    });
}
