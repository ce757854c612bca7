//! The deploy lease: one deploy at a time per environment, across machines. It is an SSM parameter, because creating
//! one without overwriting is atomic. It expires, so that a crashed process does not block others.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::effects::aws::Aws;
use crate::effects::ssm::{self, Put};
use crate::effects::{host, process};
use crate::error::{Exit, Failure};

/// Validity of a lease without renewal: covers several failed calls and a minute of suspend.
const LASTS: Duration = Duration::from_secs(90);

/// Interval of renewals: a third of the validity.
const RENEWED_AFTER: Duration = Duration::from_secs(30);

/// The holder of the lease.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// ARN of the caller.
    pub by: String,
    /// Host name.
    pub host: String,
    /// Process id.
    pub process: u32,
    /// Id of the release that is being deployed.
    pub release: String,
    /// Start time, in seconds since 1970.
    pub since: u64,
    /// Expiry time, in seconds since 1970.
    pub until: u64,
}

impl Holder {
    /// Returns whether both are the same run, renewed or not.
    fn is_same(&self, other: &Holder) -> bool {
        (&self.host, self.process, self.since) == (&other.host, other.process, other.since)
    }

    /// Returns whether the lease has expired, or its process on this machine has exited.
    fn is_over(&self, now: u64, host: &str, is_alive: impl Fn(u32) -> bool) -> bool {
        self.until <= now || (self.host == host && !is_alive(self.process))
    }
}

/// A held lease. Released when dropped.
#[derive(Debug)]
pub struct Lease {
    aws: Aws,
    name: String,
    holder: Holder,
    renewed: Instant,
}

/// Returns the name of the parameter of an environment's lease.
pub fn name(project: &str, environment: &str) -> String {
    format!("/{project}/{environment}/deploy-lease")
}

impl Lease {
    /// Acquires the lease.
    ///
    /// # Errors
    /// Returns locked (5) with the holder if another process holds it, and AWS's errors.
    pub fn acquire(aws: &Aws, name: String, by: &str, release: &str) -> anyhow::Result<Lease> {
        // The lease is released after an interrupt, too.
        let aws = aws.in_spite_of_interrupts();
        let now = now();
        let holder = Holder {
            by: by.to_owned(),
            host: host::name(),
            process: std::process::id(),
            release: release.to_owned(),
            since: now,
            until: now + LASTS.as_secs(),
        };
        let value = serde_json::to_string(&holder)?;
        // Retries once after an expired lease was removed: if two processes remove it, only one creates the parameter.
        for _ in 0..2 {
            if ssm::put_new(&aws, &name, &value)? == Put::Created {
                return Ok(Lease { aws, name, holder, renewed: Instant::now() });
            }
            let Some((text, version)) = ssm::get(&aws, &name)? else { continue };
            let other: Option<Holder> = serde_json::from_str(&text).ok();
            let is_over = other.as_ref().is_none_or(|other| other.is_over(now, &holder.host, process::is_alive));
            if !is_over {
                return Err(locked(other.as_ref(), now, &name).into());
            }
            // Another process may have replaced it since: then its version or value differs.
            if ssm::get(&aws, &name)? == Some((text, version)) {
                ssm::delete(&aws, &name)?;
            }
        }
        Err(locked(None, now, &name).into())
    }

    /// Renews the lease when due. Its loss is not an error: the deploy is followed to its end.
    pub fn keep(&mut self) {
        if self.renewed.elapsed() < RENEWED_AFTER {
            return;
        }
        self.renewed = Instant::now();
        // After a long suspend the lease may belong to another process, which must keep it.
        if !self.is_ours() {
            return;
        }
        self.holder.until = now() + LASTS.as_secs();
        if let Ok(value) = serde_json::to_string(&self.holder) {
            let _ = ssm::overwrite(&self.aws, &self.name, &value);
        }
    }

    /// Returns whether this run still holds the lease.
    fn is_ours(&self) -> bool {
        let found = ssm::get(&self.aws, &self.name).ok().flatten();
        let found: Option<Holder> = found.and_then(|(text, _)| serde_json::from_str(&text).ok());
        found.is_some_and(|found| found.is_same(&self.holder))
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // Best effort: the lease expires by itself.
        if self.is_ours() {
            let _ = ssm::delete(&self.aws, &self.name);
        }
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

fn locked(other: Option<&Holder>, now: u64, name: &str) -> Failure {
    let who = match other {
        Some(other) => format!(
            "{} on {} (process {}) has been deploying release {} for {} s",
            other.by,
            other.host,
            other.process,
            other.release,
            now.saturating_sub(other.since)
        ),
        None => "somebody else deploys to this environment".to_owned(),
    };
    Failure::new(Exit::Locked, who).hint("wait for it: cargo xtask status").hint(format!(
        "its lease runs out {} s after its end, however it ends; it is the SSM parameter `{name}`",
        LASTS.as_secs()
    ))
}

#[cfg(test)]
mod tests {
    use super::{Holder, locked};
    use crate::error::Exit;

    fn holder() -> Holder {
        Holder { by: "me".into(), host: "here".into(), process: 7, release: "abc".into(), since: 100, until: 190 }
    }

    #[test]
    fn a_lease_ends_by_time_or_with_its_process() {
        let check = |now, host, alive, expected| assert_eq!(holder().is_over(now, host, |_| alive), expected);
        check(120, "here", true, false);
        check(120, "here", false, true);
        check(120, "there", false, false);
        check(190, "there", true, true);
    }

    #[test]
    fn a_renewed_lease_is_the_same_and_that_of_another_run_is_not() {
        assert!(holder().is_same(&Holder { until: 900, ..holder() }));
        assert!(!holder().is_same(&Holder { process: 8, ..holder() }));
        assert!(!holder().is_same(&Holder { since: 101, ..holder() }));
    }

    #[test]
    fn who_is_locked_out_hears_by_whom_and_since_when() {
        let failure = locked(Some(&holder()), 130, "/shop/local/deploy-lease");
        assert_eq!(failure.exit(), Exit::Locked);
        assert!(failure.to_string().contains("me on here (process 7)"), "{failure}");
        assert!(failure.to_string().contains("for 30 s"), "{failure}");
    }
}
