//! AWS's defaults for absent members, so that a document and AWS's response to it compare equal. Source of the
//! defaults: Amazon ECS API reference, descriptions of the members.

use serde_json::{Map, Value, json};

/// A default of AWS: the structure, the member, its value as JSON.
type Default = (&'static str, &'static str, &'static str);

/// Defaults of task definitions, outer structures first.
const TASK_DEFINITION: [Default; 23] = [
    ("", "enableFaultInjection", "false"),
    // Fargate's default platform.
    ("", "runtimePlatform", "{}"),
    ("runtimePlatform", "cpuArchitecture", "\"X86_64\""),
    ("runtimePlatform", "operatingSystemFamily", "\"LINUX\""),
    ("containerDefinitions", "cpu", "0"),
    ("containerDefinitions", "disableNetworking", "false"),
    ("containerDefinitions", "essential", "true"),
    ("containerDefinitions", "interactive", "false"),
    ("containerDefinitions", "privileged", "false"),
    ("containerDefinitions", "pseudoTerminal", "false"),
    ("containerDefinitions", "readonlyRootFilesystem", "false"),
    ("containerDefinitions", "versionConsistency", "\"enabled\""),
    ("containerDefinitions.healthCheck", "interval", "30"),
    ("containerDefinitions.healthCheck", "retries", "3"),
    ("containerDefinitions.healthCheck", "startPeriod", "0"),
    ("containerDefinitions.healthCheck", "timeout", "5"),
    ("containerDefinitions.linuxParameters", "initProcessEnabled", "false"),
    ("containerDefinitions.mountPoints", "readOnly", "false"),
    ("containerDefinitions.portMappings", "protocol", "\"tcp\""),
    ("containerDefinitions.volumesFrom", "readOnly", "false"),
    ("volumes.efsVolumeConfiguration", "rootDirectory", "\"/\""),
    ("volumes.efsVolumeConfiguration", "transitEncryption", "\"DISABLED\""),
    ("volumes.efsVolumeConfiguration.authorizationConfig", "iam", "\"DISABLED\""),
];

/// Defaults of structures of a service that `UpdateService` replaces as a whole: absent members are reset.
const SERVICE_PARTS: [Default; 3] = [
    ("networkConfiguration.awsvpcConfiguration", "assignPublicIp", "\"DISABLED\""),
    ("capacityProviderStrategy", "base", "0"),
    ("capacityProviderStrategy", "weight", "0"),
];

/// Defaults of members of a service that `UpdateService` leaves unchanged where they are absent.
const SERVICE: [Default; 13] = [
    ("", "deploymentConfiguration", "{}"),
    ("", "deploymentController", "{}"),
    ("", "enableECSManagedTags", "false"),
    ("", "enableExecuteCommand", "false"),
    ("", "healthCheckGracePeriodSeconds", "0"),
    ("", "propagateTags", "\"NONE\""),
    ("", "schedulingStrategy", "\"REPLICA\""),
    ("deploymentController", "type", "\"ECS\""),
    ("deploymentConfiguration", "bakeTimeInMinutes", "0"),
    ("deploymentConfiguration", "deploymentCircuitBreaker", "{\"enable\": false, \"rollback\": false}"),
    ("deploymentConfiguration", "maximumPercent", "200"),
    ("deploymentConfiguration", "minimumHealthyPercent", "100"),
    ("deploymentConfiguration", "strategy", "\"ROLLING\""),
];

/// Returns a task definition with AWS's defaults.
pub(super) fn task_definition(document: Map<String, Value>) -> Map<String, Value> {
    let mut document = stripped(document);
    let shares_port = matches!(document.get("networkMode").and_then(Value::as_str), Some("awsvpc" | "host"));
    let mut fill = |(structure, member, value): &Default| {
        each(&mut document, structure, &mut |members| {
            if !members.contains_key(*member) {
                members.insert((*member).to_owned(), parsed(value));
            }
        });
    };
    TASK_DEFINITION.iter().for_each(&mut fill);
    // Removes the default: an empty volume has no other member.
    each(&mut document, "volumes", &mut |volume| {
        volume.retain(|member, value| member != "configuredAtLaunch" || *value != json!(false));
    });
    if shares_port {
        each(&mut document, "containerDefinitions.portMappings", &mut |mapping| {
            if let (false, Some(port)) = (mapping.contains_key("hostPort"), mapping.get("containerPort").cloned()) {
                mapping.insert("hostPort".to_owned(), port);
            }
        });
    }
    for (member, unit) in [("cpu", "VCPU"), ("memory", "GB")] {
        if let Some(Value::String(size)) = document.get_mut(member)
            && let Some(units) = in_units(size, unit)
        {
            *size = units;
        }
    }
    document
}

/// Returns the desired service. Members that are not in the template stay unchanged.
pub(super) fn desired_service(document: Map<String, Value>) -> Map<String, Value> {
    filled(stripped(document), &SERVICE_PARTS)
}

/// Returns the running service with the defaults that AWS may omit from its response.
pub(super) fn running_service(document: Map<String, Value>) -> Map<String, Value> {
    filled(filled(stripped(document), &SERVICE), &SERVICE_PARTS)
}

fn filled(mut document: Map<String, Value>, defaults: &[Default]) -> Map<String, Value> {
    for (structure, member, value) in defaults {
        each(&mut document, structure, &mut |members| {
            if !members.contains_key(*member) {
                members.insert((*member).to_owned(), parsed(value));
            }
        });
    }
    document
}

fn parsed(value: &str) -> Value {
    serde_json::from_str(value).unwrap_or_else(|_| json!(value))
}

/// Calls `then` with every structure at a path, including each element of a list.
fn each(members: &mut Map<String, Value>, path: &str, then: &mut dyn FnMut(&mut Map<String, Value>)) {
    if path.is_empty() {
        return then(members);
    }
    let (first, rest) = path.split_once('.').unwrap_or((path, ""));
    match members.get_mut(first) {
        Some(Value::Object(inner)) => each(inner, rest, then),
        Some(Value::Array(elements)) => {
            for inner in elements.iter_mut().filter_map(Value::as_object_mut) {
                each(inner, rest, then);
            }
        }
        _ => {}
    }
}

/// Removes `null` and empty texts, except the value of a variable.
fn stripped(members: Map<String, Value>) -> Map<String, Value> {
    let says = |name: &str, value: &Value| !value.is_null() && (name == "value" || value.as_str() != Some(""));
    let kept = members.into_iter().filter(|(name, value)| says(name, value));
    kept.map(|(name, value)| (name, stripped_value(value))).collect()
}

fn stripped_value(value: Value) -> Value {
    match value {
        Value::Object(members) => Value::Object(stripped(members)),
        Value::Array(elements) => Value::Array(elements.into_iter().map(stripped_value).collect()),
        other => other,
    }
}

/// Converts `.5 vCPU` → `512`, `1 GB` → `1024`: AWS accepts both forms and returns units.
fn in_units(size: &str, unit: &str) -> Option<String> {
    let upper = size.to_ascii_uppercase();
    let number: f64 = upper.strip_suffix(unit)?.trim().parse().ok()?;
    let units = number * 1024.0;
    (units.fract() == 0.0).then(|| units.to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{TASK_DEFINITION, in_units, parsed, task_definition};
    use crate::ecs::shapes::{Root, Shapes};

    #[test]
    fn defaults_are_of_the_kinds_that_aws_has() {
        let shapes = Shapes::of_ecs();
        for (root, defaults) in [
            (Root::TaskDefinitionInput, &TASK_DEFINITION[..]),
            (Root::ServiceInput, &super::SERVICE[..]),
            (Root::ServiceInput, &super::SERVICE_PARTS[..]),
        ] {
            for (structure, member, value) in defaults {
                let mut document = json!({ *member: parsed(value) });
                let mut shape = shapes.root(root);
                let mut steps = Vec::new();
                for step in structure.split('.').filter(|step| !step.is_empty()) {
                    shape = shapes.member(shape, step).unwrap();
                    let is_list = shapes.element(shape).is_some();
                    shape = shapes.element(shape).unwrap_or(shape);
                    steps.push((step, is_list));
                }
                for (step, is_list) in steps.into_iter().rev() {
                    document = json!({ step: if is_list { json!([document]) } else { document } });
                }
                let wrong = shapes.check(root, &document);
                let wrong: Vec<_> = wrong.iter().filter(|found| !found.message.contains("is missing")).collect();
                assert_eq!(wrong.len(), 0, "{structure} {member}: {wrong:?}");
            }
        }
    }

    #[test]
    fn ports_are_shared_only_with_an_interface_of_their_own() {
        let with = |mode: &str| {
            let ports = json!([{ "containerPort": 80 }]);
            let document = json!({ "networkMode": mode, "containerDefinitions": [{ "portMappings": ports }] });
            let Value::Object(document) = document else { panic!() };
            task_definition(document)["containerDefinitions"][0]["portMappings"][0]["hostPort"].clone()
        };
        assert_eq!((with("awsvpc"), with("host"), with("bridge")), (json!(80), json!(80), Value::Null));
    }

    #[test]
    fn sizes_have_one_form() {
        for (size, unit, expected) in [
            (".5 vCPU", "VCPU", Some("512")),
            ("1vcpu", "VCPU", Some("1024")),
            ("1 GB", "GB", Some("1024")),
            ("0.5GB", "GB", Some("512")),
            ("512", "GB", None),
            ("lots GB", "GB", None),
        ] {
            assert_eq!(in_units(size, unit).as_deref(), expected, "{size}");
        }
    }
}
