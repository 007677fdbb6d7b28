//! Failures have std's kinds of errors.

use std::fmt::Debug;
use std::fs as std_fs;
use std::io::{ErrorKind, Read, Result, Seek, SeekFrom, Write};
use std::os::unix::fs::PermissionsExt;

use selvedge::fs::{self, File, OpenOptions};
use selvedge::{run, spawn};

use crate::play;
use crate::temporary::{Directory, pattern};

pub const SCENARIOS: &[(&str, fn())] = &[
    ("without_permission", without_permission as fn()),
    #[cfg(target_os = "linux")]
    ("without_memory", without_memory),
];

#[track_caller]
fn assert_fails<T: Debug>(kind: ErrorKind, result: Result<T>) {
    assert_eq!(result.expect_err("it must fail").kind(), kind);
}

/// Runs `f` in a loop and without one.
fn both(f: impl Fn()) {
    run(&f);
    f();
}

#[test]
fn a_path_with_a_nul_is_invalid() {
    both(|| {
        let kind = ErrorKind::InvalidInput;
        assert_fails(kind, File::open("with\0nul"));
        assert_fails(kind, fs::read("with\0nul"));
        assert_fails(kind, fs::write("with\0nul", ""));
        assert_fails(kind, fs::metadata("with\0nul"));
        assert_fails(kind, fs::rename("/", "with\0nul"));
        assert_fails(kind, fs::read_dir("\0"));
        assert_fails(kind, fs::create_dir_all("a\0b"));
        assert_fails(kind, fs::symlink("a\0b", "/nowhere/at/all"));
        assert_fails(kind, fs::canonicalize("\0"));
    });
}

#[test]
fn opening_a_directory_as_a_file_is_an_error() {
    let directory = Directory::new();
    both(|| {
        let kind = ErrorKind::IsADirectory;
        let mut opened = File::open(directory.path()).unwrap();
        assert_fails(kind, opened.read(&mut [0; 8]));
        assert_fails(kind, opened.read_at(&mut [0; 8], 0));
        assert_fails(kind, opened.read_to_end(&mut Vec::new()));
        assert_fails(kind, fs::read(directory.path()));
        assert_fails(kind, fs::read_to_string(directory.path()));
        assert_fails(kind, fs::write(directory.path(), "text"));
        assert_fails(kind, File::create(directory.path()));
    });
}

#[test]
fn a_missing_file_is_not_found() {
    let directory = Directory::new();
    let missing = directory.join("missing");
    both(|| {
        let kind = ErrorKind::NotFound;
        assert_fails(kind, File::open(&missing));
        assert_fails(kind, fs::read(&missing));
        assert_fails(kind, fs::metadata(&missing));
        assert_fails(kind, fs::remove_file(&missing));
        assert_fails(kind, fs::remove_dir_all(&missing));
        assert_fails(kind, fs::read_dir(&missing));
        assert_fails(kind, fs::copy(&missing, directory.join("copy")));
        assert_fails(kind, File::create(missing.join("below")));
        assert!(!fs::exists(&missing).unwrap());
    });
}

#[test]
fn operations_need_the_access_the_file_was_opened_with() {
    let directory = Directory::new();
    let path = directory.file("file", pattern(100));
    both(|| {
        let mut reader = File::open(&path).unwrap();
        let mut writer = OpenOptions::new().write(true).open(&path).unwrap();
        // std has no kind for these errors: compare the system's number.
        let number = |result: Result<usize>| result.unwrap_err().raw_os_error();
        assert_eq!(number(reader.write(b"x")), Some(libc::EBADF));
        assert_eq!(number(writer.read(&mut [0; 4])), Some(libc::EBADF));
        assert_eq!(number(writer.read_at(&mut [0; 4], 0)), Some(libc::EBADF));
        assert_fails(ErrorKind::InvalidInput, reader.set_len(5));
        assert_fails(ErrorKind::InvalidInput, OpenOptions::new().open(&path));
        assert_fails(ErrorKind::InvalidInput, reader.seek(SeekFrom::Current(-1)));
        assert_fails(ErrorKind::InvalidInput, reader.seek(SeekFrom::End(-101)));
        assert_fails(
            ErrorKind::InvalidInput,
            reader.seek(SeekFrom::Start(u64::MAX)),
        );
        assert_fails(ErrorKind::UnexpectedEof, reader.read_exact(&mut [0; 101]));
        assert_fails(
            ErrorKind::UnexpectedEof,
            reader.read_exact_at(&mut [0; 2], 99),
        );
        assert_fails(
            ErrorKind::InvalidInput,
            reader.read_at(&mut [0; 2], u64::MAX),
        );
    });
}

#[test]
fn invalid_utf8_is_an_error_and_leaves_the_string_unchanged() {
    let directory = Directory::new();
    let path = directory.file("file", [b'a', 0xff, b'b']);
    both(|| {
        assert_fails(ErrorKind::InvalidData, fs::read_to_string(&path));
        let mut text = "before".to_owned();
        let mut file = File::open(&path).unwrap();
        assert_fails(ErrorKind::InvalidData, file.read_to_string(&mut text));
        assert_eq!(text, "before");
    });
}

fn without_permission() {
    let directory = Directory::new();
    let secret = directory.file("secret", "text");
    let closed = directory.join("closed");
    std_fs::create_dir(&closed).unwrap();
    for path in [&secret, &closed] {
        std_fs::set_permissions(path, std_fs::Permissions::from_mode(0o000)).unwrap();
    }
    // SAFETY: only this process changes, and it ends soon.
    let is_root = unsafe { libc::geteuid() } == 0;
    if is_root {
        // SAFETY: as above. Root may do everything.
        assert_eq!(unsafe { libc::setuid(65534) }, 0);
    }
    both(|| {
        let kind = ErrorKind::PermissionDenied;
        assert_fails(kind, File::open(&secret));
        assert_fails(kind, fs::read(&secret));
        assert_fails(kind, OpenOptions::new().append(true).open(&secret));
        assert_fails(kind, fs::read_dir(&closed));
        assert_fails(kind, fs::write(closed.join("file"), ""));
        if is_root {
            assert_fails(kind, fs::remove_file(&secret));
            assert_fails(kind, fs::create_dir(directory.join("more")));
            assert_fails(
                kind,
                fs::set_permissions(&secret, std_fs::Permissions::from_mode(0o777)),
            );
        }
    });
    println!("kept out; {}", directory.path().display());
    // The owner of the directory removes it.
    std::mem::forget(directory);
}

#[test]
fn without_permission_nothing_is_opened() {
    let ended = play("without_permission");
    ended.assert_exited(0);
    let (_, rest) = ended.stdout.split_once("kept out; ").expect("it played");
    std_fs::remove_dir_all(rest.lines().next().unwrap()).ok();
}

#[cfg(target_os = "linux")]
#[test]
fn a_file_that_fits_into_no_memory_is_an_error() {
    play("without_memory").assert_exited(0);
}

#[cfg(target_os = "linux")]
fn without_memory() {
    let directory = Directory::new();
    let path = directory.join("sparse");
    std_fs::File::create(&path)
        .unwrap()
        .set_len(1 << 40)
        .unwrap();
    // The loop's stacks are mapped before the limit applies.
    run(|| spawn(|| fs::metadata("/").unwrap()).join().unwrap());
    let sizes = std_fs::read_to_string("/proc/self/statm").unwrap();
    let n_pages: u64 = sizes.split(' ').next().unwrap().parse().unwrap();
    // SAFETY: asks for a number.
    let page_bytes = unsafe { libc::sysconf(libc::_SC_PAGESIZE) } as u64;
    let limit_bytes = n_pages * page_bytes + (1 << 30);
    let limit = libc::rlimit {
        rlim_cur: limit_bytes,
        rlim_max: limit_bytes,
    };
    // SAFETY: sets a limit of this process, from a value on this stack.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_AS, &limit) }, 0);
    both(|| {
        let mut file = File::open(&path).unwrap();
        assert_fails(ErrorKind::OutOfMemory, file.read_to_end(&mut Vec::new()));
        file.rewind().unwrap();
        assert_fails(
            ErrorKind::OutOfMemory,
            file.read_to_string(&mut String::new()),
        );
    });
}
