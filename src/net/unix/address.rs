//! Addresses of Unix sockets between std's type and the system's form. Only std's checks what
//! it is given, so every address from a user is one of those first.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::SocketAddr;
use std::path::Path;

use socket2::SockAddr;

/// The system's form.
pub(super) fn to_system(address: &SocketAddr) -> io::Result<SockAddr> {
    if let Some(path) = address.as_pathname() {
        return SockAddr::unix(path);
    }
    #[cfg(any(target_os = "linux", target_os = "android"))]
    if let Some(name) = abstract_name(address) {
        let bytes = [b"\0", name].concat();
        return SockAddr::unix(OsStr::from_bytes(&bytes));
    }
    SockAddr::unix("")
}

#[cfg(target_os = "linux")]
fn abstract_name(address: &SocketAddr) -> Option<&[u8]> {
    use std::os::linux::net::SocketAddrExt;
    address.as_abstract_name()
}

#[cfg(target_os = "android")]
fn abstract_name(address: &SocketAddr) -> Option<&[u8]> {
    use std::os::android::net::SocketAddrExt;
    address.as_abstract_name()
}

/// The system's form of a path. An empty one names nothing and is refused where it is used.
pub(super) fn path_to_system(path: &Path) -> io::Result<SockAddr> {
    to_system(&SocketAddr::from_pathname(path)?)
}

/// std's type for what the system wrote.
pub(super) fn from_system(address: &SockAddr) -> io::Result<SocketAddr> {
    if let Some(path) = address.as_pathname() {
        // Linux binds paths that are a byte longer than std lets anybody write. Such a peer is
        // served like one without a name: a failure would lose what it has sent.
        return SocketAddr::from_pathname(path).or_else(|_| unnamed());
    }
    #[cfg(target_os = "linux")]
    if let Some(name) = address.as_abstract_namespace() {
        use std::os::linux::net::SocketAddrExt;
        return SocketAddr::from_abstract_name(name);
    }
    #[cfg(target_os = "android")]
    if let Some(name) = address.as_abstract_namespace() {
        use std::os::android::net::SocketAddrExt;
        return SocketAddr::from_abstract_name(name);
    }
    unnamed()
}

/// The address of a socket that has none: to std, that of the empty path.
fn unnamed() -> io::Result<SocketAddr> {
    SocketAddr::from_pathname("")
}
