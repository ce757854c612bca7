//! `cargo xtask exec -- <command>`: a command inside a running container. On AWS it uses the AWS CLI and its Session
//! Manager plugin, which implement ECS Exec's protocol; in `local` it uses the container's Docker engine.

use camino::Utf8Path;

use crate::ecs::Task;
use crate::effects::ecs;
use crate::effects::{engine, host, process, session};
use crate::error::Failure;
use crate::operations::reach::Missing;
use crate::operations::target::{Settings, Target};
use crate::project::EnvironmentName;
use crate::report::Report;

/// The arguments of `exec`.
#[derive(Clone, Debug)]
pub struct Request {
    /// Environment of the service.
    pub environment: EnvironmentName,
    /// The service, as `infra/slipway.toml` names it; the main one, if absent.
    pub service: Option<String>,
    /// Name of the container; the release phase's, or the first one, if absent.
    pub container: Option<String>,
    /// Id of the task, or a prefix of it; the newest running task, if absent.
    pub task: Option<String>,
    /// Command and arguments.
    pub command: Vec<String>,
}

/// Runs the command on this terminal and returns its exit code.
///
/// # Errors
/// The task or container does not exist; a required program is not installed.
pub fn run(root: &Utf8Path, request: &Request, report: &Report) -> anyhow::Result<u8> {
    let target = Target::connect(
        root,
        Settings::load(root, request.environment)?.one_service(request.service.as_deref())?,
        Missing::Refuse,
        report,
    )?;
    let arns = target.tasks()?;
    let tasks = ecs::describe_tasks(&target.aws, target.cluster(), &arns)?;
    let task = choose(&tasks, request.task.as_deref(), &target.command("status"))?;
    let usual = target.settings.release_phase().map(|phase| phase.container.to_string());
    let first = || task.containers.first().map(|container| container.name.clone());
    let name = request.container.clone().or(usual).or_else(first).unwrap_or_default();
    let names = task.containers.iter().map(|container| container.name.as_str()).collect::<Vec<_>>().join(", ");
    let container = task.container(&name).ok_or_else(|| {
        Failure::usage(format!("no container `{name}` in task {}", task.id())).hint(format!("it has {names}"))
    })?;
    if request.environment.is_local() {
        let engine = engine::find_or_wake(root, report)?.ok_or_else(|| Failure::failed("no Docker engine answers"))?;
        let id =
            container.runtime_id.as_deref().ok_or_else(|| Failure::failed(format!("`{name}` does not run yet")))?;
        let mut docker = engine.docker();
        docker.args(["exec", "--interactive"]);
        if host::has_terminal() {
            docker.arg("--tty");
        }
        docker.arg(id).args(&request.command);
        return process::hand_over(&mut docker);
    }
    for (program, hint) in [
        ("aws", "install the AWS CLI"),
        ("session-manager-plugin", "install the Session Manager plugin of the AWS CLI, which ECS Exec needs"),
    ] {
        if host::find_program(program).is_none() {
            return Err(Failure::failed(format!("`{program}` is not installed")).hint(hint).into());
        }
    }
    let session = session::Session {
        region: &target.settings.environment.region,
        cluster: target.cluster(),
        task: &task.task_arn,
        container: &name,
    };
    session::execute(&session, &request.command.join(" "))
}

fn choose<'a>(tasks: &'a [Task], asked: Option<&str>, status: &str) -> Result<&'a Task, Failure> {
    let running = tasks.iter().filter(|task| task.last_status == "RUNNING");
    let wanted = running.filter(|task| asked.is_none_or(|asked| task.id().starts_with(asked)));
    let newest = wanted.max_by(|one, other| one.created_at.0.total_cmp(&other.created_at.0));
    newest.ok_or_else(|| {
        let which = asked.map(|asked| format!(" `{asked}…`")).unwrap_or_default();
        Failure::failed(format!("no task{which} of the service runs")).hint(status)
    })
}

#[cfg(test)]
mod tests {
    use super::choose;
    use crate::ecs::{Task, Timestamp};

    #[test]
    fn the_newest_running_task_is_taken_and_one_that_ended_never() {
        let task = |id: &str, status: &str, at: f64| Task {
            task_arn: format!("arn:x/{id}"),
            last_status: status.to_owned(),
            created_at: Timestamp(at),
            ..Task::default()
        };
        let tasks = [task("aa", "RUNNING", 1.0), task("ab", "RUNNING", 2.0), task("ac", "STOPPED", 3.0)];
        assert_eq!(choose(&tasks, None, "s").unwrap().id(), "ab");
        assert_eq!(choose(&tasks, Some("aa"), "s").unwrap().id(), "aa");
        assert!(choose(&tasks, Some("ac"), "s").is_err());
        assert!(choose(&[], None, "s").is_err());
    }
}
