//! What is attempted again, how often and after how long. Pure but for its constants' meaning: who waits is `send`.

use std::time::Duration;

use super::Why;
use super::api::Call;
use crate::effects::backoff::Backoff;

/// The calls made here answer within a second.
pub(super) const ATTEMPT_LIMIT: Duration = Duration::from_secs(30);
/// Attempts in all. With the waits below they last about six seconds: a throttled ECS has tokens again within one or two.
pub(super) const ATTEMPTS: u32 = 5;
/// Nobody listens: that is soon clear.
const CONNECTS: u32 = 3;
/// After so long, nothing is attempted again.
pub(super) const TOTAL_LIMIT: Duration = Duration::from_secs(20);
/// The waits between attempts.
pub(super) const BACKOFF: Backoff = Backoff { first: Duration::from_millis(400), longest: Duration::from_secs(5) };
/// How long a change that is under way is waited for after an interrupt: to know what became of it is worth a moment.
pub(super) const GRACE: Duration = Duration::from_secs(2);

/// Whether a call is attempted again after this many attempts, the last of which came to nothing for this reason.
pub(super) fn is_worth_another(call: Call, why: &Why, attempts: u32, passed: Duration) -> bool {
    let most = if matches!(why, Why::Unreachable(_)) { CONNECTS } else { ATTEMPTS };
    if attempts >= most || passed >= TOTAL_LIMIT {
        return false;
    }
    match why {
        // Who is turned away at the door has changed nothing.
        Why::Unreachable(_) => true,
        Why::Refused { code, message, status } if is_throttling(code, message, *status) => true,
        // It may have been carried out all the same.
        Why::Refused { status, .. } => *status >= 500 && call.is_repeatable,
        Why::Lost(_) => call.is_repeatable,
        Why::Unreadable(_) | Why::NoCredentials(_) | Why::Unwritten(_) | Why::Interrupted { .. } => false,
    }
}

/// Whether a call was turned away because there were too many.
fn is_throttling(code: &str, message: &str, status: u16) -> bool {
    // The codes that AWS's SDKs take for it.
    let codes = [
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "TooManyRequestsException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "PriorRequestNotComplete",
    ];
    // ECS registers one revision of a family at a time, and has no code of its own for the second one.
    status == 429 || codes.contains(&code) || message.contains("Too many concurrent attempts")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{ATTEMPTS, TOTAL_LIMIT, is_worth_another};
    use crate::effects::aws::Why;
    use crate::effects::aws::api::{Api, Call};

    fn check(why: &Why, looks: bool, changes: bool, changes_again: bool) {
        let change = Call::new(Api::Ecs, "UpdateService");
        let calls =
            [(Call::new(Api::Ecs, "DescribeServices"), looks), (change, changes), (change.repeatable(), changes_again)];
        for (call, expected) in calls {
            assert_eq!(is_worth_another(call, why, 1, Duration::ZERO), expected, "{call:?} {why:?}");
            assert!(!is_worth_another(call, why, ATTEMPTS, Duration::ZERO));
            assert!(!is_worth_another(call, why, 1, TOTAL_LIMIT));
        }
    }

    #[test]
    fn what_is_attempted_again() {
        let refused =
            |code: &str, message: &str, status| Why::Refused { code: code.into(), message: message.into(), status };
        check(&refused("ThrottlingException", "Rate exceeded", 400), true, true, true);
        check(&refused("Unknown", "", 429), true, true, true);
        check(
            &refused("ClientException", "Too many concurrent attempts to create a new revision", 400),
            true,
            true,
            true,
        );
        check(&refused("ServerException", "", 500), true, false, true);
        check(&refused("ClientException", "no", 400), false, false, false);
        check(&Why::Unreachable("refused".into()), true, true, true);
        check(&Why::Lost("reset".into()), true, false, true);
        check(&Why::Unreadable("no JSON".into()), false, false, false);
        check(&Why::NoCredentials("none".into()), false, false, false);
    }
}
