//! Waits before something is attempted again: they grow to a bound and have chance in them, so that many who were turned
//! away at once do not come back at once. Not here: what is attempted again, and how often.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::time::Duration;

/// How the waits grow.
#[derive(Clone, Copy, Debug)]
pub(super) struct Backoff {
    /// The most of the first wait; that of each further one is twice as long.
    pub(super) first: Duration,
    /// The longest wait.
    pub(super) longest: Duration,
}

impl Backoff {
    /// How long to wait before the attempt of this number; the first one to wait for is 1. `chance` is from 0 to 1.
    pub(super) fn wait(self, number: u32, chance: f64) -> Duration {
        let most = self.first.saturating_mul(1 << number.saturating_sub(1).min(16)).min(self.longest);
        // Never less than half: no wait at all is no help to anybody.
        most.mul_f64(0.5 + chance.clamp(0.0, 1.0) / 2.0)
    }
}

/// 64 bits that nobody foresees: the standard library's keys of hash maps are random, and nothing here needs more than that.
pub(super) fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// From 0 to 1.
pub(super) fn chance() -> f64 {
    f64::from(random() as u32) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Backoff;

    #[test]
    fn waits_grow_to_a_bound_and_have_chance_in_them() {
        let backoff = Backoff { first: Duration::from_millis(100), longest: Duration::from_secs(5) };
        for number in 1..40 {
            let (least, most) = (backoff.wait(number, 0.0), backoff.wait(number, 1.0));
            assert!(least * 2 == most && most <= backoff.longest, "{number}: {least:?} {most:?}");
            assert!(backoff.wait(number + 1, 0.5) >= backoff.wait(number, 0.5));
        }
        assert_eq!(backoff.wait(1, 1.0), backoff.first);
    }
}
