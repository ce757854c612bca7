//! Counts of running and pending tasks, for services, deployments and clusters. Counted once a call, over all tasks.

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::store::State;
use crate::store::ecs::Ecs;
use crate::store::task::{Task, TaskStatus};

/// Tasks of one service or deployment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Count {
    /// `RUNNING`.
    pub(super) running: u32,
    /// On their way to it.
    pub(super) pending: u32,
    /// Not asked to stop.
    pub(super) wanted: u32,
}

impl Count {
    fn add(&mut self, task: &Task) {
        match task.last_status {
            TaskStatus::Running => self.running += 1,
            TaskStatus::Provisioning | TaskStatus::Pending | TaskStatus::Activating => self.pending += 1,
            _ => return,
        }
        if task.stop.is_none() {
            self.wanted += 1;
        }
    }
}

/// Counts for all services and deployments.
#[derive(Debug, Default)]
pub(super) struct Counts<'a> {
    deployments: HashMap<&'a str, Count>,
    services: HashMap<(&'a str, &'a str), Count>,
}

impl<'a> Counts<'a> {
    pub(super) fn of(ecs: &'a Ecs) -> Counts<'a> {
        let mut counts = Counts::default();
        for task in ecs.tasks.values() {
            let Some(service) = task.service() else { continue };
            counts.services.entry((&task.cluster, service)).or_default().add(task);
            if let Some(deployment) = &task.started_by {
                counts.deployments.entry(deployment).or_default().add(task);
            }
        }
        counts
    }

    pub(super) fn deployment(&self, id: &str) -> Count {
        self.deployments.get(id).copied().unwrap_or_default()
    }

    pub(super) fn service(&self, cluster: &'a str, name: &'a str) -> Count {
        self.services.get(&(cluster, name)).copied().unwrap_or_default()
    }
}

/// Counts of one cluster. All is Fargate's.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ClusterCounts {
    pub(super) running: u32,
    pub(super) pending: u32,
    pub(super) active_services: usize,
    draining_services: usize,
}

impl ClusterCounts {
    pub(super) fn of(state: &State, cluster: &str) -> ClusterCounts {
        let mut tasks = Count::default();
        state.ecs.tasks.values().filter(|task| task.cluster == cluster).for_each(|task| tasks.add(task));
        let services = |status: &str| {
            let services = state.ecs.services.values();
            services.filter(|service| service.cluster == cluster && service.status == status).count()
        };
        ClusterCounts {
            running: tasks.running,
            pending: tasks.pending,
            active_services: services("ACTIVE"),
            draining_services: services("DRAINING"),
        }
    }

    /// `statistics`: names and numbers, as texts.
    pub(super) fn statistics(&self) -> Value {
        let known = [
            ("runningEC2TasksCount", 0),
            ("runningFargateTasksCount", self.running as usize),
            ("pendingEC2TasksCount", 0),
            ("pendingFargateTasksCount", self.pending as usize),
            ("runningExternalTasksCount", 0),
            ("pendingExternalTasksCount", 0),
            ("activeEC2ServiceCount", 0),
            ("activeFargateServiceCount", self.active_services),
            ("drainingEC2ServiceCount", 0),
            ("drainingFargateServiceCount", self.draining_services),
            ("activeExternalServiceCount", 0),
            ("drainingExternalServiceCount", 0),
        ];
        known.iter().map(|(name, value)| json!({ "name": name, "value": value.to_string() })).collect()
    }
}
