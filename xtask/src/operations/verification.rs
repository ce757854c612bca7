//! Verification for `deploy` and `verify`: gathers facts and runs the rules. Network calls and layer reads run in
//! parallel. Not here: the rules (`checks`), consequences of a finding (the verbs).

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

/// The input of a deploy.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// Root of the repository.
    pub root: &'a Utf8Path,
    /// The configuration.
    pub settings: &'a Settings,
    /// Desired task definition.
    pub definition: &'a TaskDefinition,
    /// Desired service.
    pub service: &'a ServiceDocument,
    /// The built release.
    pub release: Option<&'a Release>,
}

/// The result of a deploy.
#[derive(Clone, Copy, Debug)]
pub struct Served<'a> {
    /// The configuration.
    pub settings: &'a Settings,
    /// Desired task definition.
    pub definition: &'a TaskDefinition,
    /// ARN of the revision.
    pub revision: &'a str,
    /// The expected release.
    pub release: &'a str,
    /// Target group in which its tasks are registered; `None` without a load balancer.
    pub group: Option<&'a TargetGroup>,
    /// URL of the load balancer.
    pub url: Option<&'a str>,
}

/// Runs the rules of images. The architecture check reads every layer again.
pub fn images(root: &Utf8Path, settings: &Settings, release: Option<&Release>) -> Vec<Check> {
    let images =
        release.map(|release| images::facts(root, settings, release, images::Depth::Proof)).unwrap_or_default();
    let stack = stack(root, settings, &images, None);
    run(Scope::Images, &facts(settings, release, images, stack))
}

/// Runs the rules of a deploy's input. Without a target, makes no network call.
pub fn environment(subject: &Subject<'_>, target: Option<&Target>) -> Vec<Check> {
    let documents = Documents { definition: Ok(subject.definition.clone()), service: Ok(subject.service.clone()) };
    let account = match target {
        Some(target) => account::of(target, Some(subject.definition)),
        None => Account::unknown("AWS was not called"),
    };
    before(subject.root, subject.settings, subject.release, &documents, account)
}

/// Runs the same rules where the documents or the account's facts may be unknown.
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

/// Returns the facts of the account, for `before`.
pub fn account(target: &Target, documents: &Documents) -> Account {
    account::of(target, documents.definition.as_ref().ok())
}

/// Runs the rules of the running service after a deploy.
pub fn service(served: &Served<'_>, target: &Target) -> Vec<Check> {
    let observed = served::observe(target, &served::Wanted::of_deploy(served));
    // The revision defines the expected images, even if other ones were built since.
    after(served.settings, Err(Unknown::new("the revision decides: `running-digests`")), observed)
}

/// Runs the rules of the running service, also if another tool deployed it.
pub fn running(settings: &Settings, release: Option<&Release>, target: &Target) -> Vec<Check> {
    after(settings, known(release), served::observe(target, &served::Wanted::of_any_deploy(target)))
}

/// Runs the rules of the running service without access to AWS.
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

/// Returns the facts of the project's files. The task's variables take precedence over the image's.
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

/// Returns the facts that need no network; the others are unknown.
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
