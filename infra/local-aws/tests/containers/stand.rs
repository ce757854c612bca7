//! What the tests stand on: an image of busybox, a store with a runner, tasks written straight into the state. A daemon
//! can be dropped as if it had been killed, and begun again on what it left.

use std::time::{Duration, Instant};

use bollard::models::ContainerInspectResponse;
use bollard::query_parameters::{
    CreateImageOptionsBuilder, ListContainersOptionsBuilder, ListVolumesOptionsBuilder, RemoveImageOptionsBuilder,
};
use bollard::{API_DEFAULT_VERSION, Docker};
use camino::Utf8PathBuf;
use futures_util::StreamExt;
use local_aws::emulator::Emulator;
use local_aws::faults::Faults;
use local_aws::log_store::LogStore;
use local_aws::runner;
use local_aws::settings::Settings;
use local_aws::store::ecs::{Family, Revision};
use local_aws::store::task::{self, StopCode, Task, TaskStatus};
use local_aws::store::task_definition::{ContainerDefinition, TaskDefinition};
use local_aws::store::{State, Store};
use local_aws::time::Timestamp;
use std::sync::Arc;
use tokio::runtime::Runtime;

/// Nothing here takes as long on a machine that works.
const RETRY_LIMIT: Duration = Duration::from_secs(60);

/// Programs of busybox that the tests call.
const APPLETS: [&str; 14] =
    ["sh", "sleep", "cat", "echo", "id", "wget", "httpd", "touch", "ls", "true", "dd", "mkdir", "seq", "stat"];

pub(crate) struct Stand {
    pub(crate) docker: Docker,
    pub(crate) settings: Settings,
    pub(crate) image: String,
    /// For calls of the tests themselves.
    own: Runtime,
    daemon: Option<(Runtime, Emulator)>,
}

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set"))
}

impl Stand {
    pub(crate) fn new() -> Stand {
        let own = Runtime::new().unwrap();
        let engine = variable("SLIPWAY_TEST_ENGINE");
        let docker = Docker::connect_with_unix(&engine, 120, API_DEFAULT_VERSION).unwrap();
        let docker = own.block_on(docker.negotiate_version()).unwrap();
        let state =
            Utf8PathBuf::from_path_buf(std::env::temp_dir()).unwrap().join(format!("slipway-{}", task::new_id()));
        let settings = Settings {
            endpoint: "127.0.0.1:1".parse().unwrap(),
            region: "eu-central-1".into(),
            instance: Settings::instance_of(&state),
            state,
            engine,
        };
        let image = own.block_on(import(&docker, &settings.instance));
        let mut stand = Stand { docker, settings, image, own, daemon: None };
        stand.begin();
        stand
    }

    /// Starts a daemon on whatever state is there.
    pub(crate) fn begin(&mut self) {
        let store = Store::open(&self.settings.state).unwrap();
        let emulator = Emulator {
            logs: LogStore::new(&self.settings.state),
            settings: Arc::new(self.settings.clone()),
            store: store.clone(),
            faults: Faults::default(),
        };
        let runtime = Runtime::new().unwrap();
        runtime.spawn(store.persist());
        runtime.spawn(runner::run(emulator.clone()));
        self.daemon = Some((runtime, emulator));
    }

    /// As `kill -9` does: nothing is finished, nothing is reported.
    pub(crate) fn kill_daemon(&mut self) {
        let (runtime, emulator) = self.daemon.take().unwrap();
        runtime.block_on(emulator.store.durable()).unwrap();
        runtime.shutdown_timeout(Duration::from_secs(5));
    }

    pub(crate) fn emulator(&self) -> &Emulator {
        &self.daemon.as_ref().unwrap().1
    }

    pub(crate) fn wait<T>(&self, future: impl Future<Output = T>) -> T {
        self.own.block_on(future)
    }

    pub(crate) fn write<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        self.emulator().store.write(change)
    }

    /// A container that runs a shell script.
    pub(crate) fn container(&self, name: &str, script: &str) -> ContainerDefinition {
        ContainerDefinition {
            name: name.into(),
            image: self.image.clone(),
            entry_point: vec!["sh".into(), "-c".into()],
            command: vec![script.into()],
            ..ContainerDefinition::default()
        }
    }

    /// Registers a definition of these containers and runs it once.
    pub(crate) fn run(&self, containers: Vec<ContainerDefinition>) -> String {
        self.run_with(containers, |_| {}, |_| {})
    }

    pub(crate) fn run_with(
        &self,
        containers: Vec<ContainerDefinition>,
        shape: impl FnOnce(&mut TaskDefinition),
        change: impl FnOnce(&mut Task),
    ) -> String {
        let family = format!("f{}", task::new_id());
        let mut definition: TaskDefinition = serde_json::from_value(serde_json::json!({
            "taskDefinitionArn": self.settings.arn("ecs", &format!("task-definition/{family}:1")),
            "containerDefinitions": [], "family": family, "networkMode": "awsvpc", "revision": 1, "volumes": [],
            "status": "ACTIVE", "cpu": "256", "memory": "512", "registeredAt": 0.0,
        }))
        .unwrap();
        definition.container_definitions = containers;
        shape(&mut definition);
        let id = task::new_id();
        let mut task = Task::new(id.clone(), "main", &definition, format!("family:{family}"), Timestamp::now());
        change(&mut task);
        self.write(|state| {
            let revision = Revision { definition, tags: Vec::new() };
            state.ecs.families.insert(family, Family { last_revision: 1, revisions: [(1, revision)].into() });
            state.ecs.tasks.insert(id.clone(), task);
        });
        id
    }

    pub(crate) fn task(&self, id: &str) -> Task {
        self.emulator().store.read(|state| state.ecs.tasks[id].clone())
    }

    /// Polls until the task is as wanted; the one place where these tests sleep.
    pub(crate) fn until(&self, id: &str, what: &str, wanted: impl Fn(&Task) -> bool) -> Task {
        let start = Instant::now();
        loop {
            let task = self.task(id);
            if wanted(&task) {
                return task;
            }
            assert!(start.elapsed() < RETRY_LIMIT, "not {what}: {task:#?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub(crate) fn until_running(&self, id: &str) -> Task {
        let task = self.until(id, "running", |task| task.last_status >= TaskStatus::Running);
        assert_eq!(task.last_status, TaskStatus::Running, "{task:#?}");
        task
    }

    pub(crate) fn until_stopped(&self, id: &str) -> Task {
        self.until(id, "stopped", |task| task.last_status == TaskStatus::Stopped)
    }

    pub(crate) fn stop(&self, id: &str) {
        let stop = |task: &mut Task| task.request_stop(StopCode::UserInitiated, "Task stopped by user");
        self.write(|state| stop(state.ecs.tasks.get_mut(id).unwrap()));
    }

    pub(crate) fn inspect(&self, task: &Task, container: &str) -> ContainerInspectResponse {
        let container = task.containers.iter().find(|one| one.name == container).unwrap();
        self.wait(self.docker.inspect_container(container.runtime_id.as_deref().unwrap(), None)).unwrap()
    }

    /// Containers and volumes of this instance, and its control groups.
    pub(crate) fn left(&self) -> usize {
        let label = format!("slipway.local.instance={}", self.settings.instance);
        let filters = [("label".to_owned(), vec![label])].into();
        let options = ListContainersOptionsBuilder::default().all(true).filters(&filters).build();
        let containers = self.wait(self.docker.list_containers(Some(options))).unwrap().len();
        let options = ListVolumesOptionsBuilder::default().filters(&filters).build();
        let volumes = self.wait(self.docker.list_volumes(Some(options))).unwrap().volumes.unwrap_or_default().len();
        let folder = format!("slipway-{}", self.settings.instance);
        let hierarchies = Utf8PathBuf::from("/sys/fs/cgroup").read_dir_utf8();
        let groups = hierarchies.into_iter().flatten().filter_map(Result::ok);
        let groups = groups.filter(|entry| entry.path().join(&folder).exists() || entry.file_name() == folder).count();
        containers + volumes + groups
    }
}

impl Drop for Stand {
    fn drop(&mut self) {
        if let Some((runtime, _)) = self.daemon.take() {
            runtime.shutdown_timeout(Duration::from_secs(5));
        }
        let swept = self.wait(runner::sweep(&self.settings.engine, &self.settings.instance));
        let options = RemoveImageOptionsBuilder::default().force(true).build();
        let tag = format!("slipway-test:{}", self.settings.instance);
        let _ = self.wait(self.docker.remove_image(&tag, Some(options), None));
        let _ = std::fs::remove_dir_all(&self.settings.state);
        if !std::thread::panicking() {
            swept.unwrap();
            assert_eq!(self.left(), 0, "the sweep leaves nothing");
        }
    }
}

/// Imports busybox as an image; its reference by digest, so that it is not pulled.
async fn import(docker: &Docker, instance: &str) -> String {
    let busybox = std::fs::read(variable("SLIPWAY_TEST_BUSYBOX")).unwrap();
    let mut archive = Vec::new();
    for folder in ["bin/", "etc/", "tmp/", "data/"] {
        entry(&mut archive, folder, b'5', "", &[]);
    }
    entry(&mut archive, "etc/passwd", b'0', "", b"root:x:0:0::/:/bin/sh\nweb:x:101:101::/:/bin/sh\n");
    entry(&mut archive, "data/from-image", b'0', "", b"hello\n");
    entry(&mut archive, "bin/busybox", b'0', "", &busybox);
    for applet in APPLETS {
        entry(&mut archive, &format!("bin/{applet}"), b'2', "busybox", &[]);
    }
    archive.resize(archive.len() + 1024, 0);
    let options = CreateImageOptionsBuilder::default().from_src("-").repo("slipway-test").tag(instance);
    let options = options.changes(vec!["ENV PATH=/bin".into(), "HEALTHCHECK CMD [\"false\"]".into()]).build();
    let mut steps = docker.create_image(Some(options), Some(bollard::body_full(archive.into())), None);
    while let Some(step) = steps.next().await {
        step.unwrap();
    }
    let found = docker.inspect_image(&format!("slipway-test:{instance}")).await.unwrap();
    found.repo_digests.and_then(|digests| digests.into_iter().next()).expect("a digest")
}

/// One entry of a tar archive: `0` is a file, `2` a link, `5` a folder.
fn entry(archive: &mut Vec<u8>, name: &str, kind: u8, target: &str, content: &[u8]) {
    let mut header = [0_u8; 512];
    let mut put = |at: usize, text: &[u8]| header[at..at + text.len()].copy_from_slice(text);
    put(0, name.as_bytes());
    put(100, b"0000755\0");
    put(108, b"0000000\0");
    put(116, b"0000000\0");
    put(124, format!("{:011o}\0", content.len()).as_bytes());
    put(136, b"00000000000\0");
    put(148, b"        ");
    put(156, &[kind]);
    put(157, target.as_bytes());
    put(257, b"ustar\x0000");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    archive.extend(header);
    archive.extend(content);
    archive.resize(archive.len().next_multiple_of(512), 0);
}

/// The script of a container that stops at once on SIGTERM.
pub(crate) const OBEDIENT: &str = "trap 'exit 0' TERM; while :; do sleep 1 & wait $!; done";

pub(crate) fn exit_of(task: &Task, container: &str) -> Option<i64> {
    task.containers.iter().find(|one| one.name == container).unwrap().exit_code
}

pub(crate) fn reason_of(task: &Task, container: &str) -> String {
    task.containers.iter().find(|one| one.name == container).unwrap().reason.clone().unwrap_or_default()
}
