//! Jittered exponential backoff. Not here: what is retried, and how often.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::time::Duration;

/// The growth of the waits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Backoff {
    /// The longest first wait; each further one is twice as long.
    pub(super) first: Duration,
    /// The longest wait.
    pub(super) longest: Duration,
}

impl Backoff {
    /// Returns the wait before retry `number`, which counts from 1. `chance` is from 0 to 1.
    pub(super) fn wait(self, number: u32, chance: f64) -> Duration {
        let most = self.first.saturating_mul(1 << number.saturating_sub(1).min(16)).min(self.longest);
        // At least half: a retry without a wait rarely helps.
        most.mul_f64(0.5 + chance.clamp(0.0, 1.0) / 2.0)
    }
}

/// Returns 64 random bits: those of the standard library's hash maps, which is enough for tokens that are not secret.
pub(super) fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// Returns a random number from 0 to 1.
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
