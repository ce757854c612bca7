//! Progress of a rollout. A terminal shows one redrawn screen: counts, each task with its containers, newest events,
//! elapsed time. Other outputs get one plain line for each change, JSON mode one event for each change.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::Report;
use crate::ecs::rollout::Verdict;
use crate::ecs::{Service, Task};

/// Number of events on the screen.
const EVENTS: usize = 3;
/// Number of tasks on the screen.
const TASKS: usize = 8;
/// Interval between two updates of the elapsed time.
const BEAT: Duration = Duration::from_millis(250);

/// Progress display of one rollout.
#[derive(Debug)]
pub struct RolloutView {
    report: Report,
    bar: Option<ProgressBar>,
    begun: Instant,
    shown: BTreeSet<String>,
    states: BTreeMap<String, String>,
    counts: String,
    tasks: Vec<String>,
    events: Vec<String>,
}

impl RolloutView {
    /// Creates the display for a revision.
    pub fn new(report: Report, revision: &str) -> RolloutView {
        let style = ProgressStyle::with_template("    {elapsed:>4} {msg}");
        let style = style.unwrap_or_else(|_| ProgressStyle::default_spinner());
        let bar = report.is_live().then(|| {
            let bar = ProgressBar::new_spinner().with_style(style).with_message(revision.to_owned());
            bar.enable_steady_tick(BEAT);
            bar
        });
        let (shown, states, tasks, events) = Default::default();
        RolloutView { report, bar, begun: Instant::now(), shown, states, counts: String::new(), tasks, events }
    }

    /// Marks the events that exist already as shown.
    pub fn know(&mut self, service: &Service) {
        self.shown.extend(service.events.iter().map(|event| event.id.clone()));
    }

    /// Shows an observation of the service.
    pub fn service(&mut self, service: &Service, verdict: &Verdict) {
        let news: Vec<_> =
            service.events.iter().rev().filter(|event| !self.shown.contains(&event.id)).cloned().collect();
        for event in news {
            self.shown.insert(event.id);
            self.report.event(&json!({"event": "service-event", "message": event.message}));
            self.plain(&event.message);
            self.events.push(event.message);
        }
        let counts = service.deployments.iter().map(|deployment| {
            let revision = deployment.task_definition.rsplit('/').next().unwrap_or_default();
            format!(
                "{revision} {} of {} running, {} pending, {} failed",
                deployment.running_count, deployment.desired_count, deployment.pending_count, deployment.failed_tasks
            )
        });
        let counts = counts.collect::<Vec<_>>().join("; ");
        if counts != self.counts {
            self.report.event(&json!({"event": "rollout", "state": verdict.as_str(), "counts": counts,
                "seconds": self.begun.elapsed().as_secs_f64()}));
            self.plain(&counts);
            self.counts = counts;
        }
        self.draw();
    }

    /// Shows an observation of the tasks.
    pub fn tasks(&mut self, tasks: &[Task]) {
        for task in tasks {
            let state = line(task);
            if self.states.get(task.id()) == Some(&state) {
                continue;
            }
            self.report.event(&json!({"event": "task", "task": task.id(), "status": task.last_status,
                "health": task.health_status, "stopped_reason": task.stopped_reason,
                "containers": task.containers.iter().map(|one| json!({"name": one.name, "status": one.last_status,
                    "health": one.health_status, "exit_code": one.exit_code, "reason": one.reason})).collect::<Vec<_>>()}));
            self.plain(&state);
            self.states.insert(task.id().to_owned(), state);
        }
        self.tasks = tasks.iter().take(TASKS).map(line).collect();
        self.draw();
    }

    /// Prints the reason for stopping the deployment before ECS does.
    pub fn permanent_failure(&mut self, task: &Task) {
        let why = task.stopped_reason.as_deref().unwrap_or("the task can never start");
        self.report.event(&json!({"event": "ended-early", "task": task.id(), "reason": why}));
        self.print(&format!("stopping the deployment early: `{why}` is a permanent failure"));
    }

    /// Stops drawing. The last counts remain on the screen.
    pub fn finish(self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
            if !self.counts.is_empty() {
                self.report.detail(&self.counts);
            }
        }
    }

    fn plain(&self, line: &str) {
        if self.bar.is_none() {
            self.print(line);
        }
    }

    fn print(&self, line: &str) {
        let line = format!("{:>5.1} s  {line}", self.begun.elapsed().as_secs_f64());
        match &self.bar {
            Some(bar) => bar.println(format!("    {line}")),
            None => self.report.detail(line),
        }
    }

    fn draw(&self) {
        let Some(bar) = &self.bar else { return };
        let events = self.events.iter().rev().take(EVENTS).rev();
        let lines = std::iter::once(&self.counts).chain(&self.tasks).chain(events);
        bar.set_message(lines.cloned().collect::<Vec<_>>().join("\n         "));
    }
}

/// Formats a task and its containers as one line.
pub fn line(task: &Task) -> String {
    let containers = task.containers.iter().map(|container| {
        let health = match container.health_status.as_str() {
            "HEALTHY" => " healthy",
            "UNHEALTHY" => " UNHEALTHY",
            _ => "",
        };
        let exit = container.exit_code.map(|code| format!(" exit {code}")).unwrap_or_default();
        format!("{} {}{health}{exit}", container.name, container.last_status.to_lowercase())
    });
    let id: String = task.id().chars().take(8).collect();
    let reason = task.stopped_reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
    let containers = containers.collect::<Vec<_>>().join(", ");
    format!("task {id} {} ({containers}){reason}", task.last_status.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::line;
    use crate::ecs::{Container, Task};

    #[test]
    fn a_task_is_one_line_with_its_containers() {
        let container = Container {
            name: "app".into(),
            last_status: "STOPPED".into(),
            health_status: "UNHEALTHY".into(),
            exit_code: Some(3),
            ..Container::default()
        };
        let task = Task {
            task_arn: "arn:aws:ecs:r:1:task/c/0123456789abcdef".into(),
            last_status: "STOPPED".into(),
            stopped_reason: Some("Essential container in task exited".into()),
            containers: vec![container],
            ..Task::default()
        };
        let expected = "task 01234567 stopped (app stopped UNHEALTHY exit 3): Essential container in task exited";
        assert_eq!(line(&task), expected);
    }
}
