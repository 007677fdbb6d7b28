//! Random programs, run on selvedge and on an oracle, must leave the same record.
//!
//! Reading order: `program` is what is generated; `interpreter` and `level` run one on any `Engine`; `record` is the
//! record of a run, and `tally` checks that enough happened; `oracle` holds the protocol in a form that can be checked
//! by eye, over `corosensei`'s switches. `ours` and `theirs` are the two engines.
//!
//! `SELVEDGE_PROGRAMS` sets how many programs are run, `SELVEDGE_SEED` repeats a run; with
//! `SELVEDGE_TRACE` each program is printed before it runs, for one that ends the process.

#[path = "../support/hang_guard.rs"]
mod hang_guard;

mod engine;
mod interpreter;
mod level;
mod oracle;
mod ours;
mod program;
mod record;
mod tally;
mod theirs;
mod values;

use std::cell::RefCell;
use std::env;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::Write;
use std::rc::Rc;
use std::str::FromStr;
use std::sync::atomic::Ordering::Relaxed;

use proptest::test_runner::{Config, RngSeed, TestCaseError, TestError, TestRunner};

use hang_guard::N_STEPS;
use ours::Ours;
use program::Program;
use record::Record;
use tally::Tally;
use theirs::Oracle;

const N_PROGRAMS: u64 = 100_000;
const N_PROGRAMS_EMULATED: u64 = 2_000;

/// Programs that share a seed: a failure is found again without the chunks before it.
const CHUNK: u64 = 10_000;

/// About the most coroutines that live at once; the warm-up creates this number.
const N_WARM: usize = 300;

#[test]
fn random_programs_behave_as_on_the_oracle() {
    let n_programs = from_env("SELVEDGE_PROGRAMS").unwrap_or(if hang_guard::is_emulated() {
        N_PROGRAMS_EMULATED
    } else {
        N_PROGRAMS
    });
    let seed =
        from_env("SELVEDGE_SEED").unwrap_or_else(|| RandomState::new().build_hasher().finish());
    say(&format!("{n_programs} programs, SELVEDGE_SEED={seed}"));
    record::install_hook();
    interpreter::warm_up::<Ours>(N_WARM);
    interpreter::warm_up::<Oracle>(N_WARM);

    let tally = RefCell::new(Tally::default());
    let mut seeds = seed..;
    let mut n_left = n_programs;
    while n_left > 0 {
        let n_here = n_left.min(CHUNK);
        let seed = seeds.next().expect("more seeds than chunks");
        run_chunk(
            seed,
            u32::try_from(n_here).expect("a chunk is small"),
            &tally,
        );
        n_left -= n_here;
    }
    let tally = tally.into_inner();
    let n_steps = record::n_steps() / 2;
    say(&format!(
        "{n_programs} programs, {n_steps} operations executed on each side, which saw\n{tally}"
    ));
    if n_programs >= N_PROGRAMS_EMULATED {
        tally.assert_all_seen();
    }
}

fn run_chunk(seed: u64, n_programs: u32, tally: &RefCell<Tally>) {
    let config = Config {
        cases: n_programs,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(seed),
        ..Config::default()
    };
    let trace = env::var_os("SELVEDGE_TRACE").is_some();
    let outcome = TestRunner::new(config).run(&program::strategy(), |program| {
        if trace {
            say(&format!("{program:?}"));
        }
        let (ours, expected) = run_both(&program);
        if ours.matches(&expected) {
            tally.borrow_mut().add(expected.events());
            ours.recycle();
            expected.recycle();
            Ok(())
        } else {
            Err(TestCaseError::fail(ours.difference(&expected)))
        }
    });
    N_STEPS.fetch_add(1, Relaxed);
    match outcome {
        Ok(()) => {}
        Err(TestError::Fail(difference, program)) => panic!(
            "selvedge and the oracle differ; run again with SELVEDGE_SEED={seed} \
             SELVEDGE_PROGRAMS={n_programs}\n\nshrunk program:\n{program:?}\n{difference}"
        ),
        Err(TestError::Abort(reason)) => panic!("no programs were generated: {reason}"),
    }
}

fn run_both(program: &Rc<Program>) -> (Record, Record) {
    (
        interpreter::run::<Ours>(program),
        interpreter::run::<Oracle>(program),
    )
}

/// Bypasses the harness, which hides the output of a passing test.
fn say(text: &str) {
    writeln!(std::io::stderr(), "differential: {text}").expect("stderr takes a line");
}

fn from_env<T: FromStr>(name: &str) -> Option<T> {
    let value = env::var(name).ok()?;
    match value.parse() {
        Ok(value) => Some(value),
        Err(_) => panic!("{name}={value} is not a number"),
    }
}
