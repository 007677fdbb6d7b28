//! Files convert from and into std's, with their positions.

use std::fs::File as StdFile;
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, IntoRawFd, OwnedFd};

use selvedge::fs::File;
use selvedge::{run, spawn, yield_now};

use crate::temporary::{Directory, pattern};

#[test]
fn the_position_is_kept_in_both_directions() {
    let directory = Directory::new();
    let path = directory.file("file", pattern(1000));
    let through = || {
        let mut theirs = StdFile::open(&path).unwrap();
        theirs.seek(SeekFrom::Start(100)).unwrap();
        let mut ours = File::from(theirs);
        let mut bytes = [0; 50];
        ours.read_exact(&mut bytes).unwrap();
        assert_eq!(bytes[..], pattern(1000)[100..150]);
        let mut theirs = ours.into_std().unwrap();
        assert_eq!(theirs.stream_position().unwrap(), 150);
        theirs.read_exact(&mut bytes).unwrap();
        assert_eq!(bytes[..], pattern(1000)[150..200]);
    };
    run(through);
    through();
}

#[test]
fn files_convert_from_and_into_descriptors() {
    let directory = Directory::new();
    let path = directory.file("file", "text");
    run(|| {
        let fd = OwnedFd::from(StdFile::open(&path).unwrap());
        let number = fd.as_raw_fd();
        let file = File::from(fd);
        assert_eq!(
            (file.as_raw_fd(), file.as_fd().as_raw_fd()),
            (number, number)
        );
        let fd = OwnedFd::try_from(file).unwrap();
        // SAFETY: the descriptor is given away just before.
        let mut file = unsafe { File::from_raw_fd(fd.into_raw_fd()) };
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        assert_eq!(text, "text");
        assert!(format!("{file:?}").contains("file"));
        let theirs = StdFile::try_from(file).unwrap();
        assert_eq!(theirs.metadata().unwrap().len(), 4);
    });
}

/// The bytes of a cancelled write that has started are in the file before std gets it.
#[test]
fn converting_a_file_into_std_waits_for_running_jobs() {
    let directory = Directory::new();
    let path = directory.join("file");
    run(|| {
        for n_turns in 0..20 {
            let file = File::create(&path).unwrap();
            let clone = file.try_clone().unwrap();
            let task = spawn(move || (&clone).write_all(&[1; 100_000]));
            for _ in 0..n_turns {
                yield_now();
            }
            task.cancel();
            drop(task.join());
            let mut theirs = file.into_std().unwrap();
            let n_bytes = theirs.metadata().unwrap().len();
            assert_eq!(theirs.stream_position().unwrap(), n_bytes);
        }
    });
}
