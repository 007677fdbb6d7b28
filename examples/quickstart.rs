//! A tour: a pipeline of coroutines over a file; resume, send, throw and close with their results; a hundred downloads at once in
//! the event loop; and the cost of a switch on this machine, beside its peers.
//!
//! ```text
//! cargo run --release --example quickstart            # reads the README
//! cargo run --release --example quickstart FILE
//! ```
//!
//! With `SELVEDGE_QUICK=1`, and in a debug build, it takes fewer samples.

use std::collections::HashMap;
use std::error::Error;
use std::fs::File;
use std::hint::black_box;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use selvedge::coroutine::Thrown;
use selvedge::net::{SocketAddr, TcpListener, TcpStream};
use selvedge::{Coroutine, CoroutineState, Generator, Yielder};

#[path = "../benches/peers/threads.rs"]
mod threads;

use threads::{Parking, Piping, Placement};

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args_os()
        .nth(1)
        .map_or_else(default_path, PathBuf::from);
    pipeline(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    tour();
    selvedge::run(downloads)?;
    latency()?;
    Ok(())
}

fn default_path() -> PathBuf {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = repository.join("README.md");
    if readme.exists() {
        readme
    } else {
        repository.join("Cargo.toml")
    }
}

/// Suspends with each item, and returns the error of the file, if any.
type Source = Coroutine<(), String, io::Result<()>>;

/// Lines, words, counts and ranking: each stage is a coroutine. `resume` pulls words out of one stage and `send` pushes them into
/// the next, so both stages are plain loops.
fn pipeline(path: &Path) -> io::Result<()> {
    let mut words = words(lines(File::open(path)?));
    let mut counter = counter();
    let counts = loop {
        match words.resume() {
            CoroutineState::Yielded(word) => counter.send(Some(word)),
            CoroutineState::Complete(read) => {
                read?;
                break counter.send(None).unwrap_complete();
            }
        };
    };
    println!("The ten most frequent words of {}:", path.display());
    for (word, count) in ranking(counts).take(10) {
        println!("{count:>6}  {word}");
    }
    Ok(())
}

fn lines(file: File) -> Source {
    Coroutine::new(move |yielder, ()| {
        for line in BufReader::new(file).split(b'\n') {
            yielder.suspend(String::from_utf8_lossy(&line?).into_owned());
        }
        Ok(())
    })
}

fn words(mut lines: Source) -> Source {
    Coroutine::new(move |yielder, ()| {
        loop {
            match lines.resume() {
                CoroutineState::Yielded(line) => {
                    let words = line.split(|c: char| !c.is_alphanumeric());
                    let words = words.filter(|word| word.len() > 1);
                    yielder.yield_from(words.map(str::to_lowercase));
                }
                CoroutineState::Complete(read) => return read,
            }
        }
    })
}

/// Receives words until `None`, and returns the count of each.
fn counter() -> Coroutine<Option<String>, (), HashMap<String, usize>> {
    Coroutine::new(|yielder, mut next| {
        let mut counts = HashMap::new();
        while let Some(word) = next {
            *counts.entry(word).or_default() += 1;
            next = yielder.suspend(());
        }
        counts
    })
}

fn ranking(counts: HashMap<String, usize>) -> Generator<(String, usize)> {
    Generator::new(move |yielder| {
        let mut counts: Vec<_> = counts.into_iter().collect();
        // Equally frequent words are sorted by the alphabet, so that each run prints the same.
        counts.sort_by(|(word, count), (other, others)| others.cmp(count).then(word.cmp(other)));
        yielder.yield_from(counts);
    })
}

/// The operations on a coroutine, with their results.
fn tour() {
    /// Prints its name when it is dropped.
    struct Local(&'static str);

    impl Drop for Local {
        fn drop(&mut self) {
            println!("    ({} is dropped)", self.0);
        }
    }

    println!("\nA countdown is resumed, and closed in the middle:");
    let mut countdown = Coroutine::new(|yielder: &Yielder<(), u32>, ()| {
        let _local = Local("the countdown's local variable");
        yielder.yield_from((1..=3).rev());
        "lift-off"
    });
    println!("  resume()       {:?}", countdown.resume());
    println!("  resume()       {:?}", countdown.resume());
    println!("  close()        {:?}", countdown.close());
    println!("  status()       {}", countdown.status());

    println!("\nA running sum is sent numbers; a thrown payload resets it:");
    let mut sum = Coroutine::new(|yielder: &Yielder<i64, i64>, first: i64| {
        let (mut sum, mut n_resets) = (first, 0);
        loop {
            match yielder.suspend_catching(sum) {
                Ok(value) => sum += value,
                Err(Thrown::Payload(_)) => (sum, n_resets) = (0, n_resets + 1),
                Err(_) => return n_resets,
            }
        }
    });
    println!("  send(30)       {:?}", sum.send(30));
    println!("  send(12)       {:?}", sum.send(12));
    println!("  throw(\"reset\") {:?}", sum.throw(Box::new("reset")));
    println!("  send(7)        {:?}", sum.send(7));
    println!("  close()        {:?}", sum.close());
    println!("  try_send(1)    {:?}", sum.try_send(1));
}

/// A hundred GETs at once, each in a task of straight-line code, with the server in the same loop. (The example `fetch_100` does
/// this with any server.)
fn downloads() -> Result<(), Box<dyn Error>> {
    const N_GETS: u32 = 100;
    const DELAY: Duration = Duration::from_millis(100);

    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let server = selvedge::spawn(move || {
        for stream in listener.incoming().flatten() {
            selvedge::spawn_fallible(move || answer(&stream, DELAY)).detach();
        }
    });

    let start = Instant::now();
    let gets: Vec<_> = (0..N_GETS)
        .map(|n| selvedge::spawn_fallible(move || get(address, n)))
        .collect();
    let mut n_bytes = 0;
    for (n, get) in gets.into_iter().enumerate() {
        let page = get.join()?;
        assert!(page.starts_with(&format!("page {n} ")));
        n_bytes += page.len();
    }
    let took = start.elapsed();
    server.cancel();

    println!("\n{N_GETS} GETs at once from a server that takes {DELAY:?} for each, on one thread:");
    println!(
        "  {n_bytes} bytes in {took:.0?}; one after the other takes {:?}",
        DELAY * N_GETS
    );
    Ok(())
}

/// Answers one request and closes the connection, which ends the page.
fn answer(mut stream: &TcpStream, delay: Duration) -> io::Result<()> {
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let request = lines.next().unwrap_or_default();
    lines.take_while(|line| !line.is_empty()).for_each(drop);
    selvedge::sleep(delay);
    let path = request.split(' ').nth(1).unwrap_or_default();
    let text = path.replace('/', " ").repeat(100);
    stream.write_all(format!("HTTP/1.0 200 OK\r\n\r\n{} ", text.trim()).as_bytes())
}

fn get(address: SocketAddr, n: u32) -> io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    let request = format!("GET /page/{n} HTTP/1.0\r\nHost: {address}\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut response = String::new();
    stream.read_to_string(&mut response)?;
    match response.split_once("\r\n\r\n") {
        Some(("HTTP/1.0 200 OK", page)) => Ok(page.to_owned()),
        _ => Err(io::Error::other(response)),
    }
}

/// A kind of round trip, and its samples: the mean duration in each batch.
struct Contender {
    name: String,
    batch: usize,
    round_trips: Box<dyn FnMut(usize)>,
    samples_ns: Vec<f64>,
}

impl Contender {
    fn new(name: String, batch: usize, round_trips: impl FnMut(usize) + 'static) -> Self {
        Self {
            name,
            batch,
            round_trips: Box::new(round_trips),
            samples_ns: Vec::new(),
        }
    }

    fn take_sample(&mut self) {
        let start = Instant::now();
        (self.round_trips)(self.batch);
        self.samples_ns
            .push(start.elapsed().as_nanos() as f64 / self.batch as f64);
    }

    /// The sample that `percent` of all samples don't exceed.
    fn percentile_ns(&mut self, percent: usize) -> f64 {
        self.samples_ns.sort_by(f64::total_cmp);
        self.samples_ns[self.samples_ns.len() * percent / 100]
    }
}

/// Measures a round trip (two switches, in and out) of ours and of the peers.
fn latency() -> io::Result<()> {
    let is_quick = cfg!(debug_assertions) || std::env::var_os("SELVEDGE_QUICK").is_some();
    let n_samples = if is_quick { 50 } else { 2_000 };

    let placements = Placement::all();
    placements[0].pin_caller();
    let mut rows = in_turns(coroutines(), n_samples);
    for placement in &placements {
        rows.extend(in_turns(threads(placement)?, n_samples));
    }

    println!("\nOne round trip (two switches, in and out) in nanoseconds; median and p99 of");
    println!("{n_samples} samples, each of which is the mean of a batch of round trips.\n");
    println!(
        "{:42} {:>6} {:>10} {:>10} {:>10}",
        "", "batch", "median/ns", "p99/ns", "x ours"
    );
    let ours_ns = rows[0].percentile_ns(50);
    for row in &mut rows {
        let (median_ns, p99_ns) = (row.percentile_ns(50), row.percentile_ns(99));
        let (name, batch, ratio) = (&row.name, row.batch, median_ns / ours_ns);
        println!("{name:42} {batch:>6} {median_ns:>10.2} {p99_ns:>10.2} {ratio:>10.2}");
    }
    if cfg!(debug_assertions) {
        println!("\nThis is a debug build, so these figures mean nothing: run it with --release.");
    }
    Ok(())
}

/// Takes a sample of each in turn, so that a disturbance of the machine affects all alike.
fn in_turns(mut contenders: Vec<Contender>, n_samples: usize) -> Vec<Contender> {
    for _ in 0..n_samples {
        contenders.iter_mut().for_each(Contender::take_sample);
    }
    contenders
}

/// Ours first, then the peers on one thread. Each passes a number and gets it back.
fn coroutines() -> Vec<Contender> {
    let mut ours = Coroutine::new(
        |yielder: &Yielder<usize, usize>, mut value: usize| -> usize {
            loop {
                value = yielder.suspend(value);
            }
        },
    );
    let mut theirs = corosensei::Coroutine::new(
        |yielder: &corosensei::Yielder<usize, usize>, mut value: usize| -> usize {
            loop {
                value = yielder.suspend(value);
            }
        },
    );
    // Hides from the compiler which function is called.
    let call: fn(usize) -> usize = black_box(|value| value);
    vec![
        Contender::new("selvedge, send and suspend".into(), 10_000, move |n| {
            for value in 0..n {
                black_box(ours.send(black_box(value)));
            }
        }),
        Contender::new("corosensei, resume and suspend".into(), 10_000, move |n| {
            for value in 0..n {
                black_box(theirs.resume(black_box(value)));
            }
        }),
        Contender::new("indirect call and return".into(), 10_000, move |n| {
            for value in 0..n {
                black_box(call(black_box(value)));
            }
        }),
    ]
}

/// Two OS threads, one of which is the calling thread.
fn threads(placement: &Placement) -> io::Result<Vec<Contender>> {
    let mut parking = Parking::new(placement);
    let mut piping = Piping::new(placement)?;
    let name = |how| format!("threads, {how}, {}", placement.name);
    Ok(vec![
        Contender::new(name("park and unpark"), 10, move |n| parking.round_trips(n)),
        Contender::new(name("byte through a pipe"), 10, move |n| {
            piping.round_trips(n)
        }),
    ])
}
