//! Files on io_uring: that it is used, and that the kernel has finished with a buffer before its owner goes.
//!
//! Each test gives its loop the ring by hand, so that a system without one fails the test instead of running it on
//! threads.

use std::cell::Cell;
use std::fs as std_fs;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process;
use std::rc::Rc;
use std::time::{Duration, Instant};

use selvedge::event_loop::Builder;
use selvedge::fs::{self, File};
use selvedge::task::{all_tasks, catch_cancelled};
use selvedge::time::deadline;
use selvedge::{EventLoop, spawn, timeout, yield_now};

use crate::differential::Random;
use crate::play;
use crate::support::child;
use crate::support::{AN_HOUR, scaled};
use crate::temporary::{Directory, pattern};

pub const SCENARIOS: &[(&str, fn())] = &[
    ("ring_without_threads", without_threads),
    ("ring_fork", fork),
    ("ring_refused", refused),
];

const PAGE: usize = 4096;

fn on_ring() -> Builder {
    EventLoop::builder().io_uring(true)
}

/// A file of pages, each filled with a number, for transfers that bypass the page cache: the disk answers later, and
/// the kernel writes into the buffer meanwhile.
struct Pages {
    file: Rc<File>,
    n_pages: usize,
    _directory: Directory,
}

impl Pages {
    fn new(n_pages: usize) -> Self {
        let directory = Directory::new();
        let bytes: Vec<_> = (0..n_pages).flat_map(|n| [n as u8; PAGE]).collect();
        let path = directory.file("pages", bytes);
        std_fs::File::open(&path).unwrap().sync_all().unwrap();
        Self {
            file: Rc::new(open_direct(&path)),
            n_pages,
            _directory: directory,
        }
    }
}

/// Without the page cache, where the file system supports that.
fn open_direct(path: &Path) -> File {
    let mut options = std_fs::OpenOptions::new();
    options.read(true).write(true);
    let direct = options.clone().custom_flags(libc::O_DIRECT).open(path);
    File::from_std(direct.or_else(|_| options.open(path)).unwrap())
}

/// A page on the heap.
#[repr(align(4096))]
struct Page([u8; PAGE]);

impl Page {
    fn new() -> Box<Self> {
        Box::new(Self([255; PAGE]))
    }
}

/// The ring has taken results, and there is no thread of the pool.
fn without_threads() {
    let directory = Directory::new();
    let path = directory.join("file");
    on_ring().run(|| {
        let mut options = File::options();
        options.read(true).write(true).create_new(true);
        let mut file = options.open(&path).unwrap();
        file.write_all(&pattern(300_000)).unwrap();
        file.sync_all().unwrap();
        file.sync_data().unwrap();
        // SAFETY: the descriptor is the file's.
        unsafe { libc::posix_fadvise(file.as_raw_fd(), 0, 0, libc::POSIX_FADV_DONTNEED) };
        let mut bytes = vec![0; 300_000];
        file.read_exact_at(&mut bytes, 0).unwrap();
        assert!(bytes == pattern(300_000));
        assert_eq!(file.read(&mut bytes).unwrap(), 0, "the end");
        assert!(fs::exists(&path).unwrap());
        assert!(!fs::exists(directory.join("none")).unwrap());
        let mut log = File::options().append(true).open(&path).unwrap();
        log.write_all(b"end").unwrap();
        let error = File::open(directory.join("none")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert_eq!(threads_of_pool(), 0);
        assert!(n_results() >= 10, "{} results", n_results());
        // What the ring does not do is on the pool.
        assert_eq!(fs::metadata(&path).unwrap().len(), 300_003);
        assert_eq!(threads_of_pool(), 1);
    });
}

fn threads_of_pool() -> usize {
    let threads = std_fs::read_dir("/proc/self/task").unwrap();
    threads
        .filter(|thread| {
            let name = thread.as_ref().unwrap().path().join("comm");
            std_fs::read_to_string(name).is_ok_and(|name| name.starts_with("selvedge-pool"))
        })
        .count()
}

/// Number of results that the process's rings have got, by the kernel's count.
fn n_results() -> u64 {
    let descriptors = std_fs::read_dir("/proc/self/fd").unwrap();
    let rings = descriptors.filter_map(|descriptor| {
        let descriptor = descriptor.unwrap();
        let target = std_fs::read_link(descriptor.path()).ok()?;
        let is_ring = target.to_str()?.contains("io_uring");
        is_ring.then(|| descriptor.file_name())
    });
    rings
        .map(|number| {
            let info = std_fs::read_to_string(Path::new("/proc/self/fdinfo").join(number)).unwrap();
            let tail = info.lines().find_map(|line| line.strip_prefix("CqTail:"));
            tail.unwrap().trim().parse::<u64>().unwrap()
        })
        .sum()
}

#[test]
fn files_on_the_ring_use_no_thread() {
    play("ring_without_threads").assert_exited(0);
}

/// More operations than both queues of the ring have room for.
#[test]
fn thousands_of_operations_at_once_all_end() {
    let n = scaled(3_000, 200);
    let pages = Pages::new(256);
    on_ring().run(|| {
        let tasks: Vec<_> = (0..n)
            .map(|n| {
                let (file, n_pages) = (pages.file.clone(), pages.n_pages);
                spawn(move || {
                    let (mut page, at) = (Page::new(), n * 7 % n_pages);
                    let read = file.read_at(&mut page.0, (at * PAGE) as u64).unwrap();
                    (read, page.0 == [at as u8; PAGE])
                })
            })
            .collect();
        for task in tasks {
            assert_eq!(task.join().unwrap(), (PAGE, true));
        }
    });
}

/// A cancel at any time: the kernel writes into no buffer after the read has returned. The buffers are kept for a while,
/// and looked at again.
#[test]
fn after_a_cancelled_read_the_kernel_leaves_the_buffer_alone() {
    let n_rounds = std::env::var("SELVEDGE_RING_ROUNDS").map_or(scaled(300, 30), |text| {
        text.parse().expect("a number of rounds")
    });
    const AT_ONCE: usize = 20;
    let pages = Pages::new(256);
    let (n_cancelled, n_read) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
    on_ring().run(|| {
        let mut random = Random(11);
        let mut kept = Vec::new();
        for _ in 0..n_rounds {
            let tasks: Vec<_> = (0..AT_ONCE)
                .map(|_| {
                    let file = pages.file.clone();
                    let (n_cancelled, n_read) = (n_cancelled.clone(), n_read.clone());
                    let at = random.below(pages.n_pages as u64);
                    let deadline_in = random.below(40);
                    spawn(move || {
                        let mut page = Page::new();
                        let read = || file.read_at(&mut page.0, at * PAGE as u64);
                        let result = match deadline_in {
                            // Some of the requests are a deadline, which comes as soon.
                            0..10 => deadline(Duration::from_micros(10 * deadline_in), read),
                            _ => catch_cancelled(read)
                                .unwrap_or_else(|cancelled| Err(cancelled.into())),
                        };
                        match result {
                            Ok(n) => {
                                assert_eq!((n, page.0), (PAGE, [at as u8; PAGE]));
                                n_read.set(n_read.get() + 1);
                            }
                            Err(error) => {
                                let is_cancel = selvedge::io::is_cancelled(&error);
                                assert!(is_cancel || error.kind() == ErrorKind::TimedOut);
                                n_cancelled.set(n_cancelled.get() + 1);
                            }
                        }
                        page.0.fill(170);
                        page
                    })
                })
                .collect();
            for _ in 0..random.below(4) * random.below(20) {
                yield_now();
            }
            for task in &tasks {
                if random.below(2) == 0 {
                    task.cancel();
                }
                if random.below(8) == 0 {
                    yield_now();
                }
            }
            kept.extend(tasks.into_iter().filter_map(|task| task.join().ok()));
            if kept.len() > 2_000 {
                assert!(kept.iter().all(|page| page.0 == [170; PAGE]));
                kept.clear();
            }
        }
        assert!(kept.iter().all(|page| page.0 == [170; PAGE]));
    });
    println!("{} read, {} cancelled", n_read.get(), n_cancelled.get());
    assert!(n_cancelled.get() > 0, "no cancel came in time");
    assert!(n_read.get() > 0, "every read was cancelled");
}

/// The count of a write that the kernel has done is not lost with a cancel: the returned counts are the file's size.
#[test]
fn a_cancelled_write_says_what_it_has_written() {
    let directory = Directory::new();
    let path = directory.join("file");
    on_ring().run(|| {
        let file = Rc::new(File::create(&path).unwrap());
        let mut random = Random(3);
        let mut n_written = 0;
        let mut n_cancelled = 0;
        for _ in 0..scaled(500, 50) {
            let theirs = file.clone();
            let n_bytes = 1 + random.below(30_000) as usize;
            let counted = Rc::new(Cell::new(None));
            let count = counted.clone();
            let task = spawn(move || count.set(Some((&*theirs).write(&vec![1; n_bytes]))));
            if random.below(4) == 0 {
                while !task.is_done() {
                    yield_now();
                }
            }
            // The kernel gets the operation once in 64 turns, and may have done it some turns later.
            for _ in 0..random.below(6) * random.below(200) {
                yield_now();
            }
            task.cancel();
            drop(task.join());
            match counted.take() {
                Some(Ok(n)) => n_written += n,
                Some(Err(error)) => {
                    assert!(selvedge::io::is_cancelled(&error), "{error}");
                    n_cancelled += 1;
                }
                None => n_cancelled += 1,
            }
            assert_eq!(std_fs::metadata(&path).unwrap().len(), n_written as u64);
        }
        assert!(n_cancelled > 0 && n_written > 0, "{n_cancelled} cancels");
    });
}

/// When a run returns, the kernel has finished, although the loop lives on and the tasks still wait.
#[test]
fn no_operation_is_in_flight_while_the_loop_does_not_run() {
    let pages = Pages::new(64);
    for n_turns in 0..scaled(40, 10) {
        let event_loop = on_ring().build().unwrap();
        let buffers: Rc<[_; 64]> = Rc::new(std::array::from_fn(|_| Cell::new(None)));
        for index in 0..64 {
            let (file, buffers) = (pages.file.clone(), buffers.clone());
            let task = event_loop.create_task(move || {
                let mut page = Page::new();
                buffers[index].set(Some(page.0.as_ptr().expose_provenance()));
                // An error of the cancel, if the loop closes first.
                drop(file.read_exact_at(&mut page.0, (index * PAGE) as u64));
                buffers[index].set(None);
            });
            task.detach();
        }
        let main = event_loop.create_task(move || (0..n_turns).for_each(|_| yield_now()));
        event_loop.run_until_complete(main).unwrap();
        let look = || {
            buffers.each_ref().map(|address| {
                let page = std::ptr::with_exposed_provenance::<[u8; PAGE]>(address.get()?);
                // SAFETY: the task that has the page waits.
                Some(unsafe { page.read() })
            })
        };
        let before = look();
        let until = Instant::now() + Duration::from_millis(1);
        while Instant::now() < until {
            std::thread::yield_now();
        }
        assert!(before == look(), "the kernel has written meanwhile");
        // Dropped, closed, or run to the end.
        match n_turns % 3 {
            0 => drop(event_loop),
            1 => event_loop.close().unwrap(),
            _ => {
                let rest = event_loop.create_task(|| {
                    while all_tasks().len() > 1 {
                        yield_now();
                    }
                });
                event_loop.run_until_complete(rest).unwrap();
                assert!(buffers.iter().all(|address| address.get().is_none()));
            }
        }
    }
}

/// `run` returns from its main task with reads and writes in flight.
#[test]
fn a_run_that_ends_cancels_operations_in_flight() {
    let pages = Pages::new(64);
    for n_turns in 0..scaled(60, 10) {
        on_ring().run(|| {
            for index in 0..64 {
                let file = pages.file.clone();
                spawn(move || {
                    let mut page = Page::new();
                    loop {
                        let at = (index * PAGE) as u64;
                        if let Err(error) = file.read_at(&mut page.0, at) {
                            break error;
                        }
                        if let Err(error) = file.write_at(&page.0, at) {
                            break error;
                        }
                        if page.0 != [index as u8; PAGE] {
                            panic!("other bytes");
                        }
                    }
                })
                .detach();
            }
            (0..n_turns).for_each(|_| yield_now());
        });
    }
}

/// A forked child leaves the parent's ring alone: it ends its copies of the tasks without a wait, and the parent goes on.
fn fork() {
    let pages = Pages::new(64);
    let mut child = None;
    let result = on_ring().try_run(|| {
        let tasks: Vec<_> = (0..64)
            .map(|index| {
                let file = pages.file.clone();
                spawn(move || {
                    let mut page = Page::new();
                    for _ in 0..50 {
                        file.read_exact_at(&mut page.0, (index * PAGE) as u64)?;
                        assert_eq!(page.0, [index as u8; PAGE]);
                    }
                    Ok::<_, io::Error>(())
                })
            })
            .collect();
        yield_now();
        // SAFETY: the process has no other thread that holds a lock which the child needs.
        let pid = unsafe { libc::fork() };
        child = Some(pid);
        for task in tasks {
            task.join().unwrap().unwrap();
        }
    });
    if child == Some(0) {
        // The child has got here, so nothing has hung.
        let text = result.unwrap_err().to_string();
        process::exit(if text.contains("fork") { 7 } else { 8 });
    }
    result.unwrap();
    let mut status = 0;
    // SAFETY: the status is writable.
    let ended = unsafe { libc::waitpid(child.unwrap(), &mut status, 0) };
    assert_eq!(Some(ended), child);
    assert_eq!(libc::WEXITSTATUS(status), 7);
}

#[test]
fn a_forked_child_leaves_the_ring_alone() {
    play("ring_fork").assert_exited(0);
}

/// A filter refuses `io_uring_setup`, as in many containers.
fn refused() {
    filter_system_call(libc::SYS_io_uring_setup as u32);
    let directory = Directory::new();
    let path = directory.join("file");
    let error = on_ring().build().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    let text = error.to_string();
    assert!(
        text.contains("io_uring") && text.contains("builder"),
        "{text}"
    );
    // Without a choice, and with the other choice, files work.
    for builder in [EventLoop::builder(), EventLoop::builder().io_uring(false)] {
        builder.run(|| {
            File::create(&path).unwrap().write_all(b"text").unwrap();
            assert_eq!(fs::read(&path).unwrap(), b"text");
            assert!(threads_of_pool() > 0);
        });
    }
}

/// Makes a system call fail with `EPERM` in this thread.
fn filter_system_call(number: u32) {
    const fn statement(code: u32, k: u32, jt: u8, jf: u8) -> libc::sock_filter {
        let code = code as u16;
        libc::sock_filter { code, jt, jf, k }
    }
    let filter = [
        statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0),
        statement(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, number, 0, 1),
        statement(
            libc::BPF_RET | libc::BPF_K,
            libc::SECCOMP_RET_ERRNO | libc::EPERM as u32,
            0,
            0,
        ),
        statement(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ALLOW, 0, 0),
    ];
    let program = libc::sock_fprog {
        len: filter.len() as u16,
        filter: filter.as_ptr().cast_mut(),
    };
    // SAFETY: the program is readable, and so is the filter that it names.
    unsafe {
        assert_eq!(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
        let mode = libc::SECCOMP_MODE_FILTER;
        assert_eq!(
            libc::prctl(libc::PR_SET_SECCOMP, mode, &raw const program),
            0
        );
    }
}

#[test]
fn where_the_ring_is_refused_files_are_on_threads() {
    let mut command = child::command("ring_refused");
    command.env_remove("SELVEDGE_IO_URING");
    child::finish(&mut command).assert_exited(0);
}

/// A virtual clock stands still while the kernel works.
#[test]
fn a_virtual_clock_waits_for_the_ring() {
    let pages = Pages::new(64);
    on_ring().virtual_clock(true).run(|| {
        for at in 0..64 {
            let mut page = Page::new();
            let read = || pages.file.read_at(&mut page.0, (at * PAGE) as u64);
            assert_eq!(timeout(AN_HOUR, read).unwrap().unwrap(), PAGE);
        }
    });
}

/// What a task waits for is told, and a wait for the kernel is no deadlock.
#[test]
fn a_task_in_the_ring_says_what_it_waits_for() {
    let directory = Directory::new();
    on_ring().run(|| {
        let file = File::create(directory.join("file")).unwrap();
        let task = spawn(move || (&file).write_all(b"text"));
        while !all_tasks()
            .iter()
            .any(|task| format!("{task:?}").contains("write to a file"))
        {
            assert!(!task.is_done(), "it has never said so");
            yield_now();
        }
        task.join().unwrap().unwrap();
    });
}
