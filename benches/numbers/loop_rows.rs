//! The rows of the event loop: yields, spawns, sleeps, queues, echo, HTTP requests.

use crate::rows::{corosensei_round_trips, interleaved};
use crate::support::contest::{self, Contender};
use crate::support::{echo, floor, http, ours, peers, pop};
use crate::table::{Floor, Limit, Row};

const ROUNDS: usize = 15;
/// Rounds that take a second or more.
const LONG_ROUNDS: usize = 7;
/// Many short rounds, with servers that are started many times, because other work of the kernel varies.
const ECHO_STARTS: usize = 20;
const ECHO_ROUNDS: usize = 13;

/// The yields of each task in a round: two million in all.
pub fn turns(n_tasks: usize) -> usize {
    2_000_000 / n_tasks
}

/// Our contender with `n_tasks` tasks that yield.
fn our_yields(n_tasks: usize) -> Contender {
    ours::contender("yield", &[n_tasks, turns(n_tasks)])
}

fn tokios_yields(n_tasks: usize) -> Contender {
    peers::rust("tokio", "yield", &[n_tasks, turns(n_tasks)])
}

/// One row for two contenders, ours first.
fn against(
    what: &'static str,
    peer: &'static str,
    limit: f64,
    rounds: usize,
    contenders: [Contender; 2],
) -> Row {
    let samples = contest::rounds(rounds, &mut { contenders });
    let [ours, peers] = samples.try_into().expect("two contenders");
    let limit = Limit::AtMost(limit);
    Row {
        what,
        ours,
        peer,
        peers,
        limit,
    }
}

pub fn yields() -> Vec<Row> {
    const TOKIO: &str = "tokio, current thread, a task that wakes itself";
    let mut two = our_yields(2);
    let (ours, peers) = interleaved(ROUNDS, || two.round(), corosensei_round_trips);
    let of_a_round_trip = Row {
        what: "yield_now among 2 tasks, ns",
        ours,
        peer: "corosensei's resume + suspend",
        peers,
        limit: Limit::AtMost(1.4),
    };
    let versus_tokio = |what, limit, n| {
        let contenders = [our_yields(n), tokios_yields(n)];
        against(what, TOKIO, limit, ROUNDS, contenders)
    };
    vec![
        versus_tokio("yield_now among 2 tasks, ns", 0.143, 2),
        of_a_round_trip,
        versus_tokio("yield_now among 1,000 tasks, ns", 0.143, 1_000),
        against(
            "yield_now among 1,000 tasks, ns",
            "among 2",
            1.5,
            ROUNDS,
            [our_yields(1_000), two],
        ),
    ]
    .into_iter()
    .chain(among_many(TOKIO))
    .collect()
}

/// Among 100,000 tasks a turn walks the page tables and loads two lines of a stack from memory; the limit is for the cost beyond
/// that. The plain ratios are rows as well.
fn among_many(peer: &'static str) -> [Row; 3] {
    const N: usize = 100_000;
    let (mut ours, mut tokio, mut visits) = (our_yields(N), tokios_yields(N), floor::visits(N, 2));
    let mut samples = [const { Vec::new() }; 3];
    for _ in 0..ROUNDS {
        let round = [ours.round(), tokio.round(), visits()];
        samples
            .iter_mut()
            .zip(round)
            .for_each(|(samples, sample)| samples.push(sample));
    }
    let [ours, peers, samples] = samples;
    let visits = "a line written and another read on each of 100,000 stacks";
    let row = |peer, peers: &Vec<f64>, limit| Row {
        what: "yield_now among 100,000 tasks, ns",
        ours: ours.clone(),
        peer,
        peers: peers.clone(),
        limit,
    };
    let floor = Floor {
        what: visits,
        samples: samples.clone(),
    };
    [
        row(peer, &peers, Limit::AtMost(0.8)),
        row(visits, &samples, Limit::AtMost(2.0)),
        row(peer, &peers, Limit::Beyond(floor, 0.333)),
    ]
}

/// All peers in the same rounds.
pub fn spawns() -> Vec<Row> {
    const WORK: [usize; 2] = [100, 2_000];
    let mut contenders = [
        ours::contender("spawn", &WORK),
        peers::rust("monoio", "spawn", &WORK),
        peers::rust("tokio", "spawn", &WORK),
        peers::go("spawn", &WORK),
    ];
    let mut samples = contest::rounds(ROUNDS, &mut contenders).into_iter();
    let ours = samples.next().expect("our samples");
    let limits = [("monoio", 1.0), ("tokio", 0.25), ("Go", 0.25)];
    let row = |(peers, (peer, limit))| Row {
        what: "spawn + run + join, batches of 100, ns",
        ours: ours.clone(),
        peer,
        peers,
        limit: Limit::AtMost(limit),
    };
    samples.zip(limits).map(row).collect()
}

/// Each peer in rounds of its own.
pub fn queues() -> Vec<Row> {
    const WORK: [usize; 2] = [100, 2_000_000];
    let contenders = |peer| [ours::contender("queue", &WORK), peer];
    let row = |peer, limit, contender| {
        let what = "a queue of 100 between two tasks, ns an item";
        against(what, peer, limit, ROUNDS, contenders(contender))
    };
    vec![
        row("a channel of Go's", 0.25, peers::go("queue", &WORK)),
        row("tokio's mpsc", 0.25, peers::rust("tokio", "queue", &WORK)),
    ]
}

/// A wait for the first of an event, a deadline and the hang-up of a peer.
pub fn selects() -> Vec<Row> {
    const WORK: [usize; 1] = [200_000];
    vec![against(
        "select! of an event, a deadline and a hang-up, ns",
        "tokio's select!, of a Notify, a sleep and a socket",
        1.0,
        ROUNDS,
        [
            ours::contender("select", &WORK),
            peers::rust("tokio", "select", &WORK),
        ],
    )]
}

/// A gather of many tasks with empty bodies, against as many tasks that are spawned and then joined one by one.
pub fn gathers() -> Vec<Row> {
    const WORK: [usize; 2] = [10_000, 20];
    vec![against(
        "gather of 10,000 trivial tasks, ns a task",
        "as many, spawned and then joined one by one",
        1.5,
        ROUNDS,
        [
            ours::contender("gather", &WORK),
            ours::contender("spawn", &WORK),
        ],
    )]
}

/// Each round has a new process of ours: its first sleeps have cold stacks, later ones have warm stacks.
pub fn sleeps() -> Vec<Row> {
    const N: usize = 1_000_000;
    const WARM_ROUNDS: usize = 2;
    let seconds = |ns_each: f64| ns_each * N as f64 / 1e9;
    let mut tokio = peers::rust("tokio", "sleep", &[N]);
    tokio.round();
    let (mut cold, mut touches, mut warm) = (Vec::new(), Vec::new(), Vec::new());
    let (mut beside_cold, mut beside_warm) = (Vec::new(), Vec::new());
    for _ in 0..LONG_ROUNDS {
        let mut ours = ours::contender("sleep", &[N]);
        floor::recall_memory(N);
        cold.push(seconds(ours.round()));
        beside_cold.push(seconds(tokio.round()));
        for _ in 0..WARM_ROUNDS {
            warm.push(seconds(ours.round()));
            beside_warm.push(seconds(tokio.round()));
        }
        drop(ours);
        floor::recall_memory(N);
        touches.push(floor::first_touches(N));
    }
    let first_touch = Floor {
        what: "what the kernel takes to guard a million stacks and to commit a page of each",
        samples: touches,
    };
    let row = |what, ours, peers, limit| Row {
        what,
        ours,
        peer: "tokio, current thread",
        peers,
        limit,
    };
    vec![
        row(
            "1,000,000 sleeps up to 1 s, warm stacks, CPU s",
            warm,
            beside_warm,
            Limit::AtMost(1.0),
        ),
        row(
            "1,000,000 sleeps up to 1 s, cold stacks, CPU s",
            cold.clone(),
            beside_cold.clone(),
            Limit::AtMost(2.0),
        ),
        row(
            "1,000,000 sleeps up to 1 s, cold stacks, CPU s",
            cold,
            beside_cold,
            Limit::Beyond(first_touch, 1.5),
        ),
        fewer_cold_sleeps(),
    ]
}

/// As the row of a million.
fn fewer_cold_sleeps() -> Row {
    const N: usize = 100_000;
    let mut tokio = peers::rust("tokio", "sleep", &[N]);
    tokio.round();
    let (mut cold, mut beside) = (Vec::new(), Vec::new());
    for _ in 0..LONG_ROUNDS {
        let mut ours = ours::contender("sleep", &[N]);
        floor::recall_memory(N);
        cold.push(ours.round() * N as f64 / 1e9);
        beside.push(tokio.round() * N as f64 / 1e9);
    }
    Row {
        what: "100,000 sleeps up to 1 s, cold stacks, CPU s",
        ours: cold,
        peer: "tokio, current thread",
        peers: beside,
        limit: Limit::AtMost(1.6),
    }
}

pub fn pops() -> Vec<Row> {
    let [ours, peers] = pop::measure(1_000, ECHO_STARTS / 2, ECHO_ROUNDS);
    vec![Row {
        what: "a blocking pop by 1,000 connections, server CPU us",
        ours,
        peer: "tokio, current thread: a oneshot channel, a sleep and a peek",
        peers,
        limit: Limit::AtMost(1.1),
    }]
}

pub fn echoes() -> Vec<Row> {
    let few = "echo, 64 B, 50 connections, server CPU us a request";
    let many = "echo, 64 B, 1,000 connections, server CPU us a request";
    let large = "echo, 64 B, 1,000 connections, 4 KiB in each task, CPU us";
    let mut rows = Vec::new();
    for (what, n_connections, buffer_size, limits) in [
        (few, 50, 1024, [1.05, 1.0]),
        (many, 1_000, 1024, [1.05, 1.0]),
        (large, 1_000, 4096, [1.08, 0.97]),
    ] {
        let samples = echo::measure(n_connections, buffer_size, ECHO_STARTS, ECHO_ROUNDS);
        let [ours, epoll, tokio] =
            samples.map(|rounds| rounds.iter().map(|round| round.cpu_us).collect::<Vec<_>>());
        for (peer, peers, limit) in [
            ("a raw epoll loop", epoll, limits[0]),
            ("tokio, current thread", tokio, limits[1]),
        ] {
            rows.push(Row {
                what,
                ours: ours.clone(),
                peer,
                peers,
                limit: Limit::AtMost(limit),
            });
        }
    }
    rows.push(echo_beside_looks());
    rows
}

/// What the looks at idle stacks cost a loop under load.
fn echo_beside_looks() -> Row {
    const TEN_MS: usize = 10;
    let looks = |every_ms| ours::contender("echo_with_looks", &[1024, every_ms]);
    let samples = echo::measure_servers(1_000, ECHO_STARTS, ECHO_ROUNDS, || {
        [looks(TEN_MS), looks(0)]
    });
    let [with, without] =
        samples.map(|rounds| rounds.iter().map(|round| round.cpu_us).collect::<Vec<_>>());
    Row {
        what: "echo, 64 B, 1,000 connections, stacks idle after 10 ms, us",
        ours: with,
        peer: "without looks at idle stacks",
        peers: without,
        limit: Limit::AtMost(1.01),
    }
}

/// Batches of a hundred requests, each with a new session. The system's cost of the bare connections and transfers is the larger
/// part, and no client can avoid it.
pub fn requests() -> Vec<Row> {
    let [ours, reqwest, aiohttp, bare] = http::measure(100, 20, ROUNDS).map(|client| client.cpu_us);
    let connections = Floor {
        what: "the same requests as constant bytes over blocking sockets",
        samples: bare,
    };
    let row = |peer, peers, limit| Row {
        what: "100 GETs over http::Session, CPU us a request",
        ours: ours.clone(),
        peer,
        peers,
        limit,
    };
    let (even, a_fifth) = (Limit::AtMost(1.0), Limit::Beyond(connections, 0.2));
    vec![
        row("reqwest on tokio, current thread", reqwest, even),
        row("aiohttp with uvloop", aiohttp, a_fifth),
    ]
}
