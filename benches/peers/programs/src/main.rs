//! The peers: `selvedge-peers RUNTIME WHAT NUMBERS...` is one contender (see `contender.rs`).
//!
//! | WHAT | numbers | a round |
//! |---|---|---|
//! | `yield`, `yield_now` | tasks, turns | each task yields so often; ns a yield |
//! | `spawn` | batch, batches | spawns and joins so many; ns a task |
//! | `sleep` | sleeps | sleeps them out at once; ns of CPU a sleep |
//! | `queue` | capacity (0: no limit), items | one task puts so many, another gets them; ns an item |
//! | `echo` | | says its port, then serves for ever |
//! | `pages` | | says its port, then serves a page of HTTP for ever |
//! | `http` | port, requests, batches | gets so many pages with a new client in each batch; ns of CPU a request |

#![allow(unsafe_code)]

#[path = "../../contender.rs"]
mod contender;
mod epoll_peer;
mod http_peers;
mod monoio_peer;
mod smol_peer;
mod tokio_peer;
mod wake;

fn main() {
    contender::end_with_parent();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |index: usize| contender::number(&arguments, index + 2);
    let words: Vec<&str> = arguments.iter().take(2).map(String::as_str).collect();
    match words[..] {
        ["tokio", "yield"] => tokio_peer::yields(number(0), number(1), wake::Yield::default),
        ["tokio", "yield_now"] => {
            tokio_peer::yields(number(0), number(1), tokio::task::yield_now);
        }
        ["tokio", "spawn"] => tokio_peer::spawns(number(0), number(1)),
        ["tokio", "sleep"] => tokio_peer::sleeps(number(0)),
        ["tokio", "queue"] if number(0) == 0 => tokio_peer::unbounded_queues(number(1)),
        ["tokio", "queue"] => tokio_peer::queues(number(0), number(1)),
        ["tokio", "echo"] => tokio_peer::echo(),
        ["monoio", "yield"] => monoio_peer::yields(number(0), number(1)),
        ["monoio", "spawn"] => monoio_peer::spawns(number(0), number(1)),
        ["smol", "yield"] => smol_peer::yields(number(0), number(1)),
        ["smol", "spawn"] => smol_peer::spawns(number(0), number(1)),
        ["smol", "queue"] => smol_peer::queues(number(0), number(1)),
        ["epoll", "echo"] => epoll_peer::echo(),
        ["epoll", "pages"] => epoll_peer::pages(),
        ["selvedge", "http"] => http_peers::ours(number(0), number(1), number(2)),
        ["bare", "http"] => http_peers::bare(number(0), number(1), number(2)),
        ["reqwest", "http"] => http_peers::reqwest(number(0), number(1), number(2)),
        _ => panic!("no such contender: {arguments:?}"),
    }
}
