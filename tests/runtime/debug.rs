//! Debug mode: reports steps that block the loop for too long, and the sources of callbacks.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use selvedge::{EventLoop, sleep, spawn_named, yield_now};

use crate::support::{AN_HOUR, Reports, event_loop, finished, stop};

const A_BIT: Duration = Duration::from_millis(2);

/// Keeps the thread busy.
fn work() {
    let until = Instant::now() + 2 * A_BIT;
    while Instant::now() < until {
        std::hint::spin_loop();
    }
}

fn debugging(slow: Duration) -> (EventLoop, Reports) {
    let builder = EventLoop::builder()
        .debug(true)
        .slow_callback_duration(slow);
    let event_loop = builder.build().expect("a loop");
    let reports = Reports::of(&event_loop);
    (event_loop, reports)
}

#[test]
fn a_slow_callback_is_reported() {
    let (event_loop, reports) = debugging(A_BIT);
    event_loop.call_soon(work);
    event_loop.call_soon(stop);
    event_loop.run_forever().expect("stopped");
    let reports = reports.take();
    assert!(!reports.is_empty(), "nothing was reported");
    assert!(reports[0].exception.is_none(), "{reports:#?}");
    assert!(reports[0].text.contains("took"), "{reports:#?}");
}

#[test]
fn a_slow_step_of_a_task_is_reported_by_name() {
    let (event_loop, reports) = debugging(A_BIT);
    finished(event_loop.run_until_complete(|| {
        let slow = spawn_named("slow", || {
            yield_now();
            work();
            yield_now();
        });
        finished(slow.join());
    }));
    let mut reports = reports.take();
    reports.retain(|report| report.text.contains("slow"));
    assert!(!reports.is_empty(), "nothing was reported");
}

/// The report of a slow task.
#[derive(Clone, Debug)]
struct Slow {
    subject: Option<String>,
    line: Option<u32>,
    waits_for: Option<String>,
    text: String,
}

#[test]
fn a_slow_task_is_reported_with_its_origin_and_its_next_wait() {
    let (event_loop, _) = debugging(A_BIT);
    let told: Rc<RefCell<Vec<Slow>>> = Rc::default();
    let list = Rc::clone(&told);
    event_loop.set_exception_handler(move |context| {
        list.borrow_mut().push(Slow {
            subject: context.subject().map(str::to_owned),
            line: context.created_at().map(std::panic::Location::line),
            waits_for: context
                .stack()
                .and_then(|stack| stack.waits_for())
                .map(str::to_owned),
            text: context.to_string(),
        });
    });
    finished(event_loop.run_until_complete(|| {
        let waits = spawn_named("waits", || (work(), sleep(A_BIT)));
        let ends = spawn_named("ends", work);
        finished(ends.join());
        finished(waits.join());
    }));
    let told = told.take();
    let of = |name: &str| {
        told.iter()
            .find(|slow| slow.subject.as_deref() == Some(name))
            .cloned()
    };
    let (waits, ends) = (
        of("waits").expect("a report"),
        of("ends").expect("a report"),
    );
    assert_eq!(waits.waits_for.as_deref(), Some("a deadline"), "{told:#?}");
    assert!(
        waits
            .text
            .contains("\nsuspended at: task waits (suspended)"),
        "{told:#?}"
    );
    assert_eq!(ends.waits_for, None, "{told:#?}");
    assert_eq!(ends.line, waits.line.map(|line| line + 1), "{told:#?}");
}

#[test]
fn a_slow_report_says_between_which_places_the_code_ran() {
    // The last statement keeps the frame: without it an optimized call would be a jump.
    #[inline(never)]
    fn before() {
        yield_now();
        std::hint::black_box(());
    }
    #[inline(never)]
    fn after() {
        sleep(A_BIT);
        std::hint::black_box(());
    }
    let (event_loop, _) = debugging(A_BIT);
    let told: Rc<RefCell<Vec<String>>> = Rc::default();
    let list = Rc::clone(&told);
    event_loop.set_exception_handler(move |context| {
        if context.subject() == Some("waits") {
            assert!(context.resumed_at().is_some() && context.stack().is_some());
            list.borrow_mut().push(context.to_string());
        }
    });
    finished(event_loop.run_until_complete(|| {
        let waits = spawn_named("waits", || {
            before();
            work();
            after();
        });
        finished(waits.join());
    }));
    let told = told.take().pop().expect("a report");
    let (resumed, suspended) = told.split_once("suspended at: ").expect("both places");
    assert!(resumed.contains("resumed at: task waits"), "{told}");
    if cfg!(not(selvedge_backend = "corosensei")) {
        assert!(
            resumed.contains("::before") && !resumed.contains("::after"),
            "{told}"
        );
        assert!(suspended.contains("::after"), "{told}");
    }
}

#[test]
fn a_pending_task_is_reported_with_its_stack() {
    for is_debug in [true, false] {
        let event_loop = event_loop();
        event_loop.set_debug(is_debug);
        let reports = Reports::of(&event_loop);
        event_loop.create_task(|| sleep(AN_HOUR)).detach();
        finished(event_loop.run_until_complete(yield_now));
        event_loop.close().expect("it does not run");
        let text = reports.only().text;
        assert_eq!(text.contains("waits for a deadline"), is_debug, "{text}");
    }
}

#[test]
fn nothing_is_slow_below_the_limit() {
    let (event_loop, reports) = debugging(AN_HOUR);
    event_loop.call_soon(work);
    finished(event_loop.run_until_complete(work));
    assert!(reports.take().is_empty());
}

#[test]
fn without_debug_nothing_is_measured() {
    let builder = EventLoop::builder().slow_callback_duration(Duration::ZERO);
    let event_loop = builder.build().expect("a loop");
    let reports = Reports::of(&event_loop);
    event_loop.call_soon(work);
    finished(event_loop.run_until_complete(work));
    assert!(reports.take().is_empty());
    assert!(!event_loop.is_debug());
    event_loop.set_debug(true);
    assert!(event_loop.is_debug());
    finished(event_loop.run_until_complete(work));
    assert!(!reports.take().is_empty(), "it was switched on");
}

#[test]
fn a_callbacks_source_is_reported_in_debug_mode_only() {
    for is_debug in [true, false] {
        let event_loop = event_loop();
        event_loop.set_debug(is_debug);
        let sources = std::rc::Rc::new(std::cell::RefCell::new(Vec::new()));
        let list = std::rc::Rc::clone(&sources);
        event_loop.set_exception_handler(move |context| {
            if context.exception().is_some() {
                list.borrow_mut()
                    .push(context.created_at().map(|site| site.file()));
            }
        });
        event_loop.call_soon(|| panic!("out of a callback"));
        event_loop.call_soon(stop);
        event_loop.run_forever().expect("stopped");
        let expected = is_debug.then_some(file!());
        assert_eq!(*sources.borrow(), [expected]);
    }
}
