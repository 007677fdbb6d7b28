//! `select!` and `first` over waits: no task, the first argument wins, and the losers have taken nothing.

use std::io::Write;
use std::rc::Rc;
use std::time::Duration;

use selvedge::error::EmptySet;
use selvedge::net::TcpListener;
use selvedge::net::TcpStream;
use selvedge::net::unix::UnixStream;
use selvedge::signal::{Listener, Signal};
use selvedge::sync::{Event, LifoQueue, Mutex, PriorityQueue, Queue, Semaphore, channel};
use selvedge::task::{Wait, all_tasks, catch_cancelled, first};
use selvedge::time::deadline;
use selvedge::{EventLoop, Promise, Task, run, select, sleep, spawn, time, yield_now};

use crate::elapsed;
use crate::support::{A_SECOND, AN_HOUR, finished, in_virtual_loop, sentence, shared, soon};

/// Spawns a task that calls `f` in its first turn.
fn later(f: impl FnOnce() + 'static) {
    spawn(f).detach();
}

#[test]
fn each_kind_of_wait_wins_when_it_is_done() {
    in_virtual_loop(|| {
        let event = Event::new();
        let promise = Promise::<u32>::new();
        let queue = Queue::<u32>::new(1);
        let full = LifoQueue::<u32>::new(1);
        full.put(0).expect("open");
        let smallest = PriorityQueue::<u32>::unbounded();
        let (lock, permits) = (Mutex::new(7), Semaphore::new(0));
        let mut guard = Some(lock.lock());
        let wait = || {
            select! {
                () = event.when_set() => "event".to_owned(),
                () = promise.when_done() => "promise".to_owned(),
                item = queue.when_item() => format!("item {item:?}"),
                room = full.when_room() => { room.expect("open").put(9).expect("open"); "room".to_owned() }
                item = smallest.when_item() => format!("smallest {item:?}"),
                value = lock.when_locked() => format!("lock {}", *value),
                permit = permits.when_acquired(2) => { permit.forget(); "permits".to_owned() }
                () = time::after(A_SECOND) => "deadline".to_owned(),
            }
        };
        assert_eq!(wait(), "deadline");
        later({
            let event = event.clone();
            move || event.set()
        });
        assert_eq!(wait(), "event");
        event.clear();
        later({
            let queue = queue.clone();
            move || queue.put(3).expect("open")
        });
        assert_eq!(wait(), "item Ok(3)");
        later({
            let full = full.clone();
            move || assert_eq!(full.get(), Ok(0))
        });
        assert_eq!(wait(), "room");
        assert_eq!(full.try_get(), Ok(9));
        full.try_put(1).expect("room");
        later({
            let smallest = smallest.clone();
            move || {
                [5, 4]
                    .into_iter()
                    .for_each(|n| smallest.put(n).expect("open"))
            }
        });
        assert_eq!(wait(), "smallest Ok(4)");
        assert_eq!(wait(), "smallest Ok(5)");
        later({
            let permits = permits.clone();
            move || permits.release(2).expect("room")
        });
        assert_eq!(wait(), "permits");
        let guard = guard.take();
        soon({
            let event = event.clone();
            move || event.clear()
        });
        assert_eq!(wait(), "deadline");
        drop(guard);
        assert_eq!(wait(), "lock 7");
        later({
            let promise = promise.clone();
            move || promise.set_result(1).expect("pending")
        });
        yield_now();
        // A promise that is done comes before a lock that is free.
        assert_eq!(wait(), "promise");
        assert_eq!(elapsed(), 2 * A_SECOND);
    });
}

#[test]
fn no_task_is_made_for_waits() {
    in_virtual_loop(|| {
        let (event, queue) = (Event::new(), Queue::<u32>::unbounded());
        let n_seen = shared(0);
        soon({
            let (event, n_seen) = (event.clone(), Rc::clone(&n_seen));
            move || {
                n_seen.set(all_tasks().len());
                event.set();
            }
        });
        select! {
            () = event.when_set() => {}
            _ = queue.when_item() => unreachable!("no item comes"),
            () = time::after(AN_HOUR) => unreachable!("the event is set first"),
        }
        assert_eq!(n_seen.get(), 1);
    });
}

#[test]
fn the_first_argument_wins_before_and_after_the_wait() {
    in_virtual_loop(|| {
        let queues = [Queue::unbounded(), Queue::unbounded()];
        let put_both = {
            let queues = queues.clone();
            move || {
                queues[1].put('b').expect("open");
                queues[0].put('a').expect("open");
            }
        };
        let wait = || {
            select! {
                item = queues[0].when_item() => item.expect("open"),
                item = queues[1].when_item() => item.expect("open"),
            }
        };
        put_both();
        assert_eq!((wait(), wait()), ('a', 'b'));
        later(put_both);
        // Both items are handed to this task in one turn.
        assert_eq!((wait(), wait()), ('a', 'b'));
        assert!(queues.iter().all(|queue| queue.is_empty()));
    });
}

#[test]
fn what_a_loser_was_handed_goes_to_the_next_in_line() {
    in_virtual_loop(|| {
        let (event, queue, permits) = (Event::new(), Queue::unbounded(), Semaphore::new(0));
        let lock = Mutex::new(());
        let guard = lock.lock();
        let waits = spawn({
            let (event, queue, permits, lock) =
                (event.clone(), queue.clone(), permits.clone(), lock.clone());
            move || {
                select! {
                    () = event.when_set() => {}
                    _ = queue.when_item() => unreachable!("the event is the first argument"),
                    _ = permits.when_acquired(1) => unreachable!("the event is the first argument"),
                    _ = lock.when_locked() => unreachable!("the event is the first argument"),
                }
            }
        });
        yield_now();
        let others: [Task<()>; 3] = [
            spawn({
                let queue = queue.clone();
                move || assert_eq!(queue.get(), Ok(1))
            }),
            spawn({
                let permits = permits.clone();
                move || permits.acquire().forget()
            }),
            spawn({
                let lock = lock.clone();
                move || drop(lock.lock())
            }),
        ];
        yield_now();
        queue.put(1).expect("open");
        permits.release(1).expect("room");
        drop(guard);
        event.set();
        finished(waits.join());
        for other in others {
            finished(other.join());
        }
        assert!(queue.is_empty() && permits.available_permits() == 0 && !lock.is_locked());
    });
}

#[test]
fn a_cancel_takes_nothing() {
    in_virtual_loop(|| {
        let (queue, permits, full) = (Queue::unbounded(), Semaphore::new(0), Queue::new(1));
        full.put(0).expect("room");
        let waits = spawn({
            let (queue, permits, full) = (queue.clone(), permits.clone(), full.clone());
            move || {
                let cancelled = catch_cancelled(|| {
                    select! {
                        _ = queue.when_item() => (),
                        _ = permits.when_acquired(1) => (),
                        _ = full.when_room() => (),
                    }
                });
                assert!(cancelled.is_err());
            }
        });
        yield_now();
        // All three are handed over, and then the task is cancelled in the same turn.
        queue.put(5).expect("open");
        permits.release(1).expect("room");
        assert_eq!(full.get(), Ok(0));
        waits.cancel();
        finished(waits.join());
        assert_eq!(queue.try_get(), Ok(5));
        assert!(permits.try_acquire().is_some());
        full.try_put(1).expect("the room was given back");
    });
}

#[test]
fn waits_keep_their_place_in_line_while_they_last() {
    in_virtual_loop(|| {
        let queue = Queue::unbounded();
        let order = Rc::new(std::cell::RefCell::new(Vec::new()));
        let takers: Vec<_> = (0..4).map(|n| {
            let (queue, order) = (queue.clone(), Rc::clone(&order));
            spawn(move || {
                let item = match n % 2 {
                    0 => select! { item = queue.when_item() => item, () = time::after(AN_HOUR) => unreachable!() },
                    _ => queue.get(),
                };
                order.borrow_mut().push((n, item.expect("open")));
            })
        }).collect();
        yield_now();
        (0..4).for_each(|n| queue.put(n).expect("open"));
        takers.into_iter().for_each(|taker| finished(taker.join()));
        assert_eq!(*order.borrow(), [(0, 0), (1, 1), (2, 2), (3, 3)]);
    });
}

#[test]
fn a_wait_by_reference_bounds_several_rounds() {
    in_virtual_loop(|| {
        let queue = Queue::unbounded();
        later({
            let queue = queue.clone();
            move || {
                (0..9).for_each(|n| {
                    queue.put(n).expect("open");
                    sleep(A_SECOND)
                })
            }
        });
        let mut limit = time::at(std::time::Instant::now() + 10 * AN_HOUR);
        let mut soon = time::after(A_SECOND * 7 / 2);
        let mut n = 0;
        loop {
            select! {
                item = queue.when_item() => { assert_eq!(item, Ok(n)); n += 1 }
                () = &mut soon => break,
                () = &mut limit => unreachable!("ten hours"),
            }
        }
        assert_eq!((n, elapsed()), (4, A_SECOND * 7 / 2));
    });
}

#[test]
fn disabled_arms_and_arms_of_code_take_part_as_before() {
    in_virtual_loop(|| {
        let (event, queue) = (Event::new(), Queue::<u32>::unbounded());
        event.set();
        let is_wanted = event.is_set() && queue.len() == 7;
        let told = select! {
            () = event.when_set(), if is_wanted => "event",
            () = sleep(AN_HOUR), if is_wanted => "code",
            () = time::after(A_SECOND) => "deadline",
        };
        assert_eq!((told, elapsed()), ("deadline", A_SECOND));
        event.clear();
        let told = select! {
            () = event.when_set() => "event",
            () = sleep(A_SECOND) => "code",
            _ = queue.when_item() => "item",
        };
        assert_eq!((told, elapsed()), ("code", 2 * A_SECOND));
        later({
            let queue = queue.clone();
            move || queue.put(1).expect("open")
        });
        let told = select! {
            () = sleep(A_SECOND) => "code",
            item = queue.when_item() => { assert_eq!(item, Ok(1)); "item" }
        };
        assert_eq!((told, elapsed()), ("item", 2 * A_SECOND));
    });
}

#[test]
fn first_takes_a_list_that_is_made_at_run_time() {
    in_virtual_loop(|| {
        let events: Vec<Event> = (0..1000).map(|_| Event::new()).collect();
        later({
            let events = events.clone();
            move || {
                events[950].set();
                events[900].set()
            }
        });
        let mut waits: Vec<_> = events.iter().map(Event::when_set).collect();
        assert_eq!(first(&mut waits), Ok((900, ())));
        assert_eq!(first(&mut waits[901..]), Ok((49, ())));
        let queue = Queue::<()>::unbounded();
        let mut mixed: Vec<Box<dyn Wait<Output = ()> + '_>> = vec![
            Box::new(events[0].when_set()),
            Box::new(time::after(A_SECOND)),
        ];
        assert_eq!(first(&mut mixed), Ok((1, ())));
        let mut nothing: [Box<dyn Wait<Output = ()>>; 0] = [];
        assert_eq!(first(&mut nothing), Err(EmptySet));
        drop(queue);
    });
}

#[test]
fn sockets_tell_readiness_and_the_end_of_the_peer() {
    run(|| {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
        let address = listener.local_addr().expect("bound");
        later(move || {
            let mut client = TcpStream::connect(address).expect("connected");
            client.write_all(b"request").expect("written");
            // Bytes that the server does not read, and later the end.
            (0..10).for_each(|_| yield_now());
        });
        select! { ready = listener.when_readable() => ready.expect("a connection") }
        let (server, _) = listener.accept().expect("a connection");
        select! {
            ready = server.when_writable() => ready.expect("room"),
            _ = server.when_peer_closed() => unreachable!("the client lives"),
        }
        select! { ready = server.when_readable() => ready.expect("bytes") }
        let never = Event::new();
        select! {
            () = never.when_set() => unreachable!("no task sets the event"),
            closed = server.when_peer_closed() => closed.expect("the end"),
        }
        // Both are still true.
        select! { closed = server.when_peer_closed() => closed.expect("the end") }
        select! { ready = server.when_readable() => ready.expect("bytes") }
    });
}

#[test]
fn a_wait_for_readability_leaves_a_reader_its_wake_up() {
    run(|| {
        let (near, mut far) = UnixStream::pair().expect("a pair");
        let near = Rc::new(near);
        let never = Event::new();
        let watches = spawn({
            let (near, never) = (Rc::clone(&near), never.clone());
            move || {
                select! {
                    ready = near.when_readable() => ready.expect("readable"),
                    () = never.when_set() => unreachable!("no task sets the event"),
                }
            }
        });
        yield_now();
        let reads = spawn({
            let near = Rc::clone(&near);
            move || {
                let mut bytes = [0; 1];
                std::io::Read::read_exact(&mut &*near, &mut bytes).expect("a byte");
                bytes[0]
            }
        });
        yield_now();
        far.write_all(b"x").expect("written");
        finished(watches.join());
        assert_eq!(finished(reads.join()), b'x');
    });
}

#[test]
fn a_socket_of_another_loop_and_a_deadline_of_io_are_errors() {
    let (near, _far) = UnixStream::pair().expect("a pair");
    let near = Rc::new(near);
    let first_loop = EventLoop::new().expect("a loop");
    let theirs = Rc::clone(&near);
    finished(first_loop.run_until_complete(move || {
        let ended = deadline(
            Duration::from_millis(1),
            || select! { ready = theirs.when_readable() => ready },
        );
        assert_eq!(
            ended.expect_err("late").kind(),
            std::io::ErrorKind::TimedOut
        );
    }));
    let second_loop = EventLoop::new().expect("a loop");
    finished(second_loop.run_until_complete(move || {
        let error = select! { ready = near.when_readable() => ready.expect_err("another loop's") };
        assert!(error.to_string().contains("another event loop"), "{error}");
    }));
}

#[test]
fn a_signal_that_loses_is_kept_for_the_next_wait() {
    run(|| {
        let listener = Listener::new(Signal::SIGUSR1).expect("a listener");
        // SAFETY: the loop handles the signal.
        unsafe { libc::raise(libc::SIGUSR1) };
        let event = Event::new();
        select! { () = listener.when_arrived() => {} () = event.when_set() => unreachable!() }
        // SAFETY: as above.
        unsafe { libc::raise(libc::SIGUSR1) };
        event.set();
        let n_events = shared(0);
        while n_events.get() < 3 {
            select! { () = event.when_set() => n_events.set(n_events.get() + 1), () = listener.when_arrived() => unreachable!() }
            yield_now();
        }
        select! { () = listener.when_arrived() => {} }
        assert!(!listener.take());
    });
}

#[test]
fn items_that_arrive_as_the_waits_begin_are_all_received() {
    const N_CHANNELS: usize = 300;
    const N_ROUNDS: u32 = 300;
    run(|| {
        let ends = (0..N_CHANNELS).map(|_| channel::unbounded());
        let (senders, receivers): (Vec<_>, Vec<_>) = ends.unzip();
        let (start, started) = std::sync::mpsc::channel();
        let producer = std::thread::spawn(move || {
            for round in started {
                // In most rounds, both items arrive before the waits begin or after that; in some, between the first and
                // the last wait.
                (0..round * 211 % 30_000).for_each(|_| std::hint::spin_loop());
                senders[N_CHANNELS - 1].send(round).expect("open");
                senders[0].send(round).expect("open");
            }
        });
        for round in 0..N_ROUNDS {
            start.send(round).expect("the thread lives");
            for _ in 0..2 {
                let mut waits: Vec<_> = receivers.iter().map(|end| end.when_received()).collect();
                let (_, item) = first(&mut waits).expect("there are waits");
                assert_eq!(item, Ok(round));
            }
        }
        drop(start);
        producer.join().expect("no panic");
    });
}

#[test]
fn an_item_of_another_thread_wins_and_a_loser_takes_none() {
    run(|| {
        let (sender, receiver) = channel::unbounded();
        let never = Event::new();
        let producer = std::thread::spawn({
            let sender = sender.clone();
            move || sender.send(1).expect("open")
        });
        let got = select! {
            () = never.when_set() => unreachable!("no task sets the event"),
            item = receiver.when_received() => item,
        };
        assert_eq!(got, Ok(1));
        producer.join().expect("no panic");
        // The item and the event come in one turn: the event is the first argument, and another receiver gets the item.
        let event = Event::new();
        let waits = spawn({
            let (event, receiver) = (event.clone(), receiver.clone());
            move || {
                select! {
                    () = event.when_set() => {}
                    _ = receiver.when_received() => unreachable!("the event is the first argument"),
                }
            }
        });
        yield_now();
        let other = spawn({
            let receiver = receiver.clone();
            move || receiver.recv()
        });
        yield_now();
        sender.send(2).expect("open");
        event.set();
        finished(waits.join());
        assert_eq!(finished(other.join()), Ok(2));
        drop(sender);
        let ended = select! {
            item = receiver.when_received() => item,
            () = never.when_set() => unreachable!("no task sets the event"),
        };
        assert!(ended.expect_err("no sender").is_disconnected());
    });
}

#[test]
fn a_cancelled_wait_for_a_channel_leaves_the_item() {
    run(|| {
        let (sender, receiver) = channel::bounded(1);
        let never = Event::new();
        let waits = spawn({
            let receiver = receiver.clone();
            move || {
                select! {
                    () = never.when_set() => unreachable!("no task sets the event"),
                    _ = receiver.when_received() => unreachable!("the task is cancelled"),
                }
            }
        });
        yield_now();
        sender.send(3).expect("open");
        waits.cancel();
        assert!(waits.join().expect_err("cancelled").is_cancelled());
        assert_eq!(receiver.try_recv(), Ok(3));
    });
}

#[test]
fn the_end_of_a_task_and_a_shutdown_end_waits() {
    in_virtual_loop(|| {
        let task = spawn(|| sleep(A_SECOND));
        let queue = Queue::<u32>::new(1);
        later({
            let queue = queue.clone();
            move || {
                sleep(2 * A_SECOND);
                queue.shutdown()
            }
        });
        select! { () = task.when_done() => {} _ = queue.when_item() => unreachable!("no item comes") }
        assert!(task.is_done());
        let ended = select! { item = queue.when_item() => item };
        assert!(ended.is_err() && elapsed() == 2 * A_SECOND);
        let refused = select! { room = queue.when_room() => room.map(drop) };
        assert!(refused.expect_err("shut down").is_shut_down());
    });
}

#[test]
fn room_can_be_kept_dropped_and_refused() {
    in_virtual_loop(|| {
        let queue = Queue::new(1);
        let room = select! { room = queue.when_room() => room.expect("open") };
        assert!(queue.try_put(1).is_err());
        let puts = spawn({
            let queue = queue.clone();
            move || queue.put(2).expect("open")
        });
        yield_now();
        drop(room);
        finished(puts.join());
        assert_eq!(queue.try_get(), Ok(2));
        let room = select! { room = queue.when_room() => room.expect("open") };
        queue.shutdown();
        assert_eq!(room.put(3).expect_err("shut down").into_inner(), 3);
    });
}

#[test]
fn waits_that_can_not_wait_say_so() {
    // Outside of a loop what is done needs no wait.
    let event = Event::new();
    event.set();
    select! { () = event.when_set() => {} }
    event.clear();
    let told = sentence(|| select! { () = event.when_set() => {} });
    assert!(told.contains("no event loop"), "{told}");
    assert!(sentence(|| drop(time::after(A_SECOND))).contains("no event loop"));
    in_virtual_loop(|| {
        let itself = selvedge::task::current_task().expect("a task");
        let told = sentence(|| select! { () = itself.when_done() => {} });
        assert!(told.contains("itself"), "{told}");
        let other_loop = EventLoop::new().expect("a loop");
        let theirs = other_loop.create_promise::<()>();
        let told =
            sentence(|| select! { () = theirs.when_done() => {} () = time::after(A_SECOND) => {} });
        assert!(told.contains("another event loop"), "{told}");
    });
}

/// Each loop counts its time from its own start.
#[test]
fn a_deadline_takes_part_in_another_loop() {
    let later = Duration::from_millis(20);
    let virtual_loop = || {
        EventLoop::builder()
            .virtual_clock(true)
            .build()
            .expect("a loop")
    };
    let older = virtual_loop();
    run(|| sleep(later));
    let mut deadline = finished(virtual_loop().run_until_complete(|| time::after(Duration::ZERO)));
    let winner = older.run_until_complete(move || {
        select! {
            () = &mut deadline => "that of the younger loop",
            () = time::after(later / 2) => "half of what lies between the starts",
        }
    });
    assert_eq!(finished(winner), "half of what lies between the starts");
}

#[test]
fn a_deadlock_report_names_all_waits() {
    let event_loop = EventLoop::new().expect("a loop");
    let ended = event_loop.run_until_complete(|| {
        let (event, queue) = (Event::new(), Queue::<u32>::unbounded());
        let never = time::after(Duration::MAX);
        select! { () = event.when_set() => {} _ = queue.when_item() => {} () = never => {} }
    });
    let told = ended.expect_err("a deadlock").to_string();
    assert!(
        told.contains("the first of the event made at ")
            && told.contains(", an item of the queue made at ")
            && told.contains(", a deadline that never comes"),
        "{told}"
    );
}

#[test]
fn a_loop_may_end_while_waits_are_linked() {
    let (event, queue) = (Event::new(), Queue::unbounded());
    let builder = EventLoop::builder().shutdown_timeout(Duration::ZERO);
    let event_loop = builder.build().expect("a loop");
    let mine = (event.clone(), queue.clone());
    finished(event_loop.run_until_complete(move || {
        let waits = spawn(move || {
            loop {
                // Swallows each cancel, until the loop abandons the task.
                let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                    select! {
                        () = mine.0.when_set() => {}
                        _ = mine.1.when_item() => {}
                        () = time::after(AN_HOUR) => {}
                    }
                }));
            }
        });
        waits.detach();
        yield_now();
    }));
    drop(event_loop);
    queue.put(1).expect("open");
    event.set();
    assert_eq!(queue.try_get(), Ok(1));
}
