//! Requirements of Fargate: network mode, platform, and parameters that exist on EC2 instances only.

use aws_facts::task_definition::{ADDABLE_CAPABILITY, REFUSED_LINUX_PARAMETERS, SETTABLE_ULIMIT, is_task_control};
use serde_json::Value;

use super::super::facts::Facts;
use super::super::judgement::{Judgement, Problems, quoted, unknown};
use super::super::{Rule, Scope};
use crate::image::Platform;

/// Parameters below `net.` of the host: a task that sets one fails to start (aws/containers-roadmap 2368).
const HOST_CONTROLS: [&str; 4] =
    ["net.core.rmem_max", "net.core.wmem_max", "net.core.rmem_default", "net.core.wmem_default"];

/// The oldest platform version with EFS volumes and shared network namespace limits.
const OLDEST_PLATFORM: &str = "1.4.0";

pub(in crate::checks) const RULES: &[Rule] = &[
    Rule::new(
        Scope::Environment,
        "fargate-mode",
        "the task asks for Fargate and the network mode that Fargate has",
        mode,
    ),
    Rule::new(Scope::Environment, "runtime-platform", "the task's platform is that of its images", runtime_platform),
    Rule::new(
        Scope::Environment,
        "platform-version",
        "the service runs on a platform version that has what the task uses",
        platform_version,
    ),
    Rule::new(
        Scope::Environment,
        "launch-type",
        "launch type and capacity providers do not contradict each other",
        launch_type,
    ),
    Rule::new(Scope::Environment, "fargate-parameters", "no container uses a parameter that Fargate lacks", parameters),
    Rule::new(Scope::Environment, "ulimits", "ulimits are those that Fargate supports", ulimits),
    Rule::new(
        Scope::Environment,
        "system-controls",
        "each kernel parameter is set once and belongs to the task",
        system_controls,
    ),
    Rule::new(Scope::Environment, "exec-command", "ECS Exec has its prerequisites where it is enabled", exec_command),
];

fn mode(facts: &Facts<'_>) -> Judgement {
    let view = facts.task()?.view();
    let mut problems = Problems::default();
    if !view.requires_compatibilities.iter().any(|one| one == "FARGATE") {
        problems.fail(
            "`requiresCompatibilities` does not name FARGATE: AWS would not check the task for it",
            "write \"requiresCompatibilities\": [\"FARGATE\"]",
        );
    }
    if view.network_mode.as_deref() != Some("awsvpc") {
        let found = view.network_mode.as_deref().unwrap_or("bridge, the default");
        problems
            .fail(format!("`networkMode` is {found}: Fargate has awsvpc only"), "write \"networkMode\": \"awsvpc\"");
    }
    problems.or("the task asks for Fargate and awsvpc")
}

fn runtime_platform(facts: &Facts<'_>) -> Judgement {
    let platform = facts.task()?.view().runtime_platform.clone().unwrap_or_default();
    let wanted = match facts.project.platform {
        Platform::LinuxAmd64 => "X86_64",
        Platform::LinuxArm64 => "ARM64",
    };
    // ECS's defaults for absent members.
    let architecture = platform.cpu_architecture.as_deref().unwrap_or("X86_64");
    let system = platform.operating_system_family.as_deref().unwrap_or("LINUX");
    let mut problems = Problems::default();
    if architecture != wanted || system != "LINUX" {
        let text = format!("the task runs on {system} {architecture}, and the images are {}", facts.project.platform);
        problems.fail(
            text,
            format!(
                "set `runtimePlatform` to {{\"cpuArchitecture\": \"{wanted}\", \"operatingSystemFamily\": \"LINUX\"}}"
            ),
        );
    }
    for container in facts.containers()? {
        let Some(Ok(image)) = facts.image_name(container).and_then(|name| facts.images.get(name)) else { continue };
        let found = &image.config.platform.architecture;
        if *found != facts.project.platform.architecture() {
            let text = format!(
                "container `{}` runs an image for {found} on {architecture}: exec format error",
                container.name
            );
            problems.fail(text, "cargo xtask build");
        }
    }
    problems.or(format!("{system} {architecture} is what the images are made for"))
}

fn platform_version(facts: &Facts<'_>) -> Judgement {
    let version = facts.service_member("platformVersion")?.and_then(Value::as_str).unwrap_or("LATEST");
    let number = |text: &str| -> Vec<u32> { text.split('.').filter_map(|part| part.parse().ok()).collect() };
    let mut problems = Problems::default();
    if version != "LATEST" && number(version) < number(OLDEST_PLATFORM) {
        problems.fail(
            format!("`platformVersion` is {version}, older than {OLDEST_PLATFORM}"),
            "leave `platformVersion` out: AWS then takes the newest",
        );
    }
    problems.or(format!("platform version {version}"))
}

fn launch_type(facts: &Facts<'_>) -> Judgement {
    let launch_type = facts.service_member("launchType")?.and_then(Value::as_str);
    let providers = facts.service_member("capacityProviderStrategy")?.and_then(Value::as_array);
    let names: Vec<&str> =
        providers.into_iter().flatten().filter_map(|one| one.get("capacityProvider")?.as_str()).collect();
    let mut problems = Problems::default();
    match (launch_type, names.is_empty()) {
        (Some(_), false) => problems.fail(
            "`launchType` and `capacityProviderStrategy` exclude each other",
            "remove one of the two from infra/service.json",
        ),
        (Some(other), true) if other != "FARGATE" => {
            problems.fail(format!("`launchType` is {other}, not FARGATE"), "write \"launchType\": \"FARGATE\"");
        }
        _ => {}
    }
    for other in names.iter().filter(|name| !name.starts_with("FARGATE")) {
        problems.fail(format!("the capacity provider `{other}` is not Fargate's"), "use FARGATE and FARGATE_SPOT");
    }
    problems.or("the service runs on Fargate")
}

fn parameters(facts: &Facts<'_>) -> Judgement {
    let mut problems = Problems::default();
    for container in facts.containers()? {
        let name = &container.name;
        if container.privileged == Some(true) {
            problems.fail(format!("container `{name}` is privileged: Fargate refuses it"), "remove `privileged`");
        }
        let Some(linux) = &container.linux_parameters else { continue };
        for key in REFUSED_LINUX_PARAMETERS {
            if linux.get(key).is_some_and(|value| !value.is_null() && *value != Value::Array(Vec::new())) {
                problems.fail(
                    format!("container `{name}` sets `linuxParameters.{key}`, which Fargate does not have"),
                    format!("remove `{key}`, or mount a volume of the task instead"),
                );
            }
        }
        let added = linux.pointer("/capabilities/add").and_then(Value::as_array);
        for capability in added.into_iter().flatten().filter_map(Value::as_str).filter(|one| *one != ADDABLE_CAPABILITY)
        {
            problems.fail(
                format!("container `{name}` adds the capability {capability}: Fargate gives {ADDABLE_CAPABILITY} only"),
                "remove it from `linuxParameters.capabilities.add`",
            );
        }
    }
    problems.or("no container asks for what Fargate does not have")
}

fn ulimits(facts: &Facts<'_>) -> Judgement {
    let mut problems = Problems::default();
    let mut count = 0;
    for container in facts.containers()? {
        for limit in &container.ulimits {
            count += 1;
            let name = limit.get("name").and_then(Value::as_str).unwrap_or_default();
            let number = |key: &str| limit.get(key).and_then(Value::as_i64).unwrap_or_default();
            let (soft, hard) = (number("softLimit"), number("hardLimit"));
            if name != SETTABLE_ULIMIT {
                problems.fail(
                    format!(
                        "container `{}` sets the limit `{name}`: Fargate sets `{SETTABLE_ULIMIT}` only",
                        container.name
                    ),
                    "remove it from `ulimits`",
                );
            } else if soft > hard || soft < 1024 {
                problems.fail(
                    format!("container `{}` may open {soft} files, at most {hard}", container.name),
                    "set softLimit between 1024 and hardLimit; Fargate's own is 65535",
                );
            }
        }
    }
    problems.or(if count == 0 {
        "Fargate's own limits hold".to_owned()
    } else {
        format!("{count} limits are such as Fargate sets")
    })
}

fn system_controls(facts: &Facts<'_>) -> Judgement {
    let mut problems = Problems::default();
    let mut seen: Vec<(&str, &str)> = Vec::new();
    for container in facts.containers()? {
        for control in &container.system_controls {
            let namespace = control.namespace.as_deref().unwrap_or_default();
            let is_the_tasks = is_task_control(namespace) && !HOST_CONTROLS.contains(&namespace);
            if !is_the_tasks {
                let text = format!(
                    "container `{}` sets `{namespace}`, which belongs to the host: the task will not start",
                    container.name
                );
                problems.fail(text, "remove it from `systemControls`");
            }
            if let Some((_, other)) = seen.iter().find(|(name, _)| *name == namespace) {
                let text = format!(
                    "`{namespace}` is set by `{other}` and by `{}`: the one that starts last wins",
                    container.name
                );
                problems.fail(text, "set it on one container: the network is the whole task's");
            }
            seen.push((namespace, &container.name));
        }
    }
    problems.or(if seen.is_empty() {
        "no kernel parameter is set".to_owned()
    } else {
        format!("{} set once each", quoted(seen.iter().map(|(name, _)| *name)))
    })
}

fn exec_command(facts: &Facts<'_>) -> Judgement {
    let is_on = facts.service_member("enableExecuteCommand")?.and_then(Value::as_bool).unwrap_or(false);
    if !is_on {
        return unknown("ECS Exec is off");
    }
    let task = facts.task()?;
    let mut problems = Problems::default();
    let read_only = task.view().container_definitions.iter().filter(|one| one.readonly_root_filesystem == Some(true));
    for container in read_only {
        // "Using ECS Exec": the agent writes below /var/lib/amazon and /var/log/amazon.
        let text =
            format!("ECS Exec is on, and container `{}` has a read-only root: its agent cannot write", container.name);
        problems
            .warn(text, "mount volumes at /var/lib/amazon and /var/log/amazon, or switch `enableExecuteCommand` off");
    }
    if task.view().task_role_arn.is_none() {
        problems.fail("ECS Exec is on, and the task has no role that may open its channel", "set `taskRoleArn`");
    }
    if facts.environment.protected {
        problems.warn(
            format!("ECS Exec is on in `{}`, which is protected", facts.environment.name),
            "switch `enableExecuteCommand` off",
        );
    }
    problems.or("ECS Exec can start in every container")
}
