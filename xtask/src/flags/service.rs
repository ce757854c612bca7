//! Flags of the verbs that work on a service: `deploy` and what goes with it.

use std::time::Duration;

use clap::Args;

use super::Shared;
use crate::commands::{deploy, exec, history, logs, rollback, run, scale};

/// Maximum number of tasks of a service (Amazon ECS service quotas).
const MOST_TASKS: i64 = 5000;

/// `cargo xtask deploy`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  cargo xtask deploy\n  cargo xtask deploy --env staging --dry-run\n  \
                        cargo xtask deploy --env production --yes --output json\n\n\
                        Exit codes: 0 deployed or unchanged, 1 failed, 2 bad usage or configuration, 3 refused by a check, \
                        4 rolled back, 5 locked by someone else, 6 superseded, 7 timed out, 130 interrupted.")]
pub struct Deploy {
    /// Flags that every verb has.
    #[command(flatten)]
    pub shared: Shared,
    /// Moves only this service.
    #[arg(long, value_name = "NAME")]
    pub service: Option<String>,
    /// Does not ask for confirmation before a deploy to a protected environment.
    #[arg(long)]
    pub yes: bool,
    /// Prints the plan and stops.
    #[arg(long)]
    pub dry_run: bool,
    /// Limit for the rollout.
    #[arg(long, value_name = "SECONDS", default_value_t = 900, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub timeout: u64,
}

/// `cargo xtask rollback`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  cargo xtask rollback\n  cargo xtask rollback --env production --to 3f2a9c01b77d")]
pub struct Rollback {
    /// Flags that every verb has.
    #[command(flatten)]
    pub shared: Shared,
    /// Only this service.
    #[arg(long, value_name = "NAME")]
    pub service: Option<String>,
    /// Release id or `<family>:<number>`. Without it, the last verified release before the one that serves.
    #[arg(long, value_name = "RELEASE")]
    pub to: Option<String>,
    /// Prints the plan and stops.
    #[arg(long)]
    pub dry_run: bool,
    /// Limit for the rollout.
    #[arg(long, value_name = "SECONDS", default_value_t = 900, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub timeout: u64,
}

/// `cargo xtask status`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  cargo xtask status --env production --output json")]
pub struct Status {
    /// Flags that every verb has.
    #[command(flatten)]
    pub shared: Shared,
    /// Only this service.
    #[arg(long, value_name = "NAME")]
    pub service: Option<String>,
}

/// `cargo xtask history`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  cargo xtask history --env production --count 20")]
pub struct History {
    /// Flags that every verb has.
    #[command(flatten)]
    pub shared: Shared,
    /// Only releases of this service.
    #[arg(long, value_name = "NAME")]
    pub service: Option<String>,
    /// Maximum number of releases.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=100))]
    pub count: u64,
}

/// `cargo xtask logs`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  cargo xtask logs --follow\n  cargo xtask logs --container app --since 3600")]
pub struct Logs {
    /// Flags that every verb has.
    #[command(flatten)]
    pub shared: Shared,
    /// Only lines of this service.
    #[arg(long, value_name = "NAME")]
    pub service: Option<String>,
    /// Follows the logs until interrupted.
    #[arg(long, short = 'f')]
    pub follow: bool,
    /// Only the containers of this name.
    #[arg(long, value_name = "NAME")]
    pub container: Option<String>,
    /// Only this task; the first characters of its id are enough.
    #[arg(long, value_name = "ID")]
    pub task: Option<String>,
    /// Age of the oldest lines.
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    pub since: u64,
}

/// `cargo xtask run`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  cargo xtask run -- manage seed_demo\n  \
                        cargo xtask run --env staging --container app -- manage showmigrations")]
pub struct Run {
    /// Flags that every verb has.
    #[command(flatten)]
    pub shared: Shared,
    /// From which service; the main one, if absent.
    #[arg(long, value_name = "NAME")]
    pub service: Option<String>,
    /// Container whose command is replaced and whose exit code is returned.
    #[arg(long, value_name = "NAME")]
    pub container: Option<String>,
    /// Limit for the whole operation.
    #[arg(long, value_name = "SECONDS", default_value_t = 3600, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub timeout: u64,
    /// The command, behind `--`.
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub command: Vec<String>,
}

/// `cargo xtask exec`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  cargo xtask exec -- sh\n  cargo xtask exec --container nginx -- nginx -T")]
pub struct Exec {
    /// Flags that every verb has.
    #[command(flatten)]
    pub shared: Shared,
    /// In a task of which service; the main one, if absent.
    #[arg(long, value_name = "NAME")]
    pub service: Option<String>,
    /// Name of the container.
    #[arg(long, value_name = "NAME")]
    pub container: Option<String>,
    /// Task; the first characters of its id are enough. Default: the newest running task.
    #[arg(long, value_name = "ID")]
    pub task: Option<String>,
    /// The command, behind `--`.
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub command: Vec<String>,
}

/// `cargo xtask scale`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  cargo xtask scale 3 --env staging")]
pub struct Scale {
    /// Flags that every verb has.
    #[command(flatten)]
    pub shared: Shared,
    /// Which service; the main one, if absent.
    #[arg(long, value_name = "NAME")]
    pub service: Option<String>,
    /// Number of tasks.
    #[arg(value_name = "COUNT", value_parser = clap::value_parser!(u32).range(0..=MOST_TASKS))]
    pub count: u32,
    /// Limit for the whole operation.
    #[arg(long, value_name = "SECONDS", default_value_t = 900, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub timeout: u64,
}

impl Deploy {
    /// Returns the request of the verb.
    pub fn request(&self) -> deploy::Request {
        let Deploy { shared, service, yes, dry_run, timeout } = self;
        let limit = Duration::from_secs(*timeout);
        deploy::Request {
            environment: shared.environment(),
            service: service.clone(),
            yes: *yes,
            dry_run: *dry_run,
            limit,
        }
    }
}

impl Rollback {
    /// Returns the request of the verb.
    pub fn request(self) -> rollback::Request {
        let Rollback { shared, service, to, dry_run, timeout } = self;
        rollback::Request {
            environment: shared.environment(),
            service,
            to,
            dry_run,
            limit: Duration::from_secs(timeout),
        }
    }
}

impl History {
    /// Returns the request of the verb.
    pub fn request(&self) -> history::Request {
        history::Request {
            environment: self.shared.environment(),
            service: self.service.clone(),
            // The range above fits `usize` on every platform.
            count: usize::try_from(self.count).unwrap_or(usize::MAX),
        }
    }
}

impl Logs {
    /// Returns the request of the verb.
    pub fn request(self) -> logs::Request {
        let Logs { shared, service, follow, container, task, since } = self;
        logs::Request {
            environment: shared.environment(),
            service,
            follow,
            container,
            task,
            since: Duration::from_secs(since),
        }
    }
}

impl Run {
    /// Returns the request of the verb.
    pub fn request(self) -> run::Request {
        let Run { shared, service, container, timeout, command } = self;
        run::Request {
            environment: shared.environment(),
            service,
            container,
            command,
            limit: Duration::from_secs(timeout),
        }
    }
}

impl Exec {
    /// Returns the request of the verb.
    pub fn request(self) -> exec::Request {
        let Exec { shared, service, container, task, command } = self;
        exec::Request { environment: shared.environment(), service, container, task, command }
    }
}

impl Scale {
    /// Returns the request of the verb.
    pub fn request(&self) -> scale::Request {
        let service = self.service.clone();
        scale::Request {
            environment: self.shared.environment(),
            service,
            count: self.count,
            limit: Duration::from_secs(self.timeout),
        }
    }
}
