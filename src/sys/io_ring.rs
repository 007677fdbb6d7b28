//! Linux's io_uring for operations on files: a queue of operations to the kernel, and a queue of their results back, in
//! memory that the process and the kernel share.
//!
//! The kernel uses the memory that an operation names (a buffer, a path) until the operation's result arrives. So an
//! [`Operation`] borrows that memory, and the caller of [`Ring::push`] promises to keep the borrow until then.

#![allow(unsafe_code)]

use std::cell::RefCell;
use std::ffi::CStr;
use std::fmt;
use std::io;
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use io_uring::{Builder, EnterFlags, IoUring, Probe, opcode, squeue, types};

use super::file::Kind;

/// The number of operations that one call submits at most: a full queue is submitted at once.
pub(crate) const N_SUBMITTED: u32 = 128;

/// The number of results that the shared memory holds. The kernel keeps further ones until there is room.
const N_RESULTS: u32 = 1024;

/// The token of a result that no caller waits for.
const NO_TOKEN: u64 = 0;

/// The opcodes without which a ring is of no use here.
const NEEDED: [u8; 6] = [
    opcode::Read::CODE,
    opcode::Write::CODE,
    opcode::Fsync::CODE,
    opcode::OpenAt::CODE,
    opcode::Statx::CODE,
    opcode::AsyncCancel::CODE,
];

/// A ring. One thread makes it, submits to it and takes its results; a forked child does not use it.
pub(crate) struct Ring(RefCell<IoUring>);

impl Ring {
    /// Makes a ring.
    ///
    /// # Errors
    /// If the kernel has no io_uring, lacks an opcode, or does not let this process use it.
    pub(crate) fn new() -> io::Result<Self> {
        let ring = Self::build()?;
        let mut probe = Probe::new();
        ring.submitter().register_probe(&mut probe)?;
        let has_all = NEEDED.iter().all(|code| probe.is_supported(*code));
        if !has_all || !ring.params().is_feature_nodrop() || !ring.params().is_feature_rw_cur_pos()
        {
            return Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "the kernel's io_uring is too old",
            ));
        }
        Ok(Self(RefCell::new(ring)))
    }

    /// Tries the settings, the best first. Older kernels refuse the flags that they don't know.
    ///
    /// 1. `COOP_TASKRUN` (Linux 5.19; with `SINGLE_ISSUER`, 6.0): results appear in memory at the thread's next system
    ///    call, so running code is not interrupted. A sleep in `epoll_wait` ends, by `EINTR` or by an event.
    /// 2. No flag: running code is interrupted for each result.
    ///
    /// Not `DEFER_TASKRUN`: the results of such a ring wait for a call that asks for them, and until then `epoll` does not
    /// report the ring as readable.
    fn build() -> io::Result<IoUring> {
        const SETTINGS: [fn(&mut Builder) -> &mut Builder; 3] = [
            |builder| {
                let builder = builder.setup_coop_taskrun().setup_taskrun_flag();
                builder.setup_submit_all().setup_single_issuer()
            },
            |builder| {
                let builder = builder.setup_coop_taskrun().setup_taskrun_flag();
                builder.setup_submit_all()
            },
            |builder| builder,
        ];
        let mut refused = None;
        for set in SETTINGS {
            let mut builder = IoUring::builder();
            set(builder.setup_cqsize(N_RESULTS));
            match builder.build(N_SUBMITTED) {
                Err(error) if error.raw_os_error() == Some(libc::EINVAL) => refused = Some(error),
                result => return result,
            }
        }
        Err(refused.expect("the loop has ended with an error"))
    }

    /// Queues an operation, under a token that is not 0. Submits the queue first if it is full.
    ///
    /// # Errors
    /// If the queue is full and the kernel takes nothing from it. The operation is not queued.
    ///
    /// # Safety
    /// What the operation borrows stays, and is not used, until [`take`](Self::take) has returned the token.
    pub(crate) unsafe fn push(&self, operation: &Operation<'_>, token: u64) -> io::Result<()> {
        debug_assert_ne!(token, NO_TOKEN, "the token is that of cancels");
        // SAFETY: forwarded to the caller.
        unsafe { self.push_entry(&operation.entry.clone().user_data(token)) }
    }

    /// Queues a request to cancel the operation with this token. Returns false if that is not possible now.
    pub(crate) fn cancel(&self, token: u64) -> bool {
        let entry = opcode::AsyncCancel::new(token).build().user_data(NO_TOKEN);
        // SAFETY: the entry names no memory.
        unsafe { self.push_entry(&entry) }.is_ok()
    }

    /// # Safety
    /// What the entry names stays until its result was taken.
    unsafe fn push_entry(&self, entry: &squeue::Entry) -> io::Result<()> {
        let mut ring = self.0.borrow_mut();
        if ring.submission().is_full() {
            Self::enter_with(&ring, 0)?;
        }
        // SAFETY: forwarded to the caller.
        let pushed = unsafe { ring.submission().push(entry) };
        pushed.map_err(|_| io::ErrorKind::WouldBlock.into())
    }

    /// Whether a call of [`enter`](Self::enter) has something to do: operations to submit, or results that the kernel
    /// keeps. Reads memory only.
    pub(crate) fn wants_enter(&self) -> bool {
        let mut ring = self.0.borrow_mut();
        let queue = ring.submission();
        !queue.is_empty() || queue.taskrun() || queue.cq_overflow()
    }

    /// Submits what is queued, and waits until `n_results` results are there.
    ///
    /// # Errors
    /// See [`is_temporary`].
    pub(crate) fn enter(&self, n_results: u32) -> io::Result<()> {
        Self::enter_with(&self.0.borrow(), n_results)
    }

    fn enter_with(ring: &IoUring, n_results: u32) -> io::Result<()> {
        // SAFETY: no other reference to the queue exists, because the ring is borrowed.
        let n_queued = unsafe { ring.submission_shared() }.len() as u32;
        let flags = EnterFlags::GETEVENTS.bits();
        let submitter = ring.submitter();
        // SAFETY: the queued entries name memory that stays, as their callers have promised; no signal mask is given.
        unsafe { submitter.enter::<libc::sigset_t>(n_queued, n_results, flags, None) }.map(drop)
    }

    /// Calls a function with the token and the result of each operation that has ended. The function does not use the
    /// ring.
    pub(crate) fn take(&self, mut each: impl FnMut(u64, OperationResult)) {
        let mut ring = self.0.borrow_mut();
        for entry in ring.completion() {
            if entry.user_data() != NO_TOKEN {
                each(entry.user_data(), OperationResult(entry.result()));
            }
        }
    }
}

impl AsFd for Ring {
    /// A descriptor that is readable while there are results.
    fn as_fd(&self) -> BorrowedFd<'_> {
        let fd = self.0.borrow().as_raw_fd();
        // SAFETY: the ring owns the descriptor.
        unsafe { BorrowedFd::borrow_raw(fd) }
    }
}

impl fmt::Debug for Ring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ring").finish_non_exhaustive()
    }
}

/// Whether a call that failed with this error may succeed later: a signal has ended the wait, or the kernel has no memory
/// or no room for results now.
pub(crate) fn is_temporary(error: &io::Error) -> bool {
    let temporary = [libc::EINTR, libc::EAGAIN, libc::EBUSY, libc::ENOMEM];
    error
        .raw_os_error()
        .is_some_and(|code| temporary.contains(&code))
}

/// An operation on a file, with what it borrows.
pub(crate) struct Operation<'a> {
    entry: squeue::Entry,
    _borrows: PhantomData<&'a mut [u8]>,
}

/// The offset that means the end of a file that was opened with `O_APPEND`.
pub(crate) const AT_END: u64 = u64::MAX;

impl<'a> Operation<'a> {
    fn new(entry: squeue::Entry) -> Self {
        Self {
            entry,
            _borrows: PhantomData,
        }
    }

    /// Reads at an offset. The result is the number of bytes.
    pub(crate) fn read(fd: BorrowedFd<'a>, buffer: &'a mut [u8], offset: u64) -> Self {
        let n_bytes = u32::try_from(buffer.len()).unwrap_or(u32::MAX);
        let fd = types::Fd(fd.as_raw_fd());
        let read = opcode::Read::new(fd, buffer.as_mut_ptr(), n_bytes);
        Self::new(read.offset(offset).build())
    }

    /// Writes at an offset, or [`AT_END`]. The result is the number of bytes.
    pub(crate) fn write(fd: BorrowedFd<'a>, bytes: &'a [u8], offset: u64) -> Self {
        let n_bytes = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let fd = types::Fd(fd.as_raw_fd());
        let write = opcode::Write::new(fd, bytes.as_ptr(), n_bytes);
        Self::new(write.offset(offset).build())
    }

    /// `fsync`, or `fdatasync`.
    pub(crate) fn sync(fd: BorrowedFd<'a>, is_data_only: bool) -> Self {
        let flags = match is_data_only {
            true => types::FsyncFlags::DATASYNC,
            false => types::FsyncFlags::empty(),
        };
        let sync = opcode::Fsync::new(types::Fd(fd.as_raw_fd()));
        Self::new(sync.flags(flags).build())
    }

    /// Opens a path, with `O_CLOEXEC`. The result is a descriptor.
    pub(crate) fn open(path: &'a CStr, how: &How) -> Option<Self> {
        let here = types::Fd(libc::AT_FDCWD);
        let open = opcode::OpenAt::new(here, path.as_ptr());
        let open = open.flags(how.flags()?).mode(how.mode as libc::mode_t);
        Some(Self::new(open.build()))
    }

    /// Finds out what a path refers to.
    pub(crate) fn status(path: &'a CStr, status: &'a mut Status) -> Self {
        let here = types::Fd(libc::AT_FDCWD);
        let statx = opcode::Statx::new(here, path.as_ptr(), status.0.as_mut_ptr().cast());
        Self::new(statx.mask(libc::STATX_TYPE).build())
    }
}

/// Room for what [`Operation::status`] finds out.
pub(crate) struct Status(MaybeUninit<libc::statx>);

impl Status {
    pub(crate) fn new() -> Self {
        Self(MaybeUninit::zeroed())
    }

    /// What the path refers to, after the operation has succeeded.
    pub(crate) fn kind(&self) -> Kind {
        // SAFETY: all fields are numbers, for which zero is a value.
        let mode = unsafe { self.0.assume_init_ref() }.stx_mode;
        Kind::of(mode.into())
    }
}

/// How a file is opened: the options of [`std::fs::OpenOptions`].
#[derive(Clone, Debug)]
#[allow(clippy::struct_excessive_bools, reason = "they are std's")]
pub(crate) struct How {
    pub(crate) read: bool,
    pub(crate) write: bool,
    pub(crate) append: bool,
    pub(crate) truncate: bool,
    pub(crate) create: bool,
    pub(crate) create_new: bool,
    pub(crate) mode: u32,
    pub(crate) custom_flags: i32,
}

impl How {
    /// The flags of `open`, by std's rules; `None` if std refuses the combination.
    fn flags(&self) -> Option<i32> {
        let access = match (self.read, self.write, self.append) {
            (true, false, false) => libc::O_RDONLY,
            (false, true, false) => libc::O_WRONLY,
            (true, true, false) => libc::O_RDWR,
            (false, _, true) => libc::O_WRONLY | libc::O_APPEND,
            (true, _, true) => libc::O_RDWR | libc::O_APPEND,
            (false, false, false) => return None,
        };
        let makes = self.create || self.create_new;
        let is_refused = match (self.write, self.append) {
            (true, false) => false,
            (false, false) => self.truncate || makes,
            (_, true) => self.truncate && !self.create_new,
        };
        if is_refused {
            return None;
        }
        let creation = match (self.create, self.truncate, self.create_new) {
            (false, false, false) => 0,
            (true, false, false) => libc::O_CREAT,
            (false, true, false) => libc::O_TRUNC,
            (true, true, false) => libc::O_CREAT | libc::O_TRUNC,
            (_, _, true) => libc::O_CREAT | libc::O_EXCL,
        };
        let custom = self.custom_flags & !libc::O_ACCMODE;
        Some(libc::O_CLOEXEC | access | creation | custom)
    }
}

/// The result of an operation: a number, or an error.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OperationResult(i32);

/// How an operation has ended.
#[derive(Debug)]
pub(crate) enum Ended {
    Done(u32),
    Failed(io::Error),
    /// The operation had no effect, because it was cancelled or interrupted.
    Cancelled,
    /// The ring can't do this operation on this file. A system call can, or has the error.
    Refused,
}

impl OperationResult {
    pub(crate) fn ended(self) -> Ended {
        match u32::try_from(self.0) {
            Ok(number) => Ended::Done(number),
            Err(_) => match -self.0 {
                libc::ECANCELED | libc::EINTR => Ended::Cancelled,
                libc::EAGAIN | libc::EOPNOTSUPP | libc::EINVAL | libc::ENOSYS => Ended::Refused,
                code => Ended::Failed(io::Error::from_raw_os_error(code)),
            },
        }
    }
}

/// Owns the descriptor that an [`Operation::open`] has returned.
///
/// # Safety
/// The number is the result of one, and is used once.
pub(crate) unsafe fn opened(number: u32) -> OwnedFd {
    // SAFETY: forwarded to the caller.
    unsafe { OwnedFd::from_raw_fd(number as i32) }
}
