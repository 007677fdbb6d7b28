//! Walks a site: workers take addresses from a queue, get the pages, and put the links that they find
//! there into the queue. A semaphore keeps them polite, and each page has its time.
//!
//! ```text
//! cargo run --example crawler --features http                # the pages in examples/crawler/site
//! cargo run --example crawler --features http http://...     # a site, 200 pages at most
//! ```
//!
//! Without an argument the site is served by a task of the same loop, which has one more page, `/slow`:
//! nobody waits for its end.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::error::Error;
use std::path::Path;
use std::time::Duration;

use selvedge::http::{self, Session, Url};
use selvedge::net::TcpListener;
use selvedge::sync::{Queue, Semaphore};
use selvedge::{scope, sleep, spawn};

#[path = "support/pages.rs"]
mod pages;

const N_WORKERS: usize = 8;
/// Requests at once, however many workers there are.
const N_AT_ONCE: usize = 3;
const PATIENCE: Duration = Duration::from_secs(3);
const N_PAGES_MAX: usize = 200;

fn main() -> Result<(), Box<dyn Error>> {
    let argument = std::env::args().nth(1);
    // Read before the loop runs: files on the disk would hold it up.
    let site = read_site(&Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/crawler/site"))?;
    selvedge::run(|| {
        let start = match argument {
            Some(url) => Url::parse(&url)?,
            None => serve(site)?,
        };
        let crawler = Crawler::new(start);
        crawler.crawl()?;
        crawler.report();
        Ok(())
    })
}

struct Crawler {
    start: Url,
    session: Session,
    politeness: Semaphore,
    queue: Queue<Url>,
    seen: RefCell<HashSet<Url>>,
    /// What became of each page, by its path.
    pages: RefCell<BTreeMap<String, String>>,
}

impl Crawler {
    fn new(start: Url) -> Self {
        Self {
            start,
            session: Session::builder().total_timeout(PATIENCE).build(),
            politeness: Semaphore::new(N_AT_ONCE),
            // A worker must never wait for room: all of them might, and nobody would take.
            queue: Queue::unbounded(),
            seen: RefCell::default(),
            pages: RefCell::default(),
        }
    }

    /// Returns when each page has been looked at. A worker that fails ends the others.
    fn crawl(&self) -> Result<(), Box<dyn Error>> {
        self.visit_later(self.start.clone())?;
        scope(|s| {
            for _ in 0..N_WORKERS {
                s.spawn_fallible(|| self.work());
            }
            // No page is waiting and none is being looked at.
            self.queue.join();
            self.queue.shutdown();
        })?;
        Ok(())
    }

    /// Looks at pages until the queue is shut down.
    fn work(&self) -> Result<(), http::Error> {
        while let Ok(url) = self.queue.get() {
            let outcome = match self.look_at(&url) {
                Ok(outcome) => outcome,
                // Without its first page there is no site.
                Err(error) if url == self.start => return Err(error),
                Err(error) => match error.status() {
                    Some(status) => format!("broken: {status}"),
                    None if error.is_timeout() => format!("took more than {PATIENCE:?}"),
                    None => format!("failed: {error}"),
                },
            };
            self.pages
                .borrow_mut()
                .insert(url.path().to_owned(), outcome);
            self.queue.task_done().expect("one call for each page");
        }
        Ok(())
    }

    fn look_at(&self, url: &Url) -> Result<String, http::Error> {
        let text = {
            let _turn = self.politeness.acquire();
            self.session.get(url)?.error_for_status()?.text()?
        };
        let (mut n_links, mut n_elsewhere) = (0, 0);
        for link in links(&text).filter_map(|link| url.join(link).ok()) {
            n_links += 1;
            if link.origin() != self.start.origin() {
                n_elsewhere += 1;
            } else if self.visit_later(link).is_err() {
                break;
            }
        }
        Ok(format!(
            "{} bytes, {n_links} links, {n_elsewhere} elsewhere",
            text.len()
        ))
    }

    /// Each address once, whatever part of its page a link points to.
    fn visit_later(&self, mut url: Url) -> Result<(), selvedge::sync::PutError<Url>> {
        url.set_fragment(None);
        let n_seen = self.seen.borrow().len();
        if n_seen < N_PAGES_MAX && self.seen.borrow_mut().insert(url.clone()) {
            self.queue.try_put(url)?;
        }
        Ok(())
    }

    fn report(&self) {
        let pages = self.pages.borrow();
        println!(
            "{} pages, {N_WORKERS} workers, {N_AT_ONCE} at once",
            pages.len()
        );
        for (path, outcome) in &*pages {
            println!("  {path:<18}{outcome}");
        }
    }
}

/// What the pages of a site like this need, and no parser of HTML.
fn links(html: &str) -> impl Iterator<Item = &str> {
    let after = html.split("href=\"").skip(1);
    after.filter_map(|rest| rest.split_once('"').map(|(link, _)| link))
}

/// The pages of a folder, by their paths.
fn read_site(folder: &Path) -> std::io::Result<HashMap<String, Vec<u8>>> {
    let mut site = HashMap::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        site.insert(format!("/{name}"), std::fs::read(entry.path())?);
    }
    Ok(site)
}

/// Serves a site and says where it begins.
fn serve(site: HashMap<String, Vec<u8>>) -> Result<Url, Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let start = format!("http://{}/index.html", listener.local_addr()?);
    let site = std::rc::Rc::new(site);
    let page = move |path: &str| match path {
        "/slow" => {
            sleep(10 * PATIENCE);
            None
        }
        path => site.get(path).cloned(),
    };
    spawn(move || pages::serve(&listener, Ok, page)).detach();
    Ok(Url::parse(&start)?)
}
