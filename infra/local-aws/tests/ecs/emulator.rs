//! A daemon's state with one cluster and one target group, and calls to it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use camino::Utf8PathBuf;
use local_aws::emulator::Emulator;
use local_aws::error::AwsError;
use local_aws::faults::Faults;
use local_aws::log_store::LogStore;
use local_aws::seed::SeedLoadBalancer;
use local_aws::services::ecs;
use local_aws::settings::Settings;
use local_aws::store::Store;
use local_aws::store::elb::target_group_arn;
use local_aws::store::task::{Task, TaskStatus};
use local_aws::time::Timestamp;
use serde_json::{Value, json};

pub(crate) const ARN: &str = "arn:aws:ecs:eu-central-1:123456789012";
pub(crate) const CLUSTER: &str = "main";

pub(crate) struct Local {
    pub(crate) emulator: Emulator,
    folder: Utf8PathBuf,
}

impl Drop for Local {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl Local {
    pub(crate) fn new() -> Local {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("local-aws-ecs-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let folder = Utf8PathBuf::from_path_buf(std::env::temp_dir()).unwrap().join(name);
        let settings = Settings {
            endpoint: ([127, 0, 0, 1], 4566).into(),
            region: "eu-central-1".into(),
            state: folder.clone(),
            engine: "unix:///nowhere".into(),
            instance: Settings::instance_of(&folder),
        };
        let store = Store::open(&folder).unwrap();
        store.write(|state| {
            state.ecs.roles = vec!["execution".into(), "task".into()];
            let balancer = SeedLoadBalancer {
                name: "web".into(),
                listen: ([127, 0, 0, 1], 8080).into(),
                target_port: 8080,
                health_check_path: "/".into(),
                health_check_interval_seconds: 5,
                healthy_threshold: 2,
                unhealthy_threshold: 2,
                deregistration_delay_seconds: 5,
            };
            balancer.create(&mut state.elb, &settings, Timestamp::now());
        });
        let emulator =
            Emulator { logs: LogStore::new(&folder), settings: Arc::new(settings), store, faults: Faults::default() };
        let local = Local { emulator, folder };
        local.ok("CreateCluster", &json!({ "clusterName": CLUSTER }));
        local
    }

    pub(crate) fn call(&self, action: &str, input: &Value) -> Result<Value, AwsError> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(ecs::call(&self.emulator, action, input.clone()))
    }

    pub(crate) fn ok(&self, action: &str, input: &Value) -> Value {
        self.call(action, input).unwrap_or_else(|error| panic!("{action} {input}: {error}"))
    }

    /// Refused with this code, and this in the message; the state is as it was.
    pub(crate) fn refused(&self, action: &str, input: &Value, code: &str, part: &str) {
        let state = || self.emulator.store.read(|state| serde_json::to_string(state).unwrap());
        let before = state();
        match self.call(action, input) {
            Ok(answer) => panic!("{action} {input} was not refused: {answer}"),
            Err(error) => {
                assert_eq!((error.code, error.status), (code, 400), "{action} {input}: {error}");
                assert!(error.message.contains(part), "{action} {input}: {error}, without `{part}`");
            }
        }
        assert_eq!(state(), before, "{action} {input}");
    }

    /// Registers a definition like `definition`, changed by `change`. Gives its ARN.
    pub(crate) fn register(&self, family: &str, change: &Value) -> String {
        let mut input = definition();
        input["family"] = family.into();
        merge(&mut input, change);
        let answer = self.ok("RegisterTaskDefinition", &input);
        answer["taskDefinition"]["taskDefinitionArn"].as_str().unwrap().to_owned()
    }

    pub(crate) fn create(&self, name: &str, revision: &str, change: &Value) -> Value {
        self.ok("CreateService", &service(name, revision, change))["service"].clone()
    }

    pub(crate) fn describe(&self, name: &str) -> Value {
        let answer = self.ok("DescribeServices", &json!({ "cluster": CLUSTER, "services": [name] }));
        answer["services"][0].clone()
    }

    pub(crate) fn run(&self, change: &Value) -> Value {
        let mut input = json!({
            "cluster": CLUSTER, "taskDefinition": "web", "launchType": "FARGATE", "networkConfiguration": network(),
        });
        merge(&mut input, change);
        self.ok("RunTask", &input)
    }

    pub(crate) fn group(&self) -> String {
        target_group_arn(&self.emulator.settings, "web")
    }

    /// What scheduler and runner would do: a task of the service's newest deployment that is as far as `status`.
    pub(crate) fn add_task(&self, service: &str, status: TaskStatus) -> String {
        self.emulator.store.write(|state| {
            let found = &state.ecs.services[&format!("{CLUSTER}/{service}")];
            let deployment = &found.deployments[0];
            let definition = &state.ecs.revision(&deployment.task_definition).unwrap().definition;
            let group = format!("service:{service}");
            let mut task = Task::new(local_aws::store::task::new_id(), CLUSTER, definition, group, Timestamp::now());
            task.started_by = Some(deployment.id.clone());
            task.last_status = status;
            let id = task.id.clone();
            state.ecs.tasks.insert(id.clone(), task);
            id
        })
    }
}

/// The smallest definition that is good for anything: one container with one port.
pub(crate) fn definition() -> Value {
    json!({
        "family": "web", "requiresCompatibilities": ["FARGATE"], "networkMode": "awsvpc", "cpu": "256", "memory": "512",
        "executionRoleArn": "arn:aws:iam::123456789012:role/execution",
        "containerDefinitions": [
            { "name": "web", "image": "127.0.0.1:4566/web:1", "portMappings": [{ "containerPort": 8080 }] },
        ],
    })
}

pub(crate) fn network() -> Value {
    json!({ "awsvpcConfiguration": { "subnets": ["subnet-1"] } })
}

pub(crate) fn service(name: &str, revision: &str, change: &Value) -> Value {
    let mut input = json!({
        "cluster": CLUSTER, "serviceName": name, "taskDefinition": revision, "desiredCount": 2, "launchType": "FARGATE",
        "networkConfiguration": network(),
    });
    merge(&mut input, change);
    input
}

/// Puts the members of `change` in, in place of those that are there.
pub(crate) fn merge(input: &mut Value, change: &Value) {
    for (name, value) in change.as_object().unwrap() {
        input[name] = value.clone();
    }
}

/// Task definitions that must be refused: what is changed in a good one, the code, part of the message.
pub(crate) fn refused_all(cases: &[(Value, &str, &str)]) {
    let local = Local::new();
    for (change, code, part) in cases {
        let mut input = definition();
        merge(&mut input, change);
        local.refused("RegisterTaskDefinition", &input, code, part);
    }
}

/// A definition whose only container is changed.
pub(crate) fn web(change: &Value) -> Value {
    let mut container = definition()["containerDefinitions"][0].clone();
    merge(&mut container, change);
    json!({ "containerDefinitions": [container] })
}
