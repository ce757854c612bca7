//! Probe of a docker client and of its engine. Each query has a time limit; an engine that hangs counts as unreachable.

use std::process::Command;
use std::time::Duration;

use serde::Deserialize;

use super::Export;
use crate::effects::process;
use crate::plan::bake::network::StepNetwork;

/// Time limit of a query. A local engine answers in a tenth of a second; one behind ssh may need seconds.
const LIMIT: Duration = Duration::from_secs(6);

/// Oldest buildx that can write OCI layouts as folders and use them as named contexts in bake.
const OLDEST_BUILDX: (u32, u32) = (0, 13);

/// Label of an engine that requires the host network for build steps.
pub(super) const HOST_NETWORK_LABEL: &str = "slipway.build-network=host";

/// Result of a probe.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Probe {
    /// Version of the client; `None` if none is installed.
    pub client: Option<String>,
    /// Version of the engine; `None` if none answers.
    pub server: Option<String>,
    /// Version of buildx; `None` if the plugin is not installed.
    pub buildx: Option<String>,
    /// Whether the engine uses the containerd image store, which exports OCI layouts.
    pub has_containerd_store: bool,
    /// Whether the engine requires the host network for build steps.
    pub wants_host_network: bool,
    /// The engine's architecture as the kernel names it, such as `x86_64`.
    pub architecture: String,
}

impl Probe {
    /// Returns whether the buildx plugin is installed and recent enough.
    pub fn has_buildx(&self) -> bool {
        self.buildx.as_deref().is_some_and(|version| parse_version(version) >= Some(OLDEST_BUILDX))
    }

    /// Returns the network of build steps.
    pub fn step_network(&self) -> StepNetwork {
        let version = self.buildx.as_deref().and_then(parse_version);
        if self.wants_host_network { StepNetwork::host(version) } else { StepNetwork::OfEngine }
    }

    /// Returns why builds cannot use this engine, as a clause; `None` where they can.
    pub fn obstacle(&self) -> Option<String> {
        match (&self.client, &self.server, &self.buildx) {
            (None, ..) => Some("there is no docker client".to_owned()),
            (_, None, _) => Some("no engine answers".to_owned()),
            (.., None) => Some("the docker client has no buildx plugin".to_owned()),
            (.., Some(version)) if !self.has_buildx() => Some(format!("buildx {version} is older than 0.13")),
            _ => None,
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[derive(Default)]
struct RawInfo {
    server_version: String,
    architecture: String,
    #[serde(rename = "OSType")]
    os_type: String,
    driver_status: Option<Vec<(String, String)>>,
    labels: Option<Vec<String>>,
    client_info: Option<RawClient>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct RawClient {
    version: String,
    plugins: Option<Vec<RawPlugin>>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct RawPlugin {
    name: String,
    version: String,
    err: Option<String>,
}

/// Probes the client whose commands `docker` creates.
pub(super) fn probe(docker: impl Fn() -> Command) -> Probe {
    let mut command = docker();
    command.args(["info", "--format", "{{json .}}"]);
    let mut probe = match process::run_bounded(&mut command, LIMIT) {
        // A client without an engine still prints the document, and exits with an error.
        Ok(Some(finished)) => parse_info(&finished.stdout),
        Ok(None) | Err(_) => Probe::default(),
    };
    if probe.client.is_none() {
        // Old clients print no client section, and a client whose engine hangs prints nothing.
        let version = process::run(docker().arg("--version"), LIMIT).ok();
        probe.client = version.and_then(|text| Some(text.split_whitespace().nth(2)?.trim_end_matches(',').to_owned()));
    }
    probe
}

/// Returns the export method for built images.
pub(super) fn export(probe: &Probe, docker: impl Fn() -> Command) -> Export {
    if probe.has_containerd_store {
        return Export::OciLayout;
    }
    // A builder in its own container exports layouts regardless of the engine's image store.
    let text = process::run(docker().args(["buildx", "inspect"]), LIMIT).unwrap_or_default();
    let driver = text.lines().find_map(|line| line.strip_prefix("Driver:")).map(str::trim);
    if matches!(driver, Some("docker-container" | "kubernetes" | "remote")) { Export::OciLayout } else { Export::Save }
}

fn parse_info(text: &str) -> Probe {
    let info: RawInfo = serde_json::from_str(text).unwrap_or_default();
    let some = |text: String| (!text.is_empty()).then_some(text);
    let client = info.client_info.unwrap_or_default();
    let plugins = client.plugins.unwrap_or_default();
    let buildx = plugins.into_iter().find(|plugin| plugin.name == "buildx" && plugin.err.is_none());
    let statuses = info.driver_status.unwrap_or_default();
    let is_linux = info.os_type.is_empty() || info.os_type == "linux";
    Probe {
        client: some(client.version),
        server: some(info.server_version).filter(|_| is_linux),
        buildx: buildx.map(|plugin| plugin.version.trim_start_matches('v').to_owned()),
        has_containerd_store: statuses.iter().any(|(_, value)| value.starts_with("io.containerd.snapshotter")),
        wants_host_network: info.labels.unwrap_or_default().iter().any(|label| label == HOST_NETWORK_LABEL),
        architecture: info.architecture,
    }
}

/// Parses a version such as `0.13.1+ds1` into (0, 13).
fn parse_version(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.trim_start_matches('v').split(['.', '+', '-', '~']).map(|part| part.parse().ok());
    Some((numbers.next()??, numbers.next()??))
}

#[cfg(test)]
mod tests {
    use super::{HOST_NETWORK_LABEL, Probe, parse_info, parse_version};
    use crate::plan::bake::network::StepNetwork;

    #[test]
    fn an_engine_with_buildx_and_the_containerd_store() {
        let text = r#"{"ServerVersion":"26.1.5+dfsg1","Architecture":"x86_64","OSType":"linux",
            "DriverStatus":[["driver-type","io.containerd.snapshotter.v1"]],"Containers":3,
            "ClientInfo":{"Version":"26.1.5","Plugins":[{"Name":"buildx","Version":"0.13.1+ds1","Path":"/x"}]}}"#;
        let probe = parse_info(text);
        assert_eq!(probe.obstacle(), None);
        assert!(probe.has_containerd_store);
        assert_eq!(probe.buildx.as_deref(), Some("0.13.1+ds1"));
    }

    #[test]
    fn what_is_missing_is_named() {
        let obstacle = |text: &str| parse_info(text).obstacle().unwrap();
        assert!(obstacle("").contains("no docker client"));
        assert!(
            obstacle(r#"{"ServerErrors":["x"],"ClientInfo":{"Version":"28.2.2","Plugins":[]}}"#).contains("answers")
        );
        assert!(
            obstacle(r#"{"ServerVersion":"28.2.2","ClientInfo":{"Version":"28.2.2","Plugins":null}}"#)
                .contains("no buildx")
        );
        let old = r#"{"ServerVersion":"24.0.1","ClientInfo":{"Version":"24","Plugins":[{"Name":"buildx","Version":"v0.11.2"}]}}"#;
        assert!(obstacle(old).contains("0.11.2"));
        let classic = Probe { has_containerd_store: false, ..Probe::default() };
        assert_eq!(classic.buildx, None);
    }

    #[test]
    fn an_engine_that_asks_for_the_machines_network() {
        let network = |label: &str, buildx: &str| {
            let plugin = format!(r#"{{"Name":"buildx","Version":"{buildx}"}}"#);
            let text = format!(r#"{{"Labels":["a=b","{label}"],"ClientInfo":{{"Plugins":[{plugin}]}}}}"#);
            parse_info(&text).step_network()
        };
        assert_eq!(network(HOST_NETWORK_LABEL, "0.13.1+ds1"), StepNetwork::HostUnderlaid);
        assert_eq!(network(HOST_NETWORK_LABEL, "v0.17.0"), StepNetwork::HostGranted);
        assert_eq!(network("c=d", "v0.30.1"), StepNetwork::OfEngine);
    }

    #[test]
    fn versions() {
        assert_eq!(parse_version("v0.13.1"), Some((0, 13)));
        assert_eq!(parse_version("0.30.1-desktop.1"), Some((0, 30)));
        assert_eq!(parse_version("devel"), None);
    }
}
