//! Walks a site: workers take addresses from a queue, get the pages, and put the pages' links into the queue. A semaphore limits
//! the requests at once, and each page has a timeout.
//!
//! ```text
//! cargo run --example crawler --features http                # the pages in examples/crawler/site
//! cargo run --example crawler --features http http://...     # a site, 200 pages at most
//! ```
//!
//! Without an argument a task of the same loop serves the site, with one more page, `/slow`, which takes longer than the timeout.

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
/// Requests at once, of all workers.
const N_AT_ONCE: usize = 3;
const TIMEOUT: Duration = Duration::from_secs(3);
const N_PAGES_MAX: usize = 200;

fn main() -> Result<(), Box<dyn Error>> {
    let argument = std::env::args().nth(1);
    // Read before the loop runs, because std's files block it.
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
    at_once: Semaphore,
    queue: Queue<Url>,
    seen: RefCell<HashSet<Url>>,
    /// The outcome of each page, by its path.
    pages: RefCell<BTreeMap<String, String>>,
}

impl Crawler {
    fn new(start: Url) -> Self {
        Self {
            start,
            session: Session::builder().total_timeout(TIMEOUT).build(),
            at_once: Semaphore::new(N_AT_ONCE),
            // Without a limit: if all workers waited for room, no worker would take an item.
            queue: Queue::unbounded(),
            seen: RefCell::default(),
            pages: RefCell::default(),
        }
    }

    /// Returns when all pages have been visited. If a worker fails, the scope cancels the others.
    fn crawl(&self) -> Result<(), Box<dyn Error>> {
        self.visit_later(self.start.clone())?;
        scope(|s| {
            for _ in 0..N_WORKERS {
                s.spawn_fallible(|| self.work());
            }
            // The queue is empty, and no worker visits a page.
            self.queue.join();
            self.queue.shutdown();
        })?;
        Ok(())
    }

    /// Visits pages until the queue is shut down.
    fn work(&self) -> Result<(), http::Error> {
        while let Ok(url) = self.queue.get() {
            let outcome = match self.visit(&url) {
                Ok(outcome) => outcome,
                // Without its first page the site has no links.
                Err(error) if url == self.start => return Err(error),
                Err(error) => match error.status() {
                    Some(status) => format!("broken: {status}"),
                    None if error.is_timeout() => format!("took more than {TIMEOUT:?}"),
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

    fn visit(&self, url: &Url) -> Result<String, http::Error> {
        let text = {
            let _permit = self.at_once.acquire();
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

    /// Queues each address once; links to parts of a page are links to the page.
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

/// The links of a simple page. This is not an HTML parser.
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

/// Serves a site in a task and returns the address of its first page.
fn serve(site: HashMap<String, Vec<u8>>) -> Result<Url, Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let start = format!("http://{}/index.html", listener.local_addr()?);
    let site = std::rc::Rc::new(site);
    let page = move |path: &str| match path {
        "/slow" => {
            sleep(10 * TIMEOUT);
            None
        }
        path => site.get(path).cloned(),
    };
    spawn(move || pages::serve(&listener, Ok, page)).detach();
    Ok(Url::parse(&start)?)
}
