//! An environment with its files, AWS connection, account and load balancer URL.

use camino::Utf8Path;

use super::reach::{self, Missing, Reach};
use crate::ecs::TargetGroup;
use crate::effects::aws::Aws;
use crate::effects::ecs::{self, TaskFilter};
use crate::effects::{elb, project_files, sts};
use crate::error::Failure;
use crate::project::names::{Names, names};
use crate::project::parse::{self, suggestions};
use crate::project::{Environment, EnvironmentName, Project, ProjectService, ReleasePhase};
use crate::report::Report;

/// The configuration of one service in one environment, before any call.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The project.
    pub project: Project,
    /// The environment, with the values of the selected service.
    pub environment: Environment,
    /// Names derived from both.
    pub names: Names,
    /// The environment with the values that all services share.
    shared: Environment,
}

/// One service in an environment on AWS.
#[derive(Clone, Debug)]
pub struct Target {
    /// The configuration.
    pub settings: Settings,
    /// Endpoint and source of credentials.
    pub reach: Reach,
    /// AWS client.
    pub aws: Aws,
    /// Id of the caller's account, which is the environment's.
    pub account: String,
    /// ARN of the caller.
    pub caller: String,
}

impl Settings {
    /// Reads and checks the files. The main service is selected.
    ///
    /// # Errors
    /// Returns usage (2) with every problem of a file.
    pub fn load(root: &Utf8Path, name: EnvironmentName) -> anyhow::Result<Settings> {
        let project = project_files::load(root)?;
        let environment = project_files::load_environment(root, name, &project)?;
        let project = project.in_environment(&environment);
        let settings = Settings::new(project, environment);
        let main = settings.project.main_service().cloned();
        Ok(main.map_or(settings.clone(), |main| settings.for_service(&main)))
    }

    /// Creates settings without a selected service.
    fn new(project: Project, environment: Environment) -> Settings {
        let names = names(&project, &environment);
        Settings { project, names, shared: environment.clone(), environment }
    }

    /// Returns the selected service; `None` in a project that does not deploy.
    pub fn service(&self) -> Option<&ProjectService> {
        self.project.selected(&self.environment)
    }

    /// Returns the release phase of the selected service.
    pub fn release_phase(&self) -> Option<&ReleasePhase> {
        self.service().and_then(|service| service.release.as_ref())
    }

    /// Returns the settings of another service.
    #[must_use]
    pub fn for_service(&self, service: &ProjectService) -> Settings {
        let environment = self.shared.for_service(&self.project, service);
        let names = names(&self.project, &environment);
        Settings { project: self.project.clone(), environment, names, shared: self.shared.clone() }
    }

    /// Returns the settings of the named service, or those of every service in the order of a rollout.
    ///
    /// # Errors
    /// Returns usage (2) if the service does not exist, or the project has none.
    pub fn services(&self, name: Option<&str>) -> Result<Vec<Settings>, Failure> {
        let services = &self.project.services;
        let names: Vec<&str> = services.iter().map(|service| service.name.as_str()).collect();
        let chosen = services.iter().filter(|service| name.is_none_or(|name| service.name == name));
        let chosen: Vec<Settings> = chosen.map(|service| self.for_service(service)).collect();
        match name {
            Some(name) if chosen.is_empty() => {
                let all = format!("the services are {}", names.join(", "));
                let hint = suggestions::hint(name, names.iter().copied(), all);
                Err(Failure::usage(format!("there is no service `{name}` in {}", parse::PROJECT_FILE)).hint(hint))
            }
            None if chosen.is_empty() => {
                Err(Failure::usage(format!("{}: the project has no service", parse::PROJECT_FILE))
                    .hint("add `[services.web]`, with the templates that it names: docs/guide/services.md shows both"))
            }
            _ => Ok(chosen),
        }
    }

    /// Returns the settings of the named service, or of the main one.
    ///
    /// # Errors
    /// Returns usage (2) if the service does not exist.
    pub fn one_service(&self, name: Option<&str>) -> Result<Settings, Failure> {
        match name {
            Some(_) => Ok(self.services(name)?.remove(0)),
            None => Ok(self.clone()),
        }
    }
}

impl Target {
    /// Connects to AWS and checks the account before any other call.
    ///
    /// # Errors
    /// Returns refused (3) in another account, or the error of the connection.
    pub fn connect(root: &Utf8Path, settings: Settings, missing: Missing, report: &Report) -> anyhow::Result<Target> {
        let Settings { project, environment, .. } = &settings;
        let reach = reach::reach(root, project, environment, missing, report)?;
        let aws = Aws::connect(&environment.region, reach.endpoint.as_deref(), reach.caller)?;
        let identity = sts::caller(&aws)?;
        reach::guard(environment, Some(&identity.account))?;
        Ok(Target { reach, account: identity.account, caller: identity.arn, aws, settings })
    }

    /// Returns the same environment with another service selected.
    #[must_use]
    pub fn with(&self, settings: Settings) -> Target {
        Target { settings, ..self.clone() }
    }

    /// Returns the name of the cluster.
    pub fn cluster(&self) -> &str {
        &self.settings.environment.cluster
    }

    /// Returns the name of the service.
    pub fn service(&self) -> &str {
        &self.settings.environment.service
    }

    /// Returns the environment's name, as typed on the command line.
    pub fn environment(&self) -> EnvironmentName {
        self.settings.environment.name
    }

    /// Returns the target group of the service.
    ///
    /// # Errors
    /// Returns an error if it does not exist, and AWS's errors.
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

    /// Returns the URL of the load balancer: the emulator's address, the domain, or the load balancer's DNS name. The
    /// first two belong to the main service.
    ///
    /// # Errors
    /// Returns AWS's errors.
    pub fn url(&self, group: &TargetGroup) -> anyhow::Result<Option<String>> {
        let environment = &self.settings.environment;
        let is_main = self.settings.service().is_none_or(|service| service.is_main);
        let of_emulator = |local: &&crate::project::Local| {
            // A configured endpoint has its own load balancer.
            self.reach.endpoint.as_deref() == Some(format!("http://{}", local.endpoint).as_str())
        };
        if let Some(local) = environment.local.as_ref().filter(of_emulator).filter(|_| is_main) {
            return Ok(Some(format!("http://{}", local.balancer)));
        }
        if let Some(domain) = environment.domain.as_ref().filter(|_| is_main) {
            return Ok(Some(format!("https://{domain}")));
        }
        let Some(balancer) = group.load_balancer_arns.first() else { return Ok(None) };
        let found = elb::load_balancer(&self.aws, balancer)?;
        Ok(found.map(|balancer| format!("http://{}", balancer.dns_name)))
    }

    /// Returns the ARNs of the service's tasks that run or are starting.
    ///
    /// # Errors
    /// Returns AWS's errors.
    pub fn tasks(&self) -> anyhow::Result<Vec<String>> {
        let of_service = TaskFilter { service: Some(self.service()), ..TaskFilter::default() };
        Ok(ecs::list_tasks(&self.aws, self.cluster(), &of_service)?)
    }

    /// Returns the target of the named service, or of every service in the order of a rollout.
    ///
    /// # Errors
    /// Returns usage (2) if the service does not exist.
    pub fn services(&self, name: Option<&str>) -> Result<Vec<Target>, Failure> {
        Ok(self.settings.services(name)?.into_iter().map(|settings| self.with(settings)).collect())
    }

    /// Returns the name of the selected service in `infra/slipway.toml`.
    pub fn service_name(&self) -> &str {
        self.settings.service().map_or("web", |service| &service.name)
    }

    /// Returns the command line of a verb for this environment.
    pub fn command(&self, verb: &str) -> String {
        format!("cargo xtask {verb}{}", self.environment().flags())
    }
}
