//! A server of HTTP/1.1 for tests, as tasks of the test's loop. It records its connections and requests.

use std::cell::{Cell, RefCell};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::rc::Rc;

use httparse::{EMPTY_HEADER, Status};
use selvedge::net::{SocketAddr, TcpListener, TcpStream};
use selvedge::{Promise, run, spawn};

/// Runs a test in a loop. A panic in the loop fails the test.
pub fn in_loop<T>(test: impl FnOnce() -> T) -> T {
    run(test)
}

/// A client's request.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: String,
    pub target: String,
    headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Request {
    /// The header of this name, in lower case; all of its values, joined.
    pub fn header(&self, name: &str) -> Option<String> {
        let values = self.headers.iter().filter(|(key, _)| key == name);
        let values: Vec<&str> = values.map(|(_, value)| value.as_str()).collect();
        (!values.is_empty()).then(|| values.join(", "))
    }

    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).expect("text")
    }
}

/// A response with a length.
pub fn answer(status: &str, headers: &[&str], body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let mut answer = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n", body.len());
    for header in headers {
        answer.push_str(header);
        answer.push_str("\r\n");
    }
    answer.push_str("\r\n");
    let mut answer = answer.into_bytes();
    answer.extend_from_slice(body);
    answer
}

pub fn ok(body: impl AsRef<[u8]>) -> Vec<u8> {
    answer("200 OK", &["content-type: text/plain"], body)
}

/// A server's response; an empty one ends the connection.
pub type Handler = dyn Fn(&Request) -> Vec<u8>;

#[derive(Debug, Default)]
struct Counts {
    n_connections: Cell<usize>,
    n_open: Cell<usize>,
    requests: RefCell<Vec<Request>>,
}

/// A server that runs until its loop ends.
#[derive(Clone, Debug)]
pub struct Server {
    pub address: SocketAddr,
    scheme: &'static str,
    counts: Rc<Counts>,
}

impl Server {
    /// Answers each request with the handler's response, and keeps the connection; after an empty response the connection
    /// ends.
    pub fn start(handler: impl Fn(&Request) -> Vec<u8> + 'static) -> Self {
        Self::with_transport("http", Rc::new(handler), Ok)
    }

    /// As [`start`](Self::start), over the transport that `wrap` makes of a connection.
    pub fn with_transport<S: Read + Write>(
        scheme: &'static str,
        handler: Rc<Handler>,
        wrap: impl Fn(TcpStream) -> io::Result<S> + Clone + 'static,
    ) -> Self {
        let counts = Rc::new(Counts::default());
        let inner = Rc::clone(&counts);
        Self::accepting(scheme, counts, move |stream| {
            if let Ok(stream) = wrap(stream) {
                // A client that closes is not reported.
                let _ = attend(stream, &*handler, &inner);
            }
        })
    }

    /// A server that runs `attend` with each connection.
    pub fn raw(attend: impl Fn(TcpStream) + Clone + 'static) -> Self {
        Self::accepting("http", Rc::default(), attend)
    }

    /// A server that answers in two parts, the second when the gate is open.
    pub fn in_two_parts(first: &'static str, gate: &Gate, second: &'static str) -> Self {
        let gate = gate.clone();
        Self::raw(move |mut stream| {
            let n = stream.read(&mut [0; 1024]).unwrap();
            assert!(n > 0);
            stream.write_all(first.as_bytes()).unwrap();
            gate.pass();
            stream.write_all(second.as_bytes()).unwrap();
        })
    }

    fn accepting(
        scheme: &'static str,
        counts: Rc<Counts>,
        attend: impl Fn(TcpStream) + Clone + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
        let address = listener.local_addr().expect("an address");
        let server = Self {
            address,
            scheme,
            counts,
        };
        let counts = Rc::clone(&server.counts);
        spawn(move || {
            for stream in listener.incoming() {
                // The loop ends.
                let Ok(stream) = stream else { return };
                let (attend, counts) = (attend.clone(), Rc::clone(&counts));
                counts.n_connections.set(counts.n_connections.get() + 1);
                counts.n_open.set(counts.n_open.get() + 1);
                spawn(move || {
                    attend(stream);
                    counts.n_open.set(counts.n_open.get() - 1);
                })
                .detach();
            }
        })
        .detach();
        server
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}://localhost:{}{path}", self.scheme, self.address.port())
            .replace("http://localhost", "http://127.0.0.1")
    }

    /// The number of connections made.
    pub fn n_connections(&self) -> usize {
        self.counts.n_connections.get()
    }

    /// Waits until only `n` connections are open.
    pub fn wait_until_open(&self, n: usize) {
        while self.counts.n_open.get() > n {
            selvedge::sleep(std::time::Duration::from_millis(1));
        }
        assert_eq!(self.counts.n_open.get(), n, "fewer are open");
    }

    /// The requests since the last call.
    pub fn requests(&self) -> Vec<Request> {
        self.counts.requests.take()
    }

    /// The one request since the last call.
    #[track_caller]
    pub fn only_request(&self) -> Request {
        let mut requests = self.requests();
        assert_eq!(requests.len(), 1, "not one request: {requests:#?}");
        requests.remove(0)
    }
}

fn attend<S: Read + Write>(stream: S, handler: &Handler, counts: &Counts) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    while let Some(request) = receive(&mut stream)? {
        counts.requests.borrow_mut().push(request.clone());
        let answer = handler(&request);
        if answer.is_empty() {
            break;
        }
        let out = stream.get_mut();
        out.write_all(&answer)?;
        out.flush()?;
    }
    Ok(())
}

/// The next request; `None` if the client has closed.
pub fn receive(stream: &mut impl BufRead) -> io::Result<Option<Request>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read_until(b'\n', &mut head)? == 0 {
            return Ok(None);
        }
    }
    let mut headers = [EMPTY_HEADER; 32];
    let mut parsed = httparse::Request::new(&mut headers);
    let is_whole = matches!(parsed.parse(&head), Ok(Status::Complete(_)));
    assert!(is_whole, "no request: {:?}", String::from_utf8_lossy(&head));
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("a header in ASCII");
    let mut request = Request {
        method: parsed.method.expect("a method").to_owned(),
        target: parsed.path.expect("a target").to_owned(),
        headers: Vec::new(),
        body: Vec::new(),
    };
    for header in parsed.headers.iter() {
        let value = text(header.value);
        request.headers.push((header.name.to_lowercase(), value));
    }
    if let Some(length) = request.header("content-length") {
        request.body = vec![0; length.parse().expect("a length")];
        stream.read_exact(&mut request.body)?;
    } else if request.header("transfer-encoding").is_some() {
        receive_chunks(stream, &mut request.body)?;
    }
    Ok(Some(request))
}

fn receive_chunks(stream: &mut impl BufRead, body: &mut Vec<u8>) -> io::Result<()> {
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let size = usize::from_str_radix(line.trim(), 16).expect("a chunk's size");
        let start = body.len();
        body.resize(start + size, 0);
        stream.read_exact(&mut body[start..])?;
        stream.read_line(&mut String::new())?;
        if size == 0 {
            return Ok(());
        }
    }
}

/// A gate at which a server waits until the test opens it.
#[derive(Clone, Debug)]
pub struct Gate {
    reached: Promise<()>,
    opened: Promise<()>,
}

impl Gate {
    pub fn new() -> Self {
        let here = selvedge::event_loop::current_loop().expect("a loop");
        Self {
            reached: here.create_promise().expect("an open loop"),
            opened: here.create_promise().expect("an open loop"),
        }
    }

    /// On the server's side.
    pub fn pass(&self) {
        let _ = self.reached.set_result(());
        let _ = self.opened.wait();
    }

    /// Waits until a server has reached the gate.
    pub fn wait_until_reached(&self) {
        self.reached.wait().expect("a server comes");
    }

    pub fn open(&self) {
        let _ = self.opened.set_result(());
    }
}
