//! Health checks as ALB makes them: the result of one, and the state after several in a row.

use std::net::SocketAddr;
use std::time::Duration;

use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper::header::{CONNECTION, HOST, USER_AGENT};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::store::elb::{TargetHealthCheck, TargetState};

/// The result of one check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Finding {
    /// A response with this code.
    Code(u16),
    /// Nothing in time.
    Timeout,
    /// No connection at all: nothing listens there yet, or any more.
    Refused,
    /// A connection, and no proper response.
    Failed,
}

/// State, reason and description of a target, as in `DescribeTargetHealth`.
pub(super) type Verdict = (TargetState, Option<String>, Option<String>);

/// How many checks in a row have passed or failed.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Streak {
    passes: u32,
    failures: u32,
}

impl Streak {
    /// Returns the state of a target after a check; `None` where it is unchanged.
    pub(super) fn add(&mut self, was: TargetState, check: &TargetHealthCheck, finding: Finding) -> Option<Verdict> {
        let passed = matches!(finding, Finding::Code(code) if matches_code(&check.matcher, code));
        if passed {
            *self = Streak { passes: self.passes.saturating_add(1), failures: 0 };
        } else {
            *self = Streak { passes: 0, failures: self.failures.saturating_add(1) };
        }
        let (reason, description) = match finding {
            Finding::Code(code) => {
                ("Target.ResponseCodeMismatch", format!("Health checks failed with these codes: [{code}]"))
            }
            Finding::Timeout => ("Target.Timeout", "Request timed out".to_owned()),
            Finding::Refused | Finding::Failed => ("Target.FailedHealthChecks", "Health checks failed".to_owned()),
        };
        let unhealthy =
            |reason: &str, description| (TargetState::Unhealthy, Some(reason.to_owned()), Some(description));
        let healthy = (TargetState::Healthy, None, None);
        Some(match was {
            // AWS, "Health checks for Application Load Balancer target groups": one pass makes a new target healthy.
            TargetState::Initial if passed => healthy,
            TargetState::Unhealthy if passed && self.passes >= check.healthy_threshold => healthy,
            TargetState::Unhealthy if passed => return None,
            TargetState::Unhealthy => unhealthy(reason, description),
            _ if !passed && self.failures >= check.unhealthy_threshold => unhealthy(reason, description),
            TargetState::Initial => (
                TargetState::Initial,
                Some("Elb.InitialHealthChecking".into()),
                Some("Initial health checks in progress".into()),
            ),
            TargetState::Healthy | TargetState::Draining => return None,
        })
    }
}

/// Returns whether a code is one of `200`, `200,301`, `200-299`.
fn matches_code(matcher: &str, code: u16) -> bool {
    matcher.split(',').any(|part| match part.trim().split_once('-') {
        Some((from, to)) => {
            matches!((from.trim().parse::<u16>(), to.trim().parse::<u16>()), (Ok(from), Ok(to)) if (from..=to).contains(&code))
        }
        None => part.trim().parse() == Ok(code),
    })
}

/// Checks a target once. `named` is its address as registered, for the `Host` header.
pub(super) async fn check(reached_at: SocketAddr, named: &str, check: &TargetHealthCheck) -> Finding {
    let limit = Duration::from_secs(check.timeout_seconds.into());
    tokio::time::timeout(limit, attempt(reached_at, named, &check.path)).await.unwrap_or(Finding::Timeout)
}

async fn attempt(reached_at: SocketAddr, named: &str, path: &str) -> Finding {
    let Ok(stream) = TcpStream::connect(reached_at).await else { return Finding::Refused };
    match ask(stream, named, path).await {
        Ok(code) => Finding::Code(code.as_u16()),
        Err(_) => Finding::Failed,
    }
}

async fn ask(stream: TcpStream, named: &str, path: &str) -> anyhow::Result<StatusCode> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let request = Request::get(path)
        .header(HOST, named)
        .header(USER_AGENT, "ELB-HealthChecker/2.0")
        .header(CONNECTION, "close")
        .body(Empty::<bytes::Bytes>::new())?;
    let response = sender.send_request(request);
    tokio::pin!(connection, response);
    tokio::select! {
        response = response.as_mut() => Ok(response?.status()),
        // The response may have come with the end of the connection.
        _ = connection.as_mut() => Ok(response.await?.status()),
    }
}
