//! The Docker engine: an engine that is already running, else the private engine under `target/engine/`.
//! Builds are in `effects/docker`, base images in `effects/bases`.

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

/// Variables of the user that would direct the client to an engine other than the private one.
const MISLEADING: [&str; 5] =
    ["DOCKER_CONTEXT", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH", "BUILDX_BUILDER", "BUILDX_CONFIG"];

/// Time limit of the client for its configured address. It only reads a file.
const ADDRESS_LIMIT: Duration = Duration::from_secs(10);

/// Owner of the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The user's existing engine; it is used and never changed.
    Found,
    /// The private engine under `target/engine/`.
    Private,
}

/// Export method for built images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Export {
    /// The engine supports `--output type=oci`.
    OciLayout,
    /// Classic image store: the image is loaded and then exported with `docker save`.
    Save,
}

/// Image store of a private engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Store {
    /// The containerd image store, which exports OCI layouts.
    Containerd,
    /// Docker's classic image store; for tests of that path.
    Classic,
}

/// Versions as printed by the programs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Versions {
    /// Version of the docker client.
    pub client: String,
    /// Version of the docker engine.
    pub server: String,
    /// Version of the buildx plugin.
    pub buildx: String,
}

/// A reachable engine.
#[derive(Clone, Debug)]
pub struct Engine {
    kind: Kind,
    export: Export,
    step_network: StepNetwork,
    versions: Versions,
    client: Client,
}

/// A docker client and the engine that it is directed to.
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
    /// Returns a command of the docker client, directed to this engine.
    pub fn docker(&self) -> Command {
        self.client.command()
    }

    /// Returns the address as a `DOCKER_HOST` value; `None` for the user's engine, which the client's context selects.
    pub fn host(&self) -> Option<&str> {
        self.client.variables.iter().find(|(name, _)| name == "DOCKER_HOST").map(|(_, value)| value.as_str())
    }

    /// Returns the address of any engine: `DOCKER_HOST`, else the client's context.
    ///
    /// # Errors
    /// The client reports no address.
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

    /// Returns whether the engine still answers.
    pub fn answers(&self) -> bool {
        probe::probe(|| self.docker()).server.is_some()
    }

    /// Returns the export method for built images.
    pub fn export(&self) -> Export {
        self.export
    }

    /// Returns the network of build steps.
    pub fn step_network(&self) -> StepNetwork {
        self.step_network
    }

    /// Returns the owner of the engine.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Returns the versions of client, engine and buildx.
    pub fn versions(&self) -> &Versions {
        &self.versions
    }

    /// Returns a description for people, in one line.
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

/// Probes the user's own docker client, whether or not it is usable.
pub fn probe_user() -> Probe {
    probe::probe(|| Client::of_user().command())
}

/// Returns the running engine: the user's, else the private one. Sets up and starts nothing.
pub fn find(root: &Utf8Path) -> anyhow::Result<Option<Engine>> {
    if let Some(engine) = Engine::from_probe(Kind::Found, Client::of_user(), probe_user()) {
        return Ok(Some(engine));
    }
    let place = Place::of_repository(root);
    Ok(if daemon::answers(&place) { running(&place) } else { None })
}

/// Returns the running engine, else the private one, which is set up and started as needed.
/// Fails on an unsupported machine, with the packages to install.
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

/// Sets up and starts the private engine in a folder, as needed. Several processes may call it at once.
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

/// Returns the running engine, else the private one if it is set up, and starts it.
pub fn find_or_wake(root: &Utf8Path, report: &Report) -> anyhow::Result<Option<Engine>> {
    let place = Place::of_repository(root);
    match find(root)? {
        None if place.root().exists() => start_private(&place, Store::Containerd, report).map(Some),
        found => Ok(found),
    }
}

/// Stops the private engine of a repository and its containers. Its images and cache are kept.
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
/// Returns `false` where no private engine exists.
pub fn remove(root: &Utf8Path, report: &Report) -> anyhow::Result<bool> {
    remove_private(&Place::of_repository(root), report)
}

/// Removes the private engine in any folder; see `remove`.
pub fn remove_private(place: &Place, report: &Report) -> anyhow::Result<bool> {
    // `cargo clean` deletes the files of a running engine: such an engine must still be removed.
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
    // The lock is inside the folder. It is renamed first, so that no other process uses a partially deleted folder.
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
