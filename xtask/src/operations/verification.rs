//! Facts gathered and rules run: the one flow that `deploy` and `verify` share. What touches a network or reads layers is
//! read in parallel. Not here: what must hold (`checks`), and what follows from a finding (the verbs).

mod account;
mod documents;
mod images;
mod served;

use std::collections::BTreeMap;

use camino::Utf8Path;

use crate::checks::facts::{Fact, ImageFacts, Observed};
use crate::checks::stack::{self, Stack};
use crate::checks::{Check, Facts, Scope, Unknown, run};
use crate::ecs::{ServiceDocument, TargetGroup, TaskDefinition};
use crate::effects::source_files;
use crate::image::ImageName;
use crate::operations::target::{Settings, Target};
use crate::project::parse;
use crate::release::Release;

pub use account::Account;
pub use documents::{Documents, documents};

/// What a deploy is about to use.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The repository.
    pub root: &'a Utf8Path,
    /// The configuration.
    pub settings: &'a Settings,
    /// What is to run.
    pub definition: &'a TaskDefinition,
    /// How it is to run.
    pub service: &'a ServiceDocument,
    /// What was built.
    pub release: Option<&'a Release>,
}

/// What a deploy has put in place.
#[derive(Clone, Copy, Debug)]
pub struct Served<'a> {
    /// The configuration.
    pub settings: &'a Settings,
    /// What is to run.
    pub definition: &'a TaskDefinition,
    /// ARN of its revision.
    pub revision: &'a str,
    /// The release that is to answer.
    pub release: &'a str,
    /// Where its tasks are registered; `None` without a load balancer.
    pub group: Option<&'a TargetGroup>,
    /// Where the load balancer answers.
    pub url: Option<&'a str>,
}

/// The rules over images. The proof reads every layer anew.
pub fn images(root: &Utf8Path, settings: &Settings, release: Option<&Release>) -> Vec<Check> {
    let images =
        release.map(|release| images::facts(root, settings, release, images::Depth::Proof)).unwrap_or_default();
    let stack = stack(root, settings, &images, None);
    run(Scope::Images, &facts(settings, release, images, stack))
}

/// The rules over what a deploy is about to use. Without a target, no network is used.
pub fn environment(subject: &Subject<'_>, target: Option<&Target>) -> Vec<Check> {
    let documents = Documents { definition: Ok(subject.definition.clone()), service: Ok(subject.service.clone()) };
    let account = match target {
        Some(target) => account::of(target, Some(subject.definition)),
        None => Account::unknown("AWS was not called"),
    };
    before(subject.root, subject.settings, subject.release, &documents, account)
}

/// The same where the documents, or the way to AWS, may not be known.
pub fn before(
    root: &Utf8Path,
    settings: &Settings,
    release: Option<&Release>,
    documents: &Documents,
    account: Account,
) -> Vec<Check> {
    let images = release.map(|release| images::facts(root, settings, release, images::Depth::Documents));
    let images = images.unwrap_or_default();
    let definition = documents.definition.as_ref().map_err(Clone::clone);
    let stack = stack(root, settings, &images, definition.clone().ok());
    let facts = Facts {
        task_definition: definition,
        service: documents.service.as_ref().map(ServiceDocument::document).map_err(Clone::clone),
        has_target_group: account.has_target_group,
        balancer: account.balancer,
        caller_account: account.caller,
        cluster: account.cluster,
        missing_parameters: account.missing_parameters,
        ..facts(settings, release, images, stack)
    };
    run(Scope::Environment, &facts)
}

/// The account's part of the facts, for `before`.
pub fn account(target: &Target, documents: &Documents) -> Account {
    account::of(target, documents.definition.as_ref().ok())
}

/// The rules over what a deploy has put in place.
pub fn service(served: &Served<'_>, target: &Target) -> Vec<Check> {
    let observed = served::observe(target, &served::Wanted::of_deploy(served));
    // What is deployed is what the revision names, also where something else was built since.
    after(served.settings, Err(Unknown::new("the revision decides: `running-digests`")), observed)
}

/// The rules over what runs, also where another tool deployed it.
pub fn running(settings: &Settings, release: Option<&Release>, target: &Target) -> Vec<Check> {
    after(settings, known(release), served::observe(target, &served::Wanted::of_any_deploy(target)))
}

/// The rules over what runs, where AWS cannot be called.
pub fn unseen(settings: &Settings, why: &Unknown) -> Vec<Check> {
    after(settings, known(None), Err(why.clone()))
}

fn after(settings: &Settings, release: Fact<&Release>, observed: Fact<Observed>) -> Vec<Check> {
    let rest = facts(settings, None, BTreeMap::new(), Err(Unknown::new("not looked at")));
    run(Scope::Service, &Facts { observed, release, ..rest })
}

fn known(release: Option<&Release>) -> Fact<&Release> {
    release.ok_or_else(|| Unknown::new("nothing is built: cargo xtask build"))
}

/// What the project's files say. Variables of the task win over those of the image.
fn stack(
    root: &Utf8Path,
    settings: &Settings,
    images: &BTreeMap<ImageName, Fact<ImageFacts>>,
    definition: Option<&TaskDefinition>,
) -> Fact<Stack> {
    let sources = source_files::read(root, &settings.project).map_err(|error| Unknown::new(format!("{error:#}")))?;
    let variables = |name: &ImageName| {
        let image = images.get(name).and_then(|image| image.as_ref().ok());
        let of_image = image.into_iter().flat_map(|image| &image.config.env).filter_map(|line| line.split_once('='));
        let container = definition.and_then(|definition| definition.container(name.as_str()));
        let of_task = container.into_iter().flat_map(|container| &container.environment);
        let of_task = of_task.map(|variable| (variable.name.as_str(), variable.value.as_str()));
        of_image.chain(of_task).map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    };
    Ok(stack::read(&settings.project, &sources, &variables))
}

/// What is known without a network; everything else is not.
fn facts<'a>(
    settings: &'a Settings,
    release: Option<&'a Release>,
    images: BTreeMap<ImageName, Fact<ImageFacts>>,
    stack: Fact<Stack>,
) -> Facts<'a> {
    let unknown = || Unknown::new("not looked at");
    let (front, server, static_files, unreadable) = match stack {
        Ok(Stack { front, server, static_files, unreadable }) => (front, server, static_files, Ok(unreadable)),
        Err(why) => (Err(why.clone()), Err(why.clone()), Err(why.clone()), Err(why)),
    };
    Facts {
        project: &settings.project,
        environment: &settings.environment,
        release: known(release),
        images,
        task_definition: Err(unknown()),
        service: Err(unknown()),
        front,
        server,
        static_files,
        has_target_group: Err(unknown()),
        balancer: Err(unknown()),
        max_connections: settings.environment.max_connections.ok_or_else(|| {
            let file = parse::environment_file(settings.environment.name);
            Unknown::new(format!("{file} does not say how many connections the database takes: `[database]`"))
        }),
        caller_account: Err(unknown()),
        cluster: Err(unknown()),
        missing_parameters: Err(unknown()),
        unreadable,
        observed: Err(unknown()),
    }
}
