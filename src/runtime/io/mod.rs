//! Descriptors: from the poller's readiness to the task that waits for it, and files on io_uring.

#[cfg_attr(
    not(all(
        feature = "io-uring",
        target_os = "linux",
        not(selvedge_poller = "kqueue")
    )),
    path = "no_files.rs"
)]
pub(crate) mod files;
mod limit;
mod owner;
mod pause;
pub(crate) mod reactor;
pub(crate) mod readiness;
pub(crate) mod registration;
pub(crate) mod side;
#[cfg(feature = "http")]
mod write_unless_readable;

pub(crate) use pause::pause;
pub(crate) use reactor::Reactor;
pub(crate) use readiness::{When, readiness_methods};
pub(crate) use registration::Registration;
pub(crate) use side::Side;
