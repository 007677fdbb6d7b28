//! The same random operations on our file and on one of std's return the same results and leave the same bytes.

use std::fmt::Debug;
use std::fs as std_fs;
use std::io::{Read, Result, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;

use selvedge::fs::{self, File, OpenOptions};
use selvedge::run;

use crate::support::scaled;
use crate::temporary::{Directory, pattern};

/// A sequence of pseudo-random numbers.
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }
}

/// Asserts that the results are equal; errors are compared by kind.
#[track_caller]
fn same<T: Debug + PartialEq>(what: &str, ours: Result<T>, theirs: Result<T>) {
    match (&ours, &theirs) {
        (Ok(ours), Ok(theirs)) if ours == theirs => {}
        (Err(ours), Err(theirs)) if ours.kind() == theirs.kind() => {}
        _ => panic!("{what}: {ours:?}, but std says {theirs:?}"),
    }
}

struct Pair {
    ours: File,
    theirs: std_fs::File,
    random: Random,
}

impl Pair {
    fn step(&mut self) {
        let random = &mut self.random;
        let size = match random.below(4) {
            0 => random.below(4),
            1 => random.below(300),
            2 => 4096 * random.below(4),
            _ => random.below(200_000),
        } as usize;
        let place = random.below(400_000);
        let bytes = &pattern(size + 1)[1..];
        let (mut one, mut other) = (vec![0; size], vec![0; size]);
        match random.below(13) {
            0 | 1 => {
                // A read may be short, so reads go on until both have all the bytes.
                let read = |reader: &mut dyn Read, buffer: &mut Vec<u8>| {
                    buffer.clear();
                    reader.take(size as u64).read_to_end(buffer)
                };
                let theirs = read(&mut self.theirs, &mut other);
                same("read", read(&mut self.ours, &mut one), theirs);
                assert_eq!(one, other);
            }
            2 | 3 => {
                let theirs = self.theirs.write_all(bytes);
                same("write_all", self.ours.write_all(bytes), theirs);
            }
            4 => {
                let theirs = self.theirs.read_exact(&mut other);
                let ours = self.ours.read_exact(&mut one);
                let is_whole = ours.is_ok();
                same("read_exact", ours, theirs);
                assert!(!is_whole || one == other);
            }
            5 => {
                let theirs = FileExt::read_exact_at(&self.theirs, &mut other, place);
                let ours = self.ours.read_exact_at(&mut one, place);
                let is_whole = ours.is_ok();
                same("read_exact_at", ours, theirs);
                assert!(!is_whole || one == other);
            }
            6 => {
                let theirs = FileExt::write_all_at(&self.theirs, bytes, place);
                same("write_all_at", self.ours.write_all_at(bytes, place), theirs);
            }
            7 => {
                let theirs = self.theirs.set_len(place);
                same("set_len", self.ours.set_len(place), theirs);
            }
            8 => {
                let theirs = self.theirs.metadata().map(|metadata| metadata.len());
                same(
                    "len",
                    self.ours.metadata().map(|metadata| metadata.len()),
                    theirs,
                );
            }
            9 => {
                let theirs = self.theirs.read_to_end(&mut other);
                same("read_to_end", self.ours.read_to_end(&mut one), theirs);
                assert_eq!(one, other);
            }
            _ => self.seek(place),
        }
        // In append mode the position may lag until the next operation; both files must agree.
        let theirs = self.theirs.stream_position();
        same("position", self.ours.stream_position(), theirs);
    }

    fn seek(&mut self, place: u64) {
        let distance = place as i64 - 200_000;
        let to = match self.random.below(5) {
            0 => SeekFrom::Start(place),
            1 => SeekFrom::Start(u64::MAX - place),
            2 => SeekFrom::Current(distance),
            3 => SeekFrom::End(distance),
            _ => SeekFrom::Current(0),
        };
        let theirs = self.theirs.seek(to);
        same(&format!("{to:?}"), self.ours.seek(to), theirs);
    }
}

fn compare(seed: u64, appends: bool) {
    let directory = Directory::new();
    let paths = ["ours", "theirs"].map(|name| directory.file(name, pattern(10_000)));
    let (mut ours, mut theirs) = (OpenOptions::new(), std_fs::OpenOptions::new());
    ours.read(true).append(appends).write(true);
    theirs.read(true).append(appends).write(true);
    let mut pair = Pair {
        ours: ours.open(&paths[0]).unwrap(),
        theirs: theirs.open(&paths[1]).unwrap(),
        random: Random(seed * 2 + 1),
    };
    for _ in 0..scaled(60, 20) {
        pair.step();
    }
    let contents = paths.map(|path| fs::read(path).unwrap());
    assert!(contents[0] == contents[1], "seed {seed}: the files differ");
}

fn seeds() -> std::ops::Range<u64> {
    0..scaled(40, 5) as u64
}

#[test]
fn files_in_a_task_behave_like_std() {
    run(|| seeds().for_each(|seed| compare(seed, false)));
}

#[test]
fn files_without_a_loop_behave_like_std() {
    seeds().for_each(|seed| compare(seed, false));
}

#[test]
fn appending_files_behave_like_std() {
    run(|| seeds().for_each(|seed| compare(seed, true)));
    seeds().take(5).for_each(|seed| compare(seed, true));
}
