//! A full disk is an error, and the bytes written before are in the file.

use std::ffi::CString;
use std::fs as std_fs;
use std::io::{self, ErrorKind, Seek, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use selvedge::fs::{self, File, OpenOptions};
use selvedge::run;

use crate::play;
use crate::temporary::Directory;

pub const SCENARIOS: &[(&str, fn())] = &[("fills_a_disk", fills_a_disk)];

const SIZE: usize = 64 * 1024;

/// Mounts a disk of 64 KiB that only this thread, and the threads that it starts, can see.
fn mount_small_disk(path: &Path) -> io::Result<()> {
    let path = CString::new(path.as_os_str().as_bytes()).expect("no NUL");
    let check = |answer| match answer {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    };
    // SAFETY: all strings end with a NUL, and only what this thread sees of the file system changes.
    unsafe {
        check(libc::unshare(libc::CLONE_NEWNS))?;
        let nothing = std::ptr::null();
        let private = libc::MS_REC | libc::MS_PRIVATE;
        check(libc::mount(
            nothing,
            c"/".as_ptr(),
            nothing,
            private,
            nothing.cast(),
        ))?;
        let options = c"size=64k".as_ptr().cast();
        let kind = c"tmpfs".as_ptr();
        check(libc::mount(kind, path.as_ptr(), kind, 0, options))
    }
}

fn fills_a_disk() {
    let directory = Directory::new();
    if let Err(error) = mount_small_disk(directory.path()) {
        println!("no disk: {error}");
        return;
    }
    run(|| {
        let path = directory.join("file");
        let mut file = File::create(&path).unwrap();
        let error = file.write_all(&vec![7; 4 * SIZE]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::StorageFull, "{error}");
        // A write may have been short before; the cursor says how short.
        let n_written = file.stream_position().unwrap();
        assert_eq!(fs::read(&path).unwrap(), vec![7; n_written as usize]);
        assert_eq!(fs::metadata(&path).unwrap().len(), n_written);
        let error = fs::write(directory.join("another"), "x").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::StorageFull, "{error}");
        // With room again, writing goes on.
        file.set_len(0).unwrap();
        file.rewind().unwrap();
        file.write_all(b"less").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"less");
        fs::remove_file(&path).unwrap();
        fs::write(directory.join("another"), vec![1; SIZE / 2]).unwrap();
        println!("the disk was full");
    });
    // A directory that is a mount point can't be removed.
    let path = CString::new(directory.path().as_os_str().as_bytes()).expect("no NUL");
    // SAFETY: the string ends with a NUL.
    assert_eq!(unsafe { libc::umount2(path.as_ptr(), libc::MNT_DETACH) }, 0);
}

#[test]
fn a_full_disk_is_an_error_of_kind_storage_full() {
    let ended = play("fills_a_disk");
    ended.assert_exited(0);
    if let Some((_, reason)) = ended.stdout.split_once("no disk: ") {
        // Bypasses the harness, which hides the output of passing tests.
        let text = format!(
            "\nWARNING: the test of a full disk could not mount one: {}. Run it as root.\n",
            reason.lines().next().unwrap_or_default()
        );
        let mut stderr = std_fs::OpenOptions::new()
            .append(true)
            .open("/dev/stderr")
            .unwrap();
        stderr.write_all(text.as_bytes()).unwrap();
    } else {
        assert!(ended.stdout.contains("the disk was full"), "{ended:#?}");
    }
}

/// `/dev/full`, which is always full, needs no root.
#[cfg(target_os = "linux")]
#[test]
fn dev_full_is_an_error_of_kind_storage_full() {
    let write = || {
        let mut file = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let error = file.write_all(b"x").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::StorageFull, "{error}");
    };
    run(write);
    write();
}
