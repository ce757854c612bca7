//! One request: a target is picked, the request is sent, the response goes back. Another target is tried wherever no
//! target can have seen the request, or seeing it twice does no harm.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::{Body, Incoming};
use hyper::http::request::Parts;
use hyper::{Request, Response, StatusCode, Version};

use super::activity::Activity;
use super::answers::Refusal;
use super::headers::{self, Origin};
use super::pool::{self, Outgoing, Pool, Sender, Unreached};
use super::relay::{self, Answered, Lease};
use super::routing::Routing;
use super::target::Permit;

/// What a connection of a client has to hand for its requests.
pub(super) struct Client {
    pub(super) origin: Origin,
    pub(super) routing: Arc<Routing>,
    pub(super) pool: Rc<Pool>,
    pub(super) activity: Arc<Activity>,
    /// `idle_timeout.timeout_seconds`.
    pub(super) idle: Duration,
}

/// Answers one request.
pub(super) async fn answer(client: Rc<Client>, request: Request<Incoming>) -> Response<Answered> {
    match forward(&client, request).await {
        Ok(response) => response,
        Err(refusal) => refusal.response().map(|body| Answered::own(body, Arc::clone(&client.activity))),
    }
}

async fn forward(client: &Rc<Client>, mut request: Request<Incoming>) -> Result<Response<Answered>, Refusal> {
    let upgrade = headers::asks_for_upgrade(request.headers());
    let upgraded = upgrade.then(|| hyper::upgrade::on(&mut request));
    let (mut parts, body) = request.into_parts();
    headers::check(&parts)?;
    headers::towards_target(&mut parts, &client.origin, upgrade)?;
    let outgoing = if body.is_end_stream() { Outgoing::Empty } else { Outgoing::Streamed(body) };
    let (response, lease) = exchange(client, parts, outgoing).await?;
    let (mut parts, body) = response.into_parts();
    parts.version = Version::HTTP_11;
    if parts.status == StatusCode::SWITCHING_PROTOCOLS {
        let Some(from_client) = upgraded else { return Err(Refusal::BadGateway) };
        headers::drop_hop_by_hop(&mut parts.headers, true);
        let from_target = hyper::upgrade::on(Response::from_parts(parts.clone(), body));
        tokio::task::spawn_local(relay::tunnel(from_client, from_target, lease.permit, client.idle));
        let nothing = Answered::own(http_body_util::Full::default(), Arc::clone(&client.activity));
        return Ok(Response::from_parts(parts, nothing));
    }
    headers::drop_hop_by_hop(&mut parts.headers, false);
    Ok(Response::from_parts(parts, Answered::relayed(body, lease, Arc::clone(&client.activity))))
}

/// Sends a request until a target has answered it.
async fn exchange(client: &Rc<Client>, parts: Parts, body: Outgoing) -> Result<(Response<Incoming>, Lease), Refusal> {
    // RFC 9110, 9.2.2: a proxy may repeat what is idempotent when the connection ends before the response.
    let repeatable = matches!(body, Outgoing::Empty) && parts.method.is_idempotent();
    let mut request = Some(Request::from_parts(parts, body));
    let mut tried: Vec<u64> = Vec::new();
    let mut outcome = Refusal::ServiceUnavailable;
    // An idle connection may have been closed by the target just now. What must not be sent twice gets a fresh one.
    let mut idle_may_do = repeatable;
    loop {
        client.activity.waiting();
        let Some(permit) = client.routing.pick(&tried) else { return Err(outcome) };
        let target = permit.target();
        let pooled = if idle_may_do { client.pool.take(target).await } else { None };
        let reused = pooled.is_some();
        let mut sender = match pooled {
            Some(sender) => sender,
            None => match reach(client, &permit, &mut tried).await {
                Ok(sender) => sender,
                Err(refusal) => {
                    outcome = refusal;
                    continue;
                }
            },
        };
        let Some(sent) = (if repeatable { request.as_ref().map(copy) } else { request.take() }) else {
            return Err(outcome);
        };
        match client.activity.in_time(sender.try_send_request(sent)).await {
            Some(Ok(response)) => {
                return Ok((response, Lease { permit, sender, pool: Rc::clone(&client.pool) }));
            }
            None => return Err(Refusal::GatewayTimeout),
            Some(Err(mut error)) => {
                outcome = Refusal::BadGateway;
                if let Some(unsent) = error.take_message() {
                    request = Some(unsent);
                } else if !repeatable || error.error().is_parse() {
                    return Err(outcome);
                }
                if reused {
                    idle_may_do = false;
                } else {
                    tried.push(target.id);
                }
            }
        }
    }
}

/// A fresh connection to a target, or the note that it was tried in vain.
async fn reach(client: &Client, permit: &Permit, tried: &mut Vec<u64>) -> Result<Sender, Refusal> {
    let target = permit.target();
    tried.push(target.id);
    let last = !client.routing.has_another(tried);
    match pool::connect(target, last).await {
        Ok(sender) => {
            tried.pop();
            // The time of the response begins now.
            client.activity.waiting();
            Ok(sender)
        }
        Err(unreached) => {
            target.suspect();
            Err(match unreached {
                Unreached::Refused => Refusal::BadGateway,
                Unreached::Timeout => Refusal::GatewayTimeout,
            })
        }
    }
}

/// A request that can be sent twice, once more.
fn copy(request: &Request<Outgoing>) -> Request<Outgoing> {
    let mut copy = Request::new(Outgoing::Empty);
    copy.method_mut().clone_from(request.method());
    copy.uri_mut().clone_from(request.uri());
    copy.headers_mut().clone_from(request.headers());
    copy
}
