//! Members that AWS has and the emulator does not run. With a value they are refused; empty ones, as in a described
//! document that is registered again, are left out. Unknown members are refused by the decoder, `protocol::members`.

use aws_facts::task_definition::REFUSED_LINUX_PARAMETERS;
use serde_json::Value;

use super::refused;
use crate::error::{Answer, AwsError};

/// The reason to refuse a member.
#[derive(Clone, Copy, Debug)]
pub(super) enum Why {
    /// AWS takes it.
    NotHere,
    /// AWS does not take it on Fargate.
    Fargate,
    /// AWS does not take it, in these words.
    Words(&'static str),
}

/// Members of the structures at `path`, lists of them included.
#[derive(Debug)]
pub(super) struct Beyond {
    path: &'static str,
    why: Why,
    members: &'static [&'static str],
}

const fn beyond(path: &'static str, why: Why, members: &'static [&'static str]) -> Beyond {
    Beyond { path, why, members }
}

/// Of `RegisterTaskDefinition`. What Fargate refuses is in "Task definition differences for Fargate" of the guide.
pub(super) const TASK_DEFINITION: &[Beyond] = &[
    beyond("", Why::Words("Tasks using the Fargate launch type do not support ipcMode."), &["ipcMode"]),
    beyond("", Why::Fargate, &["placementConstraints", "inferenceAccelerators"]),
    beyond(
        "",
        Why::NotHere,
        &["pidMode", "proxyConfiguration", "enableFaultInjection", "trustedExecutionConfiguration"],
    ),
    beyond("containerDefinitions", Why::Words("Links are not supported when networkMode=awsvpc."), &["links"]),
    beyond(
        "containerDefinitions",
        Why::Fargate,
        &[
            "privileged",
            "hostname",
            "disableNetworking",
            "dnsServers",
            "dnsSearchDomains",
            "extraHosts",
            "dockerSecurityOptions",
            "resourceRequirements",
        ],
    ),
    beyond(
        "containerDefinitions",
        Why::NotHere,
        &[
            "repositoryCredentials",
            "restartPolicy",
            "environmentFiles",
            "volumesFrom",
            "interactive",
            "pseudoTerminal",
            "firelensConfiguration",
            "credentialSpecs",
        ],
    ),
    beyond("containerDefinitions.linuxParameters", Why::Fargate, &REFUSED_LINUX_PARAMETERS),
    beyond("containerDefinitions.portMappings", Why::NotHere, &["containerPortRange"]),
    beyond("containerDefinitions.logConfiguration", Why::NotHere, &["secretOptions"]),
    beyond("volumes", Why::Fargate, &["dockerVolumeConfiguration", "fsxWindowsFileServerVolumeConfiguration"]),
    beyond("volumes", Why::NotHere, &["s3filesVolumeConfiguration", "configuredAtLaunch"]),
    beyond("volumes.host", Why::Fargate, &["sourcePath"]),
    beyond("volumes.efsVolumeConfiguration", Why::NotHere, &["transitEncryptionPort", "authorizationConfig"]),
];

/// Of `CreateService` and `UpdateService`.
pub(super) const SERVICE: &[Beyond] = &[
    beyond("", Why::Fargate, &["placementConstraints", "placementStrategy"]),
    beyond(
        "",
        Why::NotHere,
        &[
            "role",
            "serviceRegistries",
            "serviceConnectConfiguration",
            "volumeConfigurations",
            "vpcLatticeConfigurations",
            "gatewayConnectors",
            "monitoring",
        ],
    ),
    beyond("loadBalancers", Why::NotHere, &["loadBalancerName", "advancedConfiguration"]),
    beyond(
        "deploymentConfiguration",
        Why::NotHere,
        &["alarms", "lifecycleHooks", "linearConfiguration", "canaryConfiguration", "earlySuccessCriteria"],
    ),
    beyond(
        "deploymentConfiguration.deploymentCircuitBreaker",
        Why::NotHere,
        &["resetOnHealthyTask", "thresholdConfiguration"],
    ),
];

/// Of `RunTask`.
pub(super) const RUN_TASK: &[Beyond] = &[
    beyond("", Why::Fargate, &["placementConstraints", "placementStrategy"]),
    beyond("", Why::NotHere, &["volumeConfigurations"]),
    beyond("overrides", Why::Fargate, &["inferenceAcceleratorOverrides"]),
    beyond("overrides", Why::NotHere, &["ephemeralStorage"]),
    beyond("overrides.containerOverrides", Why::NotHere, &["environmentFiles", "resourceRequirements"]),
];

/// Of `CreateCluster` and `UpdateCluster`.
pub(super) const CLUSTER: &[Beyond] =
    &[beyond("", Why::NotHere, &["configuration", "serviceConnectDefaults", "defaultCapacityProviderStrategy"])];

/// Refuses members of the table that have a value; removes the empty ones.
pub(super) fn refuse(input: &mut Value, table: &[Beyond]) -> Answer<()> {
    table.iter().try_for_each(|entry| walk(input, entry.path, "", entry))
}

/// Refuses the members that AWS refuses, and leaves those that only the emulator does not run.
///
/// # Errors
/// AWS's own.
pub(super) fn refuse_as_aws(input: &mut Value, table: &[Beyond]) -> Answer<()> {
    table
        .iter()
        .filter(|entry| !matches!(entry.why, Why::NotHere))
        .try_for_each(|entry| walk(input, entry.path, "", entry))
}

fn walk(value: &mut Value, path: &str, place: &str, entry: &Beyond) -> Answer<()> {
    match value {
        Value::Array(values) => {
            let places = values.iter_mut().enumerate();
            places.into_iter().try_for_each(|(index, value)| walk(value, path, &format!("{place}[{index}]"), entry))
        }
        Value::Object(members) if path.is_empty() => {
            for name in entry.members {
                match members.get(*name) {
                    Some(value) if is_empty(value) => drop(members.shift_remove(*name)),
                    Some(_) => return Err(refusal(entry.why, name, &below(place, name))),
                    None => {}
                }
            }
            Ok(())
        }
        Value::Object(members) => {
            let (first, rest) = path.split_once('.').unwrap_or((path, ""));
            members.get_mut(first).map_or(Ok(()), |value| walk(value, rest, &below(place, first), entry))
        }
        // The decoder reports the error.
        _ => Ok(()),
    }
}

fn below(place: &str, name: &str) -> String {
    if place.is_empty() { name.to_owned() } else { format!("{place}.{name}") }
}

fn refusal(why: Why, name: &str, place: &str) -> AwsError {
    match why {
        Why::NotHere => AwsError::unsupported(format!("The member \"{place}\"")),
        Why::Fargate => refused(format!("Fargate compatible task definitions do not support {name} (\"{place}\")")),
        Why::Words(words) => refused(words),
    }
}

/// Returns whether a value is as good as absent.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.is_empty(),
        Value::Array(values) => values.is_empty(),
        Value::Object(members) => members.values().all(is_empty),
        Value::Bool(true) | Value::Number(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_said_empty_is_left_out_and_what_is_said_is_refused_with_its_place() {
        let mut input = json!({
            "family": "web", "ipcMode": "", "placementConstraints": [], "proxyConfiguration": {"properties": []},
            "containerDefinitions": [{"name": "a", "privileged": false}, {"name": "b", "links": [], "essential": false}],
        });
        refuse(&mut input, TASK_DEFINITION).unwrap();
        let left = json!({"family": "web", "containerDefinitions": [{"name": "a"}, {"name": "b", "essential": false}]});
        assert_eq!(input, left);

        let cases = [
            (
                json!({"containerDefinitions": [{}, {"privileged": true}]}),
                "ClientException",
                "containerDefinitions[1].privileged",
            ),
            (json!({"volumes": [{"host": {"sourcePath": "/x"}}]}), "ClientException", "do not support sourcePath"),
            (json!({"pidMode": "task"}), "UnsupportedFeatureException", "\"pidMode\""),
            (
                json!({"containerDefinitions": [{"linuxParameters": {"swappiness": 0}}]}),
                "ClientException",
                "containerDefinitions[0].linuxParameters.swappiness",
            ),
            (
                json!({"containerDefinitions": [{"restartPolicy": {"enabled": true}}]}),
                "UnsupportedFeatureException",
                "containerDefinitions[0].restartPolicy",
            ),
        ];
        for (mut input, code, part) in cases {
            let error = refuse(&mut input, TASK_DEFINITION).unwrap_err();
            assert_eq!(error.code, code);
            assert!(error.message.contains(part), "{}", error.message);
        }
    }
}
