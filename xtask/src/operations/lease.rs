//! The lease of a deploy: one at a time for an environment, from whichever machine. It is an SSM parameter, because putting
//! one without overwriting is atomic there. It runs out by itself, so that a process that died blocks no other one.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::effects::aws::Aws;
use crate::effects::ssm::{self, Put};
use crate::effects::{host, process};
use crate::error::{Exit, Failure};

/// How long a lease holds without being renewed: several lost calls and a suspended laptop's first minute are survived.
const LASTS: Duration = Duration::from_secs(90);

/// Renewed at a third of that.
const RENEWED_AFTER: Duration = Duration::from_secs(30);

/// Who holds the lease.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// As AWS knows the caller.
    pub by: String,
    /// Name of the machine.
    pub host: String,
    /// Process on it.
    pub process: u32,
    /// The release that it deploys.
    pub release: String,
    /// When it began, in seconds since 1970.
    pub since: u64,
    /// When it runs out, in seconds since 1970.
    pub until: u64,
}

impl Holder {
    /// Whether both are the same run, renewed or not.
    fn is_same(&self, other: &Holder) -> bool {
        (&self.host, self.process, self.since) == (&other.host, other.process, other.since)
    }

    /// Whether it holds no more: it has run out, or was this machine's and its process is gone.
    fn is_over(&self, now: u64, host: &str, is_alive: impl Fn(u32) -> bool) -> bool {
        self.until <= now || (self.host == host && !is_alive(self.process))
    }
}

/// A held lease. Given back when dropped.
#[derive(Debug)]
pub struct Lease {
    aws: Aws,
    name: String,
    holder: Holder,
    renewed: Instant,
}

/// The parameter of an environment's lease.
pub fn name(project: &str, environment: &str) -> String {
    format!("/{project}/{environment}/deploy-lease")
}

impl Lease {
    /// Takes the lease, or says who has it.
    ///
    /// # Errors
    /// Locked (5) while somebody else holds it; AWS's.
    pub fn acquire(aws: &Aws, name: String, by: &str, release: &str) -> anyhow::Result<Lease> {
        // It is given back also after an interrupt.
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
        // Once more after an expired lease was removed: of two processes that remove it at once, only one wins the second put.
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
            // Somebody else may have done the same since: then it is theirs, and has another version or value.
            if ssm::get(&aws, &name)? == Some((text, version)) {
                ssm::delete(&aws, &name)?;
            }
        }
        Err(locked(None, now, &name).into())
    }

    /// Renews it when it is time. Its loss is not an error: what was begun is followed to its end.
    pub fn keep(&mut self) {
        if self.renewed.elapsed() < RENEWED_AFTER {
            return;
        }
        self.renewed = Instant::now();
        // A machine that slept for too long has lost it, and must not take it back from its present holder.
        if !self.is_ours() {
            return;
        }
        self.holder.until = now() + LASTS.as_secs();
        if let Ok(value) = serde_json::to_string(&self.holder) {
            let _ = ssm::overwrite(&self.aws, &self.name, &value);
        }
    }

    /// Whether it is still held by this run.
    fn is_ours(&self) -> bool {
        let found = ssm::get(&self.aws, &self.name).ok().flatten();
        let found: Option<Holder> = found.and_then(|(text, _)| serde_json::from_str(&text).ok());
        found.is_some_and(|found| found.is_same(&self.holder))
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // Best effort: it runs out by itself.
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
