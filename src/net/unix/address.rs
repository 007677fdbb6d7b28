//! Addresses of Unix sockets between std's type and the system's form. Only std's checks what
//! it is given, so every address from a user is one of those first.

use std::io;
use std::os::unix::net::SocketAddr;
use std::path::Path;

use socket2::SockAddr;

/// The system's form.
pub(super) fn to_system(address: &SocketAddr) -> io::Result<SockAddr> {
    if let Some(path) = address.as_pathname() {
        return SockAddr::unix(path);
    }
    if let Some(named) = names::to_system(address) {
        return named;
    }
    SockAddr::unix("")
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
    names::from_system(address).unwrap_or_else(unnamed)
}

/// The address of a socket that has none: to std, that of the empty path.
fn unnamed() -> io::Result<SocketAddr> {
    SocketAddr::from_pathname("")
}

/// Linux has names that are no paths, the abstract ones.
#[cfg(any(target_os = "linux", target_os = "android"))]
mod names {
    use std::ffi::OsStr;
    use std::io;
    #[cfg(target_os = "android")]
    use std::os::android::net::SocketAddrExt;
    #[cfg(target_os = "linux")]
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::net::SocketAddr;

    use socket2::SockAddr;

    pub(super) fn to_system(address: &SocketAddr) -> Option<io::Result<SockAddr>> {
        let bytes = [b"\0", address.as_abstract_name()?].concat();
        Some(SockAddr::unix(OsStr::from_bytes(&bytes)))
    }

    pub(super) fn from_system(address: &SockAddr) -> Option<io::Result<SocketAddr>> {
        let name = address.as_abstract_namespace()?;
        Some(SocketAddr::from_abstract_name(name))
    }
}

/// Nobody else has.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod names {
    use std::io;
    use std::os::unix::net::SocketAddr;

    use socket2::SockAddr;

    pub(super) fn to_system(_: &SocketAddr) -> Option<io::Result<SockAddr>> {
        None
    }

    pub(super) fn from_system(_: &SockAddr) -> Option<io::Result<SocketAddr>> {
        None
    }
}
