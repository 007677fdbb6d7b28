//! The peers: `selvedge-peers RUNTIME WHAT NUMBERS...` is one contender (see `contender.rs`).
//!
//! | WHAT | numbers | a round |
//! |---|---|---|
//! | `yield`, `yield_now` | tasks, turns | each task yields `turns` times; ns a yield |
//! | `spawn` | batch, batches | spawns and joins the batches; ns a task |
//! | `sleep` | sleeps | all sleeps at once; ns of CPU a sleep |
//! | `queue` | capacity (0: no limit), items | one task puts the items, another gets them; ns an item |
//! | `select` | waits | one task wakes another, which waits for the first of three, and is woken by it; ns for both |
//! | `echo` | bytes of a task's buffer | prints its port, then serves for ever |
//! | `pop` | | prints its port, then serves blocking pops for ever |
//! | `pages` | | prints its port, then serves an HTTP page for ever |
//! | `files`, `files_on_pool` | tasks, reads | the tasks read pages that are not cached; ns of CPU a read |
//! | `idle_tls` | connections | bytes of stack that are resident for each idle https connection |
//! | `http` | port, requests, batches | gets `requests` pages in each batch, with a new client; ns of CPU a request |

#![allow(unsafe_code)]

#[path = "../../contender.rs"]
mod contender;
mod epoll_peer;
mod file_peers;
mod http_peers;
mod idle_tls;
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
        ["tokio", "select"] => tokio_peer::selects(number(0)),
        ["tokio", "pop"] => tokio_peer::pops(),
        ["tokio", "echo"] => tokio_peer::echo(number(0)),
        ["monoio", "yield"] => monoio_peer::yields(number(0), number(1)),
        ["monoio", "spawn"] => monoio_peer::spawns(number(0), number(1)),
        ["smol", "yield"] => smol_peer::yields(number(0), number(1)),
        ["smol", "spawn"] => smol_peer::spawns(number(0), number(1)),
        ["smol", "queue"] => smol_peer::queues(number(0), number(1)),
        ["epoll", "echo"] => epoll_peer::echo(),
        ["epoll", "pages"] => epoll_peer::pages(),
        ["selvedge", "http"] => http_peers::ours(number(0), number(1), number(2)),
        ["selvedge", "idle_tls"] => idle_tls::measure(number(0)),
        ["selvedge", "files"] => file_peers::ours(true, number(0), number(1)),
        ["selvedge", "files_on_pool"] => file_peers::ours(false, number(0), number(1)),
        ["tokio", "files"] => file_peers::tokio(true, number(0), number(1)),
        ["tokio", "files_on_pool"] => file_peers::tokio(false, number(0), number(1)),
        ["bare", "http"] => http_peers::bare(number(0), number(1), number(2)),
        ["reqwest", "http"] => http_peers::reqwest(number(0), number(1), number(2)),
        _ => panic!("no such contender: {arguments:?}"),
    }
}
