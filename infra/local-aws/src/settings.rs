//! What the daemon was started with, and the names that follow from it: ARNs, the registry's host, labels.

use std::net::SocketAddr;

use camino::{Utf8Path, Utf8PathBuf};
use sha2::{Digest, Sha256};

/// The account that everything here belongs to. AWS's own documentation uses it as an example, so it belongs to no customer.
pub const ACCOUNT: &str = "123456789012";

/// What stays the same for as long as the daemon runs.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where the API, the registry and the control routes listen: loopback only.
    pub endpoint: SocketAddr,
    /// AWS region in ARNs, such as `eu-central-1`.
    pub region: String,
    /// Everything that outlives the daemon.
    pub state: Utf8PathBuf,
    /// Address of the Docker engine, such as `unix:///var/run/docker.sock`.
    pub engine: String,
    /// Tells our containers, networks and volumes from everybody else's: 12 hex digits of SHA-256 over `state`.
    pub instance: String,
}

impl Settings {
    /// What tells the things of a daemon with this state folder from everybody else's.
    pub fn instance_of(state: &Utf8Path) -> String {
        let hash = Sha256::digest(state.as_str().as_bytes());
        hash.iter().take(6).map(|byte| format!("{byte:02x}")).collect()
    }

    /// `arn:aws:<service>:<region>:<account>:<resource>`.
    pub fn arn(&self, service: &str, resource: &str) -> String {
        format!("arn:aws:{service}:{}:{ACCOUNT}:{resource}", self.region)
    }

    /// Host and port of the registry, the first part of every image reference here.
    pub fn registry(&self) -> String {
        self.endpoint.to_string()
    }
}
