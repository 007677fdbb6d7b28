//! The benchmark's side of the protocol: starts contenders and asks them for rounds in turn.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use super::{fail, machine};

/// A process that does a round of work for each request (see `peers/contender.rs`).
pub struct Contender {
    pub name: String,
    child: Child,
    to_child: ChildStdin,
    from_child: BufReader<ChildStdout>,
    /// The first line of its output: `ready`, or a server's port.
    greeting: String,
}

impl Contender {
    /// Starts a process, on the caller's core, and waits until it is ready.
    pub fn start(name: &str, mut command: Command) -> Self {
        let spawned = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child =
            spawned.unwrap_or_else(|error| fail(format_args!("{name} does not start: {error}")));
        let to_child = child.stdin.take().expect("it was asked for");
        let from_child = BufReader::new(child.stdout.take().expect("it was asked for"));
        let mut contender = Self {
            name: name.to_owned(),
            child,
            to_child,
            from_child,
            greeting: String::new(),
        };
        contender.greeting = contender.line();
        contender
    }

    /// Asks for a round and returns its figure: nanoseconds for one operation.
    pub fn round(&mut self) -> f64 {
        // If the process has ended, `line` reports it.
        let _ = self.to_child.write_all(b"round\n");
        let line = self.line();
        let figure = line.parse();
        figure.unwrap_or_else(|_| fail(format_args!("{} answered {line:?}", self.name)))
    }

    /// The port of a server.
    pub fn port(&self) -> u16 {
        let port = self.greeting.parse();
        port.unwrap_or_else(|_| fail(format_args!("{} has no port", self.name)))
    }

    /// Nanoseconds of CPU that the process has used.
    pub fn cpu_ns(&self) -> u64 {
        machine::cpu_ns_of(self.child.id())
    }

    /// The process's peak memory in KiB.
    pub fn peak_kib(&self) -> u64 {
        machine::peak_kib_of(self.child.id())
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        match self.from_child.read_line(&mut line) {
            Ok(n) if n > 0 => line.trim().to_owned(),
            _ => fail(format_args!("{} has ended, see above", self.name)),
        }
    }
}

impl Drop for Contender {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Asks the contenders in turn, round by round, and returns the figures of each. A first round warms up and does not count.
pub fn rounds(n_rounds: usize, contenders: &mut [Contender]) -> Vec<Vec<f64>> {
    let mut samples = vec![Vec::with_capacity(n_rounds); contenders.len()];
    for round in 0..=n_rounds {
        for (contender, samples) in contenders.iter_mut().zip(&mut samples) {
            let figure = contender.round();
            if round > 0 {
                samples.push(figure);
            }
        }
    }
    samples
}

/// The median of the samples.
pub fn median(samples: &[f64]) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

/// Prints each contender's figures, and its median divided by that of the first contender, which is ours.
pub fn print(title: &str, names: &[&str], samples: &[Vec<f64>]) {
    println!("\n{title}");
    println!(
        "  {:<34}{:>10}{:>10}{:>10}{:>10}",
        "", "median", "min", "max", "of ours"
    );
    let ours = median(&samples[0]);
    for (name, samples) in names.iter().zip(samples) {
        let min = samples.iter().copied().fold(f64::INFINITY, f64::min);
        let max = samples.iter().copied().fold(0.0, f64::max);
        let median = median(samples);
        println!(
            "  {name:<34}{median:>10.2}{min:>10.2}{max:>10.2}{:>10.2}",
            median / ours
        );
    }
}

/// Measures the contenders and prints their figures.
pub fn measure_and_print(title: &str, n_rounds: usize, mut contenders: Vec<Contender>) {
    let samples = rounds(n_rounds, &mut contenders);
    let names: Vec<&str> = contenders.iter().map(|c| c.name.as_str()).collect();
    print(title, &names, &samples);
}
