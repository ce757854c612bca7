//! What `verify` needs to know before it runs a rule: the files here, and whether AWS can be asked.

use camino::Utf8Path;

use crate::checks::{Scope, Unknown};
use crate::effects::aws::Aws;
use crate::effects::{files, sts};
use crate::operations::reach::{self, Missing};
use crate::operations::target::{Settings, Target};
use crate::operations::verification::{self, Account, Documents};
use crate::project::EnvironmentName;
use crate::release::Release;
use crate::report::Report;

/// What is on this machine.
#[derive(Debug)]
pub(super) struct Here {
    pub(super) settings: Settings,
    pub(super) release: Option<Release>,
    pub(super) documents: Documents,
}

/// The way to AWS.
#[derive(Debug)]
pub(super) enum There {
    /// In the environment's account.
    Reached(Box<Target>),
    /// In another account, which is asked nothing else.
    Foreign(String),
    /// No way, and why.
    Unreached(String),
}

/// Reads the files. Templates are only looked at where something depends on them.
pub(super) fn here(root: &Utf8Path, environment: EnvironmentName, scopes: &[Scope]) -> anyhow::Result<Here> {
    let settings = Settings::load(root, environment)?;
    let release = files::read_release(root)?;
    let documents = if scopes.contains(&Scope::Environment) {
        verification::documents(root, &settings, release.as_ref())?
    } else {
        let why = Unknown::new("not looked at");
        Documents { definition: Err(why.clone()), service: Err(why) }
    };
    Ok(Here { settings, release, documents })
}

/// Finds the way to AWS. A way that is closed is no error here: what depends on it is skipped.
pub(super) fn there(root: &Utf8Path, here: &Here, scopes: &[Scope], report: &Report) -> There {
    if scopes == [Scope::Images] {
        return There::Unreached("images are judged without a network".to_owned());
    }
    connect(root, here, report).unwrap_or_else(|error| There::Unreached(format!("AWS cannot be asked: {error:#}")))
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
    /// Where to ask, or why nobody can be asked.
    pub(super) fn target(&self) -> Result<&Target, Unknown> {
        match self {
            There::Reached(target) => Ok(target),
            There::Foreign(_) => Err(Unknown::new("the caller is in another account than the environment")),
            There::Unreached(why) => Err(Unknown::new(why)),
        }
    }

    /// What the account has.
    pub(super) fn account(&self, documents: &Documents) -> Account {
        match self {
            There::Reached(target) => verification::account(target, documents),
            There::Foreign(account) => Account::foreign(account),
            There::Unreached(why) => Account::unknown(why),
        }
    }
}
