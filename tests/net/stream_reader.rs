//! Lines, frames and exact lengths by a `StreamReader`: limits and early ends are typed errors that keep the data, and
//! a read that is unwound in the middle loses no byte.

use std::cell::RefCell;
use std::io::{self, BufRead, ErrorKind, Read, Write};
use std::iter;
use std::rc::Rc;
use std::time::Duration;

use selvedge::io::{ReadError, StreamReader};
use selvedge::net::TcpStream;
use selvedge::{EventLoop, run, sleep, spawn, timeout, yield_now};

use crate::loop_support::{begun, settle, shared_tcp};
use crate::sockets::tcp_pair;

/// A stream that returns given pieces, one a read.
struct Pieces(Vec<io::Result<&'static [u8]>>);

impl Read for Pieces {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.0.is_empty() {
            return Ok(0);
        }
        let piece = self.0.remove(0)?;
        buf[..piece.len()].copy_from_slice(piece);
        Ok(piece.len())
    }
}

fn overrun<T: std::fmt::Debug>(result: Result<T, ReadError>) -> usize {
    match result {
        Err(ReadError::LimitOverrun { consumed }) => consumed,
        other => panic!("it is not over the limit: {other:?}"),
    }
}

fn incomplete<T: std::fmt::Debug>(result: Result<T, ReadError>) -> (Vec<u8>, Option<usize>) {
    match result {
        Err(ReadError::Incomplete { partial, expected }) => (partial, expected),
        other => panic!("it is not incomplete: {other:?}"),
    }
}

#[test]
fn the_default_limit_is_64_kib() {
    let long = vec![b'x'; 70_000];
    let mut line = vec![b'x'; 64 * 1024];
    line.push(b'\n');
    assert_eq!(StreamReader::new(&line[..]).read_line().unwrap(), line);

    let mut reader = StreamReader::new(&long[..]);
    assert_eq!(reader.limit_bytes(), 64 * 1024);
    let consumed = overrun(reader.read_line());
    assert!((64 * 1024 + 1..=70_000).contains(&consumed));
    assert_eq!(reader.read_exactly(70_000).unwrap(), long);
}

#[test]
fn data_over_the_limit_stays_in_the_reader() {
    // The separator comes behind the limit.
    let mut reader = StreamReader::with_limit_bytes(4, &b"warps\nweft\n"[..]);
    assert_eq!(overrun(reader.read_line()), 5);
    assert_eq!(overrun(reader.read_line()), 5);
    assert_eq!(reader.buffer(), b"warps\nweft\n");
    assert_eq!(reader.read_exactly(5).unwrap(), b"warps");
    assert_eq!(reader.read_line().unwrap(), b"\n");
    assert_eq!(reader.read_line().unwrap(), b"weft\n");
    // The separator has not come, and a possible beginning of it is not counted.
    let mut reader = StreamReader::with_limit_bytes(4, Pieces(vec![Ok(b"warps-"), Ok(b"-weft")]));
    assert_eq!(overrun(reader.read_until("--")), 5);
    assert_eq!(reader.read_exactly(5).unwrap(), b"warps");
    assert_eq!(reader.read_until("--").unwrap(), b"--");
    assert_eq!(incomplete(reader.read_until("--")).0, b"weft");
}

#[test]
fn a_peer_that_sends_no_end_of_line_fills_no_memory() {
    run(|| {
        let (client, server) = tcp_pair();
        let flood = spawn(move || while (&client).write_all(&[b'x'; 4096]).is_ok() {});
        let mut reader = StreamReader::with_limit_bytes(10_000, &server);
        overrun(reader.read_until("\r\n"));
        assert!(reader.buffer().len() <= 2 * 10_000 + 16 * 1024);
        flood.cancel();
    });
}

#[test]
fn an_early_end_returns_the_data_read_so_far() {
    let mut reader = StreamReader::new(&b"warp and"[..]);
    assert_eq!(reader.read_exactly(5).unwrap(), b"warp ");
    assert!(!reader.is_at_end());
    assert_eq!(
        incomplete(reader.read_exactly(4)),
        (b"and".to_vec(), Some(4))
    );
    assert!(reader.is_at_end());
    // The data is in the error, and no longer in the reader.
    assert_eq!(incomplete(reader.read_exactly(1)), (Vec::new(), Some(1)));
    assert_eq!(reader.read_exactly(0).unwrap(), b"");
    assert_eq!(reader.read_line().unwrap(), b"");

    let mut reader = StreamReader::new(&b"no separator"[..]);
    assert_eq!(
        incomplete(reader.read_until("\r\n")),
        (b"no separator".to_vec(), None)
    );
}

#[test]
fn a_length_without_its_data_takes_no_memory() {
    let mut reader = StreamReader::new(&b"weft"[..]);
    let (partial, expected) = incomplete(reader.read_exactly(usize::MAX));
    assert_eq!((&partial[..], expected), (&b"weft"[..], Some(usize::MAX)));
}

#[test]
fn errors_convert_to_io_errors_and_back() {
    let incomplete = StreamReader::new(&b"we"[..]).read_exactly(4).unwrap_err();
    let error = io::Error::from(incomplete);
    assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
    let inner = error.into_inner().unwrap().downcast::<ReadError>().unwrap();
    assert!(matches!(*inner, ReadError::Incomplete { ref partial, .. } if partial == b"we"));

    let mut reader = StreamReader::with_limit_bytes(1, &b"warp\n"[..]);
    let error = io::Error::from(reader.read_line().unwrap_err());
    assert_eq!(error.kind(), ErrorKind::InvalidData);
    assert!(error.to_string().contains("higher limit"), "{error}");

    // The stream's own errors are passed on unchanged.
    let torn = || Err(io::Error::from_raw_os_error(libc::ECONNRESET));
    let mut reader = StreamReader::new(Pieces(vec![Ok(b"wa"), torn(), Ok(b"rp")]));
    let error = io::Error::from(reader.read_exactly(4).unwrap_err());
    assert_eq!(error.raw_os_error(), Some(libc::ECONNRESET));
    assert_eq!(reader.read_exactly(4).unwrap(), b"warp");
}

#[test]
fn an_interrupted_read_is_tried_again() {
    let interrupted = || Err(ErrorKind::Interrupted.into());
    let mut reader = StreamReader::new(Pieces(vec![
        interrupted(),
        Ok(b"wa"),
        interrupted(),
        Ok(b"rp"),
    ]));
    assert_eq!(reader.read_exactly(4).unwrap(), b"warp");
}

/// One byte at a time, so that a separator never comes in one piece.
#[test]
fn a_trickling_peer_is_read_as_any_other() {
    let text = b"GET / HTTP/1.1\r\nhost: --\r\r\n\r\n--weft";
    EventLoop::builder().virtual_clock(true).run(|| {
        let (client, server) = tcp_pair();
        let trickle = spawn(move || {
            for byte in text.chunks(1) {
                (&client).write_all(byte).unwrap();
                sleep(Duration::from_millis(1));
            }
        });
        let mut reader = StreamReader::new(server);
        assert_eq!(reader.read_until("\r\n").unwrap(), b"GET / HTTP/1.1\r\n");
        assert_eq!(
            reader.read_until("\r\n\r\n").unwrap(),
            b"host: --\r\r\n\r\n"
        );
        assert_eq!(reader.read_exactly(2).unwrap(), b"--");
        assert_eq!(reader.read_line().unwrap(), b"weft");
        assert!(reader.is_at_end());
        trickle.join().unwrap();
    });
}

#[test]
fn a_cancel_in_the_middle_loses_no_byte() {
    run(|| {
        let (a, b) = shared_tcp();
        let reader = Rc::new(RefCell::new(StreamReader::new(SharedRead(b))));
        let read = |how: fn(&mut StreamReader<SharedRead>) -> Result<Vec<u8>, ReadError>| {
            let reader = reader.clone();
            move || how(&mut reader.borrow_mut())
        };
        for piece in ["one ", "li", "ne"] {
            let line = begun(read(|reader| reader.read_line()));
            (&*a).write_all(piece.as_bytes()).unwrap();
            settle();
            assert!(line.cancel());
            assert!(line.join().unwrap_err().is_cancelled());
            let exact = begun(read(|reader| reader.read_exactly(100)));
            assert!(exact.cancel());
            assert!(exact.join().unwrap_err().is_cancelled());
        }
        assert_eq!(reader.borrow().buffer(), b"one line");
        (&*a).write_all(b"\nanother\n").unwrap();
        assert_eq!(reader.borrow_mut().read_line().unwrap(), b"one line\n");
        assert_eq!(reader.borrow_mut().read_line().unwrap(), b"another\n");
    });
}

/// A socket read by several tasks, one after the other, through one reader.
struct SharedRead(Rc<TcpStream>);

impl Read for SharedRead {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        (&*self.0).read(buf)
    }
}

#[test]
fn a_timeout_in_the_middle_loses_no_byte() {
    EventLoop::builder().virtual_clock(true).run(|| {
        let (client, server) = tcp_pair();
        let slow = spawn(move || {
            (&client).write_all(b"wa").unwrap();
            sleep(Duration::from_secs(5));
            (&client).write_all(b"rp\n").unwrap();
        });
        let mut reader = StreamReader::new(server);
        let line = timeout(Duration::from_secs(1), || reader.read_line());
        assert!(line.is_err());
        assert_eq!(reader.read_line().unwrap(), b"warp\n");
        slow.join().unwrap();
    });
}

#[test]
fn other_tasks_run_while_the_reader_waits() {
    run(|| {
        let (client, server) = tcp_pair();
        let line = begun(move || StreamReader::new(server).read_line().unwrap());
        for _ in 0..3 {
            (&client).write_all(b"w").unwrap();
            yield_now();
            assert!(!line.is_done());
        }
        (&client).write_all(b"\n").unwrap();
        assert_eq!(line.join().unwrap(), b"www\n");
    });
}

#[test]
fn the_reader_as_a_stream_gives_buffered_bytes_first() {
    let mut reader = StreamReader::new(Pieces(vec![Ok(b"line\nwar"), Ok(b"p"), Ok(b" weft")]));
    assert_eq!(reader.read_line().unwrap(), b"line\n");
    let mut two = [0; 2];
    assert_eq!(reader.read(&mut two).unwrap(), 2);
    assert_eq!(reader.read(&mut []).unwrap(), 0);
    let mut rest = String::new();
    reader.read_to_string(&mut rest).unwrap();
    assert_eq!((&two, &rest[..]), (b"wa", "rp weft"));
    assert!(reader.is_at_end());
    assert_eq!(reader.read(&mut two).unwrap(), 0);
}

#[test]
fn reads_of_all_lengths_come_out_in_order() {
    let bytes: Vec<u8> = (0..200_000_u32).map(|n| (n % 251) as u8).collect();
    let mut reader = StreamReader::with_limit_bytes(50, &bytes[..]);
    let mut received = Vec::new();
    for n in (0..).map(|n| n * 37 % 1009) {
        if n % 3 == 0 {
            match reader.read_until([7, 8]) {
                Ok(piece) => received.extend(piece),
                Err(ReadError::LimitOverrun { consumed }) => {
                    received.extend(reader.read_exactly(consumed).unwrap());
                }
                Err(ReadError::Incomplete { partial, .. }) => {
                    received.extend(partial);
                    break;
                }
                Err(error) => panic!("{error}"),
            }
        } else {
            match reader.read_exactly(n) {
                Ok(piece) => received.extend(piece),
                Err(error) => {
                    received.extend(incomplete::<()>(Err(error)).0);
                    break;
                }
            }
        }
    }
    assert!(received == bytes);
}

/// A stream that serves pieces, and notes how much space each read had.
struct Noting<'a> {
    pieces: Vec<&'a [u8]>,
    spaces: Vec<usize>,
}

impl Read for Noting<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.spaces.push(buf.len());
        let piece = self.pieces.remove(0);
        buf[..piece.len()].copy_from_slice(piece);
        Ok(piece.len())
    }
}

/// The space of a read that waits is in a frame, which has no room for a buffer of 8 KiB.
#[test]
fn an_idle_reader_has_no_buffer() {
    let full = [b'x'; 513];
    let even: Vec<u8> = iter::repeat_n(b'x', 511).chain(*b"\n").collect();
    let mut reader = StreamReader::new(Noting {
        pieces: vec![b"a\n", b"b", b"\n", &full, &full, b"\nc\n", &even, b""],
        spaces: Vec::new(),
    });
    let lengths: Vec<_> = iter::repeat_with(|| reader.read_line().unwrap().len())
        .take_while(|&length| length > 0)
        .collect();
    assert_eq!(lengths, [2, 2, 1027, 2, 512]);
    let is_small: Vec<_> = reader.get_ref().spaces.iter().map(|&n| n <= 513).collect();
    // The end of a line that has begun, and what follows a full read, are read into the buffer. 512 bytes are no full read.
    let expected = [true, true, false, true, false, false, true, true];
    assert_eq!(is_small, expected);
}

#[test]
fn a_parser_asks_for_more_bytes_up_to_the_limit() {
    let pieces = || Noting {
        pieces: vec![b"war", b"p", b""],
        spaces: Vec::new(),
    };
    let mut reader = StreamReader::new(pieces());
    assert!(reader.fill().unwrap());
    assert_eq!(reader.buffer(), b"war");
    assert!(reader.fill().unwrap());
    assert_eq!(reader.fill_buf().unwrap(), b"warp");
    reader.consume(3);
    assert!(!reader.fill().unwrap());
    assert_eq!(reader.fill_buf().unwrap(), b"p");
    reader.consume(1);
    assert!(reader.fill_buf().unwrap().is_empty() && reader.is_at_end());
    let mut reader = StreamReader::with_limit_bytes(3, pieces());
    assert!(reader.fill().unwrap() && reader.fill().unwrap());
    assert_eq!(overrun(reader.fill()), 4);
    assert_eq!(reader.buffer(), b"warp");
}

#[test]
fn the_reader_is_a_std_buf_read() {
    let text = b"warp\nweft\n\nselvedge";
    let lines = BufRead::lines(StreamReader::new(&text[..]));
    let lines: Vec<_> = lines.map(Result::unwrap).collect();
    assert_eq!(lines, ["warp", "weft", "", "selvedge"]);
}

#[test]
#[should_panic(expected = "a separator has at least one byte")]
fn an_empty_separator_is_refused() {
    drop(StreamReader::new(&b"warp"[..]).read_until(""));
}

#[test]
#[should_panic(expected = "with a limit of 0 a reader could read nothing")]
fn a_limit_of_nothing_is_refused() {
    drop(StreamReader::with_limit_bytes(0, &b"warp"[..]));
}

#[test]
#[should_panic(expected = "claims to have read 100000 bytes")]
fn a_stream_that_overstates_its_read_is_caught() {
    struct Liar;
    impl Read for Liar {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Ok(100_000)
        }
    }
    drop(StreamReader::new(Liar).read_line());
}
