//! The types that name addresses: those that std accepts, and no others.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

use selvedge::net::{TcpStream, ToSocketAddrs};

use crate::sockets::{assert_kind, listener};

fn all<A: ToSocketAddrs>(from: A) -> Vec<SocketAddr> {
    from.to_socket_addrs().expect("addresses").collect()
}

#[test]
fn every_type_that_std_accepts_names_an_address() {
    let v4 = Ipv4Addr::LOCALHOST;
    let expected: SocketAddr = (v4, 80).into();
    assert_eq!(all(expected), [expected]);
    assert_eq!(all(SocketAddrV4::new(v4, 80)), [expected]);
    assert_eq!(all((v4, 80)), [expected]);
    assert_eq!(all((IpAddr::V4(v4), 80)), [expected]);
    assert_eq!(all("127.0.0.1:80"), [expected]);
    assert_eq!(all(("127.0.0.1", 80)), [expected]);
    assert_eq!(all(("127.0.0.1".to_owned(), 80)), [expected]);
    let (reference, string) = (&&expected, "127.0.0.1:80".to_owned());
    assert_eq!(all(reference), [expected]);
    assert_eq!(all(string.as_str()), [expected]);
    assert_eq!(all(string), [expected]);

    let v6 = Ipv6Addr::LOCALHOST;
    let expected: SocketAddr = (v6, 80).into();
    assert_eq!(all(SocketAddrV6::new(v6, 80, 0, 0)), [expected]);
    assert_eq!(all((v6, 80)), [expected]);
    assert_eq!(all((IpAddr::V6(v6), 80)), [expected]);
    assert_eq!(all("[::1]:80"), [expected]);
    assert_eq!(all(("::1", 80)), [expected]);
}

#[test]
fn several_addresses_keep_their_order() {
    let many: Vec<SocketAddr> = (1..5).map(|n| ([127, 0, 0, n], 80).into()).collect();
    assert_eq!(all(&many[..]), many);
}

#[test]
fn a_name_is_looked_up() {
    let listener = listener();
    let port = listener.local_addr().unwrap().port();
    let expected: SocketAddr = (Ipv4Addr::LOCALHOST, port).into();
    assert!(all(("localhost", port)).contains(&expected));
    assert!(all(format!("localhost:{port}")).contains(&expected));
    let stream = TcpStream::connect(("localhost", port)).unwrap();
    assert_eq!(stream.peer_addr().unwrap().port(), port);
}

#[test]
fn an_unknown_name_is_an_error() {
    // RFC 6761 reserves this name.
    assert!("unknown.invalid:80".to_socket_addrs().is_err());
    assert!(("unknown.invalid", 80).to_socket_addrs().is_err());
    assert!(TcpStream::connect("unknown.invalid:80").is_err());
}

#[test]
fn a_string_without_a_good_port_is_invalid() {
    for text in [
        "127.0.0.1",
        "localhost",
        "",
        "localhost:",
        "localhost:http",
        "localhost:65536",
        "localhost:-1",
    ] {
        assert_kind(
            text.to_socket_addrs().map(Vec::from_iter),
            ErrorKind::InvalidInput,
        );
    }
}

#[test]
fn a_name_with_a_nul_byte_is_an_error_not_a_panic() {
    assert!(("local\0host", 80).to_socket_addrs().is_err());
}

/// The trait is open: a type that names an address can implement it.
#[test]
fn a_custom_type_can_name_an_address() {
    struct Home(u16);

    impl ToSocketAddrs for Home {
        type Iter = std::option::IntoIter<SocketAddr>;

        fn to_socket_addrs(&self) -> std::io::Result<Self::Iter> {
            (Ipv4Addr::LOCALHOST, self.0).to_socket_addrs()
        }
    }

    let listener = listener();
    let port = listener.local_addr().unwrap().port();
    assert!(TcpStream::connect(Home(port)).is_ok());
}
