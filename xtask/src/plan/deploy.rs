//! The plan of `deploy`: the revision, the release phase, the change of the service and the verification. Decided from
//! the observed state of ECS. Not here: computing differences (`ecs::diff`).

use std::fmt;

use crate::ecs::diff::Change;
use crate::ecs::{Deployment, ReleaseId, Revision, RolloutState, Service};

/// The observed state of ECS.
#[derive(Clone, Copy, Debug)]
pub struct Observed<'a> {
    /// The service, if it exists.
    pub service: Option<&'a Service>,
    /// The revision that the service is set to run.
    pub running: Option<&'a Revision>,
    /// Differences of the desired task definition from that revision; empty if none runs.
    pub changes: &'a [Change],
    /// Differences of the desired service from the observed one.
    pub service_changes: &'a [Change],
    /// The newest revision of the family, if it is not the running one and equals the desired task definition.
    pub spare: Option<&'a Revision>,
    /// Whether the running revision is recorded as verified.
    pub is_verified: bool,
}

/// The source of the revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RevisionStep {
    /// The running revision equals the desired one. Holds its ARN.
    Keep(String),
    /// An interrupted earlier run registered the revision. Holds its ARN.
    Reuse(String),
    /// A new revision is registered.
    Register,
}

/// The change of the service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServiceStep {
    /// No change.
    Keep,
    /// The service does not exist and is created.
    Create,
    /// The revision or the settings of the service change.
    Update,
    /// The revision is unchanged, and its last deployment failed: it is deployed again. Holds the reason.
    Again(String),
    /// A deployment of an earlier run is in progress: it is followed, without a change. Holds its id.
    Follow(String),
}

/// The plan of `deploy`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeployPlan {
    /// The release.
    pub release: ReleaseId,
    /// The source of its revision.
    pub revision: RevisionStep,
    /// The command of the release phase, if it runs.
    pub phase: Option<Vec<String>>,
    /// The change of the service.
    pub service: ServiceStep,
    /// Whether the release is verified and recorded.
    pub settles: bool,
    /// The differences as text.
    pub changes: Vec<String>,
}

impl DeployPlan {
    /// Creates the plan. `phase` is the project's command that runs before a new revision serves, if configured.
    pub fn new(release: ReleaseId, observed: &Observed<'_>, phase: Option<&[String]>) -> DeployPlan {
        let revision = match (observed.running, observed.spare) {
            (Some(running), _) if observed.changes.is_empty() => RevisionStep::Keep(running.arn.clone()),
            (_, Some(spare)) => RevisionStep::Reuse(spare.arn.clone()),
            _ => RevisionStep::Register,
        };
        let is_new = !matches!(revision, RevisionStep::Keep(_));
        let primary = observed.service.and_then(primary);
        let service = match observed.service {
            None => ServiceStep::Create,
            Some(_) if is_new || !observed.service_changes.is_empty() => ServiceStep::Update,
            Some(_) => match primary {
                Some(primary) if primary.rollout_state == RolloutState::Failed => {
                    ServiceStep::Again(primary.rollout_state_reason.clone())
                }
                Some(primary) if primary.rollout_state == RolloutState::InProgress => {
                    ServiceStep::Follow(primary.id.clone())
                }
                _ => ServiceStep::Keep,
            },
        };
        let settles = service != ServiceStep::Keep || !observed.is_verified;
        let phase = phase.filter(|_| is_new).map(<[String]>::to_vec);
        let changes = observed.changes.iter().chain(observed.service_changes).map(ToString::to_string).collect();
        DeployPlan { release, revision, phase, service, settles, changes }
    }

    /// Returns the names of the steps, in order.
    pub fn steps(&self) -> Vec<&'static str> {
        let register = matches!(self.revision, RevisionStep::Register).then_some("register");
        let service = match self.service {
            ServiceStep::Keep => None,
            ServiceStep::Create => Some("create"),
            ServiceStep::Update => Some("update"),
            ServiceStep::Again(_) => Some("again"),
            ServiceStep::Follow(_) => Some("follow"),
        };
        let phase = self.phase.as_ref().map(|_| "release-phase");
        let settle = self.settles.then_some("verify");
        [register, phase, service, settle].into_iter().flatten().collect()
    }

    /// Returns whether the plan is a no-op.
    pub fn is_empty(&self) -> bool {
        self.service == ServiceStep::Keep && matches!(self.revision, RevisionStep::Keep(_)) && !self.settles
    }
}

/// The plan of a release: one plan for each service, in the order of the rollout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReleasePlan {
    /// The release.
    pub release: ReleaseId,
    /// Name and plan of each service.
    pub services: Vec<(String, DeployPlan)>,
}

impl ReleasePlan {
    /// Returns whether the plans of all services are no-ops.
    pub fn is_empty(&self) -> bool {
        self.services.iter().all(|(_, plan)| plan.is_empty())
    }

    /// Returns the differences, prefixed with the service's name if there are several services.
    pub fn changes(&self) -> Vec<String> {
        self.lines(|plan| plan.changes.clone())
    }

    /// Returns the names of the steps, prefixed with the service's name if there are several services.
    pub fn steps(&self) -> Vec<String> {
        self.lines(|plan| plan.steps().into_iter().map(str::to_owned).collect())
    }

    fn lines(&self, of: impl Fn(&DeployPlan) -> Vec<String>) -> Vec<String> {
        let several = self.services.len() > 1;
        let named = |name: &str, line: String| if several { format!("{name}: {line}") } else { line };
        self.services
            .iter()
            .flat_map(|(name, plan)| of(plan).into_iter().map(|line| named(name, line)).collect::<Vec<_>>())
            .collect()
    }
}

impl fmt::Display for ReleasePlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [(_, only)] = self.services.as_slice() {
            return only.fmt(f);
        }
        for (name, plan) in &self.services {
            if plan.is_empty() {
                writeln!(f, "{name}: unchanged")?;
                continue;
            }
            writeln!(f, "{name}:")?;
            plan.to_string().lines().try_for_each(|line| writeln!(f, "  {line}"))?;
        }
        Ok(())
    }
}

/// Returns the primary deployment of a service: the one in progress, or the last one.
pub fn primary(service: &Service) -> Option<&Deployment> {
    service.deployments.iter().find(|deployment| deployment.status == "PRIMARY")
}

/// Returns the `<family>:<number>` of a revision's ARN.
pub fn short(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}

impl fmt::Display for DeployPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for change in &self.changes {
            writeln!(f, "{change}")?;
        }
        let revision = match &self.revision {
            RevisionStep::Keep(arn) => format!("keep the revision {}, release {}", short(arn), self.release),
            RevisionStep::Reuse(arn) => format!("take the revision {}, which an earlier run registered", short(arn)),
            RevisionStep::Register => format!("register a revision, release {}", self.release),
        };
        writeln!(f, "{revision}")?;
        if let Some(command) = &self.phase {
            writeln!(f, "run `{}` once, from that revision", command.join(" "))?;
        }
        let service = match &self.service {
            ServiceStep::Keep => "leave the service alone".to_owned(),
            ServiceStep::Create => "create the service".to_owned(),
            ServiceStep::Update => "update the service".to_owned(),
            ServiceStep::Again(why) => format!("deploy the same revision again: {why}"),
            ServiceStep::Follow(id) => format!("follow the deployment {id}, which is under way"),
        };
        writeln!(f, "{service}")?;
        if self.settles { writeln!(f, "verify and record the release") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::Map;

    use super::{DeployPlan, Observed, RevisionStep, ServiceStep};
    use crate::ecs::diff::Change;
    use crate::ecs::{Deployment, Revision, RolloutState, Service};

    fn revision(number: u32) -> Revision {
        let arn = format!("arn:aws:ecs:eu-central-1:123456789012:task-definition/shop-local:{number}");
        Revision { arn, status: "ACTIVE".to_owned(), document: Map::new(), tags: BTreeMap::new() }
    }

    fn service(state: RolloutState) -> Service {
        let deployment = Deployment {
            id: "ecs-svc/1".to_owned(),
            status: "PRIMARY".to_owned(),
            rollout_state: state,
            rollout_state_reason: "it failed".to_owned(),
            ..Deployment::default()
        };
        Service { deployments: vec![deployment], ..Service::default() }
    }

    fn change() -> Change {
        Change { path: "app.image".to_owned(), before: Some("a".to_owned()), after: Some("b".to_owned()) }
    }

    fn plan(observed: &Observed<'_>) -> DeployPlan {
        DeployPlan::new("0123456789ab".parse().unwrap(), observed, Some(&["migrate".to_owned()]))
    }

    #[test]
    fn nothing_there_is_everything_to_do() {
        let nothing = Observed {
            service: None,
            running: None,
            changes: &[],
            service_changes: &[],
            spare: None,
            is_verified: false,
        };
        let plan = plan(&nothing);
        assert_eq!((&plan.revision, &plan.service), (&RevisionStep::Register, &ServiceStep::Create));
        assert!(plan.phase.is_some() && plan.settles && !plan.is_empty());
    }

    #[test]
    fn what_runs_verified_is_left_alone() {
        let (running, service) = (revision(3), service(RolloutState::Completed));
        let same = Observed {
            service: Some(&service),
            running: Some(&running),
            changes: &[],
            service_changes: &[],
            spare: None,
            is_verified: true,
        };
        assert!(plan(&same).is_empty());
        // An earlier run was interrupted between the rollout and its record.
        let unproven = plan(&Observed { is_verified: false, ..same });
        assert!(unproven.settles && unproven.phase.is_none() && unproven.service == ServiceStep::Keep);
    }

    #[test]
    fn a_deployment_under_way_is_followed_and_a_failed_one_is_repeated() {
        let running = revision(3);
        let check = |state, expected: ServiceStep| {
            let service = service(state);
            let observed = Observed {
                service: Some(&service),
                running: Some(&running),
                changes: &[],
                service_changes: &[],
                spare: None,
                is_verified: true,
            };
            assert_eq!(plan(&observed).service, expected);
        };
        check(RolloutState::InProgress, ServiceStep::Follow("ecs-svc/1".to_owned()));
        check(RolloutState::Failed, ServiceStep::Again("it failed".to_owned()));
        check(RolloutState::Unknown, ServiceStep::Keep);
    }

    #[test]
    fn a_change_makes_a_revision_unless_an_interrupted_run_has_made_it() {
        let (running, spare, service) = (revision(3), revision(4), service(RolloutState::Completed));
        let changes = [change()];
        let changed = Observed {
            service: Some(&service),
            running: Some(&running),
            changes: &changes,
            service_changes: &[],
            spare: None,
            is_verified: true,
        };
        assert_eq!(plan(&changed).revision, RevisionStep::Register);
        let reused = plan(&Observed { spare: Some(&spare), ..changed });
        assert_eq!(reused.revision, RevisionStep::Reuse(spare.arn.clone()));
        assert!(reused.phase.is_some(), "it is unknown how far the interrupted run came");
        // A change of the service alone does not run the release phase.
        let scaled = plan(&Observed { changes: &[], service_changes: &changes, ..changed });
        assert_eq!((scaled.service, scaled.phase), (ServiceStep::Update, None));
    }
}
