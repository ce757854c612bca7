//! The original stack beside that of `deploy`: the same cluster, limits, variables, secrets, logs and file system, its own
//! load balancer. The images and their container definitions differ: they are the subject of the measurement.

use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use anyhow::Context;
use camino::Utf8Path;
use serde_json::{Value, json};

use super::local_stage::{LocalStage, free_address};
use super::measure;
use super::original::{APP, NGINX, Originals, Recipe};
use crate::dev::packages;
use crate::effects::files;
use crate::effects::loopback::{self, Request};

/// Name of all its resources.
const NAME: &str = "original";

/// The running service of the original stack.
#[derive(Debug)]
pub(super) struct Original {
    /// Address of its load balancer.
    pub(super) balancer: SocketAddr,
    /// ARN of its revision.
    pub(super) revision: String,
}

impl Original {
    /// Builds, pushes and registers the stack and waits for the first answer. `service` is the service of `deploy`.
    pub(super) fn serve(root: &Utf8Path, stage: &LocalStage<'_>, service: &Value) -> anyhow::Result<Original> {
        stage.report.detail("building the original recipe");
        let originals = Originals::of(&stage.stage, &stage.engine, stage.report)?;
        let crane = packages::crane(root, stage.report)?;
        let push = |recipe| push(stage, &crane, &originals, recipe);
        let (app, nginx) = (push(&APP)?, push(&NGINX)?);
        let described = stage.ecs("DescribeTaskDefinition", &json!({ "taskDefinition": service["taskDefinition"] }))?;
        let registered =
            stage.ecs("RegisterTaskDefinition", &definition(&described["taskDefinition"], &app, &nginx))?;
        let revision = registered["taskDefinition"]["taskDefinitionArn"].as_str().map(str::to_owned);
        let revision = revision.context("failed to read the answer of RegisterTaskDefinition")?;
        let (balancer, group) = load_balancer(stage)?;
        stage.ecs(
            "CreateService",
            &json!({
                "cluster": stage.names.cluster, "serviceName": NAME, "taskDefinition": revision, "desiredCount": 1,
                "launchType": "FARGATE", "networkConfiguration": service["networkConfiguration"],
                "loadBalancers": [{ "targetGroupArn": group, "containerName": NGINX.name, "containerPort": 8080 }],
                "healthCheckGracePeriodSeconds": 600,
            }),
        )?;
        let answers = stage.seconds_until("the original's first answer", || {
            let answer = loopback::send(balancer, &Request::get("/healthz/live"), Duration::from_secs(5));
            Ok(answer.is_ok_and(|answer| answer.status == 200))
        });
        answers.with_context(|| stopped_reasons(stage).unwrap_or_default())?;
        Ok(Original { balancer, revision })
    }
}

/// Returns the stopped reasons of its tasks.
fn stopped_reasons(stage: &LocalStage<'_>) -> anyhow::Result<String> {
    let cluster = &stage.names.cluster;
    let listed = stage.ecs("ListTasks", &json!({ "cluster": cluster, "family": NAME, "desiredStatus": "STOPPED" }))?;
    let described = stage.ecs("DescribeTasks", &json!({ "cluster": cluster, "tasks": listed["taskArns"] }))?;
    let reasons = described["tasks"].as_array().into_iter().flatten().map(|task| task["stoppedReason"].to_string());
    Ok(format!("tasks of the original stopped: {}", reasons.collect::<Vec<_>>().join(", ")))
}

/// Builds an image into a layout, pushes it with crane and returns its reference. After the engine's own `docker push`
/// such an image could not be pulled (one layer fewer than its configuration has); the cause is not known.
fn push(stage: &LocalStage<'_>, crane: &Utf8Path, originals: &Originals, recipe: &Recipe) -> anyhow::Result<String> {
    let repository = format!("{NAME}/{}", recipe.name);
    let create = "AmazonEC2ContainerRegistry_V20150921.CreateRepository";
    stage.call("ecr", create, &json!({ "repositoryName": repository }))?;
    let layout = stage.stage.root.join(format!("{NAME}-{}", recipe.name));
    originals.layout(recipe, &layout)?;
    let reference = format!("{}/{repository}:bench", stage.local.endpoint);
    let mut push = Command::new(crane);
    push.args(["push", "--insecure", layout.as_str(), &reference]).env("DOCKER_CONFIG", stage.credentials()?);
    measure::run(push)?;
    files::remove_directory(&layout)?;
    Ok(reference)
}

/// Returns the task definition: two containers without health checks and `dependsOn`, as the original has them.
fn definition(deployed: &Value, app: &str, nginx: &str) -> Value {
    let containers = deployed["containerDefinitions"].as_array().cloned().unwrap_or_default();
    let of = |recipe: &Recipe| containers.iter().find(|one| one["name"] == recipe.name).cloned().unwrap_or_default();
    let shared: Vec<&Value> = deployed["volumes"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|volume| !volume["efsVolumeConfiguration"].is_null())
        .collect();
    let mounts = of(&APP)["mountPoints"].as_array().cloned().unwrap_or_default();
    let mounts: Vec<Value> = mounts
        .into_iter()
        .filter(|mount| shared.iter().any(|volume| volume["name"] == mount["sourceVolume"]))
        .collect();
    let kept = |recipe: &Recipe, image: &str, members: &[&str]| {
        let deployed = of(recipe);
        let mut container = json!({ "name": recipe.name, "image": image, "essential": true });
        for member in members {
            container[*member] = deployed[*member].clone();
        }
        container
    };
    let mut app = kept(&APP, app, &["environment", "secrets", "logConfiguration"]);
    app["mountPoints"] = json!(mounts);
    let mut definition = json!({
        "family": NAME, "volumes": shared,
        "containerDefinitions": [app, kept(&NGINX, nginx, &["portMappings", "logConfiguration"])],
    });
    for member in [
        "cpu",
        "memory",
        "networkMode",
        "requiresCompatibilities",
        "executionRoleArn",
        "taskRoleArn",
        "runtimePlatform",
    ] {
        definition[member] = deployed[member].clone();
    }
    definition
}

/// Creates the load balancer; returns its address and the ARN of its target group. The health check requests a file that
/// nginx itself answers with 404, which counts as healthy: a check that waits behind requests of the app would make ECS
/// replace the task during a measurement.
fn load_balancer(stage: &LocalStage<'_>) -> anyhow::Result<(SocketAddr, String)> {
    let address = free_address()?;
    let group = stage.elb(
        &format!(
            "Action=CreateTargetGroup&Name={NAME}&Protocol=HTTP&Port=80&TargetType=ip&HealthCheckPath=/static/none\
             &HealthCheckIntervalSeconds=1&HealthyThresholdCount=2&Matcher.HttpCode=200-499"
        ),
        "TargetGroupArn",
    )?;
    let balancer = stage.elb(&format!("Action=CreateLoadBalancer&Name={NAME}"), "LoadBalancerArn")?;
    let listener = format!(
        "Action=CreateListener&LoadBalancerArn={balancer}&Protocol=HTTP&Port={}&DefaultActions.member.1.Type=forward\
         &DefaultActions.member.1.TargetGroupArn={group}",
        address.port()
    );
    stage.elb(&listener, "ListenerArn")?;
    Ok((address, group))
}
