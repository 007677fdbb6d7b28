//! A row of the result, and how the rows are printed.

use crate::support::contest::median;

/// One promise and what was measured for it.
pub struct Row {
    /// What was measured, and its unit.
    pub what: &'static str,
    /// Ours, one sample a round.
    pub ours: Vec<f64>,
    /// What it is held against.
    pub peer: &'static str,
    /// The peer's samples, empty where the limit is absolute.
    pub peers: Vec<f64>,
    pub limit: Limit,
}

/// What must hold.
pub enum Limit {
    /// Ours divided by the peer's, at most.
    AtMost(f64),
    /// The same for what ours takes beyond a floor, which is measured in the same rounds: what the
    /// machine charges for private stacks, which the peer does not have.
    Beyond(Floor, f64),
    /// The peer's divided by ours, at least.
    TimesFaster(f64),
    /// Ours itself, at most.
    Absolute(f64),
}

/// What nobody who does this with stacks can save.
pub struct Floor {
    pub what: &'static str,
    pub samples: Vec<f64>,
}

fn extremes(samples: &[f64]) -> (f64, f64) {
    samples.iter().fold((f64::INFINITY, 0.0), |(min, max), &x| {
        (min.min(x), f64::max(max, x))
    })
}

impl Row {
    /// The figure that is held against the limit, and whether it keeps it.
    fn verdict(&self) -> (f64, bool, String) {
        let ours = median(&self.ours);
        match &self.limit {
            Limit::Beyond(floor, limit) => {
                let ratio = (ours - median(&floor.samples)) / median(&self.peers);
                (ratio, ratio <= *limit, format!("<= {limit}"))
            }
            Limit::AtMost(limit) => {
                let ratio = ours / median(&self.peers);
                (ratio, ratio <= *limit, format!("<= {limit}"))
            }
            Limit::TimesFaster(limit) => {
                let ratio = median(&self.peers) / ours;
                (ratio, ratio >= *limit, format!(">= {limit}"))
            }
            Limit::Absolute(limit) => (ours, ours <= *limit, format!("<= {limit}")),
        }
    }
}

/// Prints the table; answers how many promises were missed.
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
