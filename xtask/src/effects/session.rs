//! ECS Exec: a command in a container on AWS, through the AWS CLI and its Session Manager plugin. Both speak a protocol of
//! their own that nothing else here needs.

use std::process::Command;

use super::process;

/// Where.
#[derive(Clone, Copy, Debug)]
pub struct Session<'a> {
    /// AWS region.
    pub region: &'a str,
    /// Name of the cluster.
    pub cluster: &'a str,
    /// ARN of the task.
    pub task: &'a str,
    /// The container.
    pub container: &'a str,
}

/// `ecs execute-command` on this terminal; its exit code.
///
/// # Errors
/// The CLI cannot be started.
pub fn execute(session: &Session<'_>, command: &str) -> anyhow::Result<u8> {
    let mut aws = Command::new("aws");
    aws.args(["ecs", "execute-command", "--interactive", "--region", session.region, "--cluster", session.cluster]);
    aws.args(["--task", session.task, "--container", session.container, "--command", command]);
    process::hand_over(&mut aws)
}
