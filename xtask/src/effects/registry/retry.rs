//! The retry policy: jittered exponential backoff, or the wait that the registry requests.

use std::future::Future;
use std::time::Duration;

use crate::effects::backoff::{Backoff, chance};
use crate::error::Failure;

/// Maximum number of attempts. With the waits below they last about fifteen seconds, which exceeds the throttling of
/// `PutImage` (10 per second in an account).
const ATTEMPTS: u32 = 8;
/// Maximum number of attempts to connect: a refused connection rarely recovers.
const CONNECTS: u32 = 3;
/// Waits between attempts.
const BACKOFF: Backoff = Backoff { first: Duration::from_millis(100), longest: Duration::from_secs(5) };
/// The longest wait that `Retry-After` can request.
const LONGEST_ASKED: Duration = Duration::from_secs(60);

/// The reason of a failed attempt.
#[derive(Debug)]
pub(super) enum Trouble {
    /// A retry may succeed.
    Passing { why: String, after: Option<Duration> },
    /// No connection was made.
    Unreachable(String),
    /// The token was rejected and has been renewed; the registry's message.
    Renewed(String),
    /// A permanent failure.
    Final(anyhow::Error),
}

impl Trouble {
    pub(super) fn passing(why: String) -> Trouble {
        Trouble::Passing { why, after: None }
    }
}

/// Retries `work` until it succeeds or fails permanently. `again` receives a message per wait; attempts count from 0.
pub(super) async fn attempt<T, Work: Future<Output = Result<T, Trouble>>>(
    what: &str,
    mut again: impl FnMut(&str),
    mut work: impl FnMut(u32) -> Work,
) -> anyhow::Result<T> {
    let mut has_renewed = false;
    let mut number = 0;
    loop {
        let trouble = match work(number).await {
            Ok(result) => return Ok(result),
            Err(trouble) => trouble,
        };
        number += 1;
        let (why, after) = match trouble {
            Trouble::Final(error) => return Err(error),
            Trouble::Renewed(_) if !has_renewed => {
                has_renewed = true;
                continue;
            }
            Trouble::Renewed(words) => {
                return Err(Failure::failed(format!("{what} was refused with a new token, too: {words}")).into());
            }
            Trouble::Unreachable(why) if number >= CONNECTS => {
                return Err(Failure::failed(why)
                    .hint("check that it is running and that this machine can reach it")
                    .into());
            }
            Trouble::Passing { why, .. } if number >= ATTEMPTS => {
                return Err(Failure::failed(format!("{what} failed {number} times, the last time with: {why}"))
                    .hint("push again later: what has arrived is not sent twice")
                    .into());
            }
            Trouble::Unreachable(why) => (why, None),
            Trouble::Passing { why, after } => (why, after),
        };
        let wait = wait(number, after, chance());
        again(&format!("{what}: {why}; again in {:.1} s", wait.as_secs_f64()));
        tokio::time::sleep(wait).await;
    }
}

/// Returns the wait before the attempt of this number. `chance` is from 0 to 1.
fn wait(number: u32, asked: Option<Duration>, chance: f64) -> Duration {
    let ours = BACKOFF.wait(number, chance);
    ours.max(asked.unwrap_or_default().min(LONGEST_ASKED))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{BACKOFF, LONGEST_ASKED, wait};

    #[test]
    fn waits_at_least_as_long_as_requested() {
        assert_eq!(wait(3, None, 0.5), BACKOFF.wait(3, 0.5));
        assert_eq!(wait(1, Some(Duration::from_secs(7)), 0.5), Duration::from_secs(7));
        assert_eq!(wait(1, Some(Duration::from_secs(7000)), 0.5), LONGEST_ASKED);
    }
}
