//! A coroutine that can't be ended or is forgotten is leaked whole: its stack is never unmapped, reused or returned to
//! the pool, and everything else goes on.

#![allow(unsafe_code)]

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use selvedge::stack::{pool_stats, set_pool_watermark, trim_pool};
use selvedge::{Coroutine, CoroutineState, Generator, Yielder};

use crate::support::{Counted, caught, live, on_fresh_thread, text};

const PATTERN: u64 = 0x5e17_ed9e_0000_0000;

/// Drives the pool through every state: many live stacks, many idle ones, trimmed to nothing, and in use again.
fn churn() {
    set_pool_watermark(2);
    for _ in 0..3 {
        let mut many: Vec<Coroutine<(), u64, u64>> = (0..100)
            .map(|id| {
                Coroutine::new(move |yielder: &Yielder<(), u64>, ()| {
                    let filled = [!id; 1024];
                    yielder.suspend(filled[0]);
                    filled[1023]
                })
            })
            .collect();
        for (id, coroutine) in (0u64..).zip(&mut many) {
            assert_eq!(coroutine.resume(), CoroutineState::Yielded(!id));
        }
        for (id, coroutine) in (0u64..).zip(&mut many) {
            assert_eq!(coroutine.resume(), CoroutineState::Complete(!id));
        }
        drop(many);
        trim_pool();
    }
}

/// Suspends with the address of a pattern among its locals, and swallows every close.
fn unclosable(closes: &Rc<Cell<usize>>) -> Coroutine<(), usize, ()> {
    let closes = Rc::clone(closes);
    Coroutine::new(move |yielder: &Yielder<(), usize>, ()| {
        let _local = Counted::new(0);
        let pattern: [u64; 256] = std::array::from_fn(|index| PATTERN + index as u64);
        loop {
            if yielder
                .suspend_catching(std::hint::black_box(&pattern).as_ptr() as usize)
                .is_err()
            {
                closes.set(closes.get() + 1);
            }
        }
    })
}

fn assert_intact(address: usize) {
    for index in 0..256 {
        // SAFETY: 256 words lie at `address`, in a local of a body that is leaked with its stack and never ends.
        let word = unsafe { (address as *const u64).add(index).read_volatile() };
        assert_eq!(word, PATTERN + index as u64);
    }
}

#[test]
fn a_body_that_always_swallows_its_close_is_leaked_in_the_end() {
    on_fresh_thread(|| {
        let closes = Rc::new(Cell::new(0));
        let mut coroutine = unclosable(&closes);
        let address = coroutine.resume().unwrap_yielded();
        drop(coroutine);
        assert_eq!(closes.get(), 1_024);
        churn();
        assert_intact(address);
        assert_eq!(
            (closes.get(), live()),
            (1_024, 1),
            "nothing of it was dropped or resumed"
        );
        assert!(pool_stats().n_slabs > 0, "its slab stays mapped");
    });
}

#[test]
fn an_unclosable_body_dropped_during_an_unwind_is_leaked_too() {
    on_fresh_thread(|| {
        let closes = Rc::new(Cell::new(0));
        let mut address = 0;
        let payload = caught(|| {
            let mut coroutine = unclosable(&closes);
            address = coroutine.resume().unwrap_yielded();
            panic!("around an unclosable body");
        });
        assert_eq!(text(&payload), "around an unclosable body");
        let by_catching = caught(|| {
            let mut coroutine: Coroutine<(), (), ()> =
                Coroutine::new(|yielder: &Yielder<(), ()>, ()| {
                    let _local = Counted::new(0);
                    loop {
                        let _ = catch_unwind(AssertUnwindSafe(|| yielder.suspend(())));
                    }
                });
            coroutine.resume();
            panic!("around a body that catches");
        });
        assert_eq!(
            (text(&by_catching), std::thread::panicking()),
            ("around a body that catches", false)
        );
        churn();
        assert_intact(address);
        assert_eq!(live(), 2, "both are leaked with their locals");
    });
}

#[test]
fn an_unclosable_body_dropped_in_a_coroutine_spares_its_host() {
    on_fresh_thread(|| {
        let closes = Rc::new(Cell::new(0));
        let mut inner = unclosable(&closes);
        let address = inner.resume().unwrap_yielded();
        let mut outer = Coroutine::new(move |yielder: &Yielder<(), u8>, ()| {
            drop(inner);
            yielder.suspend(1);
            2
        });
        assert_eq!(outer.resume(), CoroutineState::Yielded(1));
        churn();
        assert_intact(address);
        assert_eq!(outer.resume(), CoroutineState::Complete(2));
    });
}

#[test]
fn a_forgotten_coroutine_keeps_its_stack_through_a_pool_trim() {
    on_fresh_thread(|| {
        let closes = Rc::new(Cell::new(0));
        let addresses: Vec<usize> = (0..10)
            .map(|_| {
                let mut coroutine = unclosable(&closes);
                let address = coroutine.resume().unwrap_yielded();
                std::mem::forget(coroutine);
                address
            })
            .collect();
        churn();
        addresses.into_iter().for_each(assert_intact);
        assert_eq!((closes.get(), live()), (0, 10));
    });
}

#[test]
fn forgetting_an_unstarted_or_finished_handle_does_no_harm() {
    on_fresh_thread(|| {
        let capture = Counted::new(1);
        let unstarted: Coroutine<(), (), ()> =
            Coroutine::new(move |_: &Yielder<(), ()>, ()| drop(capture));
        std::mem::forget(unstarted);
        let mut finished = Coroutine::new(|_: &Yielder<(), ()>, ()| ());
        finished.resume();
        std::mem::forget(finished);
        std::mem::forget(Generator::new(|yielder: &Yielder<(), u8>| {
            yielder.suspend(1)
        }));
        churn();
        assert_eq!(live(), 1);
    });
}

/// A thread that borrows a local of the coroutine, and returns whether the local is unchanged.
struct Watch {
    ask: Sender<()>,
    intact: Receiver<bool>,
}

impl Watch {
    fn intact(&self) -> bool {
        self.ask.send(()).expect("the watching thread lives");
        self.intact.recv().expect("an answer")
    }
}

/// A coroutine suspended inside `thread::scope`, with a thread that borrows its local: all of it safe code.
fn watched() -> (Coroutine<(), (), ()>, Watch) {
    let (ask, asked) = channel::<()>();
    let (answer, intact) = channel();
    let mut coroutine = Coroutine::new(move |yielder: &Yielder<(), ()>, ()| {
        let local: [u64; 256] = std::array::from_fn(|index| PATTERN + index as u64);
        thread::scope(|s| {
            let local = &local;
            s.spawn(move || {
                for () in asked {
                    let same = (0..)
                        .zip(local)
                        .all(|(index, word)| *word == PATTERN + index);
                    answer.send(same).expect("the test waits for it");
                }
            });
            yielder.suspend(());
        });
    });
    coroutine.resume();
    (coroutine, Watch { ask, intact })
}

#[test]
fn a_thread_may_borrow_from_a_forgotten_coroutine() {
    let (coroutine, watch) = watched();
    assert!(watch.intact());
    std::mem::forget(coroutine);
    churn();
    assert!(watch.intact());
}

#[test]
fn a_borrowing_thread_may_outlive_the_coroutines_own_thread() {
    let watches: Vec<Watch> = thread::spawn(|| {
        let forget = |(coroutine, watch): (Coroutine<(), (), ()>, Watch)| {
            std::mem::forget(coroutine);
            watch
        };
        let watches = (0..5).map(|_| forget(watched())).collect();
        churn();
        watches
    })
    .join()
    .expect("the thread ends");
    thread::spawn(churn).join().expect("the thread ends");
    assert!(watches.iter().all(Watch::intact));
}

#[test]
fn a_drop_inside_thread_scope_waits_for_the_borrowing_thread() {
    let (coroutine, watch) = watched();
    assert!(watch.intact());
    let Watch { ask, intact } = watch;
    drop(ask);
    drop(coroutine);
    assert!(
        intact.recv().is_err(),
        "the thread has ended by the time the drop returns"
    );
}
