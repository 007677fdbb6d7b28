//! A producer and two consumers over a queue of 100: the producer waits when the queue is full, a consumer when it is empty. After
//! the queue is shut down the consumers get the remaining items and end.
//!
//! `cargo run --example tutorial_queue`

use std::cell::Cell;
use std::rc::Rc;

use selvedge::sync::Queue;
use selvedge::{spawn, yield_now};

const N_ITEMS: u32 = 1000;

/// Takes items until the queue is shut down and empty; returns their number and their sum.
fn consume(queue: &Queue<u32>, longest: &Cell<usize>) -> (u32, u32) {
    let (mut n_items, mut sum) = (0, 0);
    while let Ok(item) = queue.get() {
        longest.set(longest.get().max(queue.len() + 1));
        n_items += 1;
        sum += item;
        // Yields after each item, so that the producer fills the queue.
        yield_now();
    }
    (n_items, sum)
}

fn main() {
    let (queue, longest) = (Queue::new(100), Rc::new(Cell::new(0)));
    selvedge::run(|| {
        let consumers = [1, 2].map(|number| {
            let (queue, longest) = (queue.clone(), longest.clone());
            (number, spawn(move || consume(&queue, &longest)))
        });
        let producer = spawn({
            let queue = queue.clone();
            move || {
                (1..=N_ITEMS).for_each(|item| queue.put(item).expect("it is open"));
                println!("the producer has put {N_ITEMS} items");
                queue.shutdown();
            }
        });
        producer.join().expect("it does not panic");
        let (mut n_items, mut sum) = (0, 0);
        for (number, consumer) in consumers {
            let (n, part) = consumer.join().expect("it does not panic");
            println!("consumer {number} has got {n} items");
            (n_items, sum) = (n_items + n, sum + part);
        }
        println!("{n_items} items with the sum {sum}");
        assert_eq!((n_items, sum), (N_ITEMS, N_ITEMS * (N_ITEMS + 1) / 2));
    });
    println!("at most {} items were in the queue", longest.get());
    assert_eq!(Some(longest.get()), queue.capacity());
}
