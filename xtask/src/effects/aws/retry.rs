//! The retry policy: which failures are retried, how often, within which time. The SDK's standard strategy does the waiting.

use std::time::Duration;

use super::Why;
use super::api::Call;

/// The limit of one attempt. The actions called here answer within a second.
pub(super) const ATTEMPT_LIMIT: Duration = Duration::from_secs(30);
/// Attempts unless `AWS_MAX_ATTEMPTS` sets them. With the waits they last about six seconds: ECS refills its throttling bucket
/// within one or two.
pub(super) const ATTEMPTS: u32 = 5;
/// Attempts to connect: a refused connection rarely recovers.
const CONNECTS: u32 = 3;
/// No attempt starts later than this after the first one.
pub(super) const TOTAL_LIMIT: Duration = Duration::from_secs(20);
/// The longest first wait; each further one is twice as long, with jitter.
pub(super) const FIRST_WAIT: Duration = Duration::from_millis(800);
/// The longest wait.
pub(super) const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// How long an interrupt waits for a mutation in flight, so that its outcome is known.
pub(super) const GRACE: Duration = Duration::from_secs(2);

/// Whether a call is retried after `attempts` attempts, the last of which failed for this reason.
pub(super) fn is_retryable(call: Call, why: &Why, attempts: u32, elapsed: Duration) -> bool {
    if elapsed >= TOTAL_LIMIT || matches!(why, Why::Unreachable(_)) && attempts >= CONNECTS {
        return false;
    }
    match why {
        // Nothing was carried out.
        Why::Unreachable(_) => true,
        why if is_throttling(why) => true,
        // The outcome is unknown.
        Why::Refused { status, .. } => *status >= 500 && call.is_idempotent,
        Why::Lost(_) => call.is_idempotent,
        Why::Unreadable(_) | Why::NoCredentials(_) | Why::Unwritten(_) | Why::Interrupted { .. } => false,
    }
}

/// Whether a service rejected a call because of its rate.
pub(super) fn is_throttling(why: &Why) -> bool {
    // The codes of AWS's SDKs.
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
    matches!(why, Why::Refused { code, message, status } if *status == 429
        || codes.contains(&code.as_str())
        || message.contains("Too many concurrent attempts"))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{CONNECTS, TOTAL_LIMIT, is_retryable};
    use crate::effects::aws::Why;
    use crate::effects::aws::api::{Api, Call};

    fn check(why: &Why, read: bool, mutation: bool, idempotent: bool) {
        let change = Call::new(Api::Ecs, "UpdateService");
        let calls =
            [(Call::new(Api::Ecs, "DescribeServices"), read), (change, mutation), (change.idempotent(), idempotent)];
        for (call, expected) in calls {
            assert_eq!(is_retryable(call, why, 1, Duration::ZERO), expected, "{call:?} {why:?}");
            assert!(!is_retryable(call, why, 1, TOTAL_LIMIT));
        }
    }

    #[test]
    fn retries_by_reason_and_idempotency() {
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
        let unreachable = Why::Unreachable("refused".into());
        check(&unreachable, true, true, true);
        assert!(!is_retryable(Call::new(Api::Ecs, "ListTasks"), &unreachable, CONNECTS, Duration::ZERO));
        check(&Why::Lost("reset".into()), true, false, true);
        check(&Why::Unreadable("no JSON".into()), false, false, false);
        check(&Why::NoCredentials("none".into()), false, false, false);
    }
}
