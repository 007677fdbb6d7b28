//! Which shape the scheduler is to have: round robin through a run queue, from task to task
//! (symmetric), by a loop that calls and is returned to (asymmetric), or by a loop on a coroutine of
//! its own (jumping). Tasks that yield in their body, and tasks that yield two calls further down,
//! as whatever reads from a socket does.
//!
//! `cargo bench --bench scheduler_shape`. The shapes are measured in turn, round by round.

use std::time::Instant;

use selvedge::coroutine::{Place, Rounds, Shape};

const ROUNDS: usize = 9;
const DISPATCHES: usize = 4_000_000;
const SHAPES: [Shape; 3] = [Shape::Symmetric, Shape::Asymmetric, Shape::Jumping];

fn main() {
    println!("ns a yield, medians of {ROUNDS} interleaved rounds (lowest in brackets)\n");
    println!(
        "{:>8} {:>9} {:>17} {:>17} {:>17} {:>16} {:>13}",
        "tasks", "yields in", "symmetric", "asymmetric", "jumping", "asym/sym", "jumping/sym"
    );
    for place in [Place::Body, Place::Callee] {
        for n in [2, 1_000, 100_000] {
            row(n, place);
        }
    }
}

fn row(n: usize, place: Place) {
    let mut all = SHAPES.map(|shape| Rounds::new(n, shape, place));
    let mut samples = SHAPES.map(|_| Vec::new());
    // The first round warms up.
    for round in 0..=ROUNDS {
        for (rounds, samples) in all.iter_mut().zip(&mut samples) {
            let start = Instant::now();
            rounds.run(DISPATCHES);
            let ns = start.elapsed().as_nanos() as f64 / DISPATCHES as f64;
            if round > 0 {
                samples.push(ns);
            }
        }
    }
    let [symmetric, asymmetric, jumping] = samples.map(|mut samples| {
        samples.sort_by(f64::total_cmp);
        (samples[ROUNDS / 2], samples[0])
    });
    let figure = |(median, min): (f64, f64)| format!("{median:.2} ({min:.2})");
    println!(
        "{n:>8} {:>9} {:>17} {:>17} {:>17} {:>16.2} {:>13.2}",
        format!("{place:?}"),
        figure(symmetric),
        figure(asymmetric),
        figure(jumping),
        asymmetric.0 / symmetric.0,
        jumping.0 / symmetric.0,
    );
}
