//! A service moved to a revision that it has run before: `rollback`, and the services that go back when a later one fails.

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

/// One service and the revision that it goes back to.
#[derive(Debug)]
pub struct Revert<'a> {
    /// The service.
    pub target: &'a Target,
    /// The service as ECS described it.
    pub service: &'a Service,
    /// The revision.
    pub revision: &'a Revision,
    /// The same as a document.
    pub definition: &'a TaskDefinition,
    /// The release id of the revision.
    pub release: &'a str,
    /// Where its tasks are registered, if anywhere.
    pub group: Option<&'a TargetGroup>,
    /// Where its load balancer answers.
    pub url: Option<&'a str>,
    /// How long the rollout may take.
    pub limit: Duration,
    /// Where words go.
    pub report: &'a Report,
}

impl<'a> Revert<'a> {
    /// Returns whether the service runs the revision, and nothing is under way.
    pub fn is_done(&self) -> bool {
        let is_complete = |service| primary(service).is_some_and(|one| one.rollout_state == RolloutState::Completed);
        self.service.task_definition == self.revision.arn && is_complete(self.service)
    }

    /// Returns the move, for its verdict and its record.
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

    /// Moves the service and follows the deployment to its verdict.
    ///
    /// # Errors
    /// As those of a rollout.
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
