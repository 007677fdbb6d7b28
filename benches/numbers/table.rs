//! A row of the result, its verdict, and the printed table.

use crate::support::contest::median;

/// A promise and its samples.
pub struct Row {
    /// The measured operation and its unit.
    pub what: &'static str,
    /// Ours, one sample a round.
    pub ours: Vec<f64>,
    /// The operation that it is compared with.
    pub peer: &'static str,
    /// The peer's samples, empty where the limit is absolute.
    pub peers: Vec<f64>,
    pub limit: Limit,
}

/// The promise.
pub enum Limit {
    /// Ours divided by the peer's, at most.
    AtMost(f64),
    /// The same after a floor is subtracted from ours, which is measured in the same rounds: the
    /// machine's charge for private stacks, which the peer does not have.
    Beyond(Floor, f64),
    /// The peer's divided by ours, at least.
    TimesFaster(f64),
    /// Ours itself, at most.
    Absolute(f64),
}

/// A cost that no implementation with private stacks can avoid.
pub struct Floor {
    pub what: &'static str,
    pub samples: Vec<f64>,
}

fn extremes(samples: &[f64]) -> (f64, f64) {
    samples.iter().fold((f64::INFINITY, 0.0), |(min, max), &x| {
        (min.min(x), f64::max(max, x))
    })
}

/// The median of the rounds' figures. Samples are compared within their round, because a machine may have fast minutes and slow
/// ones.
fn by_rounds<const N: usize>(samples: [&[f64]; N], figure: impl Fn([f64; N]) -> f64) -> f64 {
    let n_rounds = samples[0].len();
    assert!(
        samples.iter().all(|samples| samples.len() == n_rounds),
        "a sample of each in each round"
    );
    let figures = (0..n_rounds).map(|round| figure(samples.map(|samples| samples[round])));
    median(&figures.collect::<Vec<_>>())
}

impl Row {
    /// The figure, whether it keeps the limit, and the limit as text.
    fn verdict(&self) -> (f64, bool, String) {
        let both = [&self.ours[..], &self.peers];
        match &self.limit {
            Limit::Beyond(floor, limit) => {
                let all = [&self.ours[..], &self.peers, &floor.samples];
                let ratio = by_rounds(all, |[ours, peer, floor]| (ours - floor) / peer);
                (ratio, ratio <= *limit, format!("<= {limit}"))
            }
            Limit::AtMost(limit) => {
                let ratio = by_rounds(both, |[ours, peer]| ours / peer);
                (ratio, ratio <= *limit, format!("<= {limit}"))
            }
            Limit::TimesFaster(limit) => {
                let ratio = by_rounds(both, |[ours, peer]| peer / ours);
                (ratio, ratio >= *limit, format!(">= {limit}"))
            }
            Limit::Absolute(limit) => {
                let ours = median(&self.ours);
                (ours, ours <= *limit, format!("<= {limit}"))
            }
        }
    }
}

/// Prints the table and returns the number of missed promises.
pub fn print(rows: &[Row]) -> usize {
    println!(
        "\n{:<58}{:>10}{:>10}{:>10}{:>12}{:>10}{:>9}",
        "what", "median", "min", "max", "peer median", "figure", "limit"
    );
    let mut missed = 0;
    for row in rows {
        let (min, max) = extremes(&row.ours);
        let (figure, kept, limit) = row.verdict();
        let peer = if row.peers.is_empty() {
            String::new()
        } else {
            format!("{:.2}", median(&row.peers))
        };
        println!(
            "{:<58}{:>10.2}{min:>10.2}{max:>10.2}{peer:>12}{figure:>10.2}{limit:>9}  {}",
            row.what,
            median(&row.ours),
            if kept { "ok" } else { "MISSED" },
        );
        if !row.peer.is_empty() {
            println!("    against {}", row.peer);
        }
        if let Limit::Beyond(floor, _) = &row.limit {
            println!("    beyond {:.2}: {}", median(&floor.samples), floor.what);
        }
        missed += usize::from(!kept);
    }
    println!("\n{} of {} numbers hold", rows.len() - missed, rows.len());
    missed
}
