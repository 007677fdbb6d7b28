//! Operations on paths have std's effects.

use std::fs as std_fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::time::{Duration, SystemTime};

use selvedge::fs::{self, File, OpenOptions, Permissions};
use selvedge::run;

use crate::temporary::{Directory, pattern};

#[test]
fn small_and_large_files_are_written_and_read_back() {
    let directory = Directory::new();
    run(|| {
        for n_bytes in [0, 1, 4096, 256 * 1024, 256 * 1024 + 1, 1_000_000] {
            let path = directory.join("file");
            fs::write(&path, pattern(n_bytes)).unwrap();
            assert!(fs::read(&path).unwrap() == pattern(n_bytes), "{n_bytes}");
            assert!(
                std_fs::read(&path).unwrap() == pattern(n_bytes),
                "{n_bytes}"
            );
            assert_eq!(fs::metadata(&path).unwrap().len(), n_bytes as u64);
        }
        fs::write(directory.join("text"), "grün").unwrap();
        assert_eq!(fs::read_to_string(directory.join("text")).unwrap(), "grün");
    });
}

#[test]
fn files_can_be_renamed_and_linked() {
    let directory = Directory::new();
    run(|| {
        let (one, two) = (directory.file("one", "1"), directory.join("two"));
        assert_eq!(fs::copy(&one, &two).unwrap(), 1);
        fs::write(&two, "22").unwrap();
        assert_eq!(std_fs::read(&one).unwrap(), b"1");
        fs::rename(&two, &one).unwrap();
        assert_eq!(std_fs::read(&one).unwrap(), b"22");
        assert!(!fs::exists(&two).unwrap());
        fs::hard_link(&one, &two).unwrap();
        assert_eq!(
            fs::metadata(&one).unwrap().ino(),
            fs::metadata(&two).unwrap().ino()
        );
        let link = directory.join("link");
        fs::symlink("two", &link).unwrap();
        assert_eq!(fs::read_link(&link).unwrap().to_str(), Some("two"));
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert!(fs::metadata(&link).unwrap().is_file());
        let whole = std_fs::canonicalize(&two).unwrap();
        assert_eq!(fs::canonicalize(&link).unwrap(), whole);
        fs::remove_file(&two).unwrap();
        assert!(!fs::exists(&link).unwrap(), "it leads nowhere");
        assert!(fs::symlink_metadata(&link).is_ok());
    });
}

#[test]
fn modes_and_times_are_set() {
    let directory = Directory::new();
    run(|| {
        let path = directory.join("file");
        let mut options = OpenOptions::new();
        let file = options
            .write(true)
            .create_new(true)
            .mode(0o640)
            .open(&path)
            .unwrap();
        let mode = || std_fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode() & !0o640, 0);
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        assert_eq!(mode(), 0o600);
        file.set_permissions(Permissions::from_mode(0o444)).unwrap();
        assert_eq!(mode(), 0o444);
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        file.set_modified(time).unwrap();
        assert_eq!(file.metadata().unwrap().modified().unwrap(), time);
        file.sync_data().unwrap();
        file.sync_all().unwrap();
    });
}

#[test]
fn open_options_have_the_effects_of_std() {
    let directory = Directory::new();
    run(|| {
        let path = directory.join("file");
        assert!(File::open(&path).is_err());
        drop(File::create_new(&path).unwrap());
        assert!(File::create_new(&path).is_err());
        std_fs::write(&path, "text").unwrap();
        let mut options = OpenOptions::new();
        drop(options.write(true).create(true).open(&path).unwrap());
        assert_eq!(std_fs::read(&path).unwrap(), b"text");
        drop(options.truncate(true).open(&path).unwrap());
        assert_eq!(std_fs::read(&path).unwrap(), b"");
        let again = options.clone();
        assert!(again.open(directory.path()).is_err());
        let mut options = OpenOptions::default();
        options.read(true).custom_flags(libc::O_DIRECTORY);
        assert!(options.open(&path).is_err());
        assert!(options.open(directory.path()).is_ok());
    });
}
