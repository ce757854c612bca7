//! Service deployments and service revisions: described, listed, stopped. The scheduler writes them.

use serde::Deserialize;
use serde_json::{Value, json};

use super::counts::Counts;
use super::page::Page;
use super::{failure, input, invalid, one_of, reference, service_wire, with_token};
use crate::emulator::Emulator;
use crate::error::Answer;
use crate::scheduler::deployments;
use crate::settings::{ACCOUNT, Settings};
use crate::time::Timestamp;

/// AWS: at most 20 ARNs a call.
const MOST: usize = 20;

/// `ServiceDeploymentStatus`.
const STATUSES: [&str; 9] = [
    "PENDING",
    "SUCCESSFUL",
    "STOPPED",
    "STOP_REQUESTED",
    "IN_PROGRESS",
    "ROLLBACK_REQUESTED",
    "ROLLBACK_IN_PROGRESS",
    "ROLLBACK_SUCCESSFUL",
    "ROLLBACK_FAILED",
];

/// Refuses ARNs of something or somewhere else.
fn check_arns(settings: &Settings, arns: &[String], kind: &str) -> Answer<()> {
    if arns.is_empty() {
        return Err(invalid(format!("{kind} ARNs cannot be empty.")));
    }
    if arns.len() > MOST {
        return Err(invalid(format!("{kind} ARNs cannot have more than {MOST} items.")));
    }
    let prefix = format!("arn:aws:ecs:{}:{ACCOUNT}:{kind}/", settings.region);
    match arns.iter().find(|arn| arn.strip_prefix(&prefix).is_none_or(|rest| rest.split('/').count() != 3)) {
        Some(other) => Err(invalid(format!("Invalid ARN: {other}"))),
        None => Ok(()),
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Describe {
    service_deployment_arns: Vec<String>,
}

pub(super) fn describe(emulator: &Emulator, given: &Value) -> Answer<Value> {
    let Describe { service_deployment_arns: arns } = input::members(given)?;
    check_arns(&emulator.settings, &arns, "service-deployment")?;
    emulator.store.read(|state| {
        let counts = Counts::of(&state.ecs);
        let (mut found, mut failures) = (Vec::new(), Vec::new());
        for arn in arns {
            let services = state.ecs.services.values();
            let mut records =
                services.flat_map(|service| service.service_deployments.iter().map(move |record| (service, record)));
            match records.find(|(_, record)| record.arn == arn) {
                Some((service, record)) => {
                    found.push(service_wire::service_deployment(&emulator.settings, service, record, &counts));
                }
                None => failures.push(failure(&arn)),
            }
        }
        Ok(json!({ "serviceDeployments": found, "failures": failures }))
    })
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct DescribeRevisions {
    service_revision_arns: Vec<String>,
}

pub(super) fn describe_revisions(emulator: &Emulator, given: &Value) -> Answer<Value> {
    let DescribeRevisions { service_revision_arns: arns } = input::members(given)?;
    check_arns(&emulator.settings, &arns, "service-revision")?;
    emulator.store.read(|state| {
        let (mut found, mut failures) = (Vec::new(), Vec::new());
        for arn in arns {
            let services = state.ecs.services.values();
            let mut revisions =
                services.flat_map(|service| service.service_revisions.iter().map(move |revision| (service, revision)));
            match revisions.find(|(_, revision)| revision.arn == arn) {
                Some((service, revision)) => {
                    found.push(service_wire::service_revision(&emulator.settings, service, revision));
                }
                None => failures.push(failure(&arn)),
            }
        }
        Ok(json!({ "serviceRevisions": found, "failures": failures }))
    })
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct List {
    service: String,
    cluster: Option<String>,
    #[serde(default)]
    status: Vec<String>,
    #[serde(default)]
    created_at: Between,
    max_results: Option<i64>,
    next_token: Option<String>,
}

/// `CreatedAt`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Between {
    after: Option<Timestamp>,
    before: Option<Timestamp>,
}

impl Between {
    fn holds(&self, moment: Timestamp) -> bool {
        self.after.is_none_or(|after| after <= moment) && self.before.is_none_or(|before| moment <= before)
    }
}

pub(super) fn list(emulator: &Emulator, given: &Value) -> Answer<Value> {
    let List { service, cluster, status, created_at, max_results, next_token } = input::members(given)?;
    for given in &status {
        one_of("status", given, &STATUSES)?;
    }
    let records = emulator.store.read(|state| {
        let cluster = &reference::cluster(state, &emulator.settings, cluster.as_deref())?.name;
        let name = reference::service_name(&emulator.settings, cluster, &service)?;
        let service = reference::service(&state.ecs, cluster, name)?;
        let fitting = service.service_deployments.iter().filter(|record| {
            (status.is_empty() || status.contains(&record.status)) && created_at.holds(record.created_at)
        });
        let briefs = fitting.map(|record| {
            (record.arn.clone(), service_wire::service_deployment_brief(&emulator.settings, service, record))
        });
        Ok(briefs.collect::<Vec<_>>())
    })?;
    let (records, next) =
        Page { max_results, next_token }.of("ListServiceDeployments", records, |(arn, _)| arn, (20, 100))?;
    let briefs: Vec<_> = records.into_iter().map(|(_, brief)| brief).collect();
    Ok(with_token(json!({ "serviceDeployments": briefs }), next))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Stop {
    service_deployment_arn: String,
    stop_type: Option<String>,
}

pub(super) fn stop(emulator: &Emulator, given: &Value) -> Answer<Value> {
    let Stop { service_deployment_arn: arn, stop_type } = input::members(given)?;
    let stop_type = stop_type.as_deref().unwrap_or("ROLLBACK");
    one_of("stopType", stop_type, &["ABORT", "ROLLBACK"])?;
    check_arns(&emulator.settings, std::slice::from_ref(&arn), "service-deployment")?;
    let now = Timestamp::now();
    emulator.store.write(|state| deployments::stop(state, &emulator.settings, &arn, stop_type, now))?;
    Ok(json!({ "serviceDeploymentArn": arn }))
}
