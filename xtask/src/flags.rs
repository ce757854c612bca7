//! The command line as typed flags, with an example in the help of every verb.

mod service;
mod verify;

use camino::Utf8PathBuf;
use clap::{Args, Parser, Subcommand};

pub use self::service::{Deploy, Exec, History, Logs, Rollback, Run, Scale, Status};
use crate::commands::{build, local, push};
use crate::image::ImageName;
use crate::project::EnvironmentName;
use crate::report::Output;

pub use self::verify::Verify;

/// Takes a Django + nginx monorepo to AWS ECS Fargate, and proves that what runs is what was built.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version, max_term_width = 110, arg_required_else_help = true)]
#[command(
    after_help = "Exit codes: 0 done, 1 failed, 2 bad usage or configuration, 3 refused by a check, 4 rolled back, \
                  5 locked by someone else, 6 superseded, 7 timed out, 130 interrupted.\n\n\
                  Example:\n  cargo xtask deploy"
)]
pub struct Flags {
    /// Prints one line on standard error for each AWS or registry call and each child process.
    #[arg(long, short = 'v', global = true)]
    pub verbose: bool,
    /// The verb.
    #[command(subcommand)]
    pub command: Command,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Builds the images whose inputs changed, each to an OCI layout, and verifies that they run on the platform.
    Build(Build),
    /// Pushes the verified images to the environment's registry and tags them; skips existing blobs.
    Push(Push),
    /// Builds and pushes what changed, updates the service, follows the deployment to its verdict, verifies and records it.
    Deploy(Deploy),
    /// Deploys the last verified release again, or a named one.
    Rollback(Rollback),
    /// Shows the release that serves, the deployment in progress and the state of each task.
    Status(Status),
    /// Lists releases with commit, verdict and the identity that deployed them.
    History(History),
    /// Shows the logs of the service's containers.
    Logs(Logs),
    /// Runs a command as a one-off task of the release that serves, and exits with the command's exit code.
    Run(Run),
    /// Runs a command inside a running container.
    Exec(Exec),
    /// Changes the number of tasks until the next deploy.
    Scale(Scale),
    /// Checks images, environment and service against every rule, and shows all findings.
    Verify(Verify),
    /// Sets up a private Docker engine where no engine answers; `--remove` removes it.
    Setup(Setup),
    /// Shows every prerequisite with its version and the fix.
    Doctor(Doctor),
    /// Controls the local AWS emulator that the environment `local` deploys to: real containers, no AWS account.
    Local(Local),
    /// Prints the completion script of a shell.
    Completions(Completions),
    /// Prints the manual page, or writes one page for each verb into a directory.
    Man(Man),
    /// The verbs of this repository itself.
    #[cfg(feature = "dev")]
    #[command(flatten)]
    Dev(crate::dev::Verb),
}

impl Command {
    /// Returns the output format; verbs without the flag print text for people.
    pub fn output(&self) -> Output {
        match self {
            Command::Build(flags) => flags.shared.output,
            Command::Push(flags) => flags.shared.output,
            Command::Deploy(Deploy { shared, .. })
            | Command::Rollback(Rollback { shared, .. })
            | Command::Status(Status { shared, .. })
            | Command::History(History { shared, .. })
            | Command::Logs(Logs { shared, .. })
            | Command::Run(Run { shared, .. })
            | Command::Exec(Exec { shared, .. })
            | Command::Scale(Scale { shared, .. }) => shared.output,
            Command::Verify(flags) => flags.shared.output,
            Command::Setup(flags) => flags.shared.output,
            Command::Doctor(flags) => flags.shared.output,
            Command::Local(flags) => flags.verb.shared().output,
            Command::Completions(_) | Command::Man(_) => Output::Human,
            #[cfg(feature = "dev")]
            Command::Dev(_) => Output::Human,
        }
    }
}

/// Flags that every verb has.
#[derive(Debug, Args)]
pub struct Shared {
    /// Environment: the file `infra/environments/<ENV>.toml`.
    #[arg(long, value_name = "ENV", default_value = "local")]
    env: EnvironmentName,
    /// Template that the environment is made from, where it has no file of its own: `--env pr-123 --from preview`.
    #[arg(long, value_name = "TEMPLATE")]
    from: Option<EnvironmentName>,
    /// Text for people, or one JSON object per line on standard output.
    #[arg(long, value_enum, default_value_t = Output::Human)]
    pub output: Output,
}

impl Shared {
    /// The selected environment.
    pub fn environment(&self) -> EnvironmentName {
        self.env.with_template(self.from)
    }
}

/// `cargo xtask build`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  cargo xtask build\n  cargo xtask build --image app --explain\n  \
                        cargo xtask build --dry-run --output json")]
pub struct Build {
    /// Flags that every verb has.
    #[command(flatten)]
    pub shared: Shared,
    /// Only this image; may be repeated. Without it, every image of the project.
    #[arg(long = "image", value_name = "NAME")]
    pub images: Vec<ImageName>,
    /// Builds also images whose inputs did not change, without the builder's cache.
    #[arg(long)]
    pub no_cache: bool,
    /// Another Dockerfile for this run, from the repository root; goes with exactly one `--image`.
    #[arg(long, short = 'f', value_name = "DOCKERFILE")]
    pub file: Option<Utf8PathBuf>,
    /// A further tag that `push` adds to the images; may be repeated.
    #[arg(long = "tag", short = 't', value_name = "TAG")]
    pub tags: Vec<String>,
    /// Shows for each image which input changed its fingerprint.
    #[arg(long)]
    pub explain: bool,
    /// Prints the plan, the exact bake document and the command, and stops.
    #[arg(long)]
    pub dry_run: bool,
}

/// `cargo xtask push`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  cargo xtask push\n  cargo xtask push --env staging --dry-run\n  \
                        cargo xtask push --image app --output json")]
pub struct Push {
    /// Flags that every verb has.
    #[command(flatten)]
    pub shared: Shared,
    /// Only this image; may be repeated. Without it, every image of the project.
    #[arg(long = "image", value_name = "NAME")]
    pub images: Vec<ImageName>,
    /// Pushes the last build although its inputs have changed since.
    #[arg(long)]
    pub as_built: bool,
    /// Prints the plan and stops.
    #[arg(long)]
    pub dry_run: bool,
}

impl Build {
    /// Returns the request of the verb.
    pub fn request(self) -> build::Request {
        let Build { shared, images, no_cache, file, tags, explain, dry_run } = self;
        build::Request { environment: shared.environment(), images, no_cache, file, tags, explain, dry_run }
    }
}

impl Push {
    /// Returns the request of the verb.
    pub fn request(self) -> push::Request {
        let Push { shared, images, as_built, dry_run } = self;
        push::Request { environment: shared.environment(), images, as_built, aws: None, dry_run }
    }
}

/// `cargo xtask setup`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  cargo xtask setup\n  cargo xtask setup --remove")]
pub struct Setup {
    /// Flags that every verb has.
    #[command(flatten)]
    pub shared: Shared,
    /// Removes the private engine and all of its files, processes, mounts and network devices.
    #[arg(long)]
    pub remove: bool,
}

/// `cargo xtask doctor`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  cargo xtask doctor --output json")]
pub struct Doctor {
    /// Flags that every verb has.
    #[command(flatten)]
    pub shared: Shared,
}

/// `cargo xtask local`.
#[derive(Debug, Args)]
#[command(
    arg_required_else_help = true,
    after_help = "Examples:\n  cargo xtask local start\n  \
                        cargo xtask local status --output json\n  cargo xtask local logs --service --follow\n  \
                        cargo xtask local reset --yes"
)]
pub struct Local {
    /// The verb of `local`.
    #[command(subcommand)]
    pub verb: LocalVerb,
}

/// The verbs of `local`.
#[derive(Debug, Subcommand)]
pub enum LocalVerb {
    /// Starts the emulator. Sets an engine up and compiles the emulator where they are missing.
    Start(LocalShared),
    /// Stops its tasks and the emulator. Its state stays for the next start.
    Stop(LocalShared),
    /// Shows whether the emulator runs, its addresses and its services.
    Status(LocalShared),
    /// Shows the logs of the emulator, or of its containers.
    Logs(LocalLogs),
    /// Removes the emulator's process, containers, networks, volumes, images and files.
    Reset(LocalReset),
}

/// Flags of the verbs of `local` that have no others.
#[derive(Debug, Args)]
pub struct LocalShared {
    /// Flags that every verb has.
    #[command(flatten)]
    pub shared: Shared,
}

/// `cargo xtask local logs`.
#[derive(Debug, Args)]
pub struct LocalLogs {
    /// Flags that every verb has.
    #[command(flatten)]
    pub shared: Shared,
    /// Follows the logs until interrupted.
    #[arg(long, short = 'f')]
    pub follow: bool,
    /// Shows the logs of all containers instead of the emulator's.
    #[arg(long)]
    pub service: bool,
    /// Shows the logs of the containers of this name.
    #[arg(long, value_name = "NAME")]
    pub container: Option<String>,
    /// Shows the logs of this task; the first characters of its id are enough.
    #[arg(long, value_name = "ID")]
    pub task: Option<String>,
}

/// `cargo xtask local reset`.
#[derive(Debug, Args)]
pub struct LocalReset {
    /// Flags that every verb has.
    #[command(flatten)]
    pub shared: Shared,
    /// Does not ask for confirmation.
    #[arg(long)]
    pub yes: bool,
}

impl LocalVerb {
    fn shared(&self) -> &Shared {
        match self {
            LocalVerb::Start(flags) | LocalVerb::Stop(flags) | LocalVerb::Status(flags) => &flags.shared,
            LocalVerb::Logs(flags) => &flags.shared,
            LocalVerb::Reset(flags) => &flags.shared,
        }
    }

    /// Returns the environment and the request.
    pub fn request(self) -> (EnvironmentName, local::Request) {
        let environment = self.shared().environment();
        let request = match self {
            LocalVerb::Start(_) => local::Request::Start,
            LocalVerb::Stop(_) => local::Request::Stop,
            LocalVerb::Status(_) => local::Request::Status,
            LocalVerb::Logs(LocalLogs { follow, service, container, task, .. }) => {
                local::Request::Logs(local::Logs { follow, service, container, task })
            }
            LocalVerb::Reset(flags) => local::Request::Reset { yes: flags.yes },
        };
        (environment, request)
    }
}

/// `cargo xtask completions`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  cargo xtask completions bash > ~/.cargo-xtask.bash\n  \
                        cargo xtask completions zsh > ~/.zfunc/_cargo-xtask\n  \
                        cargo xtask completions fish > ~/.config/fish/conf.d/cargo-xtask.fish")]
pub struct Completions {
    /// The shell.
    #[arg(value_enum, value_name = "SHELL")]
    pub shell: clap_complete::Shell,
}

/// `cargo xtask man`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  cargo xtask man | man -l -\n  cargo xtask man target/man")]
pub struct Man {
    /// The directory for one page for each verb. Without it, the page of the program is printed.
    #[arg(value_name = "DIR")]
    pub directory: Option<Utf8PathBuf>,
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::{Command, Flags};

    #[test]
    fn the_command_line_is_consistent_and_every_verb_shows_an_example() {
        let command = Flags::command();
        command.clone().debug_assert();
        for verb in command.get_subcommands() {
            let help = verb.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(
                help.contains(&format!("cargo xtask {}", verb.get_name())),
                "`{}` shows no example",
                verb.get_name()
            );
            assert!(verb.get_about().is_some(), "`{}` has no description", verb.get_name());
        }
    }

    #[test]
    fn build_takes_what_the_design_promises() {
        let line = "cargo-xtask build --env staging --image app --no-cache -f x/Dockerfile -t v1 -t v2 --explain --dry-run --output json";
        let Command::Build(build) = Flags::try_parse_from(line.split(' ')).unwrap().command else { panic!() };
        assert_eq!(build.shared.environment().as_str(), "staging");
        assert_eq!(build.images[0].as_str(), "app");
        assert_eq!(build.tags, ["v1", "v2"]);
        assert!(build.no_cache && build.explain && build.dry_run);
        for bad in [
            "build --env ../staging",
            "build --env Staging",
            "build --env a.b",
            "build --image ../x",
            "bild",
            "build --output yaml",
        ] {
            assert!(Flags::try_parse_from(["x"].into_iter().chain(bad.split(' '))).is_err(), "{bad}");
        }
    }
}
