//! One hundred HTTP GETs at once on one thread, each in a task of straight-line code.
//!
//! ```text
//! fetch_100 [--connections N] [URL...]    # gets the URLs in turn, a hundred times in all
//! fetch_100 --serve ADDRESS               # serves for ever the pages that it gets without a URL
//! ```
//!
//! Without a URL it gets pages from a server of its own in the same loop, which takes 100 ms for each. Connections are reused.
//! There are at most N connections to a host (100 by default), and fewer if the host answers promptly: if they exceed a server's
//! accept queue, the kernel takes half a minute for some of them, or they time out. The program speaks HTTP/1.1 and 1.0 over
//! `http:`, and follows no redirects.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::error::Error;
use std::io::{self, BufRead, BufReader, ErrorKind, Write};
use std::process::ExitCode;
use std::rc::Rc;
use std::time::{Duration, Instant};

use httparse::{EMPTY_HEADER, Response};
use selvedge::net::{TcpListener, TcpStream};
use selvedge::{Promise, TaskError, sleep, spawn, spawn_fallible};

#[path = "fetch_100/message.rs"]
mod message;
#[path = "fetch_100/server.rs"]
mod server;

use message::{
    MAX_HEADERS, find, has_entry, keeps_alive, prepare, read_section, skip, skip_chunks,
};
use server::serve;

type AnyError = Box<dyn Error + Send + Sync>;

const N_GETS: usize = 100;
/// The first number of connections to a host. The accept queue of Python's server has room for five.
const N_FIRST: usize = 4;
/// The time without an answer after which the number doubles.
const QUIET_TIME: Duration = Duration::from_millis(5);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match selvedge::run(|| command(&arguments)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("fetch_100: {error}");
            ExitCode::from(2)
        }
    }
}

/// Runs the command of the arguments, and returns whether every GET got an answer.
fn command(arguments: &[&str]) -> Result<bool, AnyError> {
    match arguments {
        ["--serve", address] => {
            let listener = TcpListener::bind(address)?;
            println!("serving at http://{}/length/1000", listener.local_addr()?);
            serve(&listener);
            Ok(true)
        }
        ["--connections", n, urls @ ..] => match n.parse()? {
            0 => Err("there must be at least one connection".into()),
            n => fetch(n, urls),
        },
        [option, ..] if option.starts_with('-') => Err(format!("no option {option}").into()),
        [] => Ok(fetch(N_GETS, &[])? && fetch(N_GETS / 10, &[])?),
        urls => fetch(N_GETS, urls),
    }
}

fn fetch(n_connections: usize, urls: &[&str]) -> Result<bool, AnyError> {
    if !urls.is_empty() {
        let urls: Result<Vec<Url>, _> = urls.iter().map(|url| Url::parse(url)).collect();
        return Ok(get_all(&urls?, n_connections)?.is_complete());
    }
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let host = listener.local_addr()?;
    let server = spawn(move || serve(&listener));
    let pages = ["length/10000/100", "chunked/10000/100"];
    let urls = pages.map(|page| Url::parse(&format!("http://{host}/{page}")));
    let [length, chunked] = urls;
    let totals = get_all(&[length?, chunked?], n_connections)?;
    assert_eq!(totals.n_bytes, N_GETS as u64 * 10_000);
    assert!(totals.n_opened <= n_connections);
    server.cancel();
    Ok(totals.is_complete())
}

#[derive(Clone)]
struct Url {
    /// The host, and the port if one is given.
    authority: String,
    path: String,
}

impl Url {
    fn parse(text: &str) -> Result<Self, AnyError> {
        let refuse = || format!("not a URL that this program can get: {text:?}");
        let text = text.split('#').next().unwrap_or_default();
        let rest = text.strip_prefix("http://").ok_or_else(refuse)?;
        let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        // A blank would end the path in the request, and a line break the line.
        if authority.is_empty() || rest.contains(|c: char| c <= ' ' || c == '\x7f' || c == '@') {
            return Err(refuse().into());
        }
        let slash = if path.starts_with('/') { "" } else { "/" };
        Ok(Self {
            authority: authority.to_ascii_lowercase(),
            path: format!("{slash}{path}"),
        })
    }

    /// What to connect to.
    fn address(&self) -> String {
        // The colons of an address of IPv6 stand in brackets.
        let after_brackets = self.authority.rsplit(']').next().unwrap_or_default();
        match after_brackets.contains(':') {
            true => self.authority.clone(),
            false => format!("{}:80", self.authority),
        }
    }
}

/// What came of all GETs.
#[derive(Default)]
struct Totals {
    /// How often there was which status, or which error.
    statuses: BTreeMap<String, usize>,
    n_answers: usize,
    n_bytes: u64,
    n_opened: usize,
}

impl Totals {
    fn is_complete(&self) -> bool {
        self.n_answers == N_GETS
    }
}

/// Gets the pages in turn, a hundred in all, and prints the results.
fn get_all(urls: &[Url], n_connections: usize) -> Result<Totals, AnyError> {
    let (start, cpu_start) = (Instant::now(), cpu_time());
    let mut hosts = HashMap::new();
    let mut gets = Vec::new();
    for url in urls.iter().cycle().take(N_GETS).cloned() {
        let host = hosts
            .entry(url.authority.clone())
            .or_insert_with(|| Host::begin(&url, n_connections));
        let host = Rc::clone(host);
        gets.push(spawn_fallible(move || get(&host, &url)));
    }
    let mut totals = Totals::default();
    for get in gets {
        let outcome = get.join();
        let status = match &outcome {
            Ok(answer) => answer.status.to_string(),
            Err(error) => error.to_string(),
        };
        *totals.statuses.entry(status).or_default() += 1;
        if let Ok(answer) = outcome {
            totals.n_answers += 1;
            totals.n_bytes += answer.n_bytes;
        }
    }
    totals.n_opened = hosts.values().map(|host| host.n_opened.get()).sum();

    println!("{N_GETS} GETs, at most {n_connections} connections to a host:");
    println!("count  status");
    for (status, n) in &totals.statuses {
        println!("{n:>5}  {status}");
    }
    let (n_bytes, n_opened) = (totals.n_bytes, totals.n_opened);
    println!("{n_bytes} bytes over {n_opened} connections");
    println!("{:.1?} of wall-clock time", start.elapsed());
    let cpu_end = cpu_time();
    if !cpu_end.is_zero() {
        println!("{:.1?} of CPU time", cpu_end - cpu_start);
    }
    println!();
    Ok(totals)
}

/// The CPU time of this thread, the only one of the loop, or zero where the system has no such file.
fn cpu_time() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = text.split(' ').next().and_then(|text| text.parse().ok());
    Duration::from_nanos(nanoseconds.unwrap_or_default())
}

type Connection = BufReader<TcpStream>;

/// A host, and its places for GETs. A place has the connection of its last GET if that can be reused.
struct Host {
    address: String,
    /// The free places, those with a connection last.
    free: RefCell<VecDeque<Option<Connection>>>,
    waiting: RefCell<VecDeque<Promise<Option<Connection>>>>,
    n_opened: Cell<usize>,
    n_answers: Cell<usize>,
}

impl Host {
    fn begin(url: &Url, n_connections: usize) -> Rc<Self> {
        let host = Rc::new(Self {
            address: url.address(),
            free: RefCell::default(),
            waiting: RefCell::default(),
            n_opened: Cell::new(0),
            n_answers: Cell::new(0),
        });
        let this = Rc::clone(&host);
        spawn(move || this.add_places(n_connections)).detach();
        host
    }

    /// Adds places up to `n_max`. The first few are enough while answers arrive. If no answer arrives
    /// for a while, the server is slow and not busy, so the number of places doubles.
    fn add_places(&self, n_max: usize) {
        let mut n_places = 0;
        while n_places < n_max {
            let n_more = n_places.max(N_FIRST).min(n_max - n_places);
            (0..n_more).for_each(|_| self.put(None));
            n_places += n_more;
            let mut n_before = usize::MAX;
            while self.n_answers.get() != n_before {
                n_before = self.n_answers.get();
                sleep(QUIET_TIME);
            }
        }
    }

    /// Waits for a place.
    fn take(&self) -> Result<Place<'_>, TaskError> {
        let free = self.free.borrow_mut().pop_back();
        let connection = match free {
            Some(connection) => connection,
            None => {
                let promise = Promise::new();
                self.waiting.borrow_mut().push_back(promise.clone());
                promise.take()?
            }
        };
        Ok(Place {
            host: self,
            connection,
        })
    }

    /// Gives a place to the task that has waited for longest.
    fn put(&self, connection: Option<Connection>) {
        let next = self.waiting.borrow_mut().pop_front();
        match next {
            // A waiting task is never cancelled, so its promise accepts the result.
            Some(promise) => drop(promise.set_result(connection)),
            None if connection.is_some() => self.free.borrow_mut().push_back(connection),
            None => self.free.borrow_mut().push_front(None),
        }
    }

    fn connect(&self) -> io::Result<Connection> {
        let stream = TcpStream::connect(&self.address)?;
        prepare(&stream)?;
        self.n_opened.set(self.n_opened.get() + 1);
        Ok(BufReader::new(stream))
    }
}

/// A place at a host; dropping it gives the place to the next task.
struct Place<'a> {
    host: &'a Host,
    connection: Option<Connection>,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.host.put(self.connection.take());
    }
}

struct Answer {
    status: u16,
    n_bytes: u64,
    /// Whether the connection can be reused.
    is_kept: bool,
}

fn get(host: &Host, url: &Url) -> Result<Answer, AnyError> {
    let mut place = host.take()?;
    let idle = place.connection.take();
    // The server may have closed the idle connection: then `ask` fails, and a new one is opened.
    let idle = idle.and_then(|connection| ask(connection, url).ok());
    let mut connection = match idle {
        Some(connection) => connection,
        None => ask(host.connect()?, url)?,
    };
    let answer = read_answer(&mut connection)?;
    host.n_answers.set(host.n_answers.get() + 1);
    // Bytes after the answer would be taken for the next answer.
    if answer.is_kept && connection.buffer().is_empty() {
        place.connection = Some(connection);
    }
    Ok(answer)
}

/// Sends the request and waits for the first bytes of the answer.
fn ask(mut connection: Connection, url: &Url) -> io::Result<Connection> {
    let (path, host) = (&url.path, &url.authority);
    let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nAccept: */*\r\n\r\n");
    connection.get_mut().write_all(request.as_bytes())?;
    if connection.fill_buf()?.is_empty() {
        return Err(ErrorKind::UnexpectedEof.into());
    }
    Ok(connection)
}

fn read_answer(reader: &mut impl BufRead) -> Result<Answer, AnyError> {
    loop {
        let head = read_section(reader)?;
        let mut headers = [EMPTY_HEADER; MAX_HEADERS];
        let mut response = Response::new(&mut headers);
        response.parse(&head)?;
        let (Some(status), Some(version)) = (response.code, response.version) else {
            return Err("the head of the response is cut off".into());
        };
        // An interim status, such as "Continue", precedes the response.
        if (100..200).contains(&status) {
            continue;
        }
        let headers = &*response.headers;
        let length = find(headers, "content-length");
        let (n_bytes, is_delimited) = if matches!(status, 204 | 304) {
            (0, true)
        } else if has_entry(headers, "transfer-encoding", "chunked") {
            (skip_chunks(reader)?, true)
        } else if let Some(length) = length {
            (skip(reader, length.parse()?)?, true)
        } else {
            (io::copy(reader, &mut io::sink())?, false)
        };
        let is_kept = is_delimited && keeps_alive(version, headers);
        return Ok(Answer {
            status,
            n_bytes,
            is_kept,
        });
    }
}
