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
    /// The figure that the limit is for.
    fn figure(&self) -> f64 {
        let both = [&self.ours[..], &self.peers];
        match &self.limit {
            Limit::Beyond(floor, _) => {
                let all = [&self.ours[..], &self.peers, &floor.samples];
                by_rounds(all, |[ours, peer, floor]| (ours - floor) / peer)
            }
            Limit::AtMost(_) => by_rounds(both, |[ours, peer]| ours / peer),
            Limit::TimesFaster(_) => by_rounds(both, |[ours, peer]| peer / ours),
            Limit::Absolute(_) => median(&self.ours),
        }
    }
}

impl Limit {
    fn is_kept(&self, figure: f64) -> bool {
        match self {
            Self::Beyond(_, limit) | Self::AtMost(limit) | Self::Absolute(limit) => {
                figure <= *limit
            }
            Self::TimesFaster(limit) => figure >= *limit,
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Beyond(_, limit) | Self::AtMost(limit) | Self::Absolute(limit) => {
                format!("<= {limit}")
            }
            Self::TimesFaster(limit) => format!(">= {limit}"),
        }
    }
}

/// A row of a group with the figures of all runs of the group.
pub struct Measured {
    row: Row,
    figures: Vec<f64>,
}

/// How often a group is run if a row of its first run misses its limit.
const RUNS: usize = 5;

/// Measures a group. A run may miss a limit because the machine does other work, so in that case the group is run again, and
/// the verdict is that of the median of the runs' figures.
pub fn measured(measure: fn() -> Vec<Row>) -> Vec<Measured> {
    let mut rows: Vec<Measured> = measure()
        .into_iter()
        .map(|row| Measured {
            figures: vec![row.figure()],
            row,
        })
        .collect();
    if rows.iter().all(Measured::is_kept) {
        return rows;
    }
    for _ in 1..RUNS {
        for (measured, again) in rows.iter_mut().zip(measure()) {
            assert_eq!(
                measured.row.what, again.what,
                "a group has the same rows in each run"
            );
            measured.figures.push(again.figure());
        }
    }
    rows
}

impl Measured {
    fn figure(&self) -> f64 {
        median(&self.figures)
    }

    fn is_kept(&self) -> bool {
        self.row.limit.is_kept(self.figure())
    }
}

/// Prints the table and returns the number of missed promises. The nanoseconds are those of a group's first run.
pub fn print(rows: &[Measured]) -> usize {
    println!(
        "\n{:<58}{:>10}{:>10}{:>10}{:>12}{:>10}{:>9}",
        "what", "median", "min", "max", "peer median", "figure", "limit"
    );
    let mut missed = 0;
    for measured in rows {
        let Measured { row, figures } = measured;
        let (figure, is_kept, limit) = (measured.figure(), measured.is_kept(), row.limit.text());
        let (min, max) = extremes(&row.ours);
        let peer = if row.peers.is_empty() {
            String::new()
        } else {
            format!("{:.2}", median(&row.peers))
        };
        println!(
            "{:<58}{:>10.2}{min:>10.2}{max:>10.2}{peer:>12}{figure:>10.2}{limit:>9}  {}",
            row.what,
            median(&row.ours),
            if is_kept { "ok" } else { "MISSED" },
        );
        if !row.peer.is_empty() {
            println!("    against {}", row.peer);
        }
        if let Limit::Beyond(floor, _) = &row.limit {
            println!("    beyond {:.2}: {}", median(&floor.samples), floor.what);
        }
        if figures.len() > 1 {
            let all: Vec<String> = figures
                .iter()
                .map(|figure| format!("{figure:.2}"))
                .collect();
            println!(
                "    the median of {} runs: {}",
                figures.len(),
                all.join(", ")
            );
        }
        missed += usize::from(!is_kept);
    }
    println!("\n{} of {} numbers hold", rows.len() - missed, rows.len());
    missed
}
