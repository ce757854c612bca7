//! One logical call: signed, sent, counted, and attempted again where that is right.

use std::future::Future;
use std::sync::PoisonError;
use std::time::{Duration, Instant, SystemTime};

use aws_credential_types::Credentials;
use hyper::body::Bytes;

use super::api::{Call, Protocol};
use super::call_error::is_about_credentials;
use super::patience::{ATTEMPT_LIMIT, BACKOFF, GRACE, is_worth_another};
use super::sign::{Written, signed};
use super::{Aws, CallError, Why, json, query};
use crate::effects::backoff::chance;
use crate::effects::http::{Answer, Silence, why};

/// How often a wait looks whether the user has had enough.
const TICK: Duration = Duration::from_millis(50);
/// Largest answer that is read: a page of `GetLogEvents` has 1 MiB, one of `DescribeTasks` a tenth of what fits.
const MOST_BYTES: usize = 16 << 20;

impl Aws {
    /// The body of the answer.
    pub(super) async fn send(&self, call: Call, written: &Written) -> Result<Bytes, CallError> {
        let begun = Instant::now();
        let mut attempts = 0;
        let mut has_renewed = false;
        loop {
            let keys = self.unless_interrupted(self.shared.keys.get(), Duration::ZERO).await;
            let keys = keys.ok_or_else(|| self.interrupted(call, false))?;
            let keys = keys.map_err(|why| self.error(call, Why::NoCredentials(why)))?;
            let grace = if call.is_mutating() { GRACE } else { Duration::ZERO };
            let attempt = self.unless_interrupted(self.attempt(call, written, &keys), grace).await;
            let why = match attempt.ok_or_else(|| self.interrupted(call, call.is_mutating()))? {
                Ok(body) => return Ok(body),
                Err(why) => why,
            };
            attempts += 1;
            if !has_renewed && matches!(&why, Why::Refused { code, .. } if is_about_credentials(code)) {
                has_renewed = true;
                if self.unless_interrupted(self.shared.keys.forget(&keys), Duration::ZERO).await == Some(true) {
                    continue;
                }
            }
            if !is_worth_another(call, &why, attempts, begun.elapsed()) {
                return Err(self.error(call, why));
            }
            let rest = tokio::time::sleep(BACKOFF.wait(attempts, chance()));
            self.unless_interrupted(rest, Duration::ZERO).await.ok_or_else(|| self.interrupted(call, false))?;
        }
    }

    async fn attempt(&self, call: Call, written: &Written, keys: &Credentials) -> Result<Bytes, Why> {
        let address = match &self.shared.endpoint {
            Some(endpoint) => endpoint.clone(),
            None => call.api.endpoint(&self.shared.region),
        };
        let request = signed(call, written, &address, &self.shared.region, keys, SystemTime::now());
        let request = request.map_err(|error| Why::Unwritten(why(&error)))?;
        // Between two calls nobody looks at the connections. Those that the other side has ended since are noticed while
        // this waits for its turn twice: first the system is asked, then each connection sees its end. A change that is sent
        // on such a connection would count as lost.
        tokio::task::yield_now().await;
        tokio::task::yield_now().await;
        self.shared.calls.lock().unwrap_or_else(PoisonError::into_inner).count(call);
        let answer = tokio::time::timeout(ATTEMPT_LIMIT, self.shared.http.ask(request, MOST_BYTES)).await;
        let silent = |why: String| if call.is_mutating() { Why::Lost(why) } else { Why::Unreachable(why) };
        let answer = match answer {
            Ok(Ok(answer)) => answer,
            Ok(Err(Silence::Certificates(error))) => return Err(Why::Unwritten(format!("{error:#}"))),
            Ok(Err(Silence::Unreachable(why))) => return Err(Why::Unreachable(why)),
            Ok(Err(Silence::Broken(error))) => return Err(silent(format!("the connection broke: {}", why(&error)))),
            Err(_) => return Err(silent(format!("no answer within {} s", ATTEMPT_LIMIT.as_secs()))),
        };
        if answer.status.is_success() { Ok(answer.body) } else { Err(refusal(call, &answer)) }
    }

    /// The result of some work; `None` where the user has had enough, and the work did not end within `grace` of that.
    async fn unless_interrupted<T>(&self, work: impl Future<Output = T>, grace: Duration) -> Option<T> {
        let mut work = std::pin::pin!(work);
        let mut since = None;
        loop {
            if (self.is_interrupted)() && since.get_or_insert_with(Instant::now).elapsed() >= grace {
                return None;
            }
            if let Ok(result) = tokio::time::timeout(TICK, &mut work).await {
                return Some(result);
            }
        }
    }

    fn interrupted(&self, call: Call, may_be_done: bool) -> CallError {
        self.error(call, Why::Interrupted { may_be_done })
    }

    pub(super) fn error(&self, call: Call, why: Why) -> CallError {
        CallError { api: call.api, action: call.action, endpoint: self.shared.endpoint.clone(), why }
    }
}

/// Code and words of a service that said no.
fn refusal(call: Call, answer: &Answer) -> Why {
    let said = match call.api.protocol() {
        Protocol::Json(_) => json::refusal(answer),
        Protocol::Query(_) => query::refusal(answer),
    };
    // What stands between us and the service answers in a form of its own.
    let (code, message) = said.unwrap_or_else(|| (answer.status.to_string(), String::new()));
    Why::Refused { code, message, status: answer.status.as_u16() }
}
