//! The Docker engine: the one that answers, else the private one under `target/engine/`.
//! Not here: what is built with it (`effects/docker`), and base images (`effects/bases`).

mod daemon;
mod network;
pub mod packages;
pub mod place;
pub mod probe;
pub mod subnet;
mod sweep;

use std::fmt;
use std::fs;
use std::process::Command;
use std::time::Duration;

use anyhow::Context;
use camino::{Utf8Path, Utf8PathBuf};

use crate::effects::lock::Lock;
use crate::effects::{host, interrupt, process};
use crate::plan::bake::network::StepNetwork;
use crate::report::Report;
use place::Place;
use probe::Probe;

/// Variables of the user's that would lead our client to another engine than the private one.
const MISLEADING: [&str; 5] =
    ["DOCKER_CONTEXT", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH", "BUILDX_BUILDER", "BUILDX_CONFIG"];

/// The client reads a file of its own to answer.
const ADDRESS_LIMIT: Duration = Duration::from_secs(10);

/// Whose engine it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The user's: it answered, we only use it.
    Found,
    /// Ours, under `target/engine/`.
    Private,
}

/// How the engine hands over what it built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Export {
    /// `--output type=oci` works.
    OciLayout,
    /// Classic image store: the image is loaded and then saved (`docker save`).
    Save,
}

/// The image store of a private engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Store {
    /// containerd's, which exports OCI layouts.
    Containerd,
    /// Docker's older one; for tests of that path.
    Classic,
}

/// Versions, as the programs print them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Versions {
    /// docker client.
    pub client: String,
    /// docker engine.
    pub server: String,
    /// buildx plugin.
    pub buildx: String,
}

/// An engine that answered.
#[derive(Clone, Debug)]
pub struct Engine {
    kind: Kind,
    export: Export,
    step_network: StepNetwork,
    versions: Versions,
    client: Client,
}

/// A docker client and where it is led.
#[derive(Clone, Debug)]
struct Client {
    program: Utf8PathBuf,
    variables: Vec<(String, String)>,
}

impl Client {
    fn of_user() -> Client {
        Client { program: Utf8PathBuf::from("docker"), variables: Vec::new() }
    }

    fn of_place(place: &Place) -> Option<Client> {
        let variables = [
            ("DOCKER_HOST", place.host()),
            ("DOCKER_CONFIG", place.client_configuration().into_string()),
            ("PATH", daemon::search_path(place)),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value)).to_vec();
        Some(Client { program: place.program("docker")?, variables })
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        if !self.variables.is_empty() {
            for name in MISLEADING {
                command.env_remove(name);
            }
            command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        }
        command
    }
}

impl Engine {
    /// A command of the docker client, led to this engine.
    pub fn docker(&self) -> Command {
        self.client.command()
    }

    /// Where the engine listens, as a value of `DOCKER_HOST`; `None` for the user's own, which the client's context names.
    pub fn host(&self) -> Option<&str> {
        self.client.variables.iter().find(|(name, _)| name == "DOCKER_HOST").map(|(_, value)| value.as_str())
    }

    /// Where the engine listens, private or not: `DOCKER_HOST`, else the client's context.
    ///
    /// # Errors
    /// The client does not say.
    pub fn address(&self) -> anyhow::Result<String> {
        if let Some(host) = self.host() {
            return Ok(host.to_owned());
        }
        if let Some(host) = std::env::var("DOCKER_HOST").ok().filter(|host| !host.is_empty()) {
            return Ok(host);
        }
        let mut docker = self.docker();
        docker.args(["context", "inspect", "--format", "{{.Endpoints.docker.Host}}"]);
        Ok(process::run(&mut docker, ADDRESS_LIMIT)?.trim().to_owned())
    }

    /// Whether it still does.
    pub fn answers(&self) -> bool {
        probe::probe(|| self.docker()).server.is_some()
    }

    /// How it hands over what it built.
    pub fn export(&self) -> Export {
        self.export
    }

    /// The network that the steps of its builds get.
    pub fn step_network(&self) -> StepNetwork {
        self.step_network
    }

    /// Whose it is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Versions of client, engine and buildx.
    pub fn versions(&self) -> &Versions {
        &self.versions
    }

    /// One line for people.
    pub fn describe(&self) -> String {
        let Versions { server, buildx, .. } = &self.versions;
        let whose = match self.kind {
            Kind::Found => "your own engine",
            Kind::Private => "private engine under target/engine",
        };
        let store = match self.export {
            Export::OciLayout => "exports OCI layouts",
            Export::Save => "classic image store, exported with docker save",
        };
        format!("Docker {server}, buildx {buildx} ({whose}, {store})")
    }

    fn from_probe(kind: Kind, client: Client, probe: Probe) -> Option<Engine> {
        if probe.obstacle().is_some() {
            return None;
        }
        let export = probe::export(&probe, || client.command());
        let step_network = probe.step_network();
        let versions = Versions { client: probe.client?, server: probe.server?, buildx: probe.buildx? };
        Some(Engine { kind, export, step_network, versions, client })
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.describe())
    }
}

/// What the user's own docker client says, whether or not it can be used.
pub fn probe_user() -> Probe {
    probe::probe(|| Client::of_user().command())
}

/// The engine that answers: the user's, else a private one that runs. Sets up and starts nothing.
pub fn find(root: &Utf8Path) -> anyhow::Result<Option<Engine>> {
    if let Some(engine) = Engine::from_probe(Kind::Found, Client::of_user(), probe_user()) {
        return Ok(Some(engine));
    }
    let place = Place::of_repository(root);
    Ok(if daemon::answers(&place) { running(&place) } else { None })
}

/// The engine that answers; where none does, the private one, set up and started as far as needed.
/// On a machine that cannot have one: a failure that names what to install.
pub fn ensure(root: &Utf8Path, report: &Report) -> anyhow::Result<Engine> {
    let probe = probe_user();
    interrupt::check()?;
    let obstacle = probe.obstacle();
    if let Some(engine) = Engine::from_probe(Kind::Found, Client::of_user(), probe.clone()) {
        return Ok(engine);
    }
    if let (Some(obstacle), Some(server)) = (&obstacle, &probe.server) {
        if let Some(reason) = packages::unsupported(host::distribution().as_ref(), host::is_root()) {
            return Err(packages::no_engine(&format!("{reason} (Docker {server} answers, but {obstacle})")).into());
        }
        report.warn(format!("Docker {server} answers, but {obstacle}: using a private engine instead"));
    }
    start_private(&Place::of_repository(root), Store::Containerd, report)
}

/// The private engine in a folder, set up and started as far as needed. Safe to call from several processes at once.
pub fn start_private(place: &Place, store: Store, report: &Report) -> anyhow::Result<Engine> {
    if !place.root().exists()
        && let Some(reason) = packages::unsupported(host::distribution().as_ref(), host::is_root())
    {
        return Err(packages::no_engine(&reason).into());
    }
    let _lock = lock(place, report)?;
    packages::unpack(place, report)?;
    if !daemon::answers(place) {
        daemon::start(place, store, report)?;
    } else if !network::is_up(place) {
        network::up(place)?;
    }
    running(place).with_context(|| format!("failed to use the private engine, whose log is `{}`", place.log()))
}

/// The engine that answers, else the private one where it is set up and only does not run.
pub fn find_or_wake(root: &Utf8Path, report: &Report) -> anyhow::Result<Option<Engine>> {
    let place = Place::of_repository(root);
    match find(root)? {
        None if place.root().exists() => start_private(&place, Store::Containerd, report).map(Some),
        found => Ok(found),
    }
}

/// Stops the private engine of a repository and its containers. Its images and cache stay.
pub fn stop(root: &Utf8Path, report: &Report) -> anyhow::Result<()> {
    let place = Place::of_repository(root);
    if !place.folder().exists() {
        return Ok(());
    }
    let _lock = lock(&place, report)?;
    daemon::stop(&place);
    sweep::runtime(&place)
}

/// Removes the private engine of a repository: processes, mounts, network, rules, control groups and files.
/// `false` where there was none.
pub fn remove(root: &Utf8Path, report: &Report) -> anyhow::Result<bool> {
    remove_private(&Place::of_repository(root), report)
}

/// Removes a private engine wherever it lies; see `remove`.
pub fn remove_private(place: &Place, report: &Report) -> anyhow::Result<bool> {
    // `cargo clean` takes the files from under a running engine: that is still an engine to remove.
    if !place.folder().exists() && !network::is_up(place) && daemon::ids(place).is_empty() {
        return Ok(false);
    }
    let _lock = lock(place, report)?;
    report.step(format!("removing the private engine under `{}`", place.folder()));
    daemon::stop(place);
    sweep::runtime(place)?;
    if place.root().exists() || network::is_up(place) {
        network::down(place)?;
    }
    network::restore_forwarding(place);
    sweep::control_groups_and_shared_folders(place)?;
    sweep::unmount_below(place.folder())?;
    packages::remove_folder(&place.runtime())?;
    // The lock lies inside: after moving the folder away in one step, no other process uses it while half of it is deleted.
    let doomed = place.folder().with_file_name(format!("engine.removed-{}", std::process::id()));
    fs::rename(place.folder(), &doomed).with_context(|| format!("failed to move `{}`", place.folder()))?;
    packages::remove_folder(&doomed)?;
    Ok(true)
}

fn running(place: &Place) -> Option<Engine> {
    let client = Client::of_place(place)?;
    let probe = probe::probe(|| client.command());
    Engine::from_probe(Kind::Private, client, probe)
}

fn lock(place: &Place, report: &Report) -> anyhow::Result<Lock> {
    Lock::acquire(&place.lock(), || report.detail("waiting for another set-up of the same engine"))
}
