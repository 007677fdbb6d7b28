//! Conversion of Unix addresses between std's type and the system's form. Only std's constructors check
//! their input, so every address from a user takes that type first.

#[cfg(target_os = "android")]
use std::os::android::net::SocketAddrExt;
#[cfg(target_os = "linux")]
use std::os::linux::net::SocketAddrExt;

#[cfg(any(target_os = "linux", target_os = "android"))]
use std::ffi::OsStr;
use std::io;
#[cfg(any(target_os = "linux", target_os = "android"))]
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::SocketAddr;
use std::path::Path;

use socket2::SockAddr;

/// The system's form of an address.
pub(super) fn to_system(address: &SocketAddr) -> io::Result<SockAddr> {
    if let Some(path) = address.as_pathname() {
        return SockAddr::unix(path);
    }
    #[cfg(any(target_os = "linux", target_os = "android"))]
    if let Some(name) = address.as_abstract_name() {
        let bytes = [b"\0", name].concat();
        return SockAddr::unix(OsStr::from_bytes(&bytes));
    }
    SockAddr::unix("")
}

/// The system's form of a path. An empty path stands for no address, which the call that uses it rejects.
pub(super) fn path_to_system(path: &Path) -> io::Result<SockAddr> {
    to_system(&SocketAddr::from_pathname(path)?)
}

/// The system's form of an address as std's type.
pub(in crate::net) fn from_system(address: &SockAddr) -> io::Result<SocketAddr> {
    if let Some(path) = address.as_pathname() {
        // Linux binds paths that are one byte longer than std's type can represent. Such a peer is
        // reported as unnamed: an error would lose the datagram or the connection.
        return SocketAddr::from_pathname(path).or_else(|_| unnamed());
    }
    #[cfg(any(target_os = "linux", target_os = "android"))]
    if let Some(name) = address.as_abstract_namespace() {
        return SocketAddr::from_abstract_name(name);
    }
    unnamed()
}

/// The address of a socket without one: std represents it by the empty path.
fn unnamed() -> io::Result<SocketAddr> {
    SocketAddr::from_pathname("")
}
