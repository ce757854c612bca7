//! Rollback of a service to a previous revision: by `rollback`, or when a later service of a deploy fails.

use std::time::Duration;

use serde_json::Map;

use super::closing::Known;
use super::follow;
use super::lease::Lease;
use super::settle::{self, Move};
use super::target::Target;
use crate::ecs::rollout::Ours;
use crate::ecs::{Revision, RolloutState, Service, TargetGroup, TaskDefinition};
use crate::effects::ecs;
use crate::error::Failure;
use crate::plan::deploy::primary;
use crate::report::Report;
use crate::report::rollout::RolloutView;

/// A service and the revision to which it is rolled back.
#[derive(Debug)]
pub struct Revert<'a> {
    /// The service.
    pub target: &'a Target,
    /// The service as ECS described it.
    pub service: &'a Service,
    /// The revision.
    pub revision: &'a Revision,
    /// The revision as a document.
    pub definition: &'a TaskDefinition,
    /// The release id of the revision.
    pub release: &'a str,
    /// Target group in which its tasks are registered, if any.
    pub group: Option<&'a TargetGroup>,
    /// URL of its load balancer.
    pub url: Option<&'a str>,
    /// Time limit of the rollout.
    pub limit: Duration,
    /// Report that receives the output.
    pub report: &'a Report,
}

impl<'a> Revert<'a> {
    /// Returns whether the service runs the revision, without a deployment in progress.
    pub fn is_done(&self) -> bool {
        let is_complete = |service| primary(service).is_some_and(|one| one.rollout_state == RolloutState::Completed);
        self.service.task_definition == self.revision.arn && is_complete(self.service)
    }

    /// Returns the deployment, for its verdict and its record.
    pub fn moved(&self) -> Move<'a> {
        Move {
            target: self.target,
            revision: &self.revision.arn,
            definition: self.definition,
            release: self.release,
            group: self.group,
            url: self.url,
            before: Some(&self.service.task_definition),
            limit: self.limit,
            report: self.report,
        }
    }

    /// Starts the deployment and follows it to its verdict.
    ///
    /// # Errors
    /// Returns the errors of a rollout.
    pub fn apply(&self, lease: &mut Lease, known: &mut Known) -> anyhow::Result<()> {
        let target = self.target;
        let mut update = Map::new();
        update.insert("cluster".to_owned(), target.cluster().into());
        update.insert("service".to_owned(), target.service().into());
        update.insert("taskDefinition".to_owned(), self.revision.arn.clone().into());
        let answer = ecs::update_service(&target.aws, &update)?;
        let deployment = primary(&answer).filter(|deployment| deployment.task_definition == self.revision.arn);
        let deployment = deployment
            .ok_or_else(|| Failure::failed("ECS did not begin a deployment").hint(target.command("status")))?;
        let mut ours = Ours::of(deployment, answer.current_service_deployment.clone());
        let mut view = RolloutView::new(*self.report, self.revision.short());
        view.know(self.service);
        let followed = follow::follow(target, &mut ours, self.limit, &mut view, || lease.keep());
        view.finish();
        settle::rollout(&self.moved(), &ours, &followed?, known)
    }
}
