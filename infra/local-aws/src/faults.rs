//! Faults on request, for tests: throttle an action, fail the nth call, delay, drop a connection, expire the tokens. They
//! live in memory and are gone with the daemon. `control` takes them in; `protocol` and `registry` ask at their doors.

mod rule;

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use futures_util::{StreamExt, stream};

pub use self::rule::{Kind, Rule};
use crate::api::Service;
use crate::time::Timestamp;

/// Where a fault may happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Point<'a> {
    /// A call of an API.
    Api {
        /// Whose.
        service: Service,
        /// Such as `UpdateService`.
        action: &'a str,
    },
    /// A request to the registry.
    Registry {
        /// `PUT manifest`, `GET blob`, `POST uploads`, `PATCH upload`, `PUT upload`, …: method and kind of path.
        operation: &'a str,
    },
}

/// What happens to one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is answered with the service's own words for "too many requests".
    Throttle,
    /// It is answered with this error.
    Fail {
        /// AWS's code.
        code: String,
        /// HTTP status.
        status: u16,
        /// The sentence.
        message: String,
    },
    /// It waits this long before anything else.
    Delay(Duration),
    /// The connection ends after so many bytes of the request's body, without an answer. Nothing has been done.
    Drop {
        /// Bytes of the body that are still read.
        after_bytes: u64,
    },
    /// The request is carried out; the connection ends instead of the answer.
    LoseAnswer,
}

/// The faults that are waiting to happen. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    rules: Vec<Rule>,
    /// Tokens of the registry that were given before this moment are no good any more.
    tokens_expired_at: Option<Timestamp>,
}

impl Faults {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One more.
    pub fn add(&self, rule: Rule) {
        self.lock().rules.push(rule);
    }

    /// Those that are still to happen, in the order in which they were added.
    pub fn waiting(&self) -> Vec<Rule> {
        self.lock().rules.clone()
    }

    /// Nothing happens any more. Tokens that have expired stay so.
    pub fn clear(&self) {
        self.lock().rules.clear();
    }

    /// What happens to a request that has come to `point`. Asking counts: a rule that has happened often enough is gone.
    pub fn take(&self, point: Point<'_>) -> Vec<Fault> {
        let mut inner = self.lock();
        if inner.rules.is_empty() {
            return Vec::new();
        }
        let happening = inner.rules.iter_mut().filter_map(|rule| rule.happens_at(point)).collect();
        inner.rules.retain(|rule| rule.times > 0);
        happening
    }

    /// Tokens that were given until now are no good any more.
    pub fn expire_tokens(&self, now: Timestamp) {
        self.lock().tokens_expired_at = Some(now);
    }

    /// What the registry takes for the time when it looks at a token with this lifetime.
    pub fn time_for_tokens(&self, now: Timestamp, lifetime: Duration) -> Timestamp {
        self.lock().tokens_expired_at.map_or(now, |expired| now.max(expired.after(lifetime)))
    }
}

/// Put on an answer that must not be sent: the connection ends instead.
#[derive(Clone, Copy, Debug)]
pub struct Dropped;

/// The answer to a request whose connection ends.
pub fn dropped() -> Response {
    let mut response = ().into_response();
    response.extensions_mut().insert(Dropped);
    response
}

/// A body that breaks off after so many bytes, as if the client had gone.
pub fn broken(body: Body, after_bytes: u64) -> Body {
    let mut left = usize::try_from(after_bytes).unwrap_or(usize::MAX);
    let whole = body.into_data_stream().map(move |piece| {
        let mut piece = piece.map_err(io::Error::other)?;
        let rest = piece.split_off(left.min(piece.len()));
        left -= piece.len();
        Ok((piece, rest.is_empty()))
    });
    let pieces = whole.flat_map(|piece: io::Result<_>| {
        let broken = || Err(io::Error::from(io::ErrorKind::ConnectionReset));
        match piece {
            Ok((piece, true)) => stream::iter(vec![Ok(piece)]),
            Ok((piece, false)) => stream::iter(vec![Ok(piece), broken()]),
            Err(error) => stream::iter(vec![Err(error)]),
        }
    });
    Body::from_stream(pieces)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rule(document: serde_json::Value) -> Rule {
        serde_json::from_value(document).unwrap()
    }

    #[test]
    fn a_rule_waits_for_its_call_and_happens_as_often_as_it_says() {
        let faults = Faults::default();
        faults.add(rule(
            json!({ "service": "ecs", "action": "UpdateService", "kind": "throttle", "nth": 2, "times": 2 }),
        ));
        let point = |action| Point::Api { service: Service::Ecs, action };
        assert_eq!(faults.take(point("UpdateService")), []);
        assert_eq!(faults.take(point("ListTasks")), []);
        assert_eq!(faults.take(Point::Api { service: Service::Ecr, action: "UpdateService" }), []);
        assert_eq!(faults.take(point("UpdateService")), [Fault::Throttle]);
        assert_eq!(faults.waiting().len(), 1);
        assert_eq!(faults.take(point("UpdateService")), [Fault::Throttle]);
        assert_eq!(faults.take(point("UpdateService")), []);
        assert_eq!(faults.waiting(), []);
    }

    #[test]
    fn several_rules_meet_one_request() {
        let faults = Faults::default();
        faults.add(rule(json!({ "service": "ecr", "kind": "delay", "milliseconds": 5, "times": 1 })));
        faults.add(rule(json!({ "operation": "PUT upload", "kind": "drop", "bytes": 7 })));
        let fail = json!({ "service": "ecr", "action": "PutImage", "kind": "fail", "code": "X", "status": 503, "message": "m" });
        faults.add(rule(fail));
        let failed = Fault::Fail { code: "X".into(), status: 503, message: "m".into() };
        let both = faults.take(Point::Api { service: Service::Ecr, action: "PutImage" });
        assert_eq!(both, [Fault::Delay(Duration::from_millis(5)), failed]);
        assert_eq!(faults.take(Point::Registry { operation: "PUT manifest" }), []);
        assert_eq!(faults.take(Point::Registry { operation: "PUT upload" }), [Fault::Drop { after_bytes: 7 }]);
        faults.clear();
        assert_eq!(faults.waiting(), []);
    }

    #[test]
    fn tokens_given_before_expire_and_later_ones_do_not() {
        let faults = Faults::default();
        let (lifetime, moment) = (Duration::from_secs(60), Timestamp::from_millis);
        assert_eq!(faults.time_for_tokens(moment(1000), lifetime), moment(1000));
        faults.expire_tokens(moment(5000));
        let now = faults.time_for_tokens(moment(5100), lifetime);
        assert!(moment(4000).after(lifetime) <= now);
        assert!(moment(5050).after(lifetime) > now);
    }

    #[tokio::test]
    async fn a_body_breaks_off_where_it_should() {
        let text = |after| async move {
            let body = Body::from_stream(stream::iter(["abc", "def"].map(Ok::<_, io::Error>)));
            let mut pieces = broken(body, after).into_data_stream();
            let mut read = Vec::new();
            while let Some(piece) = pieces.next().await {
                match piece {
                    Ok(piece) => read.extend_from_slice(&piece),
                    Err(_) => return (String::from_utf8(read).unwrap(), false),
                }
            }
            (String::from_utf8(read).unwrap(), true)
        };
        assert_eq!(text(4).await, ("abcd".to_owned(), false));
        assert_eq!(text(0).await, (String::new(), false));
        assert_eq!(text(6).await, ("abcdef".to_owned(), true));
    }
}
