//! A hundred downloads at once through one session, with a progress bar, and a histogram of their durations at the end.
//!
//! ```text
//! cargo run --example downloads --features tls                    # from servers of its own
//! cargo run --example downloads --features tls https://... ...    # these
//! ```
//!
//! Its own servers are tasks of the same loop, one of them encrypted, with a certificate that the program generates. They wait
//! before each answer, so that one download after the other would take long.

use std::cell::RefCell;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use indicatif::{ProgressBar, ProgressStyle};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use selvedge::http::{Certificate, Session};
use selvedge::net::TcpListener;
use selvedge::{scope, sleep, spawn};

#[path = "support/pages.rs"]
mod pages;

const N_DOWNLOADS: usize = 100;

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let urls: Vec<String> = std::env::args().skip(1).collect();
    selvedge::run(|| {
        if !urls.is_empty() {
            return download(&Session::new(), &urls);
        }
        let (certificate, servers) = start_servers()?;
        let session = Session::builder().root_certificates([certificate]).build();
        for server in servers {
            let url = |n: usize| format!("{server}/{}/{}", 1_000 * (n + 1), n % 10);
            let urls: Vec<String> = (0..N_DOWNLOADS).map(url).collect();
            println!("{N_DOWNLOADS} downloads from {server}");
            download(&session, &urls)?;
        }
        Ok(())
    })
}

/// Each download is a task. When one fails, the others are cancelled, and its error is the result.
fn download(session: &Session, urls: &[String]) -> Result<(), Failure> {
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} {elapsed}")?;
    let bar = ProgressBar::new(urls.len() as u64).with_style(style);
    // Microseconds, with three significant digits.
    let took = RefCell::new(Histogram::<u64>::new(3)?);
    let start = Instant::now();
    let n_bytes = scope(|s| {
        let downloads: Vec<_> = urls
            .iter()
            .map(|url| {
                let (bar, took) = (&bar, &took);
                s.spawn_fallible(move || {
                    let start = Instant::now();
                    let n_bytes = download_one(session, url)?;
                    let us = start.elapsed().as_micros() as u64;
                    took.borrow_mut().record(us).map_err(io::Error::other)?;
                    bar.inc(1);
                    Ok::<_, io::Error>(n_bytes)
                })
            })
            .collect();
        // The scope returns the error of a failed download.
        downloads
            .into_iter()
            .filter_map(|download| download.join().ok())
            .sum::<u64>()
    })?;
    bar.finish_and_clear();

    let (took, elapsed) = (took.into_inner(), start.elapsed());
    println!(
        "  {n_bytes} bytes in {elapsed:.0?}, {} downloads",
        took.len()
    );
    show(&took);
    Ok(())
}

/// Prints the histogram in about eight steps from the shortest time to the longest.
fn show(took: &Histogram<u64>) {
    let step_us = ((took.max() - took.min()) / 8).max(1);
    let steps = took.iter_linear(step_us);
    for step in steps.skip_while(|step| step.count_since_last_iteration() == 0) {
        let n = step.count_since_last_iteration();
        let ms = step.value_iterated_to() as f64 / 1000.0;
        let bar = "#".repeat((60 * n).div_ceil(took.len()) as usize);
        println!("  up to {ms:7.1} ms {n:4} {bar}");
    }
    let half = Duration::from_micros(took.value_at_quantile(0.5));
    let most = Duration::from_micros(took.value_at_quantile(0.99));
    println!("  half took at most {half:.1?}, 99 of 100 at most {most:.1?}");
}

/// Downloads a page and discards its body, which is never in memory as a whole.
fn download_one(session: &Session, url: &str) -> io::Result<u64> {
    let mut body = session.get(url)?.error_for_status()?.into_reader();
    io::copy(&mut body, &mut io::sink())
}

/// Starts a server without and one with encryption, and returns the certificate of the latter and both addresses.
fn start_servers() -> Result<(Certificate, [String; 2]), Failure> {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["localhost".to_owned()])?;
    let key = PrivateKeyDer::try_from(signing_key.serialize_der())?;
    let config = ServerConfig::builder().with_no_client_auth();
    let config = Arc::new(config.with_single_cert(vec![cert.der().clone()], key)?);

    let open = TcpListener::bind("127.0.0.1:0")?;
    let encrypted = TcpListener::bind("127.0.0.1:0")?;
    let servers = [
        format!("http://127.0.0.1:{}", open.local_addr()?.port()),
        format!("https://localhost:{}", encrypted.local_addr()?.port()),
    ];
    spawn(move || pages::serve(&open, Ok, page)).detach();
    let wrap = move |stream| {
        let connection = ServerConnection::new(Arc::clone(&config)).map_err(io::Error::other)?;
        Ok(StreamOwned::new(connection, stream))
    };
    spawn(move || pages::serve(&encrypted, wrap, page)).detach();
    Ok((Certificate::from_der(cert.der()), servers))
}

/// `/1000/5` is a page of 1000 bytes, which takes 105 ms.
fn page(path: &str) -> Option<Vec<u8>> {
    let (size, delay_ms) = path.strip_prefix('/')?.split_once('/')?;
    let delay_ms: u64 = delay_ms.parse().ok()?;
    let size: usize = size.parse().ok()?;
    sleep(Duration::from_millis(100 + delay_ms));
    Some(vec![b'x'; size.min(1_000_000)])
}
