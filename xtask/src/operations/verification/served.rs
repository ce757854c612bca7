//! Observations of the running service from ECS, the load balancer and HTTP. All requests run in parallel, except for
//! the stylesheet, whose URL is in the page.

use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

use super::Served;
use super::account::{joined, unknown};
use crate::checks::facts::{Answer, Fact, Observed, release_of};
use crate::checks::{Unknown, page};
use crate::ecs::{DeploymentBrief, Revision, Service, Task, TaskDefinition};
use crate::effects::web::{NoAnswer, Web};
use crate::effects::{ecs, elb};
use crate::operations::target::Target;
use crate::project::{Local, Verify};

/// Timeout of a request: a slower page counts as unavailable.
const LIMIT: Duration = Duration::from_secs(15);

/// Expected state of the service.
pub(super) struct Wanted<'a> {
    /// The definition and its ARN; `None` uses the service's revision.
    revision: Option<Revision>,
    /// The release; `None` uses the definition's.
    release: Option<&'a str>,
    /// ARN of the target group.
    group: Fact<Option<String>>,
    /// URL of the load balancer.
    url: Fact<String>,
}

impl<'a> Wanted<'a> {
    pub(super) fn of_deploy(served: &Served<'a>) -> Wanted<'a> {
        Wanted {
            revision: Some(Revision {
                arn: served.revision.to_owned(),
                status: "ACTIVE".to_owned(),
                document: served.definition.document().clone(),
                tags: BTreeMap::new(),
            }),
            release: Some(served.release),
            group: Ok(served.group.map(|group| group.arn.clone())),
            url: served.url.map(str::to_owned).ok_or_else(|| Unknown::new(NO_ADDRESS)),
        }
    }

    pub(super) fn of_any_deploy(target: &Target) -> Wanted<'a> {
        let group = elb::target_group(&target.aws, &target.settings.names.balancer).map_err(unknown);
        let url = match &group {
            // The emulator's load balancer is not the one of another endpoint: its page could belong to another
            // service.
            Ok(Some(_)) if is_elsewhere(target) => Err(Unknown::new(ELSEWHERE)),
            Ok(Some(group)) => {
                let found = target.url(group).map_err(|error| Unknown::failed(format!("{error:#}")));
                found.and_then(|url| url.ok_or_else(|| Unknown::new(NO_ADDRESS)))
            }
            Ok(None) => Err(Unknown::new(NO_ADDRESS)),
            Err(why) => Err(why.clone()),
        };
        Wanted { revision: None, release: None, group: group.map(|group| group.map(|group| group.arn)), url }
    }
}

const NO_ADDRESS: &str = "it is not known where the load balancer answers";

const ELSEWHERE: &str =
    "the endpoint is not the emulator of this environment, and where its balancer answers is not known";

/// Returns whether `local` uses another endpoint than its own.
fn is_elsewhere(target: &Target) -> bool {
    let local = target.settings.environment.local.as_ref();
    local.is_some_and(|local| target.reach.endpoint.as_deref().is_some_and(|found| is_another(found, local)))
}

fn is_another(endpoint: &str, local: &Local) -> bool {
    endpoint.trim_end_matches('/') != format!("http://{}", local.endpoint)
}

/// Gathers all observations. Unknown if there is no service.
pub(super) fn observe(target: &Target, wanted: &Wanted<'_>) -> Fact<Observed> {
    let aws = &target.aws;
    thread::scope(|scope| {
        let visit = scope.spawn(|| visit(wanted, &target.settings.project.verify));
        let tasks = scope.spawn(|| tasks(target));
        let targets = scope.spawn(|| match &wanted.group {
            Ok(Some(arn)) => elb::target_health(aws, arn).map_err(unknown),
            Ok(None) => Err(Unknown::new("there is no target group")),
            Err(why) => Err(why.clone()),
        });
        let newest = scope.spawn(|| newest(target));
        let last = scope.spawn(|| last(target));
        let service = match service(target)? {
            Some(service) => service,
            // After a deploy, the service must exist.
            None if wanted.revision.is_some() => {
                return Err(Unknown::failed(format!("the service `{}` is gone", target.service())));
            }
            None => return Err(Unknown::new(format!("the service `{}` does not exist yet", target.service()))),
        };
        let revision = match &wanted.revision {
            Some(revision) => Ok(revision.clone()),
            None => revision(target, &service),
        };
        let release = match wanted.release {
            Some(release) => Ok(release.to_owned()),
            None => revision.as_ref().map_err(Clone::clone).and_then(release),
        };
        let (page, stylesheet, health) = visit.join().unwrap_or_else(|_| {
            let why = || Err(Unknown::failed("the thread that asked panicked"));
            (why(), why(), why())
        });
        Ok(Observed {
            service,
            release,
            revision,
            newest: joined(newest),
            tasks: joined(tasks),
            targets: joined(targets),
            last: joined(last),
            page,
            stylesheet,
            health,
        })
    })
}

fn service(target: &Target) -> Fact<Option<Service>> {
    ecs::describe_service(&target.aws, target.cluster(), target.service()).map_err(unknown)
}

fn revision(target: &Target, service: &Service) -> Fact<Revision> {
    let arn = &service.task_definition;
    let found = ecs::describe_task_definition(&target.aws, arn).map_err(unknown)?;
    found.ok_or_else(|| Unknown::failed(format!("the revision `{arn}` does not exist")))
}

fn release(revision: &Revision) -> Fact<String> {
    let read = TaskDefinition::from_document(revision.document.clone());
    let definition =
        read.map_err(|error| Unknown::failed(format!("the revision {revision} cannot be read: {error}")))?;
    let release = release_of(&definition).map(str::to_owned);
    release.ok_or_else(|| Unknown::new(format!("the revision {revision} names no release")))
}

fn tasks(target: &Target) -> Fact<Vec<Task>> {
    let arns = target.tasks().map_err(|error| Unknown::failed(format!("{error:#}")))?;
    if arns.is_empty() {
        return Ok(Vec::new());
    }
    let tasks = ecs::describe_tasks(&target.aws, target.cluster(), &arns).map_err(unknown)?;
    // A stopping task does not serve requests.
    Ok(tasks.into_iter().filter(|task| task.desired_status != "STOPPED").collect())
}

fn newest(target: &Target) -> Fact<String> {
    let family = &target.settings.names.family;
    let found = ecs::list_task_definitions(&target.aws, family, 1).map_err(unknown)?;
    found.into_iter().next().ok_or_else(|| Unknown::new(format!("there is no revision of `{family}`")))
}

fn last(target: &Target) -> Fact<DeploymentBrief> {
    let found = ecs::list_service_deployments(&target.aws, target.cluster(), target.service()).map_err(unknown)?;
    found.into_iter().next().ok_or_else(|| Unknown::new("ECS has no record of a deployment"))
}

/// Requests the page, its stylesheet and the health check.
fn visit(wanted: &Wanted<'_>, paths: &Verify) -> (Fact<Answer>, Fact<Answer>, Fact<Answer>) {
    let url = match &wanted.url {
        Ok(url) => url.trim_end_matches('/'),
        Err(why) => return (Err(why.clone()), Err(why.clone()), Err(why.clone())),
    };
    thread::scope(|scope| {
        let health = scope.spawn(|| match &paths.health {
            Some(path) => get(format!("{url}{path}")),
            None => Err(Unknown::new("`[verify]` names no health check that answers the release")),
        });
        let page = get(format!("{url}{}", paths.page));
        let stylesheet = match &page {
            Ok(page) if page.status == 200 => match page::stylesheet(&page.body) {
                Some(path) => get(format!("{url}{path}")),
                None => Err(Unknown::new(format!("{} names no stylesheet of its own host", page.url))),
            },
            Ok(page) => Err(Unknown::new(format!("{} did not come, and so no stylesheet is known", page.url))),
            Err(why) => Err(why.clone()),
        };
        (page, stylesheet, joined(health))
    })
}

/// Requests a page. A missing response is an observation, an interrupt is not.
fn get(url: String) -> Fact<Answer> {
    let web = Web::new().map_err(|error| Unknown::failed(format!("{error:#}")))?;
    match web.get(&url, &[], LIMIT) {
        Ok(answer) => {
            let body = answer.text();
            let mut headers = BTreeMap::new();
            for (name, value) in answer.headers {
                headers.entry(name).or_insert(value);
            }
            Ok(Answer { url, silence: None, status: answer.status, headers, body })
        }
        Err(NoAnswer::Interrupted) => Err(Unknown::failed("interrupted")),
        Err(why) => Ok(Answer { url, silence: Some(why.to_string()), ..Answer::default() }),
    }
}

#[cfg(test)]
mod tests {
    use super::is_another;
    use crate::project::Local;

    #[test]
    fn a_page_behind_another_endpoint_is_not_taken_for_ours() {
        for (endpoint, expected) in [
            ("http://127.0.0.1:4510", false),
            ("http://127.0.0.1:4510/", false),
            ("http://127.0.0.1:48471", true),
            ("https://127.0.0.1:4510", true),
        ] {
            assert_eq!(is_another(endpoint, &Local::default()), expected, "{endpoint}");
        }
    }
}
