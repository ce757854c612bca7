//! Containers that end without warning, on request.

use anyhow::Context;
use bollard::query_parameters::KillContainerOptionsBuilder;
use bollard::{API_DEFAULT_VERSION, Docker};

use crate::emulator::Emulator;

/// Seconds that the engine may take: it sends a signal.
const LIMIT: u64 = 30;

/// Sends SIGKILL to the named container of a task, or to all of them. `task` is an id or an ARN.
pub(super) async fn kill(emulator: &Emulator, task: &str, container: Option<&str>) -> anyhow::Result<()> {
    let id = task.rsplit('/').next().unwrap_or(task);
    let found: Vec<String> = emulator.store.read(|state| {
        let containers = state.ecs.tasks.get(id).map(|task| task.containers.iter()).into_iter().flatten();
        let wanted = containers.filter(|one| container.is_none_or(|name| one.name == name));
        wanted.filter(|one| one.exit_code.is_none()).filter_map(|one| one.runtime_id.clone()).collect()
    });
    anyhow::ensure!(!found.is_empty(), "there is no such container of a task that runs");
    let engine = &emulator.settings.engine;
    let path = engine.strip_prefix("unix://").unwrap_or(engine);
    let docker = Docker::connect_with_unix(path, LIMIT, API_DEFAULT_VERSION).context("the engine does not answer")?;
    for id in found {
        let options = KillContainerOptionsBuilder::default().signal("SIGKILL").build();
        docker.kill_container(&id, Some(options)).await.with_context(|| format!("failed to kill container {id}"))?;
    }
    Ok(())
}
