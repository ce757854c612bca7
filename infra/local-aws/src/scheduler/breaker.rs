//! Numbers of failing deployments: when the circuit breaker trips, and how slowly crashed tasks are replaced.

use std::time::Duration;

/// How many failures end a deployment: half of the desired count, rounded up, at least 3 and at most 200. Source: AWS,
/// "How the Amazon ECS deployment circuit breaker detects failures".
pub fn threshold(desired: u32) -> u32 {
    desired.div_ceil(2).clamp(3, 200)
}

/// How long no task is started after the `failures`th task in a row that failed. Each round of as many failures as there
/// should be tasks doubles it: 1, 2, 4, … seconds. AWS slows down too and does not say how much; its limit is minutes,
/// ours is one.
pub fn back_off(failures: u32, desired: u32) -> Duration {
    match failures.div_ceil(desired.max(1)) {
        0 => Duration::ZERO,
        round => Duration::from_secs(1 << (round - 1).min(6)).min(Duration::from_secs(60)),
    }
}

/// From which round of failures on a service is said to be unable to start tasks.
pub(super) const IMPAIRED: Duration = Duration::from_secs(4);

/// A task that was healthy for this long before it ended is replaced at once.
pub(super) const PROVEN: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_threshold_is_half_of_the_desired_count_between_3_and_200() {
        let table = [
            (0, 3),
            (1, 3),
            (2, 3),
            (5, 3),
            (6, 3),
            (7, 4),
            (10, 5),
            (25, 13),
            (399, 200),
            (400, 200),
            (401, 200),
            (800, 200),
            (1000, 200),
            (u32::MAX, 200),
        ];
        for (desired, expected) in table {
            assert_eq!(threshold(desired), expected, "{desired}");
        }
    }

    #[test]
    fn replacements_come_slower_and_slower_but_at_least_once_a_minute() {
        let seconds = |failures, desired| back_off(failures, desired).as_secs();
        let curve: Vec<_> = (0..9).map(|failures| seconds(failures, 1)).collect();
        assert_eq!(curve, [0, 1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(
            [seconds(1, 10), seconds(10, 10), seconds(11, 10), seconds(20, 10), seconds(21, 10)],
            [1, 1, 2, 2, 4]
        );
        assert_eq!([seconds(1, 0), seconds(u32::MAX, 1), seconds(u32::MAX, u32::MAX)], [1, 60, 1]);
    }
}
