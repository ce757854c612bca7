//! Evidence for tests, built step by step.

use super::{CauseId, Evidence, HealthProbe, Output, diagnose, permanent_failure};
use crate::ecs::{Container, ContainerDefinition, Dependency, Event, LogLine, PortMapping, TargetHealth, Task, View};

/// Evidence, built step by step. The task has `app`, and `nginx`, which depends on it and listens on 8080.
pub(super) struct Scenario {
    view: View,
    tasks: Vec<Task>,
    lines: Output,
    targets: Vec<TargetHealth>,
    events: Vec<Event>,
    probe: HealthProbe,
    release_phase: Option<&'static str>,
    refusal: Option<&'static str>,
}

pub(super) const EXITED: (&str, &str) = ("EssentialContainerExited", "Essential container in task exited");
pub(super) const NOT_STARTED: &str = "TaskFailedToStart";

impl Scenario {
    pub(super) fn new() -> Scenario {
        let container = |name: &str, port: u16, needs: &[&str]| ContainerDefinition {
            name: name.into(),
            image: format!("registry/linkbio/{name}:v1"),
            port_mappings: vec![PortMapping { container_port: Some(port), ..PortMapping::default() }],
            depends_on: needs
                .iter()
                .map(|name| Dependency { container_name: (*name).into(), condition: "HEALTHY".into() })
                .collect(),
            ..ContainerDefinition::default()
        };
        Scenario {
            view: View {
                memory: Some("512".into()),
                execution_role_arn: Some("arn:aws:iam::1:role/linkbio-execution".into()),
                container_definitions: vec![container("nginx", 8080, &["app"]), container("app", 8000, &[])],
                ..View::default()
            },
            tasks: Vec::new(),
            lines: Output::new(),
            targets: Vec::new(),
            events: Vec::new(),
            probe: HealthProbe { path: "/healthz".into(), matcher: "200".into(), port: 8080 },
            release_phase: None,
            refusal: None,
        }
    }

    fn task(mut self, stop: Option<(&str, &str)>, status: &str) -> Scenario {
        let number = self.tasks.len() + 1;
        let container = |name: &str| Container {
            name: name.into(),
            image: format!("registry/linkbio/{name}:v1"),
            last_status: status.into(),
            ..Container::default()
        };
        self.tasks.push(Task {
            task_arn: format!("arn:aws:ecs:r:1:task/main/task{number}"),
            last_status: status.into(),
            stop_code: stop.map(|(code, _)| code.into()),
            stopped_reason: stop.map(|(_, reason)| reason.into()),
            created_at: crate::ecs::Timestamp(f64::from(u32::try_from(number).unwrap())),
            containers: vec![container("app"), container("nginx")],
            ..Task::default()
        });
        self
    }

    pub(super) fn stopped(self, code: &str, reason: &str) -> Scenario {
        self.task(Some((code, reason)), "STOPPED")
    }

    pub(super) fn running(self) -> Scenario {
        self.task(None, "RUNNING")
    }

    fn of(&mut self, name: &str) -> &mut Container {
        let task = self.tasks.last_mut().unwrap();
        task.containers.iter_mut().find(|container| container.name == name).unwrap()
    }

    pub(super) fn codes(mut self, app: i64, nginx: i64) -> Scenario {
        self.of("app").exit_code = Some(app);
        self.of("nginx").exit_code = Some(nginx);
        self
    }

    pub(super) fn reason(mut self, container: &str, reason: &str) -> Scenario {
        self.of(container).reason = Some(reason.into());
        self
    }

    pub(super) fn health(mut self, container: &str, health: &str) -> Scenario {
        self.of(container).health_status = health.into();
        self
    }

    pub(super) fn wrote(mut self, container: &str, text: &str) -> Scenario {
        let lines = text.lines().map(|line| LogLine { message: line.into(), ..LogLine::default() });
        let task = self.tasks.last().unwrap().id().to_owned();
        self.lines.insert((task, container.into()), lines.collect());
        self
    }

    pub(super) fn target(mut self, reason: &str, description: &str) -> Scenario {
        self.targets.push(TargetHealth {
            address: "10.0.1.5".into(),
            port: 8080,
            state: "unhealthy".into(),
            reason: Some(reason.into()),
            description: Some(description.into()),
        });
        self
    }

    pub(super) fn event(mut self, message: &str) -> Scenario {
        self.events.push(Event { message: format!("(service linkbio) {message}"), ..Event::default() });
        self
    }

    pub(super) fn release_phase(mut self) -> Scenario {
        self.release_phase = Some("app");
        self
    }

    pub(super) fn refused(mut self, text: &'static str) -> Scenario {
        self.refusal = Some(text);
        self
    }

    /// Returns the permanent failure of the last task, if it is one.
    pub(super) fn permanent_failure(&self) -> Option<CauseId> {
        let (last, before) = self.tasks.split_last().unwrap();
        permanent_failure(last, before)
    }

    pub(super) fn cause(&self) -> super::Cause {
        diagnose(&Evidence {
            environment: "staging",
            definition: Some(&self.view),
            tasks: &self.tasks,
            lines: &self.lines,
            targets: &self.targets,
            events: &self.events,
            probe: Some(&self.probe),
            release_phase: self.release_phase,
            refusal: self.refusal,
        })
    }
}

/// Checks the id, the failing container and a part of the message.
pub(super) fn check(scenario: &Scenario, id: CauseId, failing_container: &str, message: &str) {
    let cause = scenario.cause();
    let found = (cause.id, cause.failing_container.as_deref().unwrap_or_default());
    assert_eq!(found, (id, failing_container), "{cause:#?}");
    assert!(cause.message.contains(message) && !cause.message.ends_with('.'), "{cause:#?}");
    assert!(!cause.next.is_empty(), "{cause:#?}");
}
