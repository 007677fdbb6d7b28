//! The other side of the soak's connections: one task a connection, which acts on the first byte.

use std::cell::Cell;
use std::io::{self, ErrorKind, Read, Write};
use std::rc::Rc;

use selvedge::io::is_cancelled;
use selvedge::net::{TcpListener, TcpStream};
use selvedge::{Task, sleep, spawn};

use crate::random::Random;

/// The first byte that a client sends tells the server how to behave.
pub const ECHO: u8 = b'e';
pub const READ_ALL: u8 = b'a';
pub const KEEP_SILENT: u8 = b's';
pub const NEVER_READ: u8 = b'n';
pub const LEAVE: u8 = b'l';

#[derive(Clone)]
pub struct Server {
    pub random: Random,
    pub n_resets_seen: Rc<Cell<u64>>,
}

impl Server {
    /// Serves one connection until its client closes.
    fn serve(&self, mut stream: TcpStream) -> io::Result<()> {
        let mut behaviour = [0];
        if stream.read(&mut behaviour)? == 0 {
            return Ok(());
        }
        match behaviour[0] {
            ECHO => {
                let mut buffer = [0; 1024];
                loop {
                    match stream.read(&mut buffer)? {
                        0 => return Ok(()),
                        n_bytes => stream.write_all(&buffer[..n_bytes])?,
                    }
                }
            }
            READ_ALL => {
                let mut bytes = Vec::new();
                stream.read_to_end(&mut bytes)?;
                stream.write_all(&bytes)
            }
            KEEP_SILENT => io::copy(&mut stream, &mut io::sink()).map(drop),
            NEVER_READ => {
                sleep(self.random.microseconds(500));
                Ok(())
            }
            LEAVE => Ok(()),
            other => panic!("no behaviour: {other}"),
        }
    }

    fn serve_and_note(&self, stream: TcpStream) {
        let Err(error) = self.serve(stream) else {
            return;
        };
        match error.kind() {
            ErrorKind::ConnectionReset => self.n_resets_seen.set(self.n_resets_seen.get() + 1),
            ErrorKind::BrokenPipe => (),
            _ if is_cancelled(&error) => (),
            _ => panic!("the server met {error}"),
        }
    }

    pub fn listen(&self, listener: TcpListener) -> Task<()> {
        let server = self.clone();
        spawn(move || {
            loop {
                let stream = match listener.accept() {
                    Ok((stream, _)) => stream,
                    Err(error) if is_cancelled(&error) => return,
                    Err(error) => panic!("no connection: {error}"),
                };
                let server = server.clone();
                drop(spawn(move || server.serve_and_note(stream)));
            }
        })
    }
}
