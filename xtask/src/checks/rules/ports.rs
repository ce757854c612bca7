//! Container names and ports: listeners, and the settings that refer to them.

use std::collections::BTreeMap;

use super::super::facts::Facts;
use super::super::judgement::{Judgement, Problems, counted, unknown};
use super::super::{Rule, Scope};
use crate::ecs::ContainerDefinition;

pub(in crate::checks) const RULES: &[Rule] = &[
    Rule::new(Scope::Environment, "container-names", "no two containers of the task share a name", names),
    Rule::new(
        Scope::Environment,
        "container-links",
        "no container is linked: containers of a task reach each other at 127.0.0.1",
        links,
    ),
    Rule::new(
        Scope::Environment,
        "container-ports",
        "no two containers listen at one port of the task's address",
        ports,
    ),
    Rule::new(Scope::Environment, "host-port", "a port of the host is the container's own, as awsvpc asks", host_port),
    Rule::new(
        Scope::Environment,
        "balancer-container",
        "the service registers a container and a port that the task has",
        registered,
    ),
    Rule::new(
        Scope::Environment,
        "front-listens",
        "nginx listens, on all addresses, at the port of the load balancer's target",
        front_listens,
    ),
    Rule::new(
        Scope::Environment,
        "health-command-port",
        "health checks use a port at which the container listens",
        health_command_port,
    ),
];

fn names(facts: &Facts<'_>) -> Judgement {
    let containers = facts.containers()?;
    let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
    for container in containers {
        *counts.entry(&container.name).or_default() += 1;
    }
    let mut problems = Problems::default();
    for (name, count) in counts.iter().filter(|(_, count)| **count > 1) {
        problems.fail(format!("{count} containers are named `{name}`"), "give each a name of its own");
    }
    problems.or(format!("{} containers with names of their own", containers.len()))
}

fn links(facts: &Facts<'_>) -> Judgement {
    let mut problems = Problems::default();
    for container in facts.containers()?.iter().filter(|container| !container.links.is_empty()) {
        let text =
            format!("container `{}` is linked to {}: awsvpc refuses links", container.name, container.links.join(", "));
        problems.fail(text, "remove `links` and use 127.0.0.1");
    }
    problems.or("no container is linked")
}

fn ports(facts: &Facts<'_>) -> Judgement {
    let mut taken: BTreeMap<(u16, &str), &str> = BTreeMap::new();
    let mut problems = Problems::default();
    for container in facts.containers()? {
        for mapping in &container.port_mappings {
            let Some(port) = mapping.container_port else { continue };
            let key = (port, mapping.protocol.as_deref().unwrap_or("tcp"));
            match taken.get(&key) {
                Some(other) => problems.fail(
                    format!("`{other}` and `{}` both listen at {port}: they share one address", container.name),
                    "give one of them another port",
                ),
                None => drop(taken.insert(key, &container.name)),
            }
        }
    }
    // The images' configurations contain listeners even where the task definition does not map the port.
    for container in facts.containers()? {
        let Some(Ok(image)) = facts.image_name(container).and_then(|name| facts.images.get(name)) else { continue };
        for port in image.config.exposed_ports.iter().filter_map(|text| text.split('/').next()?.parse::<u16>().ok()) {
            if let Some(other) = taken.get(&(port, "tcp")).filter(|other| ***other != *container.name) {
                let text = format!("`{other}` is mapped to {port}, where the image of `{}` listens", container.name);
                problems.fail(text, "give one of them another port");
            }
        }
    }
    problems.or(format!("{}, each of one container", counted(taken.len() as u64, "port")))
}

fn host_port(facts: &Facts<'_>) -> Judgement {
    let mut problems = Problems::default();
    for container in facts.containers()? {
        for mapping in &container.port_mappings {
            if let (Some(host), Some(port)) = (mapping.host_port, mapping.container_port)
                && host != port
                && host != 0
            {
                let text =
                    format!("container `{}` maps port {port} to {host}: with awsvpc both are one", container.name);
                problems.fail(text, "remove `hostPort`");
            }
        }
    }
    problems.or("no port is moved")
}

fn listens(container: &ContainerDefinition, port: u16) -> bool {
    container.port_mappings.iter().any(|mapping| mapping.container_port == Some(port))
}

fn registered(facts: &Facts<'_>) -> Judgement {
    let registrations = facts.registrations()?;
    if registrations.is_empty() {
        return unknown("the service has no load balancer");
    }
    let task = facts.task()?;
    let mut problems = Problems::default();
    for (name, port) in &registrations {
        let shown = port.map_or("no port".to_owned(), |port| port.to_string());
        match task.container(name) {
            None => problems.fail(
                format!("the service registers container `{name}`, which the task does not have"),
                "correct `containerName` in infra/service.json",
            ),
            Some(container) if !port.is_some_and(|port| listens(container, port)) => problems.fail(
                format!("the service registers {shown} of container `{name}`, which does not map it"),
                "add it to `portMappings`, or correct `containerPort` in infra/service.json",
            ),
            Some(_) => {}
        }
    }
    let shown = registrations.iter().map(|(name, port)| format!("`{name}` at {}", port.unwrap_or_default()));
    problems.or(format!("the balancer reaches {}", shown.collect::<Vec<_>>().join(", ")))
}

fn front_listens(facts: &Facts<'_>) -> Judgement {
    let (container, nginx) = facts.front_container()?;
    let registrations = facts.registrations()?;
    let Some(port) = registrations.iter().find(|(name, _)| *name == container.name).and_then(|(_, port)| *port) else {
        return unknown(format!("the service does not register container `{}`", container.name));
    };
    let mut problems = Problems::default();
    if nginx.server_at(port).is_none() {
        let text = format!("the balancer goes to port {port}, and no server of nginx listens there for others");
        problems.fail(text, format!("add `listen {port};`, or correct `containerPort` in infra/service.json"));
    }
    problems.or(format!("nginx listens at {port}"))
}

fn health_command_port(facts: &Facts<'_>) -> Judgement {
    let containers = facts.containers()?;
    let mut problems = Problems::default();
    let mut seen = 0;
    for container in containers {
        let Some(check) = &container.health_check else { continue };
        let asked = loopback_ports(&check.command.join(" "));
        let image = facts.image_name(container).and_then(|name| facts.images.get(name)?.as_ref().ok());
        let exposed =
            |port: &u16| image.is_some_and(|image| image.config.exposed_ports.contains(&format!("{port}/tcp")));
        if image.is_none() && container.port_mappings.is_empty() {
            continue;
        }
        for port in asked {
            seen += 1;
            if !listens(container, port) && !exposed(&port) {
                let text = format!("the health check of `{}` asks port {port}, which is not its own", container.name);
                problems.fail(text, "correct `healthCheck.command`, or the image's `EXPOSE`");
            }
        }
    }
    if seen == 0 {
        return unknown("no health check names a port");
    }
    problems.or(format!("{seen} health checks ask a port of their own container"))
}

/// Returns the loopback ports in a command.
fn loopback_ports(command: &str) -> Vec<u16> {
    let mut ports = Vec::new();
    for host in ["127.0.0.1:", "localhost:", "[::1]:"] {
        for rest in command.split(host).skip(1) {
            let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
            ports.extend(digits.parse::<u16>());
        }
    }
    ports
}
