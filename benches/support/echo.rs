//! Echo servers, measured in turn: the server on one core, the load on the other.

use std::time::Duration;

use super::contest::Contender;
use super::load::{Load, Report};
use super::machine::{LOAD_CORE, MEASURED_CORE, pin_to_core, raise_file_limit};
use super::{fail, ours, peers};

const ROUND: Duration = Duration::from_millis(50);

/// The figures of a round with one server.
pub struct Round {
    /// The server's CPU, user and system, in microseconds a request.
    pub cpu_us: f64,
    pub report: Report,
}

/// The contenders' names, in the order of [`measure`]'s result.
pub const NAMES: [&str; 3] = ["selvedge", "raw epoll", "tokio"];

/// Rounds of each server, in the order of [`NAMES`]. Our tasks and tokio's have a buffer each, the epoll loop has one for all.
pub fn measure(
    n_connections: usize,
    buffer_size: usize,
    n_starts: usize,
    n_rounds: usize,
) -> [Vec<Round>; 3] {
    let servers = || {
        [
            ours::contender("echo", &[buffer_size]),
            peers::rust("epoll", "echo", &[]),
            peers::rust("tokio", "echo", &[buffer_size]),
        ]
    };
    measure_servers(n_connections, n_starts, n_rounds, servers)
}

/// Rounds of each server. The addresses of a process's memory can make all of its rounds some percent faster or slower, so each
/// server is started `n_starts` times.
pub fn measure_servers<const N: usize>(
    n_connections: usize,
    n_starts: usize,
    n_rounds: usize,
    servers: impl Fn() -> [Contender; N],
) -> [Vec<Round>; N] {
    raise_file_limit((N as u64 + 1) * n_connections as u64 + 100);
    let mut samples = [const { Vec::new() }; N];
    for start in 0..n_starts {
        // A server inherits the core of the thread that starts it.
        pin_to_core(MEASURED_CORE);
        let servers = servers();
        // A server finds the caches full of the previous server's memory, so each runs after each other one.
        let mut order: [usize; N] = std::array::from_fn(|index| index);
        if start % 2 > 0 {
            order.reverse();
        }
        started(n_connections, n_rounds, &servers, order, &mut samples);
    }
    samples
}

/// Measures rounds of each server; the others sleep meanwhile.
fn started<const N: usize>(
    n_connections: usize,
    n_rounds: usize,
    servers: &[Contender; N],
    order: [usize; N],
    samples: &mut [Vec<Round>; N],
) {
    pin_to_core(LOAD_CORE);
    let mut loads = servers.each_ref().map(|server| {
        Load::connect(server.port(), n_connections)
            .unwrap_or_else(|error| fail(format_args!("{}: {error}", server.name)))
    });
    // The first round warms up.
    for round in 0..=n_rounds {
        for index in order {
            let figures = one(&servers[index], &mut loads[index]);
            if round > 0 {
                samples[index].push(figures);
            }
        }
    }
    pin_to_core(MEASURED_CORE);
}

fn one(server: &Contender, load: &mut Load) -> Round {
    let before = server.cpu_ns();
    let report = load.run(ROUND);
    let report = report.unwrap_or_else(|error| fail(format_args!("{}: {error}", server.name)));
    let cpu_us = (server.cpu_ns() - before) as f64 / 1000.0 / report.n_requests as f64;
    Round { cpu_us, report }
}
