//! A state with one cluster, one target group, and services as a test wants them; what the API would do to them.

use std::net::SocketAddr;

use camino::Utf8PathBuf;
use local_aws::scheduler::deployments;
use local_aws::settings::Settings;
use local_aws::store::State;
use local_aws::store::ecs::{Cluster, Revision, Service};
use local_aws::store::elb::{TargetGroup, TargetHealthCheck};
use local_aws::store::task::{StopCode, Task};
use local_aws::time::Timestamp;
use serde_json::json;

pub(crate) const GROUP: &str =
    "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/web/0123456789abcdef";
pub(crate) const KEY: &str = "main/web";
pub(crate) const START: u64 = 1_795_478_400_000;

pub(crate) fn settings() -> Settings {
    Settings {
        endpoint: SocketAddr::from(([127, 0, 0, 1], 4566)),
        region: "eu-central-1".into(),
        state: Utf8PathBuf::from("/nowhere"),
        engine: "unix:///nowhere".into(),
        instance: "000000000000".into(),
    }
}

/// How a service is to be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) desired: u32,
    pub(crate) minimum: u32,
    pub(crate) maximum: u32,
    pub(crate) balanced: bool,
    /// Its container has a health check.
    pub(crate) checked: bool,
    pub(crate) grace: Option<u32>,
    pub(crate) breaker: bool,
    pub(crate) rollback: bool,
}

impl Default for Shape {
    fn default() -> Shape {
        Shape {
            desired: 2,
            minimum: 100,
            maximum: 200,
            balanced: true,
            checked: false,
            grace: None,
            breaker: true,
            rollback: true,
        }
    }
}

pub(crate) fn state() -> State {
    let mut state = State::default();
    state.ecs.clusters.insert("main".into(), Cluster { name: "main".into(), status: "ACTIVE".into(), tags: vec![] });
    let group = TargetGroup {
        name: "web".into(),
        port: 8080,
        health_check: TargetHealthCheck {
            path: "/".into(),
            interval_seconds: 1,
            timeout_seconds: 1,
            healthy_threshold: 2,
            unhealthy_threshold: 2,
            matcher: "200".into(),
        },
        deregistration_delay_seconds: 5,
        attributes: Default::default(),
        targets: vec![],
        tags: vec![],
    };
    state.elb.target_groups.insert(GROUP.into(), group);
    state
}

/// Registers the next revision of family `web`. Gives its ARN.
pub(crate) fn register(state: &mut State, checked: bool) -> String {
    let family = state.ecs.families.entry("web".into()).or_default();
    family.last_revision += 1;
    let number = family.last_revision;
    let arn = format!("arn:aws:ecs:eu-central-1:123456789012:task-definition/web:{number}");
    let mut container = json!({"name": "web", "image": format!("127.0.0.1:4566/web:{number}")});
    if checked {
        container["healthCheck"] = json!({"command": ["CMD", "true"]});
    }
    let definition = serde_json::from_value(json!({
        "taskDefinitionArn": arn, "family": "web", "revision": number, "networkMode": "awsvpc", "volumes": [],
        "status": "ACTIVE", "cpu": "256", "memory": "512", "registeredAt": 0, "containerDefinitions": [container],
    }));
    let tags = serde_json::from_value(json!([{"key": "from", "value": "definition"}])).unwrap();
    family.revisions.insert(number, Revision { definition: definition.unwrap(), tags });
    arn
}

/// `CreateService`.
pub(crate) fn create(state: &mut State, shape: Shape, revision: &str, now: Timestamp) {
    let balancers = json!([{"targetGroupArn": GROUP, "containerName": "web", "containerPort": 8080}]);
    let service: Service = serde_json::from_value(json!({
        "name": "web", "cluster": "main", "status": "ACTIVE", "desired_count": shape.desired,
        "task_definition": revision, "launch_type": "FARGATE", "capacity_provider_strategy": [],
        "platform_version": "1.4.0",
        "deployment_configuration": {
            "deploymentCircuitBreaker": {"enable": shape.breaker, "rollback": shape.rollback},
            "maximumPercent": shape.maximum, "minimumHealthyPercent": shape.minimum,
        },
        "load_balancers": if shape.balanced { balancers } else { json!([]) },
        "network_configuration": {"awsvpcConfiguration": {"subnets": ["subnet-1"]}},
        "health_check_grace_period_seconds": shape.grace, "enable_execute_command": false,
        "enable_ecs_managed_tags": false, "propagate_tags": "NONE", "availability_zone_rebalancing": "DISABLED",
        "created_at": now, "deployments": [], "events": [], "service_deployments": [], "service_revisions": [],
        "tags": [{"key": "from", "value": "service"}], "steady_announced": false,
    }))
    .unwrap();
    state.ecs.services.insert(KEY.into(), service);
    deployments::begin(state, &settings(), KEY, now);
}

/// `UpdateService` with a task definition, or with the same one and `forceNewDeployment`.
pub(crate) fn update(state: &mut State, revision: &str, now: Timestamp) {
    service_mut(state).task_definition = revision.into();
    deployments::begin(state, &settings(), KEY, now);
}

/// `DeleteService`.
pub(crate) fn delete(state: &mut State) {
    let service = service_mut(state);
    service.status = "DRAINING".into();
    service.desired_count = 0;
}

/// `StopTask`.
pub(crate) fn stop_task(task: &mut Task) {
    task.request_stop(StopCode::UserInitiated, "Task stopped by user");
}

pub(crate) fn service(state: &State) -> &Service {
    state.ecs.services.get(KEY).unwrap()
}

pub(crate) fn service_mut(state: &mut State) -> &mut Service {
    state.ecs.services.get_mut(KEY).unwrap()
}
