//! HTTP clients, measured in turn: each client on one core, the server on the other.

use super::contest::Contender;
use super::machine::{LOAD_CORE, MEASURED_CORE, pin_to_core, raise_file_limit};
use super::peers;

/// The contenders' names, in the order of [`measure`]'s result.
pub const NAMES: [&str; 4] = ["selvedge", "reqwest", "aiohttp", "bare sockets"];

/// The figures of a client.
pub struct Client {
    /// CPU, user and system, in microseconds a request; one figure a round.
    pub cpu_us: Vec<f64>,
    /// Wall-clock time in microseconds a request.
    pub wall_us: Vec<f64>,
    /// Peak memory in MiB.
    pub peak_mib: f64,
}

/// Rounds of each client, ours first. A round is `n_batches` batches of `n_requests` requests, each batch with a new client.
pub fn measure(n_requests: usize, n_batches: usize, n_rounds: usize) -> [Client; 4] {
    raise_file_limit(1_000);
    pin_to_core(LOAD_CORE);
    let server = peers::rust("epoll", "pages", &[]);
    pin_to_core(MEASURED_CORE);
    let numbers = [usize::from(server.port()), n_requests, n_batches];
    let mut clients = [
        peers::rust("selvedge", "http", &numbers),
        peers::rust("reqwest", "http", &numbers),
        peers::python("http_client", &numbers),
        peers::rust("bare", "http", &numbers),
    ];
    let (cpu, wall) = timed_rounds(n_rounds, &mut clients);
    let n = (n_requests * n_batches) as f64;
    let mut samples = cpu.into_iter().zip(wall);
    clients.each_ref().map(|client| {
        let (cpu, wall) = samples.next().expect("as many samples as clients");
        Client {
            cpu_us: cpu.iter().map(|ns| ns / 1e3).collect(),
            wall_us: wall.iter().map(|us| us / n).collect(),
            peak_mib: client.peak_kib() as f64 / 1024.0,
        }
    })
}

/// As `contest::rounds`, with the wall-clock time of each round in microseconds.
fn timed_rounds(n_rounds: usize, clients: &mut [Contender; 4]) -> (Vec<Vec<f64>>, Vec<Vec<f64>>) {
    let mut wall = vec![Vec::with_capacity(n_rounds); clients.len()];
    let mut cpu = wall.clone();
    for round in 0..=n_rounds {
        for (index, client) in clients.iter_mut().enumerate() {
            let start = std::time::Instant::now();
            let figure = client.round();
            let took = start.elapsed().as_secs_f64() * 1e6;
            // The first round warms up.
            if round > 0 {
                cpu[index].push(figure);
                wall[index].push(took);
            }
        }
    }
    (cpu, wall)
}
