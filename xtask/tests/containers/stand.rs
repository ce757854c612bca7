//! The local AWS emulator of the shared clone, on free ports: started by `cargo xtask local`, called as any client calls it.

use std::net::{SocketAddr, TcpListener};
use std::process::Command;
use std::sync::{LazyLock, MutexGuard};
use std::time::{Duration, Instant};

use camino::Utf8PathBuf;
use serde_json::{Value, json};
use xtask::effects::local_daemon::{self, Place, program};
use xtask::effects::loopback;
use xtask::report::{Output, Report};

use crate::shared::shared;
use crate::task::{Answer, get, load};
use crate::world::{Clone, Run, docker, docker_ok, repository};

/// The daemon of this source, compiled once.
pub(crate) static DAEMON: LazyLock<Utf8PathBuf> =
    LazyLock::new(|| program::compiled(&repository(), &Report::plain(Output::Human)).unwrap());

pub(crate) const CLUSTER: &str = "linkbio-local";

/// The emulator of the clone, removed when dropped.
pub(crate) struct Stand {
    pub(crate) clone: MutexGuard<'static, Clone>,
    pub(crate) endpoint: SocketAddr,
    pub(crate) balancer: SocketAddr,
    /// A copy of the daemon, so that a test can change its file.
    pub(crate) program: Utf8PathBuf,
}

impl Stand {
    /// The clone with free addresses in its settings. Nothing runs yet.
    pub(crate) fn new() -> Stand {
        let clone = shared();
        let free = || TcpListener::bind("127.0.0.1:0").unwrap();
        let (first, second) = (free(), free());
        let (endpoint, balancer) = (first.local_addr().unwrap(), second.local_addr().unwrap());
        let program = clone.root.join("target/local-aws");
        std::fs::copy(&*DAEMON, &program).unwrap();
        let stand = Stand { clone, endpoint, balancer, program };
        stand.configure();
        stand.reset();
        stand
    }

    /// Writes its addresses into the settings.
    pub(crate) fn configure(&self) {
        let Stand { endpoint, balancer, .. } = self;
        let file = "infra/environments/local.toml";
        let text = self.clone.read(file);
        assert!(!text.contains("\n[local]"), "the settings of this repository name addresses of their own");
        self.clone.write(file, &format!("{text}\n[local]\nendpoint = \"{endpoint}\"\nbalancer = \"{balancer}\"\n"));
    }

    /// A daemon that runs.
    pub(crate) fn started() -> Stand {
        let stand = Stand::new();
        let run = stand.local(&["start"]);
        assert_eq!((run.code, run.finished()["outcome"].as_str()), (0, Some("started")), "{}", run.stderr);
        stand
    }

    pub(crate) fn xtask(&self, arguments: &[&str]) -> Command {
        let mut command = self.clone.xtask(arguments);
        command.env(program::VARIABLE, &self.program);
        command
    }

    /// `cargo xtask … --output json`.
    pub(crate) fn json(&self, arguments: &[&str]) -> Run {
        // What stands behind `--` is another program's.
        let own = arguments.iter().position(|argument| *argument == "--").unwrap_or(arguments.len());
        let (own, rest) = arguments.split_at(own);
        Run::of(self.xtask(&[own, &["--output", "json"], rest].concat()))
    }

    /// `cargo xtask local … --output json`.
    pub(crate) fn local(&self, arguments: &[&str]) -> Run {
        self.json(&[&["local"], arguments].concat())
    }

    /// The same, which must succeed with this outcome.
    pub(crate) fn local_is(&self, arguments: &[&str], outcome: &str) -> Run {
        let run = self.local(arguments);
        assert_eq!((run.code, run.finished()["outcome"].as_str()), (0, Some(outcome)), "{arguments:?}: {}", run.stderr);
        run
    }

    pub(crate) fn place(&self) -> Place {
        Place::of_repository(&self.clone.root)
    }

    /// The daemon's process.
    pub(crate) fn process(&self) -> Option<u32> {
        local_daemon::running(&self.place()).map(|daemon| daemon.id)
    }

    fn reset(&self) {
        let run = self.local(&["reset", "--yes"]);
        assert_eq!(run.code, 0, "{}", run.stderr);
    }

    /// A call that must succeed.
    pub(crate) fn ecs(&self, action: &str, input: &Value) -> Value {
        self.aws("ecs", &format!("AmazonEC2ContainerServiceV20141113.{action}"), input)
    }

    /// The target group that the seed has made.
    pub(crate) fn target_group(&self) -> String {
        let form = "Action=DescribeTargetGroups&Version=2015-12-01";
        let headers = [
            ("Content-Type", "application/x-www-form-urlencoded"),
            ("X-Amz-Date", "20260101T000000Z"),
            (
                "Authorization",
                "AWS4-HMAC-SHA256 Credential=local/20260101/eu-central-1/elasticloadbalancing/aws4_request, \
                 SignedHeaders=host;x-amz-date, Signature=0000000000000000000000000000000000000000000000000000000000000000",
            ),
        ];
        let request = loopback::Request { method: "POST", path: "/", headers: &headers, body: form };
        let answer = loopback::send(self.endpoint, &request, Duration::from_secs(60)).unwrap();
        let after = answer.body.split("<TargetGroupArn>").nth(1).unwrap_or_else(|| panic!("{}", answer.body));
        after.split('<').next().unwrap().to_owned()
    }

    /// Pushes an image of the clone with the docker client; its reference by digest.
    pub(crate) fn push(&self, image: &str) -> String {
        let local = load(&self.clone, image);
        let name = format!("{}/linkbio/{image}", self.endpoint);
        let tagged = format!("{name}:test");
        docker_ok(&["tag", &local, &tagged]);
        // The token as docker keeps it, in a configuration that goes with the clone: the user's own is left alone.
        let ecr = "AmazonEC2ContainerRegistry_V20150921";
        let token = self.aws("ecr", &format!("{ecr}.GetAuthorizationToken"), &json!({}));
        let token = &token["authorizationData"][0]["authorizationToken"];
        let auths = json!({ "auths": { self.endpoint.to_string(): { "auth": token } } });
        self.clone.write("target/client/config.json", &auths.to_string());
        let mut push = docker(&["push", "--quiet", &tagged]);
        let pushed = push.env("DOCKER_CONFIG", self.clone.root.join("target/client")).output().unwrap();
        assert!(pushed.status.success(), "{}", String::from_utf8_lossy(&pushed.stderr));
        // Tasks pull for themselves: nothing of the test's is left in the engine to help them.
        docker_ok(&["image", "rm", "--force", &tagged, &local]);
        let wanted = json!({ "repositoryName": format!("linkbio/{image}"), "imageIds": [{ "imageTag": "test" }] });
        let images = self.aws("ecr", &format!("{ecr}.DescribeImages"), &wanted);
        format!("{name}@{}", images["imageDetails"][0]["imageDigest"].as_str().unwrap())
    }

    fn aws(&self, service: &str, target: &str, input: &Value) -> Value {
        let limit = Duration::from_secs(60);
        let answer = loopback::call(self.endpoint, service, target, &input.to_string(), limit).unwrap();
        assert_eq!(answer.status, 200, "{target} {input}: {}", answer.body);
        serde_json::from_str(&answer.body).unwrap()
    }

    pub(crate) fn get(&self, path: &str) -> std::io::Result<Answer> {
        get(&self.balancer.to_string(), path, &self.balancer.to_string(), "")
    }

    /// The service as ECS describes it.
    pub(crate) fn service(&self) -> Value {
        let described = self.ecs("DescribeServices", &json!({ "cluster": CLUSTER, "services": ["linkbio"] }));
        described["services"][0].clone()
    }

    /// Looks until the service is as wanted; the last look is shown where it never is.
    pub(crate) fn wait(&self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let begun = Instant::now();
        loop {
            let service = self.service();
            if wanted(&service) {
                return service;
            }
            let log = || std::fs::read_to_string(self.place().log()).unwrap_or_default();
            assert!(begun.elapsed() < Duration::from_secs(240), "{what} never came: {service:#}\n{}", log());
            std::thread::sleep(Duration::from_millis(300));
        }
    }

    /// Everything of this emulator in the engine: one line each.
    pub(crate) fn in_engine(&self) -> String {
        let filter =
            format!("label={}={}", local_daemon::leftovers::LABEL, local_daemon::leftovers::instance(&self.place()));
        let list = |what: &[&str]| docker_ok(&[what, &["--quiet", "--filter", &filter]].concat());
        [list(&["ps", "--all", "--no-trunc"]), list(&["network", "ls", "--no-trunc"]), list(&["volume", "ls"])]
            .join("\n")
            .trim()
            .to_owned()
    }
}

impl Drop for Stand {
    fn drop(&mut self) {
        let _ = self.xtask(&["local", "reset", "--yes"]).output();
    }
}
