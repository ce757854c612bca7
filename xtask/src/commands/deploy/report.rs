//! What `deploy` says of its plan. How it closes: `operations::closing`.

use serde_json::json;

use super::Request;
use crate::operations::target::Target;
use crate::plan::deploy::DeployPlan;
use crate::report::Report;

/// Shows the plan where there is something to do, or only the plan was asked for.
pub(super) fn plan(report: &Report, request: &Request, target: &Target, plan: &DeployPlan) {
    report.event(&json!({"event": "planned", "release": plan.release.to_string(), "changes": plan.changes,
        "steps": plan.steps()}));
    if request.dry_run {
        let nothing = plan.is_empty();
        report.result(if nothing { "nothing to deploy".to_owned() } else { plan.to_string().trim_end().to_owned() });
    } else if !plan.is_empty() {
        report.step(format!("plan for `{}` in `{}`", target.service(), target.environment()));
        plan.to_string().lines().for_each(|line| report.detail(line));
    }
}
