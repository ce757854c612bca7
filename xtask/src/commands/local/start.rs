//! `local start`: starts the daemon with its prerequisites and shows its endpoint.

use camino::Utf8Path;

use super::{Target, status};
use crate::effects::local_daemon::Place;
use crate::effects::local_daemon::ensure::{self, Outcome};
use crate::plan::local;
use crate::report::Report;

pub(super) fn run(root: &Utf8Path, target: &Target, report: &Report) -> anyhow::Result<()> {
    let seed = local::seed(&target.names, &target.local);
    let (daemon, outcome) = ensure::ensure(root, &target.local, &target.environment.region, &seed, report)?;
    let outcome = match outcome {
        Outcome::Unchanged => {
            report.result(format!("the local daemon is running already, process {}", daemon.id));
            return status::show(target, "unchanged", report);
        }
        Outcome::Started => "started",
        Outcome::Restarted => "restarted",
    };
    let log = Place::of_repository(root).log();
    report.result(format!("{outcome}: the local daemon, process {}, log in `{log}`", daemon.id));
    status::show(target, outcome, report)
}
