//! Directories, read without blocking the loop.

use std::collections::BTreeSet;
use std::fs as std_fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use selvedge::fs::{self, DirBuilder};
use selvedge::time::deadline;
use selvedge::{Promise, run, spawn_fallible, yield_now};

use crate::support::{scaled, soon};
use crate::temporary::Directory;

fn filled(n: usize) -> (Directory, BTreeSet<String>) {
    let directory = Directory::new();
    let names: BTreeSet<_> = (0..n).map(|n| format!("entry {n}")).collect();
    for name in &names {
        directory.file(name, name);
    }
    (directory, names)
}

#[test]
fn every_directory_entry_comes_once() {
    let (directory, names) = filled(scaled(500, 100));
    let read = || {
        let mut read = BTreeSet::new();
        for entry in fs::read_dir(directory.path()).unwrap() {
            let entry = entry.unwrap();
            assert!(entry.file_type().unwrap().is_file());
            assert_eq!(entry.path(), directory.path().join(entry.file_name()));
            let name = entry.file_name().into_string().unwrap();
            assert_eq!(entry.metadata().unwrap().len(), name.len() as u64);
            assert!(entry.ino() > 0);
            assert!(read.insert(name), "{entry:?} twice");
        }
        read
    };
    assert_eq!(run(read), names);
    assert_eq!(read(), names, "without a loop");
}

#[test]
fn an_ended_listing_stays_ended() {
    let (directory, _) = filled(1);
    run(|| {
        let mut entries = fs::read_dir(directory.path()).unwrap();
        assert!(entries.next().is_some());
        for _ in 0..3 {
            assert!(entries.next().is_none());
        }
        assert!(format!("{entries:?}").contains("selvedge-fs"));
    });
}

#[test]
fn a_cancelled_next_loses_no_entry() {
    let (directory, names) = filled(scaled(300, 100));
    let read = run(|| {
        let entries = std::rc::Rc::new(std::cell::RefCell::new(
            fs::read_dir(directory.path()).unwrap(),
        ));
        let mut read = Vec::new();
        for round in 0.. {
            let theirs = entries.clone();
            let next = spawn_fallible(move || {
                let entry = theirs.borrow_mut().next().transpose()?;
                Ok::<_, io::Error>(entry.map(|entry| entry.file_name()))
            });
            for _ in 0..round % 5 {
                yield_now();
            }
            next.cancel();
            match next.join() {
                Ok(Some(name)) => read.push(name.into_string().unwrap()),
                Ok(None) => break,
                Err(error) => assert!(error.is_cancelled()),
            }
        }
        read
    });
    assert_eq!(read.len(), names.len());
    assert_eq!(read.into_iter().collect::<BTreeSet<_>>(), names);
}

#[test]
fn directory_trees_are_created_and_removed() {
    let directory = Directory::new();
    run(|| {
        let deep = directory.join("a/b/c");
        assert!(fs::create_dir(&deep).is_err());
        fs::create_dir_all(&deep).unwrap();
        fs::create_dir_all(&deep).unwrap();
        fs::write(deep.join("leaf"), "green").unwrap();
        let outside = directory.file("outside", "stays");
        fs::symlink(&outside, deep.join("link")).unwrap();
        assert!(
            fs::remove_dir(directory.join("a")).is_err(),
            "it is not empty"
        );
        fs::remove_dir_all(directory.join("a")).unwrap();
        assert!(!directory.join("a").exists());
        assert_eq!(std_fs::read(outside).unwrap(), b"stays");
        fs::create_dir(directory.join("a")).unwrap();
        fs::remove_dir(directory.join("a")).unwrap();

        let private = directory.join("x/y");
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&private)
            .unwrap();
        let mode = fs::metadata(private).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        assert!(DirBuilder::new().create(directory.join("x")).is_err());
    });
}

/// Where each `next` fails, a loop that ignores errors ends; the entries are there afterwards.
#[test]
fn a_listing_that_can_not_go_on_ends_a_loop() {
    let (directory, names) = filled(100);
    run(|| {
        let list = || fs::read_dir(directory.path()).unwrap();
        let n_errors = |entries: &mut fs::ReadDir| {
            let errors = entries.by_ref().take(10).filter(Result::is_err);
            errors.count()
        };
        let mut entries = list();
        let at_once = Duration::ZERO;
        assert_eq!(deadline(at_once, || n_errors(&mut entries)), 1);
        assert_eq!(deadline(at_once, || n_errors(&mut entries)), 1);
        assert_eq!(entries.map(Result::unwrap).count(), names.len());

        let mut entries = list();
        let promise = Promise::new();
        let told = promise.clone();
        soon(move || told.set_result(n_errors(&mut entries)).unwrap());
        assert_eq!(promise.wait().unwrap(), 1);
    });
}
