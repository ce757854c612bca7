//! The emulator as a process: installed from its lock file, started on a free port, prepared as an account is, ended by its id.
//! Not here: what is deployed to it.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use camino::Utf8Path;
use serde_json::{Value, json};
use xtask::dev::python;
use xtask::effects::loopback::{self, Request};
use xtask::effects::process;
use xtask::report::{Output, Report};

use crate::world::{ENGINE, docker, docker_ok, repository};

pub(super) const ACCOUNT: &str = "123456789012";
pub(super) const REGION: &str = "eu-central-1";

/// It imports some 90 services at its start, which took 1 s on 2 idle cores; the limit is for busy ones.
const START: Duration = Duration::from_secs(60);

/// It gives each container 2 s to end, and removes them several at a time.
const END: Duration = Duration::from_secs(60);

/// The emulator, ended when dropped, with the containers that it has started.
pub(super) struct Ministack {
    pub(super) address: SocketAddr,
    process: Child,
    instance: String,
}

impl Ministack {
    /// Starts it; its files lie in `folder`.
    pub(super) fn start(folder: &Utf8Path) -> Ministack {
        let report = Report::plain(Output::Human);
        let requirements = Utf8Path::new("xtask/tests/containers/ministack/requirements.txt");
        let bin = python::venv(&repository(), "ministack", requirements, &report).unwrap();
        std::fs::create_dir_all(folder).unwrap();
        let log = File::create(folder.join("log")).unwrap();
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
        let host = format!("slipway-test-{}", std::process::id());
        let process = Command::new(bin.join("ministack"))
            .env("BIND_HOST", "127.0.0.1")
            .env("GATEWAY_PORT", address.port().to_string())
            .env("MINISTACK_HOSTNAME", &host)
            .env("MINISTACK_ACCOUNT_ID", ACCOUNT)
            .env("MINISTACK_REGION", REGION)
            .env("DOCKER_HOST", ENGINE.address().unwrap())
            .env("TMPDIR", folder)
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let instance = format!("{host}:{}", address.port());
        let ministack = Ministack { address, process, instance };
        let is_up = || {
            let answer = loopback::send(address, &Request::get("/_ministack/health"), Duration::from_secs(1));
            answer.is_ok_and(|answer| answer.status == 200)
        };
        let words = || std::fs::read_to_string(folder.join("log")).unwrap_or_default();
        assert!(process::wait_until(START, is_up), "the emulator does not answer: {}", words());
        ministack
    }

    /// What exists before the first deploy, under the names that follow from project and environment.
    pub(super) fn prepare(&self) {
        self.ecs("CreateCluster", &json!({ "clusterName": "hello-local" }));
        let ecr = "AmazonEC2ContainerRegistry_V20150921.CreateRepository";
        self.call("ecr", ecr, &json!({ "repositoryName": "hello/hello" }));
        self.call("logs", "Logs_20140328.CreateLogGroup", &json!({ "logGroupName": "/hello/local" }));
        // A `SecureString` reaches its containers as `ENCRYPTED:…`.
        let greeting = json!({ "Name": "/hello/local/GREETING", "Value": "moon", "Type": "String" });
        self.call("ssm", "AmazonSSM.PutParameter", &greeting);
    }

    pub(super) fn ecs(&self, action: &str, input: &Value) -> Value {
        self.call("ecs", &format!("AmazonEC2ContainerServiceV20141113.{action}"), input)
    }

    /// A call that must succeed. The emulator finds account and region in the form of the signature, which it does not check.
    fn call(&self, service: &str, target: &str, input: &Value) -> Value {
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential=local/20260101/{REGION}/{service}/aws4_request, SignedHeaders=host;x-amz-date, \
             Signature={}",
            "0".repeat(64)
        );
        let headers = [
            ("X-Amz-Target", target),
            ("X-Amz-Date", "20260101T000000Z"),
            ("Content-Type", "application/x-amz-json-1.1"),
            ("Authorization", &authorization),
        ];
        let request = Request { method: "POST", path: "/", headers: &headers, body: &input.to_string() };
        let answer = loopback::send(self.address, &request, Duration::from_secs(60)).unwrap();
        assert_eq!(answer.status, 200, "{target} {input}: {}", answer.body);
        serde_json::from_str(&answer.body).unwrap_or_default()
    }

    /// Its containers, as the engine has them: the reference that each was made from.
    pub(super) fn containers(&self, more: &[&str]) -> Vec<String> {
        let filter = format!("label=ministack.instance={}", self.instance);
        let listed = docker_ok(&[&["ps", "--quiet", "--no-trunc", "--filter", &filter], more].concat());
        // One that goes between the two commands is gone.
        let image = |id| docker(&["inspect", "--format", "{{.Config.Image}}", id]).output().unwrap();
        let found = listed.lines().map(image).filter(|output| output.status.success());
        found.map(|output| String::from_utf8(output.stdout).unwrap().trim().to_owned()).collect()
    }

    /// Ends it as its users do, and removes what it leaves; whether it went by itself.
    pub(super) fn end(&mut self) -> bool {
        process::terminate(self.process.id());
        let went = process::wait_until(END, || self.process.try_wait().is_ok_and(|status| status.is_some()));
        if !went {
            let _ = self.process.kill();
            let _ = self.process.wait();
        }
        // On a busy machine it leaves containers behind, now and then, or the engine is not done with them. What cannot be
        // removed yet is tried again.
        let instance = format!("label=ministack.instance={}", self.instance);
        let images = format!("reference={}/hello/hello", self.address);
        for (list, remove) in [
            (["ps", "--all", "--quiet", "--filter", &instance], &["rm", "--force", "--volumes"][..]),
            (["images", "--all", "--quiet", "--filter", &images], &["image", "rm", "--force"][..]),
        ] {
            process::wait_until(END, || {
                let left = docker_ok(&list);
                for id in left.lines() {
                    let _ = docker(&[remove, &[id]].concat()).output();
                }
                left.is_empty()
            });
        }
        went
    }
}

impl Drop for Ministack {
    fn drop(&mut self) {
        if self.process.try_wait().is_ok_and(|status| status.is_none()) {
            self.end();
        }
    }
}
