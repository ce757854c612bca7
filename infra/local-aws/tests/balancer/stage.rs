//! A balancer with one load balancer over a store in a temporary folder.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use camino::Utf8PathBuf;
use local_aws::emulator::Emulator;
use local_aws::error::AwsError;
use local_aws::faults::Faults;
use local_aws::log_store::LogStore;
use local_aws::seed::SeedLoadBalancer;
use local_aws::settings::Settings;
use local_aws::store::Store;
use local_aws::store::elb::{Target, TargetGroup, TargetState};
use local_aws::time::Timestamp;
use local_aws::{balancer, services};
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::backend::Backend;

/// Longer than anything here takes on a machine under load.
pub(crate) const RETRY_LIMIT: Duration = Duration::from_secs(40);

pub(crate) struct Stage {
    pub(crate) emulator: Emulator,
    pub(crate) address: SocketAddr,
    pub(crate) group: String,
    pub(crate) load_balancer: String,
    runtime: Option<Runtime>,
    folder: Utf8PathBuf,
}

/// A port of loopback that was free just now.
pub(crate) fn free_port() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

impl Stage {
    /// Serving, with these targets healthy.
    pub(crate) fn with(backends: &[&Backend]) -> Stage {
        let stage = Stage::at(free_port());
        stage.wait("a listener", || std::net::TcpStream::connect(stage.address).is_ok());
        for backend in backends {
            stage.register(backend.address);
        }
        for backend in backends {
            stage.wait_for(backend.address, TargetState::Healthy);
        }
        stage
    }

    /// Told to listen there.
    pub(crate) fn at(address: SocketAddr) -> Stage {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("local-aws-balancer-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let folder = Utf8PathBuf::from_path_buf(std::env::temp_dir()).unwrap().join(name);
        let settings = Settings {
            endpoint: free_port(),
            region: "eu-central-1".into(),
            instance: Settings::instance_of(&folder),
            state: folder.clone(),
            engine: String::new(),
        };
        let emulator = Emulator {
            store: Store::open(&folder).unwrap(),
            logs: LogStore::new(&folder),
            faults: Faults::default(),
            settings: Arc::new(settings),
        };
        let wanted = SeedLoadBalancer {
            name: "web".into(),
            listen: address,
            target_port: 80,
            health_check_path: "/health".into(),
            health_check_interval_seconds: 1,
            healthy_threshold: 2,
            unhealthy_threshold: 2,
            deregistration_delay_seconds: 300,
        };
        let (load_balancer, group) = emulator.store.write(|state| {
            wanted.create(&mut state.elb, &emulator.settings, Timestamp::now());
            let key = state.elb.load_balancers.keys().next().unwrap().clone();
            (key, state.elb.target_groups.keys().next().unwrap().clone())
        });
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        runtime.spawn(balancer::run(emulator.clone()));
        Stage { emulator, address, group, load_balancer, runtime: Some(runtime), folder }
    }

    /// Looks until something is so, for as long as a machine under load may need.
    pub(crate) fn wait(&self, what: &str, so: impl Fn() -> bool) {
        let begun = Instant::now();
        while !so() {
            assert!(begun.elapsed() < RETRY_LIMIT, "waited in vain for {what}: {:?}", self.targets());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    pub(crate) fn wait_for(&self, address: SocketAddr, state: TargetState) {
        self.wait(&format!("{address} to be {state:?}"), || self.target(address).is_some_and(|one| one.state == state));
    }

    pub(crate) fn wait_until_gone(&self, address: SocketAddr) {
        self.wait(&format!("{address} to be gone"), || self.target(address).is_none());
    }

    pub(crate) fn group<T>(&self, change: impl FnOnce(&mut TargetGroup) -> T) -> T {
        self.emulator.store.write(|state| change(state.elb.target_groups.get_mut(&self.group).unwrap()))
    }

    pub(crate) fn register(&self, address: SocketAddr) {
        self.group(|group| group.register(address.ip(), address.port(), address, Timestamp::now()));
    }

    pub(crate) fn deregister(&self, address: SocketAddr) {
        self.group(|group| group.deregister(address.ip(), address.port(), Timestamp::now()));
    }

    pub(crate) fn targets(&self) -> Vec<Target> {
        self.emulator.store.read(|state| state.elb.target_groups[&self.group].targets.clone())
    }

    pub(crate) fn target(&self, address: SocketAddr) -> Option<Target> {
        self.targets().into_iter().find(|one| one.reached_at == address)
    }

    /// Shortens the idle timeout. Connections from before keep theirs.
    pub(crate) fn idle_after_a_second(&self) {
        self.emulator.store.write(|state| {
            let found = state.elb.load_balancers.get_mut(&self.load_balancer).unwrap();
            found.attributes.insert("idle_timeout.timeout_seconds".into(), "1".into());
        });
        self.wait("the new timeout", || {
            let Ok(mut stream) = std::net::TcpStream::connect(self.address) else { return false };
            stream.set_read_timeout(Some(Duration::from_secs(3))).unwrap();
            matches!(std::io::Read::read(&mut stream, &mut [0]), Ok(0))
        });
    }

    /// A call of the ELBv2 API.
    pub(crate) fn call(&self, action: &str, input: Value) -> Result<Value, AwsError> {
        self.runtime.as_ref().unwrap().block_on(services::elb::call(&self.emulator, action, input))
    }

    pub(crate) fn problem(&self) -> Option<String> {
        self.emulator.store.read(|state| {
            state.elb.load_balancers[&self.load_balancer].listener.as_ref().and_then(|one| one.problem.clone())
        })
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
