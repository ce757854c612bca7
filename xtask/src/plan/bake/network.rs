//! The network of build steps, and its form in the bake document. Not here: which one an engine wants
//! (`effects::engine::probe`).

use serde_json::{Value, json};

/// From the repository root: the compose file that asks for the machine's network where plans cannot.
pub const UNDERLAY: &str = "target/slipway/build-network.yml";

/// From here on, plans can ask for a network, and a flag has to grant it.
const FIRST_BUILDX_WITH_GRANTS: (u32, u32) = (0, 17);

/// The network that the steps of a build have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StepNetwork {
    /// Whatever the engine gives them.
    #[default]
    OfEngine,
    /// The machine's own, for buildx before 0.17: a compose file under the plan asks for it, since compose files could
    /// before plans could.
    HostUnderlaid,
    /// The machine's own: the plan asks for it, and a flag grants it.
    HostGranted,
}

impl StepNetwork {
    /// The host's network, in the form that this version of buildx takes.
    pub fn host(buildx: Option<(u32, u32)>) -> StepNetwork {
        if buildx >= Some(FIRST_BUILDX_WITH_GRANTS) { StepNetwork::HostGranted } else { StepNetwork::HostUnderlaid }
    }

    /// Whether it is the machine's own.
    pub fn is_host(self) -> bool {
        self != StepNetwork::OfEngine
    }

    /// What a target of the plan says of it.
    pub(super) fn word(self) -> Option<&'static str> {
        (self == StepNetwork::HostGranted).then_some("host")
    }

    /// What follows `docker` on the command line of a plan that comes on standard input.
    pub fn arguments(self) -> Vec<&'static str> {
        let mut arguments = vec!["buildx", "bake", "--progress", "plain"];
        match self {
            StepNetwork::OfEngine => {}
            // Before the plan, whose words then count where both have some.
            StepNetwork::HostUnderlaid => arguments.extend(["--file", UNDERLAY]),
            StepNetwork::HostGranted => arguments.push("--allow=network.host"),
        }
        arguments.extend(["--file", "-"]);
        arguments
    }

    /// The compose file under a plan of these targets, where there must be one. It is JSON, which YAML includes.
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
    fn each_buildx_is_asked_in_its_own_way() {
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
