//! The choice whether a loop's files are on io_uring.

use super::builder::Builder;

impl Builder {
    /// Sets whether the kernel performs the loop's operations on files by io_uring (Linux). By default it does where it
    /// can, and operations run on threads of the loop's pool elsewhere: a kernel may be too old, and containers often
    /// forbid io_uring. Without an operation on a file the loop makes no ring.
    ///
    /// With `true`, a loop without a usable io_uring is an error of [`build`](Self::build), and of
    /// [`try_run`](Self::try_run). With `false`, all operations run on threads. The environment variable
    /// `SELVEDGE_IO_URING` has the same meaning, as `1` or `0`, for loops whose builder does not say; it is read once.
    ///
    /// By io_uring are reads and writes of [`File`](crate::fs::File), the opening, [`sync_all`](crate::fs::File::sync_all),
    /// [`sync_data`](crate::fs::File::sync_data) and [`exists`](crate::fs::exists). Reads of bytes in the page cache still
    /// run in place. Other operations, and all operations on FIFOs, terminals and other devices, run as they do without
    /// io_uring.
    ///
    /// The kernel uses the caller's buffer, so a task does not end before the kernel has finished with it: a cancel cancels
    /// the operation, and waits for the kernel's answer. When a run of the loop returns, the kernel has finished with all
    /// of the loop's operations. Each of these waits is as long as a disk takes, or an unreachable network file system.
    ///
    /// ```
    /// use selvedge::EventLoop;
    ///
    /// let exists = EventLoop::builder().io_uring(false).run(|| selvedge::fs::exists("/"));
    /// assert!(exists?);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn io_uring(mut self, is_used: bool) -> Self {
        self.0.io_uring = Some(is_used);
        self
    }
}
