//! Sends a request until there is a response to return: follows redirects, and sends the request again if a
//! reused connection was closed.

use std::io::{self, Read};
use std::sync::Mutex;
use std::time::Duration;

use ureq::config::Config;
use ureq::http::header::{AUTHORIZATION, CONTENT_LENGTH, PROXY_AUTHORIZATION, TRANSFER_ENCODING};
use ureq::http::{self, Method, Request, Response, Uri};
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{ConnectionDetails, Connector, NextTimeout};
use ureq::{Agent, AsSendBody, SendBody};

use super::body::Content;
use super::buffers::WRITE_SIZE;
use super::client::Client;
use super::credentials::{authorization, without_user};
use super::error::{Error, Kind, from_ureq};
use super::head::unpack;
use super::message::{EarlyAnswer, MessageTransport};
use super::outgoing::{Outgoing, redirect_target};
use super::request_limit::{TimeLimit, TimeoutOverride};
use crate::runtime::wait::task_context;
use crate::time::deadline;
use crate::util::lock::lock;

/// The maximum number of bytes of a redirect's body that are read so that its connection can be
/// reused.
const MAX_REDIRECT_BODY_BYTES: u64 = 64 * 1024;

/// How long a request waits for the body of a redirect.
const MAX_REDIRECT_BODY_TIME: Duration = Duration::from_millis(500);

/// May suspend. Sends a request and follows redirects. Afterwards `outgoing` is the last request.
pub(super) fn run(
    client: &Client,
    outgoing: &mut Outgoing,
    mut limit: TimeLimit,
) -> Result<Response<ureq::Body>, Error> {
    if let Content::Reader(upload) = &mut outgoing.content {
        upload.deadline = limit.deadline;
    }
    let mut n_redirects = 0;
    loop {
        let mut response = send(client, outgoing, &mut limit)?;
        unpack(response.headers_mut());
        client.cookies.store(&outgoing.url, response.headers());
        if client.max_redirects == 0 {
            return Ok(response);
        }
        let status = response.status();
        let Some(to) = redirect_target(status, response.headers(), &outgoing.url)? else {
            return Ok(response);
        };
        if n_redirects == client.max_redirects {
            return Err(from_ureq(ureq::Error::TooManyRedirects));
        }
        n_redirects += 1;
        drain(response.into_body().into_with_config().reader());
        outgoing.redirect(status, to)?;
    }
}

/// May suspend. Reads the body of a redirect, so that its connection can be reused. If the body is long or late, or
/// after an error, the connection is closed: a redirect needs no body.
fn drain(body: impl Read) {
    // Elsewhere no deadline ends a wait.
    if task_context().is_ok() {
        let _ = deadline(MAX_REDIRECT_BODY_TIME, || {
            io::copy(&mut body.take(MAX_REDIRECT_BODY_BYTES), &mut io::sink())
        });
    }
}

/// May suspend. Sends a request. If the server has closed the reused connection, as servers may do at any
/// time, sends the request again on a new connection.
fn send(
    client: &Client,
    outgoing: &mut Outgoing,
    limit: &mut TimeLimit,
) -> Result<Response<ureq::Body>, Error> {
    let mut reuses_connection = true;
    loop {
        let sent = send_once(client, outgoing, limit.next()?, reuses_connection);
        let error = match sent {
            Ok(response) => return Ok(response),
            Err(ureq::Error::Other(inner)) => match inner.downcast::<EarlyAnswer>() {
                Ok(answer) => {
                    let timeout = limit.next()?;
                    return receive(client, outgoing, answer.0, timeout).map_err(from_ureq);
                }
                Err(inner) => from_ureq(ureq::Error::Other(inner)),
            },
            Err(error) => from_ureq(error),
        };
        let is_repeatable = outgoing.method.is_idempotent() && outgoing.content.can_be_sent_again();
        if !(error.is_stale() && reuses_connection && is_repeatable) {
            return Err(error);
        }
        reuses_connection = false;
    }
}

/// May suspend. Sends a request, on a reused connection if possible.
fn send_once(
    client: &Client,
    outgoing: &mut Outgoing,
    timeout_override: TimeoutOverride,
    reuses_connection: bool,
) -> Result<Response<ureq::Body>, ureq::Error> {
    let route = client.route(&outgoing.url).map_err(Error::into_ureq)?;
    let mut request = head(outgoing)?;
    let headers = request.headers_mut();
    client.cookies.add_to(headers, &outgoing.url);
    if let Some(value) = authorization(&outgoing.url) {
        headers.entry(AUTHORIZATION).or_insert(value);
    }
    if let Some(value) = &route.authorization {
        headers.insert(PROXY_AUTHORIZATION, value.clone());
    }
    check_lines(&request).map_err(Error::into_ureq)?;
    let headers = request.headers_mut();
    let (agent, how) = (&route.agent, (timeout_override, reuses_connection));
    let has_body = matches!(outgoing.method, Method::POST | Method::PUT | Method::PATCH);
    match &mut outgoing.content {
        Content::Nothing if has_body => run_agent(agent, request.map(|()| &[][..]), how),
        Content::Nothing => run_agent(agent, request.map(|()| SendBody::none()), how),
        Content::Bytes(bytes) => run_agent(agent, request.map(|()| &bytes[..]), how),
        Content::Reader(upload) => {
            if let Some(length) = upload.length
                && !headers.contains_key(TRANSFER_ENCODING)
            {
                headers.insert(CONTENT_LENGTH, length.into());
            }
            let body = SendBody::from_reader(upload);
            run_agent(agent, request.map(|()| body), how)
        }
    }
}

/// The method, the URL and the headers.
fn head(outgoing: &Outgoing) -> Result<Request<()>, ureq::Error> {
    let url = without_user(&outgoing.url);
    let mut request = Request::new(());
    *request.method_mut() = outgoing.method.clone();
    *request.uri_mut() = Uri::try_from(url.as_str()).map_err(http::Error::from)?;
    *request.headers_mut() = outgoing.headers.clone();
    Ok(request)
}

/// # Errors
/// If a line of a request's head is longer than the buffer from which ureq sends the line.
fn check_lines(request: &Request<()>) -> Result<(), Error> {
    let too_long = |what: String| {
        let limit = WRITE_SIZE / 1024;
        let what =
            format!("{what} is longer than {limit} KiB, the limit for one line of a request");
        Err(Error::new(Kind::BadRequest(what)))
    };
    // Each line has at most 16 bytes more.
    if request.uri().to_string().len() > WRITE_SIZE - 64 {
        return too_long("the URL".to_owned());
    }
    for (name, value) in request.headers() {
        if name.as_str().len() + value.len() > WRITE_SIZE - 16 {
            return too_long(format!("the header {name:?}"));
        }
    }
    Ok(())
}

/// May suspend. Has ureq send a request and receive the head of the response.
fn run_agent<B: AsSendBody>(
    agent: &Agent,
    mut request: Request<B>,
    (timeout_override, reuses_connection): (TimeoutOverride, bool),
) -> Result<Response<ureq::Body>, ureq::Error> {
    if let Some(timeout) = timeout_override {
        let config = agent.configure_request(request);
        request = config.timeout_global(timeout).build();
    }
    if !reuses_connection {
        // Closes the idle connections to this server, because they are as old as the closed one.
        let config = agent.configure_request(request);
        request = config.max_idle_age(Duration::ZERO).build();
    }
    agent.run(request)
}

/// May suspend. Receives the response to a request that the server has answered early.
///
/// ureq treats this as another request, whose bytes are discarded. The connection is not used
/// again.
fn receive(
    client: &Client,
    outgoing: &Outgoing,
    connection: MessageTransport,
    timeout_override: TimeoutOverride,
) -> Result<Response<ureq::Body>, ureq::Error> {
    let config = client.direct.agent.config().clone();
    let connected = Connected(Mutex::new(Some(connection)));
    let agent = Agent::with_parts(config, connected, NoLookup);
    let mut request = head(outgoing)?;
    request.headers_mut().clear();
    run_agent(
        &agent,
        request.map(|()| SendBody::none()),
        (timeout_override, true),
    )
}

/// A connector that returns one existing connection.
#[derive(Debug)]
struct Connected(Mutex<Option<MessageTransport>>);

impl Connector for Connected {
    type Out = MessageTransport;

    fn connect(
        &self,
        _details: &ConnectionDetails<'_>,
        _chained: Option<()>,
    ) -> Result<Option<MessageTransport>, ureq::Error> {
        Ok(lock(&self.0).take())
    }
}

/// A resolver that does no lookup.
#[derive(Debug)]
struct NoLookup;

impl Resolver for NoLookup {
    fn resolve(
        &self,
        _uri: &Uri,
        _config: &Config,
        _timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        Ok(self.empty())
    }
}
