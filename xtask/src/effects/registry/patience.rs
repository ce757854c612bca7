//! What goes wrong and may go right the next time: repeated after a while that grows, or that the registry names.

use std::future::Future;
use std::time::Duration;

use crate::effects::backoff::{Backoff, chance};
use crate::error::Failure;

/// Attempts in all. With the waits below they last about fifteen seconds, which a throttled `PutImage` (10 a second in
/// an account) is over by then.
const ATTEMPTS: u32 = 8;
/// Nobody listens: that is soon clear.
const CONNECTS: u32 = 3;
/// Waits that we choose.
const BACKOFF: Backoff = Backoff { first: Duration::from_millis(100), longest: Duration::from_secs(5) };
/// The longest wait that a registry may choose for us with `Retry-After`.
const LONGEST_ASKED: Duration = Duration::from_secs(60);

/// Why one attempt came to nothing.
#[derive(Debug)]
pub(super) enum Trouble {
    /// It may go right the next time.
    Passing { why: String, after: Option<Duration> },
    /// There was no connection to begin with.
    Unreachable(String),
    /// We were not let in, and have a new token since; what the registry said.
    Renewed(String),
    /// It will not go right.
    Final(anyhow::Error),
}

impl Trouble {
    pub(super) fn passing(why: String) -> Trouble {
        Trouble::Passing { why, after: None }
    }
}

/// Attempts something until it succeeds or there is no point. `again` is told of each wait; attempts count from 0.
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
                    .hint("see whether it runs, and whether this machine may reach it")
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

/// How long to wait before the attempt of this number. `chance` is from 0 to 1.
fn wait(number: u32, asked: Option<Duration>, chance: f64) -> Duration {
    let ours = BACKOFF.wait(number, chance);
    ours.max(asked.unwrap_or_default().min(LONGEST_ASKED))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{BACKOFF, LONGEST_ASKED, wait};

    #[test]
    fn waits_respect_what_is_asked() {
        assert_eq!(wait(3, None, 0.5), BACKOFF.wait(3, 0.5));
        assert_eq!(wait(1, Some(Duration::from_secs(7)), 0.5), Duration::from_secs(7));
        assert_eq!(wait(1, Some(Duration::from_secs(7000)), 0.5), LONGEST_ASKED);
    }
}
