//! The database: its kind, a file that outlives its task, and connections for every thread of every task.

use super::super::facts::Facts;
use super::super::judgement::{Judgement, Problems, unknown};
use super::super::{Rule, Scope};

/// Percentage of the database's connections for the app. Migrations, administrators and the database use the rest.
const SHARE_PERCENT: u32 = 80;

/// uWSGI's defaults in app/README.md.
const PROCESSES: u32 = 2;
const THREADS: u32 = 4;

pub(in crate::checks) const RULES: &[Rule] = &[
    Rule::new(Scope::Environment, "database-kind", "SQLite is for `local` only, and its file outlives the task", kind),
    Rule::new(
        Scope::Environment,
        "connection-budget",
        "the database has a connection for every thread of every task of a deployment",
        budget,
    ),
];

fn kind(facts: &Facts<'_>) -> Judgement {
    let (app, _) = facts.app_container()?;
    let Some(url) = app.variable("DATABASE_URL") else { return unknown("the database's address is a secret") };
    let Some(path) = url.strip_prefix("sqlite:///") else { return unknown("the database is not SQLite") };
    let mut problems = Problems::default();
    if !facts.environment.name.is_local() {
        let text =
            format!("the database of `{}` is SQLite, which Django takes in `local` only", facts.environment.name);
        problems.fail(text, "set `DATABASE_URL` in `[secrets]`");
    }
    let task = facts.task()?;
    let mount = app
        .mount_points
        .iter()
        .find(|mount| mount.container_path.as_deref().is_some_and(|at| camino::Utf8Path::new(path).starts_with(at)));
    let volume =
        mount.and_then(|mount| task.view().volumes.iter().find(|one| Some(&one.name) == mount.source_volume.as_ref()));
    match volume {
        None => problems.fail(
            format!("SQLite's file {path} lies on no volume of container `{}`", app.name),
            "mount a file system at its folder",
        ),
        Some(volume) if volume.efs_volume_configuration.is_none() => problems.fail(
            format!("SQLite's file {path} lies on the volume `{}`, which goes with its task", volume.name),
            "give the volume an `efsVolumeConfiguration`",
        ),
        Some(_) => {}
    }
    problems.or(format!("SQLite's file {path} outlives its task"))
}

fn budget(facts: &Facts<'_>) -> Judgement {
    let (app, uwsgi) = facts.app_container()?;
    let most = facts.max_connections.clone()?;
    let number = |variable: &str, option: &str, default: u32| {
        app.variable(variable).and_then(|value| value.trim().parse().ok()).or(uwsgi.number(option)).unwrap_or(default)
    };
    let (processes, threads) =
        (number("UWSGI_PROCESSES", "processes", PROCESSES), number("UWSGI_THREADS", "threads", THREADS));
    let (_, tasks) = facts.task_counts()?;
    let wanted = tasks.saturating_mul(processes).saturating_mul(threads);
    let allowed = most.saturating_mul(SHARE_PERCENT) / 100;
    let mut problems = Problems::default();
    if wanted > allowed {
        problems.fail(
            format!("{tasks} tasks with {processes} processes of {threads} threads take {wanted} connections, and {allowed} of {most} are theirs"),
            "lower `UWSGI_THREADS`, `count` or `maximum-percent`, or take a larger database",
        );
    }
    problems.or(format!("{wanted} of {allowed} connections in the middle of a deployment"))
}
