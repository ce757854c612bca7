//! The network of build steps, and its form in the bake document. Not here: the network that an engine needs
//! (`effects::engine::probe`).

use serde_json::{Value, json};

/// The compose file that requests the host's network if the plan cannot. Relative to the repository root.
pub const UNDERLAY: &str = "target/slipway/build-network.yml";

/// The first version of buildx in which a plan can request a network and a flag must grant it.
const FIRST_BUILDX_WITH_GRANTS: (u32, u32) = (0, 17);

/// The network of a build's steps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StepNetwork {
    /// The engine's default network.
    #[default]
    OfEngine,
    /// The host's network, for buildx before 0.17: requested by a compose file beside the plan, which supported it
    /// earlier.
    HostUnderlaid,
    /// The host's network, requested by the plan and granted by a flag.
    HostGranted,
}

impl StepNetwork {
    /// Returns the host's network in the form that this version of buildx supports.
    pub fn host(buildx: Option<(u32, u32)>) -> StepNetwork {
        if buildx >= Some(FIRST_BUILDX_WITH_GRANTS) { StepNetwork::HostGranted } else { StepNetwork::HostUnderlaid }
    }

    /// Returns whether this is the host's network.
    pub fn is_host(self) -> bool {
        self != StepNetwork::OfEngine
    }

    /// Returns the value of a target's `network` in the plan.
    pub(super) fn word(self) -> Option<&'static str> {
        (self == StepNetwork::HostGranted).then_some("host")
    }

    /// Returns the arguments of `docker` for a plan on standard input.
    pub fn arguments(self) -> Vec<&'static str> {
        let mut arguments = vec!["buildx", "bake", "--progress", "plain"];
        match self {
            StepNetwork::OfEngine => {}
            // Before the plan, whose values take precedence.
            StepNetwork::HostUnderlaid => arguments.extend(["--file", UNDERLAY]),
            StepNetwork::HostGranted => arguments.push("--allow=network.host"),
        }
        arguments.extend(["--file", "-"]);
        arguments
    }

    /// Returns the compose file for a plan of these targets, if one is needed. It is JSON, a subset of YAML.
    pub fn underlay<'a>(self, targets: impl Iterator<Item = &'a str>) -> Option<Value> {
        let service = |name: &str| (name.to_owned(), json!({"build": {"context": ".", "network": "host"}}));
        (self == StepNetwork::HostUnderlaid)
            .then(|| json!({"services": targets.map(service).collect::<serde_json::Map<_, _>>()}))
    }
}

#[cfg(test)]
mod tests {
    use super::{StepNetwork, UNDERLAY};

    #[test]
    fn requests_host_network_by_buildx_version() {
        assert_eq!(StepNetwork::host(Some((0, 13))), StepNetwork::HostUnderlaid);
        assert_eq!(StepNetwork::host(Some((0, 17))), StepNetwork::HostGranted);
        assert_eq!(StepNetwork::host(Some((1, 0))), StepNetwork::HostGranted);
        assert_eq!(StepNetwork::host(None), StepNetwork::HostUnderlaid);
        let (old, new) = (StepNetwork::HostUnderlaid, StepNetwork::HostGranted);
        assert_eq!(old.arguments()[4..], ["--file", UNDERLAY, "--file", "-"]);
        assert_eq!(new.arguments()[4..], ["--allow=network.host", "--file", "-"]);
        assert_eq!(StepNetwork::OfEngine.arguments()[4..], ["--file", "-"]);
        assert_eq!((old.word(), new.word()), (None, Some("host")));
        let services = old.underlay(["app", "app_static"].into_iter()).unwrap();
        assert_eq!(services["services"]["app_static"]["build"]["network"], "host");
        assert!(new.underlay(["app"].into_iter()).is_none() && !StepNetwork::OfEngine.is_host());
    }
}
