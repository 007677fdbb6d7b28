//! Coroutines that borrow: what a scope lends its children, and that the host can use its locals again afterwards.

use std::cell::{Cell, RefCell};

use selvedge::coroutine::{Refused, Status, scope};
use selvedge::{Coroutine, CoroutineState, Yielder};

use crate::support::{
    Counted, Payload, address, assert_sentence, caught, hook_calls, live, sentence, text,
};

#[test]
fn children_borrow_locals_mutably_one_after_another() {
    let mut words = Vec::new();
    let mut count = 0;
    scope(|s| {
        let mut child = s.coroutine(|yielder: &Yielder<(), ()>, ()| {
            words.push("first");
            yielder.suspend(());
            words.push("second");
        });
        child.resume();
        child.resume();
    });
    words.push("between");
    scope(|s| {
        let mut child = s.coroutine(|_: &Yielder<(), ()>, ()| {
            count += words.len();
            words.push("third");
        });
        child.resume();
    });
    assert_eq!(
        (words, count),
        (vec!["first", "second", "between", "third"], 3)
    );
}

#[test]
fn several_children_share_a_borrow() {
    let text = String::from("warp and weft");
    let total = Cell::new(0);
    scope(|s| {
        let mut children: Vec<_> = text
            .split(' ')
            .map(|word| {
                s.coroutine(|yielder: &Yielder<(), &str>, ()| {
                    yielder.suspend(word);
                    total.set(total.get() + word.len());
                })
            })
            .collect();
        let said: Vec<&str> = children
            .iter_mut()
            .map(|child| child.resume().unwrap_yielded())
            .collect();
        assert_eq!(said, ["warp", "and", "weft"]);
        for child in &mut children {
            assert_eq!(child.resume(), CoroutineState::Complete(()));
        }
    });
    assert_eq!((total.get(), text.len()), (11, 13));
}

#[test]
fn the_scopes_value_is_returned() {
    let numbers = [1, 2, 3];
    let doubled: Vec<i32> = scope(|s| {
        s.generator(|yielder: &Yielder<(), i32>| {
            for number in &numbers {
                yielder.suspend(number * 2);
            }
        })
        .collect()
    });
    assert_eq!(doubled, [2, 4, 6]);
    assert_eq!(scope(|_| 7), 7);
}

#[test]
fn borrows_can_be_sent_in_and_returned() {
    let mut buffer = vec![1u8, 2, 3];
    let extra = [9u8];
    let longest = scope(|s| {
        let mut child = s.coroutine(|yielder: &Yielder<&[u8], usize>, first: &[u8]| {
            let second = yielder.suspend(first.len());
            if first.len() > second.len() {
                first
            } else {
                second
            }
        });
        assert_eq!(child.send(&buffer), CoroutineState::Yielded(3));
        child.send(&extra).unwrap_complete().len()
    });
    buffer.push(4);
    assert_eq!((longest, buffer.len()), (3, 4));
}

#[test]
fn children_follow_the_protocol_of_coroutines() {
    let offset = 10;
    scope(|s| {
        let mut child = s.coroutine(|yielder: &Yielder<u32, u32>, first: u32| {
            let second = yielder.suspend(first + offset);
            assert!(yielder.suspend_catching(second).is_err());
            yielder.suspend(1) + offset
        });
        assert_eq!(child.status(), Status::Unstarted);
        let refused = child.try_throw(Box::new(())).expect_err("it is unstarted");
        assert_eq!(refused.status, Status::Unstarted);
        assert_eq!(child.send(1), CoroutineState::Yielded(11));
        assert_eq!(child.status(), Status::Suspended);
        assert_eq!(
            child.try_send(2).expect("suspended"),
            CoroutineState::Yielded(2)
        );
        assert_eq!(child.throw(Box::new("taken")), CoroutineState::Yielded(1));
        assert_eq!(child.send(5), CoroutineState::Complete(15));
        assert_eq!(child.status(), Status::Done);
        let Refused { value, status, .. } = child.try_send(6).expect_err("it is done");
        assert_eq!((value, status), (6, Status::Done));
        assert!(sentence(|| child.send(7)).contains("finished"));
        assert_eq!(child.close().expect("nothing to close"), None);
    });
}

#[test]
fn closing_a_child_follows_the_protocol_of_coroutines() {
    let kept = Counted::new(5);
    scope(|s| {
        let mut unstarted = s.coroutine(|_: &Yielder<(), ()>, ()| kept.0);
        assert_eq!(unstarted.close().expect("nothing to unwind"), None);
        assert_eq!(unstarted.status(), Status::Done);
        let mut ignores = s.coroutine(|yielder: &Yielder<(), u32>, ()| {
            assert!(yielder.suspend_catching(1).is_err());
            assert!(yielder.suspend_catching(kept.0).is_err());
            "at last"
        });
        ignores.resume();
        assert_eq!(
            ignores.close().expect_err("it suspends").into_value(),
            Some(5)
        );
        assert_eq!(ignores.close().expect("it returns"), Some("at last"));
    });
    assert_eq!(live(), 1);
}

#[test]
fn a_childs_panic_surfaces_at_its_resumer_inside_the_scope() {
    let mut steps = 0;
    let calls = hook_calls(|| {
        scope(|s| {
            let mut child = s.coroutine(|yielder: &Yielder<(), ()>, ()| {
                steps += 1;
                yielder.suspend(());
                panic!("a child's own");
            });
            child.resume();
            assert_eq!(text(&caught(|| child.resume())), "a child's own");
            assert_eq!(child.status(), Status::Done);
        });
    });
    assert_eq!((calls, steps), (1, 1));
}

#[test]
fn a_childs_uncaught_panic_leaves_the_scope_with_its_payload() {
    let payload: Payload = Box::new([1u8; 9]);
    let sent = address(&payload);
    let back = caught(|| {
        scope(|s| {
            let mut child =
                s.coroutine(|_: &Yielder<(), ()>, ()| std::panic::resume_unwind(payload));
            child.resume()
        })
    });
    assert_eq!(address(&back), sent);
}

#[test]
fn scopes_nest_and_inner_children_borrow_from_outer_frames() {
    let log = RefCell::new(Vec::new());
    scope(|outer| {
        let mut first = outer.coroutine(|yielder: &Yielder<(), ()>, ()| {
            log.borrow_mut().push("outer child");
            yielder.suspend(());
            log.borrow_mut().push("outer child again");
        });
        first.resume();
        let local = String::from("inner child");
        scope(|inner| {
            let mut second = inner.coroutine(|_: &Yielder<(), ()>, ()| {
                log.borrow_mut().push("inner child");
                local.len()
            });
            assert_eq!(second.resume(), CoroutineState::Complete(11));
            first.resume();
        });
    });
    assert_eq!(
        log.into_inner(),
        ["outer child", "inner child", "outer child again"]
    );
}

#[test]
fn a_child_may_open_a_scope_of_its_own() {
    let base = 100;
    let sum = scope(|s| {
        let mut child = s.coroutine(|yielder: &Yielder<(), u32>, ()| {
            let local = base + 1;
            let inner = scope(|s| {
                let mut grandchild = s.coroutine(|yielder: &Yielder<(), u32>, ()| {
                    yielder.suspend(local);
                    local + base
                });
                grandchild.resume().unwrap_yielded() + grandchild.resume().unwrap_complete()
            });
            yielder.suspend(inner);
            inner + 1
        });
        child.resume().unwrap_yielded() + child.resume().unwrap_complete()
    });
    assert_eq!(sum, 2 * (101 + 201) + 1);
}

#[test]
fn children_make_children_in_the_same_scope() {
    let made = Cell::new(0);
    scope(|s| {
        let mut child = s.coroutine(|yielder: &Yielder<(), ()>, ()| {
            let mut grandchild = s.coroutine(|yielder: &Yielder<(), u32>, ()| {
                let mut great = s.coroutine(|_: &Yielder<(), ()>, ()| made.set(made.get() + 1));
                great.resume();
                yielder.suspend(1);
                made.set(made.get() + 1);
            });
            assert_eq!(grandchild.resume(), CoroutineState::Yielded(1));
            yielder.suspend(());
            assert_eq!(grandchild.resume(), CoroutineState::Complete(()));
            made.set(made.get() + 1);
        });
        child.resume();
        assert_eq!(made.get(), 1);
        child.resume();
    });
    assert_eq!(made.get(), 3);
}

#[test]
fn a_child_owns_and_drives_its_sibling() {
    let items = [3, 4, 5];
    let total = scope(|s| {
        let source =
            s.generator(|yielder: &Yielder<(), u32>| yielder.yield_from(items.iter().copied()));
        let mut sink = s.coroutine(move |_: &Yielder<(), ()>, ()| source.sum::<u32>());
        sink.resume().unwrap_complete()
    });
    assert_eq!((total, items.len()), (12, 3));
}

#[test]
fn a_static_coroutine_may_host_a_scope_between_its_suspensions() {
    let mut host = Coroutine::new(|yielder: &Yielder<u32, u32>, first: u32| {
        let mut state = vec![first];
        loop {
            let sum = scope(|s| {
                let mut child = s.coroutine(|_: &Yielder<(), ()>, ()| {
                    state.push(1);
                    state.iter().sum::<u32>()
                });
                child.resume().unwrap_complete()
            });
            match yielder.suspend(sum) {
                0 => return state.len(),
                more => state.push(more),
            }
        }
    });
    assert_eq!(host.send(10), CoroutineState::Yielded(11));
    assert_eq!(host.send(20), CoroutineState::Yielded(32));
    assert_eq!(host.send(0), CoroutineState::Complete(4));
}

#[test]
fn a_host_with_an_open_scope_is_refused_a_suspension() {
    let mut host = Coroutine::new(|yielder: &Yielder<(), Counted>, ()| {
        let said = scope(|s| {
            let mut child = s.coroutine(|own: &Yielder<(), ()>, ()| own.suspend(()));
            child.resume();
            let said = sentence(|| yielder.suspend(Counted::new(1)));
            assert_eq!((child.resume(), live()), (CoroutineState::Complete(()), 0));
            said
        });
        yielder.suspend(Counted::new(2));
        said
    });
    assert_eq!(host.resume().unwrap_yielded(), Counted::new(2));
    let said = host.resume().unwrap_complete();
    assert_sentence(&said);
    assert!(said.contains("scope"), "{said}");
}

#[test]
fn scoped_handles_and_scopes_have_debug() {
    scope(|s| {
        let mut child = s.coroutine(|yielder: &Yielder<(), ()>, ()| yielder.suspend(()));
        for status in ["Unstarted", "Suspended", "Done"] {
            let shown = format!("{child:?}");
            assert!(
                shown.contains(status) && shown.contains("scope.rs"),
                "{shown}"
            );
            let _ = child.try_send(());
        }
        assert!(!format!("{s:?}").is_empty());
        assert!(
            !format!(
                "{:?}",
                s.generator(|yielder: &Yielder<(), u8>| yielder.suspend(1))
            )
            .is_empty()
        );
    });
}

#[test]
fn one_scope_may_have_a_thousand_children() {
    let total = Cell::new(0u64);
    scope(|s| {
        let mut children: Vec<_> = (0..1_000)
            .map(|id| {
                let total = &total;
                s.coroutine(move |yielder: &Yielder<(), ()>, ()| {
                    yielder.suspend(());
                    total.set(total.get() + id);
                })
            })
            .collect();
        for _ in 0..2 {
            for child in &mut children {
                child.resume();
            }
        }
    });
    assert_eq!(total.get(), 499_500);
}
