//! A document as leaves: path → text. Elements with a name are compared by it, so that their order does not matter;
//! lists that represent sets are sorted. Not here: AWS's defaults (`normalise`).

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// Lists whose elements are identified by some members, and the member with the element's value, if any.
const KEYED: [(&str, &[&str], Option<&str>); 24] = [
    ("containerDefinitions", &["name"], None),
    ("containerDefinitions.dependsOn", &["containerName"], Some("condition")),
    ("containerDefinitions.environment", &["name"], Some("value")),
    ("containerDefinitions.extraHosts", &["hostname"], Some("ipAddress")),
    ("containerDefinitions.linuxParameters.devices", &["hostPath"], None),
    ("containerDefinitions.linuxParameters.tmpfs", &["containerPath"], None),
    ("containerDefinitions.logConfiguration.secretOptions", &["name"], Some("valueFrom")),
    ("containerDefinitions.mountPoints", &["containerPath"], None),
    ("containerDefinitions.portMappings", &["containerPort", "protocol"], None),
    ("containerDefinitions.resourceRequirements", &["type"], Some("value")),
    ("containerDefinitions.secrets", &["name"], Some("valueFrom")),
    ("containerDefinitions.systemControls", &["namespace"], Some("value")),
    ("containerDefinitions.ulimits", &["name"], None),
    ("containerDefinitions.volumesFrom", &["sourceContainer"], None),
    ("inferenceAccelerators", &["deviceName"], Some("deviceType")),
    ("proxyConfiguration.properties", &["name"], Some("value")),
    ("volumes", &["name"], None),
    ("capacityProviderStrategy", &["capacityProvider"], None),
    ("loadBalancers", &["containerName", "containerPort"], None),
    ("serviceConnectConfiguration.logConfiguration.secretOptions", &["name"], Some("valueFrom")),
    ("serviceConnectConfiguration.services", &["portName"], None),
    ("serviceRegistries", &["registryArn"], None),
    ("volumeConfigurations", &["name"], None),
    ("vpcLatticeConfigurations", &["targetGroupArn"], None),
];

/// Lists whose order has no meaning.
const SETS: [&str; 7] = [
    "containerDefinitions.dockerSecurityOptions",
    "containerDefinitions.linuxParameters.capabilities.add",
    "containerDefinitions.linuxParameters.capabilities.drop",
    "requiresCompatibilities",
    "deploymentConfiguration.alarms.alarmNames",
    "networkConfiguration.awsvpcConfiguration.securityGroups",
    "networkConfiguration.awsvpcConfiguration.subnets",
];

/// The leaves of a document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Leaves {
    /// Text by path.
    pub(super) values: BTreeMap<String, String>,
    /// Paths of lists, empty ones included.
    pub(super) lists: Vec<String>,
}

impl Leaves {
    /// Returns all leaves of a document.
    pub(super) fn of(document: &Map<String, Value>) -> Leaves {
        let mut leaves = Leaves::default();
        leaves.members(document, "", "");
        leaves
    }

    /// Returns whether a path is that of a list or below one.
    pub(super) fn is_in_list(&self, path: &str) -> bool {
        let below = |list: &String| {
            path.strip_prefix(list.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        self.lists.iter().any(below)
    }

    fn members(&mut self, members: &Map<String, Value>, pattern: &str, path: &str) {
        for (name, value) in members {
            self.value(value, &joined(pattern, name), &joined(path, name));
        }
    }

    fn value(&mut self, value: &Value, pattern: &str, path: &str) {
        match value {
            Value::Null => {}
            Value::Object(members) => self.members(members, pattern, path),
            Value::Array(elements) => {
                self.lists.push(path.to_owned());
                match KEYED.iter().find(|(list, ..)| *list == pattern) {
                    Some((_, keys, value)) => {
                        for element in elements {
                            self.element(element, keys, *value, pattern, path);
                        }
                    }
                    None => self.plain_list(elements, pattern, path),
                }
            }
            scalar => self.leaf(path, text(scalar)),
        }
    }

    fn element(&mut self, element: &Value, keys: &[&str], value: Option<&str>, pattern: &str, path: &str) {
        let Value::Object(members) = element else { return self.leaf(path, text(element)) };
        let key: Vec<String> = keys.iter().filter_map(|key| members.get(*key)).map(text).collect();
        let path = self.free(&joined(path, &key.join("/")));
        let rest = members.iter().filter(|(name, value)| !keys.contains(&name.as_str()) && !value.is_null());
        let rest: Map<String, Value> = rest.map(|(name, value)| (name.clone(), value.clone())).collect();
        match value {
            Some(value) if rest.keys().all(|name| name == value) => {
                let value = rest.get(value).map(text).unwrap_or_default();
                self.leaf(&path, value);
            }
            _ => {
                let before = self.values.len();
                self.members(&rest, pattern, &path);
                if self.values.len() == before {
                    // The presence of an empty structure is its only information.
                    self.leaf(&path, "{}".to_owned());
                }
            }
        }
    }

    /// Returns an unused path, so that two elements of one name are both kept. AWS validates the names.
    fn free(&self, path: &str) -> String {
        let is_taken = |path: &str| {
            let below = format!("{path}.");
            self.values.contains_key(path)
                || self.values.range(below.clone()..).next().is_some_and(|(key, _)| key.starts_with(&below))
        };
        let mut free = path.to_owned();
        for number in 2.. {
            if !is_taken(&free) {
                break;
            }
            free = format!("{path}#{number}");
        }
        free
    }

    fn plain_list(&mut self, elements: &[Value], pattern: &str, path: &str) {
        let mut texts: Vec<String> = elements.iter().map(Value::to_string).collect();
        if SETS.contains(&pattern) {
            texts.sort();
        }
        if !texts.is_empty() {
            self.leaf(path, format!("[{}]", texts.join(", ")));
        }
    }

    fn leaf(&mut self, path: &str, text: String) {
        self.values.insert(path.to_owned(), text);
    }
}

fn joined(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// Returns the text of a scalar. `5.0` and `5` are equal: AWS returns some integers as floats.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) if number.is_f64() => number.as_f64().map_or_else(String::new, |float| float.to_string()),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::Leaves;

    fn check(document: &Value, expected: &[(&str, &str)]) {
        let leaves = Leaves::of(document.as_object().unwrap());
        let found: Vec<(&str, &str)> =
            leaves.values.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
        assert_eq!(found, expected, "{document}");
    }

    #[test]
    fn leaves_are_found_by_name_where_there_is_one() {
        let container = json!({ "name": "app", "command": ["b", "a"], "cpu": 0, "links": [], "user": null,
            "environment": [{ "name": "B", "value": "2" }, { "name": "A", "value": "" }, { "name": "A", "value": "1" }],
            "portMappings": [{ "containerPort": 80, "protocol": "udp", "hostPort": 80 }, { "containerPort": 80, "protocol": "tcp" }] });
        let percent = json!({ "canaryConfiguration": { "canaryPercent": 5.0, "other": 5.5 } });
        let document = json!({ "containerDefinitions": [container], "volumes": [{ "name": "tmp", "host": {} }],
            "requiresCompatibilities": ["FARGATE", "EC2"], "deploymentConfiguration": percent });
        check(
            &document,
            &[
                ("containerDefinitions.app.command", r#"["b", "a"]"#),
                ("containerDefinitions.app.cpu", "0"),
                ("containerDefinitions.app.environment.A", ""),
                ("containerDefinitions.app.environment.A#2", "1"),
                ("containerDefinitions.app.environment.B", "2"),
                ("containerDefinitions.app.portMappings.80/tcp", "{}"),
                ("containerDefinitions.app.portMappings.80/udp.hostPort", "80"),
                ("deploymentConfiguration.canaryConfiguration.canaryPercent", "5"),
                ("deploymentConfiguration.canaryConfiguration.other", "5.5"),
                ("requiresCompatibilities", r#"["EC2", "FARGATE"]"#),
                ("volumes.tmp", "{}"),
            ],
        );
    }
}
