//! Random reads of pages that the page cache does not have, by many tasks: ours by io_uring and by the loop's pool, tokio's
//! files, and tokio's pool with one `pread` a job.

use std::fs::File;
use std::io::{SeekFrom, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncSeekExt};

use crate::contender::{Watch, answer, asked, ready};

const PAGE: usize = 4096;
/// 128 MiB.
const N_PAGES: usize = 32_768;

/// A file of the contender's own, without a name, because a contender is killed at its end.
struct Pages {
    file: File,
    n_rounds: usize,
}

impl Pages {
    fn new() -> Self {
        // Not on /tmp, which may be in memory.
        let directory = std::env::current_exe().expect("this program's path");
        let directory = directory.parent().expect("a directory");
        let path = directory.join(format!("pages-{}", std::process::id()));
        let mut options = File::options();
        let file = options.read(true).write(true).create_new(true).open(&path);
        let mut file = file.expect("a file");
        std::fs::remove_file(&path).expect("it has a name");
        for n in 0..N_PAGES {
            file.write_all(&[n as u8; PAGE]).expect("it is written");
        }
        file.sync_all().expect("it is on the disk");
        Self { file, n_rounds: 0 }
    }

    /// Another name of the file.
    fn path(&self) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}", self.file.as_raw_fd()))
    }

    /// Empties the page cache of the file. Returns the number of the round.
    fn begin_round(&mut self) -> usize {
        evict(&self.file);
        self.n_rounds += 1;
        self.n_rounds
    }
}

fn evict(file: &impl AsRawFd) {
    // SAFETY: the call takes numbers only.
    unsafe {
        let fd = file.as_raw_fd();
        libc::posix_fadvise(fd, 0, 0, libc::POSIX_FADV_DONTNEED);
        libc::posix_fadvise(fd, 0, 0, libc::POSIX_FADV_RANDOM);
    }
}

/// The page of a read: no page twice in a round.
fn page(round: usize, read: usize) -> usize {
    (read * 20_021 + round * 7_919) % N_PAGES
}

fn check(bytes: &[u8; PAGE], page: usize) {
    assert_eq!((bytes[0], bytes[PAGE - 1]), (page as u8, page as u8));
}

/// The advice of random access belongs to the open file description.
fn open(path: &Path) -> File {
    let file = File::open(path).expect("a file");
    evict(&file);
    file
}

pub fn ours(is_on_ring: bool, n_tasks: usize, n_reads: usize) {
    let builder = selvedge::EventLoop::builder().io_uring(is_on_ring);
    builder.run(|| {
        let mut pages = Pages::new();
        ready();
        while asked() {
            let round = pages.begin_round();
            let file = selvedge::fs::File::from_std(open(&pages.path()));
            let watch = Watch::cpu();
            selvedge::scope(|s| {
                for task in 0..n_tasks {
                    let file = &file;
                    s.spawn(move || {
                        let mut bytes = [0; PAGE];
                        for read in (task..n_reads).step_by(n_tasks) {
                            let page = page(round, read);
                            let at = (page * PAGE) as u64;
                            file.read_exact_at(&mut bytes, at).expect("a page");
                            check(&bytes, page);
                        }
                    });
                }
            })
            .expect("no task fails");
            answer(watch.ns_each(n_reads));
        }
    });
}

pub fn tokio(is_by_file: bool, n_tasks: usize, n_reads: usize) {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.expect("tokio's runtime").block_on(async {
        let mut pages = Pages::new();
        let path = pages.path();
        ready();
        while asked() {
            let round = pages.begin_round();
            let shared = Arc::new(open(&pages.path()));
            let watch = Watch::cpu();
            let mut tasks = Vec::new();
            for task in 0..n_tasks {
                let reads = (task..n_reads).step_by(n_tasks);
                let pages = reads.map(move |read| page(round, read));
                let shared = Arc::clone(&shared);
                tasks.push(if is_by_file {
                    // Of its own: a file has one position.
                    tokio::spawn(by_file(open(&path).into(), pages))
                } else {
                    tokio::spawn(by_jobs(shared, pages))
                });
            }
            for task in tasks {
                task.await.expect("no task fails");
            }
            answer(watch.ns_each(n_reads));
        }
    });
}

async fn by_file(mut file: tokio::fs::File, pages: impl Iterator<Item = usize>) {
    let mut bytes = [0; PAGE];
    for page in pages {
        let at = SeekFrom::Start((page * PAGE) as u64);
        file.seek(at).await.expect("a position");
        file.read_exact(&mut bytes).await.expect("a page");
        check(&bytes, page);
    }
}

async fn by_jobs(file: Arc<File>, pages: impl Iterator<Item = usize>) {
    for page in pages {
        let file = Arc::clone(&file);
        let job = tokio::task::spawn_blocking(move || {
            let mut bytes = [0; PAGE];
            let read = file.read_exact_at(&mut bytes, (page * PAGE) as u64);
            read.map(|()| bytes)
        });
        let bytes = job.await.expect("it does not panic").expect("a page");
        check(&bytes, page);
    }
}
