//! An environment as a verb works on it: its files, its AWS, whose account it is, and where its load balancer answers.

use camino::Utf8Path;

use super::reach::{self, Missing, Reach};
use crate::ecs::TargetGroup;
use crate::effects::aws::Aws;
use crate::effects::ecs::{self, TaskFilter};
use crate::effects::{elb, project_files, sts};
use crate::error::Failure;
use crate::project::names::{Names, names};
use crate::project::{Environment, EnvironmentName, Project};
use crate::report::Report;

/// The configuration, before anybody is asked.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The project.
    pub project: Project,
    /// The environment.
    pub environment: Environment,
    /// Names that follow from both.
    pub names: Names,
}

/// The environment on AWS.
#[derive(Debug)]
pub struct Target {
    /// The configuration.
    pub settings: Settings,
    /// How AWS is reached.
    pub reach: Reach,
    /// Its client.
    pub aws: Aws,
    /// The caller's account, which is the environment's.
    pub account: String,
    /// Who calls.
    pub caller: String,
}

impl Settings {
    /// Reads and checks the files.
    ///
    /// # Errors
    /// Usage (2), with every problem of a file.
    pub fn load(root: &Utf8Path, name: EnvironmentName) -> anyhow::Result<Settings> {
        let project = project_files::load(root)?;
        let environment = project_files::load_environment(root, name, &project)?;
        let project = project.in_environment(&environment);
        let names = names(&project, &environment);
        Ok(Settings { project, environment, names })
    }
}

impl Target {
    /// Reaches the environment and guards its account: nothing else is asked before.
    ///
    /// # Errors
    /// Refused (3) in another account; no way to AWS.
    pub fn connect(root: &Utf8Path, settings: Settings, missing: Missing, report: &Report) -> anyhow::Result<Target> {
        let Settings { project, environment, .. } = &settings;
        let reach = reach::reach(root, project, environment, missing, report)?;
        let aws = Aws::connect(&environment.region, reach.endpoint.as_deref(), reach.caller)?;
        let identity = sts::caller(&aws)?;
        reach::guard(environment, Some(&identity.account))?;
        Ok(Target { reach, account: identity.account, caller: identity.arn, aws, settings })
    }

    /// Name of the cluster.
    pub fn cluster(&self) -> &str {
        &self.settings.environment.cluster
    }

    /// Name of the service.
    pub fn service(&self) -> &str {
        &self.settings.environment.service
    }

    /// The environment's name, as it is typed.
    pub fn environment(&self) -> EnvironmentName {
        self.settings.environment.name
    }

    /// The target group that the service is to be registered in.
    ///
    /// # Errors
    /// It is not there; AWS's.
    pub fn target_group(&self) -> anyhow::Result<TargetGroup> {
        let name = &self.settings.names.balancer;
        let found = elb::target_group(&self.aws, name)?;
        let missing = || {
            let failure =
                Failure::failed(format!("the target group `{name}` of `{}` does not exist", self.environment()));
            match self.environment() {
                EnvironmentName::LOCAL => failure.hint("cargo xtask local stop, then cargo xtask local start"),
                _ => failure.hint("make the load balancer and a target group of that name first, of type `ip`"),
            }
        };
        Ok(found.ok_or_else(missing)?)
    }

    /// Where the load balancer answers: the emulator's address, the domain, or the balancer's own name.
    ///
    /// # Errors
    /// AWS's.
    pub fn url(&self, group: &TargetGroup) -> anyhow::Result<Option<String>> {
        let environment = &self.settings.environment;
        let of_emulator = |local: &&crate::project::Local| {
            // Another endpoint that was named has a load balancer of its own.
            self.reach.endpoint.as_deref() == Some(format!("http://{}", local.endpoint).as_str())
        };
        if let Some(local) = environment.local.as_ref().filter(of_emulator) {
            return Ok(Some(format!("http://{}", local.balancer)));
        }
        if let Some(domain) = &environment.domain {
            return Ok(Some(format!("https://{domain}")));
        }
        let Some(balancer) = group.load_balancer_arns.first() else { return Ok(None) };
        let found = elb::load_balancer(&self.aws, balancer)?;
        Ok(found.map(|balancer| format!("http://{}", balancer.dns_name)))
    }

    /// ARNs of the tasks of the service that run or are to run.
    ///
    /// # Errors
    /// AWS's.
    pub fn tasks(&self) -> anyhow::Result<Vec<String>> {
        let of_service = TaskFilter { service: Some(self.service()), ..TaskFilter::default() };
        Ok(ecs::list_tasks(&self.aws, self.cluster(), &of_service)?)
    }

    /// A line that types a verb for this environment.
    pub fn command(&self, verb: &str) -> String {
        format!("cargo xtask {verb}{}", self.environment().flags())
    }
}
