//! References to resources in calls: a short name or an ARN, of this account, region and cluster.

use super::{invalid, refused};
use crate::error::{Answer, AwsError};
use crate::settings::{ACCOUNT, Settings};
use crate::store::State;
use crate::store::ecs::{Cluster, Ecs, Revision, Service};

/// The cluster of a call that names none.
pub(super) const DEFAULT_CLUSTER: &str = "default";

/// The part after `:` of an ARN of ECS, without its kind: `main/web` for a service. `None`: it is no ARN.
fn resource<'a>(settings: &Settings, text: &'a str, kind: &str) -> Answer<Option<&'a str>> {
    let Some(rest) = text.strip_prefix("arn:") else { return Ok(None) };
    let mut parts = rest.splitn(5, ':');
    let mut part = || parts.next().ok_or_else(|| invalid(format!("Invalid ARN: {text}")));
    let (partition, service, region, account, resource) = (part()?, part()?, part()?, part()?, part()?);
    if partition != "aws" || service != "ecs" {
        return Err(invalid(format!("Invalid ARN: {text}")));
    }
    if region != settings.region {
        return Err(invalid(format!("Invalid identifier: Unexpected region: {region}. Expected: {}", settings.region)));
    }
    if account != ACCOUNT {
        return Err(invalid(format!("Invalid identifier: Unexpected account: {account}. Expected: {ACCOUNT}")));
    }
    let (found, name) = resource.split_once('/').ok_or_else(|| invalid(format!("Invalid ARN: {text}")))?;
    if found != kind {
        return Err(invalid(format!("Unsupported resource type: {found}")));
    }
    Ok(Some(name))
}

/// Names of clusters and services: letters, digits, `-` and `_`, at most 255, as the API reference has it.
pub(super) fn is_name(text: &str) -> bool {
    (1..=255).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

/// The name of the cluster that a call is about.
pub(super) fn cluster_name(settings: &Settings, given: Option<&str>) -> Answer<String> {
    let given = given.filter(|text| !text.is_empty()).unwrap_or(DEFAULT_CLUSTER);
    let name = resource(settings, given, "cluster")?.unwrap_or(given);
    if !is_name(name) {
        return Err(invalid(format!("Cluster must match ^[a-zA-Z0-9\\-_]{{1,255}}$, but was {name}")));
    }
    Ok(name.to_owned())
}

pub(super) fn no_cluster() -> AwsError {
    AwsError::client("ClusterNotFoundException", "Cluster not found.")
}

/// The cluster that a call is about, dead or alive.
pub(super) fn cluster<'a>(state: &'a State, settings: &Settings, given: Option<&str>) -> Answer<&'a Cluster> {
    let name = cluster_name(settings, given)?;
    state.ecs.clusters.get(&name).ok_or_else(no_cluster)
}

/// The name of the cluster in which something is to be made or changed.
pub(super) fn active_cluster(state: &State, settings: &Settings, given: Option<&str>) -> Answer<String> {
    let cluster = cluster(state, settings, given)?;
    if cluster.status != "ACTIVE" {
        return Err(refused("The referenced cluster was inactive."));
    }
    Ok(cluster.name.clone())
}

/// A name within a cluster: `name`, or an ARN that ends in `<kind>/<cluster>/<name>` or, as before 2018, `<kind>/<name>`.
fn within<'a>(settings: &Settings, cluster: &str, kind: &str, given: &'a str) -> Answer<&'a str> {
    let Some(path) = resource(settings, given, kind)? else {
        // AWS takes `<cluster>/<name>` for a name with a bad letter.
        return Ok(given);
    };
    match path.split_once('/') {
        Some((other, _)) if other != cluster => {
            Err(invalid(format!("Invalid identifier: Identifier is for cluster {other}. Your cluster is {cluster}")))
        }
        Some((_, name)) => Ok(name),
        None => Ok(path),
    }
}

/// The name of a service in a cluster.
pub(super) fn service_name<'a>(settings: &Settings, cluster: &str, given: &'a str) -> Answer<&'a str> {
    if given.is_empty() {
        return Err(invalid("Service can not be blank."));
    }
    let name = within(settings, cluster, "service", given)?;
    if !is_name(name) {
        return Err(invalid(format!("Invalid service name: {name}")));
    }
    Ok(name)
}

/// The key of a service in the store.
pub(super) fn key(cluster: &str, service: &str) -> String {
    format!("{cluster}/{service}")
}

/// A service, deleted or not.
pub(super) fn service<'a>(ecs: &'a Ecs, cluster: &str, name: &str) -> Answer<&'a Service> {
    ecs.services.get(&key(cluster, name)).ok_or_else(no_service)
}

pub(super) fn no_service() -> AwsError {
    AwsError::client("ServiceNotFoundException", "Service not found.")
}

/// The id of a task in a cluster: 32 digits, or 36 characters as before 2018.
pub(super) fn task_id<'a>(settings: &Settings, cluster: &str, given: &'a str) -> Answer<&'a str> {
    let id = within(settings, cluster, "task", given)?;
    if id.len() != 32 && id.len() != 36 {
        return Err(invalid("taskId length should be one of [32,36]"));
    }
    Ok(id)
}

/// A reference to a task definition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DefinitionReference {
    pub(super) family: String,
    pub(super) revision: Option<u32>,
}

pub(super) fn definition(settings: &Settings, given: &str) -> Answer<DefinitionReference> {
    let name = resource(settings, given, "task-definition")?.unwrap_or(given);
    if name.is_empty() {
        return Err(refused("TaskDefinition can not be blank."));
    }
    let Some((family, number)) = name.split_once(':') else {
        return Ok(DefinitionReference { family: name.to_owned(), revision: None });
    };
    let revision = number
        .parse()
        .ok()
        .filter(|revision| *revision > 0)
        .ok_or_else(|| invalid(format!("Invalid revision number. Number: {number}")))?;
    Ok(DefinitionReference { family: family.to_owned(), revision: Some(revision) })
}

impl DefinitionReference {
    /// The revision itself; of a family, its newest one that is active.
    pub(super) fn find<'a>(&self, ecs: &'a Ecs) -> Option<&'a Revision> {
        let revisions = &ecs.families.get(&self.family)?.revisions;
        match self.revision {
            Some(number) => revisions.get(&number),
            None => revisions.values().rev().find(|revision| revision.definition.status == "ACTIVE"),
        }
    }

    /// A revision that tasks can be started from.
    pub(super) fn find_active<'a>(&self, ecs: &'a Ecs) -> Answer<&'a Revision> {
        let revision = self.find(ecs).ok_or_else(|| refused("TaskDefinition not found."))?;
        if revision.definition.status != "ACTIVE" {
            return Err(refused("TaskDefinition is inactive"));
        }
        Ok(revision)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Settings {
        Settings {
            endpoint: ([127, 0, 0, 1], 4566).into(),
            region: "eu-central-1".into(),
            state: "/nowhere".into(),
            engine: "unix:///nowhere".into(),
            instance: "000000000000".into(),
            unknown_members: crate::settings::UnknownMembers::Refuse,
        }
    }

    #[test]
    fn names_and_arns_are_the_same() {
        let settings = settings();
        let arn = |resource: &str| settings.arn("ecs", resource);
        assert_eq!(cluster_name(&settings, None).unwrap(), "default");
        assert_eq!(cluster_name(&settings, Some("")).unwrap(), "default");
        assert_eq!(cluster_name(&settings, Some("main")).unwrap(), "main");
        assert_eq!(cluster_name(&settings, Some(&arn("cluster/main"))).unwrap(), "main");
        for given in ["web", &arn("service/main/web"), &arn("service/web")] {
            assert_eq!(service_name(&settings, "main", given).unwrap(), "web");
        }
        let id = "0123456789abcdef0123456789abcdef";
        for given in [id, &arn(&format!("task/main/{id}"))] {
            assert_eq!(task_id(&settings, "main", given).unwrap(), id);
        }
        for (given, revision) in [("web", None), ("web:7", Some(7)), (&arn("task-definition/web:7"), Some(7))] {
            assert_eq!(definition(&settings, given).unwrap(), DefinitionReference { family: "web".into(), revision });
        }
    }

    #[test]
    fn what_is_somewhere_else_is_refused() {
        let settings = settings();
        let cases = [
            ("arn:aws:ecs:us-east-1:123456789012:service/main/web", "Unexpected region: us-east-1"),
            ("arn:aws:ecs:eu-central-1:111122223333:service/main/web", "Unexpected account: 111122223333"),
            (
                "arn:aws:ecs:eu-central-1:123456789012:service/other/web",
                "Identifier is for cluster other. Your cluster is main",
            ),
            ("arn:aws:ecs:eu-central-1:123456789012:task/main/web", "Unsupported resource type: task"),
            ("arn:aws:ecr:eu-central-1:123456789012:service/main/web", "Invalid ARN"),
            ("arn:aws:ecs", "Invalid ARN"),
            ("no spaces", "Invalid service name"),
            ("main/web", "Invalid service name"),
            ("", "Service can not be blank."),
        ];
        for (given, part) in cases {
            let error = service_name(&settings, "main", given).unwrap_err();
            assert_eq!(error.code, "InvalidParameterException");
            assert!(error.message.contains(part), "{given}: {}", error.message);
        }
        assert!(cluster_name(&settings, Some("no spaces")).is_err());
        assert!(task_id(&settings, "main", "short").is_err());
        for given in ["web:", "web:0", "web:x", "web:-1", "web:1:2"] {
            assert!(definition(&settings, given).is_err(), "{given}");
        }
    }
}
