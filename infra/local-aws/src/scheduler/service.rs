//! One service, one step: what its tasks have come to, what that means for its deployments, which tasks to start and stop.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use super::capacity::{self, Bounds, Slot};
use super::health::{self, Standing, Targets};
use super::{Tick, breaker, events, rollout};
use crate::store::ecs::{Deployment, Family, Service, revision_of};
use crate::store::task::{StopCode, Task, TaskStatus};
use crate::store::task_definition::Tag;
use crate::time::Timestamp;

/// All that one step needs.
pub(super) struct Desk<'a> {
    pub(super) service: &'a mut Service,
    pub(super) tasks: &'a mut BTreeMap<String, Task>,
    pub(super) families: &'a BTreeMap<String, Family>,
    pub(super) targets: &'a Targets<'a>,
    pub(super) now: Timestamp,
    pub(super) outcome: &'a mut Tick,
}

/// A task of the service, as judged in this step.
struct Member {
    id: String,
    deployment: String,
    status: TaskStatus,
    standing: Standing,
    proven: bool,
    created_at: Timestamp,
}

impl Desk<'_> {
    /// `members`: ids of the service's tasks that are not over and done with.
    pub(super) fn reconcile(&mut self, members: &[String], new_id: &mut dyn FnMut() -> String) {
        let mut members = self.judge(members);
        if rollout::stop_as_requested(self.service, self.now) {
            self.outcome.changed = true;
        }
        self.welcome(&mut members);
        let replaced = self.stop_failing(&mut members);
        self.settle(&members);
        self.outcome.changed |= rollout::monitor(self.service, self.now);
        self.check_breaker();
        let still = self.fill(&members, replaced, new_id);
        self.conclude(&members, still);
    }

    fn judge(&mut self, ids: &[String]) -> Vec<Member> {
        let grace = self.service.health_check_grace_period_seconds.unwrap_or(0);
        let grace = Duration::from_secs(grace.into());
        let mut checked: HashMap<&str, bool> = HashMap::new();
        let mut members = Vec::with_capacity(ids.len());
        for task in ids.iter().filter_map(|id| self.tasks.get(id)) {
            let checked = *checked.entry(task.task_definition.as_str()).or_insert_with(|| {
                revision_of(self.families, &task.task_definition)
                    .is_some_and(|revision| health::is_checked(&revision.definition))
            });
            let standing = health::judge(task, checked, self.targets, grace, self.now);
            if let Standing::Starting(Some(moment)) = standing {
                self.outcome.wake(moment);
            }
            members.push(Member {
                id: task.id.clone(),
                deployment: task.started_by.clone().unwrap_or_default(),
                status: task.last_status,
                standing,
                proven: task.steady_at.is_some(),
                created_at: task.created_at,
            });
        }
        members
    }

    /// Tasks whose targets are registered, tasks that are healthy for the first time.
    fn welcome(&mut self, members: &mut [Member]) {
        let mut registered: BTreeMap<String, usize> = BTreeMap::new();
        for member in members.iter_mut().filter(|member| member.standing != Standing::Ending) {
            let Some(task) = self.tasks.get_mut(&member.id) else { continue };
            if !task.registered && !task.load_balancers.is_empty() && health::is_registered(task, self.targets) {
                task.registered = true;
                self.outcome.changed = true;
                for balanced in &task.load_balancers {
                    *registered.entry(balanced.target_group_arn.clone()).or_default() += 1;
                }
            }
            if member.standing == Standing::Healthy && !member.proven {
                task.steady_at = Some(self.now);
                member.proven = true;
                self.outcome.changed = true;
                if let Some(deployment) = named(&mut self.service.deployments, &member.deployment) {
                    deployment.failed_tasks = 0;
                }
            }
        }
        for (group, count) in registered {
            events::push(self.service, self.now, &format!("registered {count} targets in (target-group {group})"));
        }
    }

    /// Tasks that fail their checks are given up. Says how many.
    fn stop_failing(&mut self, members: &mut [Member]) -> usize {
        let mut stopped = Vec::new();
        for member in members {
            let Standing::Failing(failure) = &member.standing else { continue };
            events::push(self.service, self.now, &events::unhealthy(&member.id, failure));
            self.stop(&member.id, &events::stopped_reason(failure));
            stopped.push(member.id.clone());
            member.standing = Standing::Ending;
        }
        self.tell_stopped(&stopped);
        stopped.len()
    }

    /// Draws conclusions from tasks that end: failures are counted, and slow down what comes next.
    fn settle(&mut self, members: &[Member]) {
        let mut draining: BTreeMap<&str, BTreeMap<String, usize>> = BTreeMap::new();
        for member in members {
            let Some(task) = self.tasks.get_mut(&member.id) else { continue };
            if task.settled || (task.stop.is_none() && task.last_status != TaskStatus::Stopped) {
                continue;
            }
            task.settled = true;
            self.outcome.changed = true;
            if task.registered {
                let groups = draining.entry(&member.deployment).or_default();
                for balanced in &task.load_balancers {
                    *groups.entry(balanced.target_group_arn.clone()).or_default() += 1;
                }
            }
            if !is_failure(task) {
                continue;
            }
            let steady_for = task.steady_at.map(|since| self.now.since(since));
            if let Some(stop) = task.stop.as_ref().filter(|stop| stop.code == StopCode::TaskFailedToStart) {
                let reason = stop.reason.trim_end_matches('.');
                events::push_once(self.service, self.now, &format!("was unable to place a task. Reason: {reason}."));
            }
            let desired = self.service.desired_count;
            let Some(deployment) = named(&mut self.service.deployments, &member.deployment) else { continue };
            deployment.failed_tasks = deployment.failed_tasks.saturating_add(1);
            if steady_for.is_some_and(|time| time >= breaker::PROVEN) {
                continue;
            }
            let wait = breaker::back_off(deployment.failed_tasks, desired);
            deployment.next_start = deployment.next_start.max(self.now.after(wait));
            if wait >= breaker::IMPAIRED {
                events::push_once(self.service, self.now, "is unable to consistently start tasks successfully.");
            }
        }
        for (deployment, groups) in draining {
            let count = groups.values().copied().max().unwrap_or_default();
            for (group, count) in groups {
                events::push(
                    self.service,
                    self.now,
                    &format!("deregistered {count} targets in (target-group {group})"),
                );
            }
            events::draining(self.service, self.now, deployment, count);
        }
    }

    fn check_breaker(&mut self) {
        let threshold = breaker::threshold(self.service.desired_count);
        let enabled = self.service.deployment_configuration.deployment_circuit_breaker.enable;
        let tripped = self
            .service
            .deployments
            .first()
            .is_some_and(|primary| primary.rollout_state == "IN_PROGRESS" && primary.failed_tasks >= threshold);
        if enabled && tripped && self.service.status == "ACTIVE" {
            rollout::trip(self.service, self.now);
            self.outcome.changed = true;
        }
    }

    /// Starts and stops tasks. Says whether there was nothing to do.
    fn fill(&mut self, members: &[Member], replaced: usize, new_id: &mut dyn FnMut() -> String) -> bool {
        let Some(primary) = self.service.deployments.first() else { return true };
        let (id, next_start) = (primary.id.clone(), primary.next_start);
        let active = self.service.status == "ACTIVE" && primary.rollout_state != "FAILED";
        let slots: Vec<_> = members.iter().map(|member| member.slot(&id)).collect();
        let bounds = Bounds::new(self.desired(), &self.service.deployment_configuration);
        let plan = capacity::plan(bounds, active && next_start <= self.now, &slots);
        if active && next_start > self.now {
            self.outcome.wake(next_start);
        }
        if plan.stuck {
            let text = "was unable to stop or start tasks during a deployment because of the service deployment \
                        configuration. Update the minimumHealthyPercent or maximumPercent value and try again.";
            self.outcome.changed |= events::push_once(self.service, self.now, text);
        }
        self.start(plan.start, replaced, new_id);
        for task in &plan.stop {
            self.stop(task, &format!("Scaling activity initiated by (deployment {id})"));
        }
        self.tell_stopped(&plan.stop);
        plan.start == 0 && plan.stop.is_empty()
    }

    fn desired(&self) -> u32 {
        if self.service.status == "ACTIVE" { self.service.desired_count } else { 0 }
    }

    fn start(&mut self, count: u32, replaced: usize, new_id: &mut dyn FnMut() -> String) {
        let Some(primary) = self.service.deployments.first_mut().filter(|_| count > 0) else { return };
        self.outcome.changed = true;
        let Some(revision) = revision_of(self.families, &primary.task_definition) else {
            primary.next_start = self.now.after(breaker::back_off(u32::MAX, 1));
            self.outcome.wake(primary.next_start);
            let text = format!("was unable to place a task. Reason: {} does not exist.", primary.task_definition);
            events::push_once(self.service, self.now, &text);
            return;
        };
        let id = primary.id.clone();
        let mut tags = match self.service.propagate_tags.as_str() {
            "SERVICE" => self.service.tags.clone(),
            "TASK_DEFINITION" => revision.tags.clone(),
            _ => Vec::new(),
        };
        if self.service.enable_ecs_managed_tags {
            let managed = [("clusterName", &self.service.cluster), ("serviceName", &self.service.name)];
            tags.extend(managed.map(|(key, value)| Tag { key: format!("aws:ecs:{key}"), value: value.clone() }));
        }
        let mut started = Vec::new();
        for _ in 0..count {
            let group = format!("service:{}", self.service.name);
            let mut task = Task::new(new_id(), &self.service.cluster, &revision.definition, group, self.now);
            task.started_by = Some(id.clone());
            task.network_configuration = self.service.network_configuration.clone();
            task.load_balancers = self.service.load_balancers.clone();
            task.tags = tags.clone();
            started.push(task.id.clone());
            self.tasks.insert(task.id.clone(), task);
        }
        let mut text = format!("has started {count} tasks: {}.", events::tasks(&started));
        if replaced > 0 {
            let replaced = replaced.min(started.len());
            text += &format!(" Amazon ECS replaced {replaced} tasks due to an unhealthy status.");
        }
        events::push(self.service, self.now, &text);
    }

    fn stop(&mut self, id: &str, reason: &str) {
        if let Some(task) = self.tasks.get_mut(id) {
            task.request_stop(StopCode::ServiceSchedulerInitiated, reason);
            self.outcome.changed = true;
        }
    }

    fn tell_stopped(&mut self, ids: &[String]) {
        if !ids.is_empty() {
            let text = format!("has stopped {} running tasks: {}.", ids.len(), events::tasks(ids));
            events::push(self.service, self.now, &text);
        }
    }

    /// Deployments that are through, services that are deleted. `still`: this step has started and stopped nothing.
    fn conclude(&mut self, members: &[Member], still: bool) {
        // A task is a deployment's for as long as requests may reach it.
        let lingering = |id: &str| {
            members.iter().any(|member| member.deployment == id && member.status <= TaskStatus::Deactivating)
        };
        let before = self.service.deployments.len();
        let mut first = true;
        self.service.deployments.retain(|deployment| std::mem::take(&mut first) || lingering(&deployment.id));
        self.outcome.changed |= self.service.deployments.len() != before;

        if self.service.status == "DRAINING" {
            if members.iter().all(|member| member.status == TaskStatus::Stopped) {
                self.service.status = "INACTIVE".into();
                self.service.deployments.clear();
                self.service.service_deployments.clear();
                self.service.service_revisions.clear();
                self.outcome.changed = true;
            }
            return;
        }
        let Some(primary) = self.service.deployments.first() else { return };
        let mine = |member: &&Member| member.deployment == primary.id;
        let healthy = members.iter().filter(mine).filter(|member| member.standing == Standing::Healthy).count();
        let occupying = members.iter().filter(mine).filter(|member| member.status <= TaskStatus::Running).count();
        let desired = self.service.desired_count as usize;
        let alone = members.iter().all(|member| mine(&member) || member.status > TaskStatus::Deactivating);
        let settled = still && alone && (healthy, occupying) == (desired, desired);
        if settled && primary.rollout_state == "IN_PROGRESS" {
            rollout::complete(self.service, self.now);
            self.outcome.changed = true;
        }
        let completed = self.service.deployments.first().is_some_and(|primary| primary.rollout_state == "COMPLETED");
        let steady = settled && completed;
        if steady && !self.service.steady_announced {
            events::push(self.service, self.now, events::steady());
        }
        if steady != self.service.steady_announced {
            self.service.steady_announced = steady;
            self.outcome.changed = true;
        }
    }
}

impl Member {
    fn slot(&self, primary: &str) -> Slot {
        Slot {
            id: self.id.clone(),
            primary: self.deployment == primary,
            occupies: self.status <= TaskStatus::Running,
            ending: self.standing == Standing::Ending,
            healthy: self.standing == Standing::Healthy,
            proven: self.proven,
            created_at: self.created_at,
        }
    }
}

fn named<'a>(deployments: &'a mut [Deployment], id: &str) -> Option<&'a mut Deployment> {
    deployments.iter_mut().find(|deployment| deployment.id == id)
}

/// Whether the stop of a task counts against its revision: not if a client requested it.
fn is_failure(task: &Task) -> bool {
    match &task.stop {
        Some(stop) => match stop.code {
            StopCode::TaskFailedToStart | StopCode::EssentialContainerExited => true,
            StopCode::UserInitiated => false,
            StopCode::ServiceSchedulerInitiated => events::failed_checks(&stop.reason),
        },
        None => true,
    }
}
