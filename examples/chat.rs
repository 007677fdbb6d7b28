//! A chat room: a client's first line is its name, and each later line goes to all clients.
//! `chat ADDRESS` serves for ever; without an address it serves three clients of its own and ends.

use std::cell::RefCell;
use std::io::{self, BufRead, BufReader, Write};
use std::rc::Rc;
use std::time::Duration;

use selvedge::net::{TcpListener, TcpStream};
use selvedge::spawn;

fn attend(room: &RefCell<Vec<Rc<TcpStream>>>, stream: TcpStream) {
    let stream = Rc::new(stream);
    let mut lines = BufReader::new(&*stream).lines().map_while(Result::ok);
    let Some(name) = lines.next() else { return };
    room.borrow_mut().push(Rc::clone(&stream));
    for line in lines {
        let (line, members) = (format!("{name}: {line}\n"), room.borrow().clone());
        for member in members {
            // A client whose buffers are full, because it has not read for long, misses the line.
            drop(member.set_write_timeout(Some(Duration::from_secs(1))));
            drop((&*member).write_all(line.as_bytes()));
        }
    }
    room.borrow_mut().retain(|it| !Rc::ptr_eq(it, &stream));
}

fn serve(listener: &TcpListener) {
    let room = Rc::default();
    for stream in listener.incoming().flatten() {
        let room = Rc::clone(&room);
        spawn(move || attend(&room, stream)).detach();
    }
}

fn main() -> io::Result<()> {
    selvedge::run(|| match std::env::args().nth(1) {
        Some(address) => TcpListener::bind(address).map(|it| serve(&it)),
        None => meet(),
    })
}

fn meet() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let (address, mut guests) = (listener.local_addr()?, Vec::new());
    spawn(move || serve(&listener)).detach();
    for name in ["ada", "grace", "barbara"] {
        let mut guest = TcpStream::connect(address)?;
        guest.write_all(format!("{name}\nhello\n").as_bytes())?;
        guests.push(BufReader::new(guest).lines());
        for lines in &mut guests {
            assert_eq!(lines.next().transpose()?, Some(format!("{name}: hello")));
        }
        println!("{} clients have received hello from {name}", guests.len());
    }
    Ok(())
}
