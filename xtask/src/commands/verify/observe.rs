//! The inputs of `verify`: the local files, and access to AWS.

use camino::Utf8Path;

use super::Request;
use crate::checks::{Check, Scope, Unknown};
use crate::effects::aws::Aws;
use crate::effects::{files, sts};
use crate::operations::reach::{self, Missing};
use crate::operations::target::{Settings, Target};
use crate::operations::verification::{self, Account, Documents};
use crate::release::Release;
use crate::report::Report;

/// The local state.
#[derive(Debug)]
pub(super) struct Here {
    pub(super) settings: Settings,
    pub(super) release: Option<Release>,
    /// Settings and documents of each service that is verified.
    services: Vec<(Settings, Documents)>,
}

impl Here {
    /// Judges one service after another. Where several exist, each message names its service; findings that all of them
    /// share are reported once.
    pub(super) fn of_each_service(&self, judge: impl Fn(&Settings, &Documents) -> Vec<Check>) -> Vec<Check> {
        let mut all: Vec<Check> = Vec::new();
        let judged: Vec<Vec<Check>> =
            self.services.iter().map(|(settings, documents)| judge(settings, documents)).collect();
        let Some((first, others)) = judged.split_first() else { return all };
        let is_shared = |check: &Check| {
            others.iter().all(|checks| {
                checks
                    .iter()
                    .any(|other| (other.id, &other.message, other.status) == (check.id, &check.message, check.status))
            })
        };
        all.extend(first.iter().filter(|check| is_shared(check)).cloned());
        let shared: Vec<(&'static str, String)> = all.iter().map(|check| (check.id, check.message.clone())).collect();
        for ((settings, _), checks) in self.services.iter().zip(judged) {
            let name = settings.service().map_or("web", |service| &service.name);
            let own = checks.into_iter().filter(|check| !shared.contains(&(check.id, check.message.clone())));
            all.extend(own.map(|check| Check { message: format!("{name}: {}", check.message), ..check }));
        }
        all
    }
}

/// Access to AWS.
#[derive(Debug)]
pub(super) enum There {
    /// Access to the environment's account.
    Reached(Box<Target>),
    /// Access to another account: no other call is made there.
    Foreign(String),
    /// No access, with the reason.
    Unreached(String),
}

/// Reads the local files. Templates are read only where a scope needs them.
pub(super) fn here(root: &Utf8Path, request: &Request, scopes: &[Scope]) -> anyhow::Result<Here> {
    let settings = Settings::load(root, request.environment)?;
    let release = files::read_release(root)?;
    // A project without services can still have its images verified.
    let chosen = match (&request.service, settings.project.services.is_empty()) {
        (None, true) => vec![settings.clone()],
        (name, _) => settings.services(name.as_deref())?,
    };
    let documents = |settings: Settings| {
        let documents = if scopes.contains(&Scope::Environment) {
            verification::documents(root, &settings, release.as_ref())?
        } else {
            let why = Unknown::new("not observed");
            Documents { definition: Err(why.clone()), service: Err(why) }
        };
        Ok((settings, documents))
    };
    let services = chosen.into_iter().map(documents).collect::<anyhow::Result<Vec<_>>>()?;
    Ok(Here { settings, release, services })
}

/// Connects to AWS. A failure is not an error here: the rules that need AWS are skipped.
pub(super) fn there(root: &Utf8Path, here: &Here, scopes: &[Scope], report: &Report) -> There {
    if scopes == [Scope::Images] {
        return There::Unreached("images are judged without a network".to_owned());
    }
    connect(root, here, report).unwrap_or_else(|error| There::Unreached(format!("AWS cannot be called: {error:#}")))
}

fn connect(root: &Utf8Path, here: &Here, report: &Report) -> anyhow::Result<There> {
    let Settings { project, environment, .. } = &here.settings;
    let reach = reach::reach(root, project, environment, Missing::Refuse, report)?;
    let aws = Aws::connect(&environment.region, reach.endpoint.as_deref(), reach.caller)?;
    let identity = sts::caller(&aws)?;
    if reach::guard(environment, Some(&identity.account)).is_err() {
        return Ok(There::Foreign(identity.account));
    }
    let (settings, account, caller) = (here.settings.clone(), identity.account, identity.arn);
    Ok(There::Reached(Box::new(Target { settings, reach, aws, account, caller })))
}

impl There {
    /// Returns the location of a service, or why AWS cannot be called.
    pub(super) fn target(&self, settings: &Settings) -> Result<Target, Unknown> {
        match self {
            There::Reached(target) => Ok(target.with(settings.clone())),
            There::Foreign(_) => Err(Unknown::new("the caller is in another account than the environment")),
            There::Unreached(why) => Err(Unknown::new(why)),
        }
    }

    /// Returns the observed state of the account.
    pub(super) fn account(&self, settings: &Settings, documents: &Documents) -> Account {
        match self {
            There::Reached(target) => verification::account(&target.with(settings.clone()), documents),
            There::Foreign(account) => Account::foreign(account),
            There::Unreached(why) => Account::unknown(why),
        }
    }
}
