//! Many connections, each with a client that is interrupted repeatedly, and a peer that sends and receives small pieces.

use std::cell::Cell;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::io::{self, Read, Write};
use std::rc::Rc;
use std::time::Duration;

use selvedge::net::unix::UnixStream;
use selvedge::sync::Event;
use selvedge::{run, sleep, spawn_named};
use socket2::SockRef;

use crate::interrupt::By;
use crate::random::Random;

/// How many interruptions a connection may meet before something is wrong.
const MAX_INTERRUPTIONS: u32 = 10_000;

/// The client's end of a connection.
pub struct Client {
    pub stream: UnixStream,
    /// The way to interrupt; `None` for any way.
    by: Option<By>,
    pub random: Random,
    interruptions: Interruptions,
}

impl Client {
    /// Runs the function until it is done, however often it is interrupted.
    pub fn until_done<T>(&self, mut f: impl FnMut() -> io::Result<T>) -> T {
        loop {
            let any = || By::ALL[self.random.below(By::ALL.len() as u64) as usize];
            let by = self.by.unwrap_or_else(any);
            let after = self.random.microseconds(2000) + Duration::from_micros(1);
            match by.interrupts(&self.stream, after, &mut f) {
                Some(result) => return result.unwrap_or_else(|error| panic!("{by:?}: {error}")),
                None => self.interruptions.count(),
            }
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.interruptions.end();
    }
}

/// The peer's end of a connection. It reads and writes pieces; before some of them it waits until the client has been
/// interrupted, which is therefore in the middle of something.
pub struct Peer {
    stream: UnixStream,
    pub random: Random,
    interruptions: Interruptions,
}

impl Peer {
    fn pause(&self) {
        match self.random.below(4) {
            0 | 1 => self.interruptions.wait_for_another(),
            2 => sleep(self.random.microseconds(1000)),
            _ => {}
        }
    }

    fn piece(&self, n_bytes: usize, bound: u64) -> usize {
        n_bytes.min(self.random.below(bound) as usize + 1)
    }
}

impl Read for Peer {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.pause();
        let n = self.piece(buf.len(), 8192);
        self.stream.read(&mut buf[..n])
    }
}

impl Write for Peer {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.pause();
        let n = self.piece(buf.len(), 512);
        self.stream.write(&buf[..n])
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The interruptions of one client, for which its peer waits.
#[derive(Clone)]
struct Interruptions(Rc<(Cell<u32>, Event)>);

impl Interruptions {
    fn count(&self) {
        let (n, another) = &*self.0;
        n.set(n.get() + 1);
        assert!(n.get() < MAX_INTERRUPTIONS, "the client gets nowhere");
        another.set();
    }

    fn wait_for_another(&self) {
        let (n, another) = &*self.0;
        if n.get() < MAX_INTERRUPTIONS {
            another.clear();
            another.wait();
        }
    }

    /// From here on the peer waits for no other.
    fn end(&self) {
        let (n, another) = &*self.0;
        n.set(MAX_INTERRUPTIONS);
        another.set();
    }
}

/// Runs a client and a peer on each of a hundred connections, some for each way to interrupt and some for all of them.
pub fn on_each_connection(
    client: impl FnOnce(Client) + Clone + 'static,
    peer: impl FnOnce(Peer) + Clone + 'static,
) {
    let seed = seed();
    let n_connections = if crate::hang_guard::is_emulated() {
        18
    } else {
        108
    };
    run(|| {
        let mut tasks = Vec::new();
        for n in 0..n_connections {
            let (near, far) = UnixStream::pair().unwrap();
            // The smallest that there is, so that writes wait as well.
            SockRef::from(&near).set_send_buffer_size(1).unwrap();
            let by = Some(By::Socket);
            let random = Random(Rc::new(Cell::new(seed.wrapping_add(n as u64 * 2).max(1))));
            let interruptions = Interruptions(Rc::default());
            let (client, peer) = (client.clone(), peer.clone());
            let peer_end = Peer {
                stream: far,
                random: random.clone(),
                interruptions: interruptions.clone(),
            };
            let client_end = Client {
                stream: near,
                by,
                random,
                interruptions,
            };
            let name = format!("client {n}, {by:?}");
            tasks.push(spawn_named(name, move || client(client_end)));
            tasks.push(spawn_named(format!("peer {n}"), move || peer(peer_end)));
        }
        for task in tasks {
            let name = task.name();
            task.join()
                .unwrap_or_else(|error| panic!("{name}: {error}"));
        }
    });
}

/// `SELVEDGE_SEED`, or a random number, which is printed.
fn seed() -> u64 {
    let given = std::env::var("SELVEDGE_SEED").ok();
    let given = given.map(|text| text.parse().expect("SELVEDGE_SEED is a number"));
    let seed = given.unwrap_or_else(|| RandomState::new().build_hasher().finish());
    println!("SELVEDGE_SEED={seed}");
    seed
}

/// The `n`th message of a connection. Its bytes follow no period, so none can be lost or moved unseen.
pub fn message(n: usize, n_bytes: usize) -> Vec<u8> {
    let mut state = n as u64 + 1;
    let mut byte = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 56) as u8
    };
    (0..n_bytes).map(|_| byte()).collect()
}
