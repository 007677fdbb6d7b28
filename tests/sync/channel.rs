//! Channels on one thread: order, limits, and the items that remain when an end is dropped.

use std::time::Duration;

use selvedge::sync::channel::{self, Receiver, RecvError, SendError, Sender};

use crate::support::{Log, OnDrop, assert_sentence, sentence};

const SOON: Duration = Duration::from_millis(1);

#[test]
fn items_arrive_in_the_order_of_sends() {
    for (sender, receiver) in [channel::bounded(1000), channel::unbounded()] {
        (0..1000).for_each(|n| sender.send(n).expect("room"));
        assert_eq!((sender.len(), receiver.len()), (1000, 1000));
        drop(sender);
        assert!(receiver.iter().eq(0..1000));
        assert_eq!(receiver.recv(), Err(RecvError::Disconnected));
    }
}

#[test]
fn a_refused_item_is_returned() {
    let (sender, receiver) = channel::bounded(1);
    sender.try_send("a").expect("room");
    assert!(sender.is_full() && receiver.is_full());
    assert_eq!(sender.try_send("b"), Err(SendError::Full("b")));
    assert_eq!(
        sender.send_timeout("b", SOON),
        Err(SendError::TimedOut("b"))
    );
    assert_eq!(
        sender.send_timeout("b", Duration::ZERO),
        Err(SendError::TimedOut("b"))
    );
    assert_eq!(receiver.recv(), Ok("a"));
    assert_eq!(receiver.try_recv(), Err(RecvError::Empty));
    assert_eq!(receiver.recv_timeout(SOON), Err(RecvError::TimedOut));
    assert_eq!(
        receiver.recv_timeout(Duration::ZERO),
        Err(RecvError::TimedOut)
    );
    drop(receiver);
    assert_eq!(sender.send("c"), Err(SendError::Disconnected("c")));
    assert_eq!(sender.try_send("c"), Err(SendError::Disconnected("c")));
    assert_eq!(
        sender.send_timeout("c", SOON).unwrap_err().into_inner(),
        "c"
    );
}

#[test]
fn the_capacity_is_kept_and_returned() {
    let (sender, receiver) = channel::bounded::<u8>(3);
    assert_eq!((sender.capacity(), receiver.capacity()), (Some(3), Some(3)));
    assert!(sender.is_empty() && receiver.is_empty());
    let (sender, receiver) = channel::unbounded::<u8>();
    assert_eq!((sender.capacity(), receiver.capacity()), (None, None));
    assert!(!sender.is_full() && !receiver.is_full());
}

#[test]
fn impossible_capacities_are_refused() {
    sentence(|| channel::bounded::<u8>(0));
    sentence(|| channel::bounded::<u64>(usize::MAX));
    sentence(|| channel::bounded::<[u8; 1 << 20]>(usize::MAX >> 18));
}

#[test]
fn remaining_items_are_received_after_the_last_sender() {
    let (sender, receiver) = channel::unbounded();
    let other = sender.clone();
    sender.send(1).expect("room");
    drop(sender);
    other.send(2).expect("room");
    assert_eq!(receiver.recv(), Ok(1));
    drop(other);
    assert_eq!(receiver.try_recv(), Ok(2));
    assert_eq!(receiver.try_recv(), Err(RecvError::Disconnected));
    assert_eq!(receiver.recv_timeout(SOON), Err(RecvError::Disconnected));
}

#[test]
fn remaining_items_are_dropped_with_the_last_receiver() {
    let log = Log::default();
    for (sender, receiver) in [channel::bounded(4), channel::unbounded()] {
        sender.send(log.guard("dropped")).expect("room");
        let other = receiver.clone();
        drop(receiver);
        assert!(log.take().is_empty());
        drop(other);
        assert_eq!(log.take(), ["dropped"]);
        let refused = sender.send(log.guard("refused")).unwrap_err();
        assert!(refused.is_disconnected());
        assert!(log.take().is_empty());
        drop(refused);
        assert_eq!(log.take(), ["refused"]);
    }
}

/// An item may hold an end for which a task waits, also an end of its own channel.
#[test]
fn an_item_may_hold_an_end_of_its_own_channel() {
    struct Item(#[allow(dead_code)] Sender<Item>);
    let (sender, receiver) = channel::unbounded();
    sender.send(Item(sender.clone())).expect("room");
    drop(sender);
    // The item keeps the channel connected.
    let item = receiver.recv().expect("an item");
    assert!(matches!(receiver.try_recv(), Err(RecvError::Empty)));
    drop(item);
    assert!(matches!(receiver.recv(), Err(RecvError::Disconnected)));
}

#[test]
fn a_dropped_item_may_use_its_channel() {
    let (sender, receiver) = channel::unbounded::<OnDrop<Box<dyn FnMut()>>>();
    let log = Log::default();
    let (theirs, events) = (sender.clone(), log.clone());
    let on_drop = move || {
        let inner = OnDrop(Box::new(|| ()) as Box<dyn FnMut()>);
        assert!(theirs.send(inner).is_err());
        events.push("dropped");
    };
    assert!(sender.send(OnDrop(Box::new(on_drop))).is_ok());
    drop(receiver);
    assert_eq!(log.take(), ["dropped"]);
}

#[test]
fn a_receiver_is_an_iterator() {
    let (sender, receiver) = channel::unbounded();
    (0..4).for_each(|n| sender.send(n).expect("room"));
    assert!(receiver.try_iter().take(2).eq(0..2));
    drop(sender);
    let mut rest = Vec::new();
    for n in &receiver {
        rest.push(n);
    }
    assert_eq!(rest, [2, 3]);
    assert_eq!(receiver.into_iter().next(), None);
}

#[test]
fn ends_cross_threads_and_errors_have_sentences() {
    fn assert_end<T: Send + Sync + Clone + std::fmt::Debug>(_: &T) {}
    let (sender, receiver): (Sender<std::cell::Cell<u8>>, Receiver<_>) = channel::bounded(1);
    assert_end(&sender);
    assert_end(&receiver);
    assert!(format!("{sender:?}{receiver:?}").contains("capacity: Some(1)"));
    for error in [
        RecvError::Empty,
        RecvError::TimedOut,
        RecvError::Disconnected,
    ] {
        assert_sentence(&error.to_string());
    }
    for error in [
        SendError::Full(1),
        SendError::TimedOut(1),
        SendError::Disconnected(1),
    ] {
        assert_sentence(&error.to_string());
        let error: Box<dyn std::error::Error + Send + Sync> = Box::new(error);
        assert!(!format!("{error:?}").contains('1'));
    }
}
