//! `cargo xtask run -- <command>`: a one-off task of the current revision, with its network, roles and secrets. The
//! exit code is the command's.

use std::time::Duration;

use camino::Utf8Path;
use serde_json::json;

use crate::ecs::TaskDefinition;
use crate::ecs::one_off::Verdict;
use crate::effects::ecs;
use crate::error::Failure;
use crate::operations::evidence;
use crate::operations::one_off::{self, OneOff};
use crate::operations::reach::Missing;
use crate::operations::target::{Settings, Target};
use crate::plan::deploy::short;
use crate::project::EnvironmentName;
use crate::report::Report;

/// The arguments of `run`.
#[derive(Clone, Debug)]
pub struct Request {
    /// Environment of the service.
    pub environment: EnvironmentName,
    /// The service, as `infra/slipway.toml` names it; the main one, if absent.
    pub service: Option<String>,
    /// Container to run the command in, whose exit code is returned; the release phase's, or the first, if absent.
    pub container: Option<String>,
    /// Command and arguments.
    pub command: Vec<String>,
    /// Time limit of the task.
    pub limit: Duration,
}

/// Runs the task until it stops and returns the exit code of the command.
///
/// # Errors
/// The task could not be started; failed AWS calls.
pub fn run(root: &Utf8Path, request: &Request, report: &Report) -> anyhow::Result<u8> {
    let target = Target::connect(
        root,
        Settings::load(root, request.environment)?.one_service(request.service.as_deref())?,
        Missing::Refuse,
        report,
    )?;
    let service = ecs::describe_service(&target.aws, target.cluster(), target.service())?;
    let service = service.ok_or_else(|| {
        let text = format!("`run` takes what serves, and `{}` has no service yet", request.environment);
        Failure::failed(text).hint(target.command("deploy"))
    })?;
    let revision = ecs::describe_task_definition(&target.aws, &service.task_definition)?;
    let revision =
        revision.ok_or_else(|| Failure::failed(format!("the revision {} is gone", short(&service.task_definition))))?;
    let definition = TaskDefinition::from_document(revision.document.clone())?;
    let container = container(&definition, &target, request.container.as_deref())?;
    let inherited = one_off::inherited(&service.document);
    let wanted = OneOff {
        revision: &revision.arn,
        definition: &definition,
        container: &container,
        command: &request.command,
        inherited: &inherited,
        limit: request.limit,
    };
    report.step(format!("`{}` in {}, container `{container}`", request.command.join(" "), revision.short()));
    let line = |line: &str| {
        report.result(line);
        report.event(&json!({"event": "line", "container": container, "message": line}));
    };
    let ended = one_off::run(&target, &wanted, line, || {})?;
    if let Verdict::Ended { code } = ended.verdict {
        // Exit codes of processes have eight bits; a code that does not fit becomes 1.
        let code = u8::try_from(code).unwrap_or(1);
        let outcome = if code == 0 { "succeeded" } else { "failed" };
        report.closing(json!({"outcome": outcome, "task": ended.task.task_arn, "exit_code": code}));
        return Ok(code);
    }
    let facts = evidence::Known {
        definition: &definition,
        service: None,
        group: None,
        tasks: std::slice::from_ref(&ended.task),
        deployment: None,
        since: None,
        release_phase: None,
    };
    let cause = evidence::cause(&target, &facts);
    cause.evidence.iter().flat_map(|text| text.lines()).for_each(|line| report.detail(line));
    let failure = Failure::failed(format!("`{}` did not run: {}", request.command.join(" "), cause.message));
    Err(cause.next.iter().fold(failure, Failure::hint).into())
}

/// Returns the container that the request selects.
fn container(definition: &TaskDefinition, target: &Target, asked: Option<&str>) -> Result<String, Failure> {
    let names: Vec<&str> = definition.view().container_definitions.iter().map(|one| one.name.as_str()).collect();
    let usual = target.settings.release_phase().map(|phase| phase.container.as_str());
    let wanted = asked.or(usual).or(names.first().copied()).unwrap_or_default();
    if names.contains(&wanted) {
        return Ok(wanted.to_owned());
    }
    Err(Failure::usage(format!("no container `{wanted}` in the task")).hint(format!("it has {}", names.join(", "))))
}
