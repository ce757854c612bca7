//! ECS Exec: runs a command in a container on AWS, through the AWS CLI and its Session Manager plugin, which implement
//! the protocol.

use std::process::Command;

use super::process;

/// Target container of the command.
#[derive(Clone, Copy, Debug)]
pub struct Session<'a> {
    /// AWS region.
    pub region: &'a str,
    /// Name of the cluster.
    pub cluster: &'a str,
    /// ARN of the task.
    pub task: &'a str,
    /// Name of the container.
    pub container: &'a str,
}

/// Runs `ecs execute-command` on this terminal and returns its exit code.
///
/// # Errors
/// The CLI cannot be started.
pub fn execute(session: &Session<'_>, command: &str) -> anyhow::Result<u8> {
    let mut aws = Command::new("aws");
    aws.args(["ecs", "execute-command", "--interactive", "--region", session.region, "--cluster", session.cluster]);
    aws.args(["--task", session.task, "--container", session.container, "--command", command]);
    process::hand_over(&mut aws)
}
