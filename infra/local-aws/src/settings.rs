//! Settings of the daemon, and the names derived from them: ARNs, the registry's host, labels.

use std::net::SocketAddr;

use camino::{Utf8Path, Utf8PathBuf};
use clap::ValueEnum;
use sha2::{Digest, Sha256};

pub use aws_facts::LOCAL_ACCOUNT as ACCOUNT;

/// Settings of a running daemon.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Address of the API, the registry and the control routes: loopback only.
    pub endpoint: SocketAddr,
    /// AWS region in ARNs, such as `eu-central-1`.
    pub region: String,
    /// Folder for everything that outlives the daemon.
    pub state: Utf8PathBuf,
    /// Address of the Docker engine, such as `unix:///var/run/docker.sock`.
    pub engine: String,
    /// Label value of this daemon's containers, networks and volumes: 12 hex digits of SHA-256 over `state`.
    pub instance: String,
    /// Members of `RegisterTaskDefinition` that the emulator's model does not have.
    pub unknown_members: UnknownMembers,
}

/// Treatment of members of a task definition that the emulator does not know, or that AWS has and the emulator does not run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum UnknownMembers {
    /// Refused.
    #[default]
    Refuse,
    /// Stored with the task definition and returned with it, without effect.
    Keep,
}

impl Settings {
    /// Returns the instance of a daemon with this state folder.
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
