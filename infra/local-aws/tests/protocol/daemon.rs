//! One daemon with a folder of its own, killed and removed when dropped; one request at a time, on a connection of its own.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use serde_json::{Value, json};

/// Longer than a loaded machine needs for anything here.
const RETRY_LIMIT: Duration = Duration::from_secs(60);

/// A folder that is removed when dropped.
pub(crate) struct Folder(pub(crate) Utf8PathBuf);

impl Folder {
    pub(crate) fn new() -> Folder {
        let folder = Utf8Path::new(env!("CARGO_TARGET_TMPDIR")).join(uuid::Uuid::new_v4().simple().to_string());
        fs::create_dir_all(&folder).unwrap();
        Folder(folder)
    }

    pub(crate) fn state(&self) -> Utf8PathBuf {
        self.0.join("state")
    }

    /// The command line of a daemon on this folder.
    pub(crate) fn command(&self, endpoint: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_local-aws"));
        command.args(["serve", "--endpoint", endpoint, "--region", "eu-central-1", "--state", self.state().as_str()]);
        command.args(["--engine", &format!("unix://{}/no-engine.sock", self.0)]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Looks until something holds.
pub(crate) fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < RETRY_LIMIT, "in vain: {what}");
        // The one place where these tests wait: nothing tells another process that a file is there.
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or(Value::Null)
    }

    /// Status and code of an error in JSON.
    pub(crate) fn error(&self) -> (u16, String) {
        (self.status, self.json()["__type"].as_str().unwrap_or_default().to_owned())
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head
            .lines()
            .filter_map(|line| line.split_once(": "))
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }
}

pub(crate) struct Daemon {
    pub(crate) child: Child,
    pub(crate) address: String,
}

impl Daemon {
    /// Starts one on a free port and waits until it has written where it listens.
    pub(crate) fn start(folder: &Folder) -> Daemon {
        Daemon::with(folder.command("127.0.0.1:0"), folder)
    }

    pub(crate) fn with(mut command: Command, folder: &Folder) -> Daemon {
        let mut child = command.spawn().unwrap();
        let file = folder.state().join("daemon.json");
        let address = until("the daemon writes where it listens", || {
            assert_eq!(child.try_wait().unwrap(), None, "the daemon has ended");
            let said: Value = serde_json::from_slice(&fs::read(&file).ok()?).unwrap();
            (said["pid"] == child.id()).then(|| said["endpoint"].as_str().unwrap().to_owned())
        });
        Daemon { child, address }
    }

    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM.
    pub(crate) fn terminate(&self) {
        let id = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
    }

    pub(crate) fn ended(&mut self) -> ExitStatus {
        until("the daemon ends", || self.child.try_wait().unwrap())
    }

    /// One request. `None` where the connection ends without an answer.
    pub(crate) fn try_send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Option<Answer> {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(RETRY_LIMIT)).unwrap();
        let mut head = format!("{method} {path} HTTP/1.1\r\nconnection: close\r\n");
        if !headers.iter().any(|(name, _)| *name == "host") {
            head.push_str(&format!("host: {}\r\n", self.address));
        }
        if !headers.iter().any(|(name, _)| *name == "content-length") {
            head.push_str(&format!("content-length: {}\r\n", body.len()));
        }
        headers.iter().for_each(|(name, value)| head.push_str(&format!("{name}: {value}\r\n")));
        // The daemon may have answered and gone before all is sent.
        let _ = stream.write_all(format!("{head}\r\n").as_bytes()).and_then(|()| stream.write_all(body));
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes);
        let text = String::from_utf8(bytes).unwrap();
        let (head, body) = text.split_once("\r\n\r\n")?;
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Some(Answer { status, head: head.to_owned(), body: body.to_owned() })
    }

    pub(crate) fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        self.try_send(method, path, headers, body).unwrap()
    }

    /// A call of a service that speaks JSON.
    pub(crate) fn try_call(&self, service: &str, action: &str, input: &Value) -> Option<Answer> {
        let prefix = match service {
            "ecr" => "AmazonEC2ContainerRegistry_V20150921",
            "ecs" => "AmazonEC2ContainerServiceV20141113",
            "logs" => "Logs_20140328",
            _ => "AmazonSSM",
        };
        let target = format!("{prefix}.{action}");
        let headers = [("x-amz-target", target.as_str()), ("authorization", &signed(service)), ("content-type", JSON)];
        self.try_send("POST", "/", &headers, input.to_string().as_bytes())
    }

    pub(crate) fn call(&self, service: &str, action: &str, input: &Value) -> Answer {
        self.try_call(service, action, input).unwrap()
    }

    /// `PutParameter` without `Overwrite`.
    pub(crate) fn put(&self, name: &str) -> Answer {
        self.call("ssm", "PutParameter", &json!({ "Name": name, "Value": "v", "Type": "String" }))
    }

    /// The names of all parameters below `/`.
    pub(crate) fn parameters(&self) -> Vec<String> {
        let answer = self.call("ssm", "DescribeParameters", &json!({ "MaxResults": 50 })).json();
        answer["Parameters"].as_array().unwrap().iter().map(|one| one["Name"].as_str().unwrap().to_owned()).collect()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) const JSON: &str = "application/x-amz-json-1.1";
pub(crate) const FORM: &str = "application/x-www-form-urlencoded; charset=utf-8";

/// A signature of AWS's form.
pub(crate) fn signed(service: &str) -> String {
    let signature = "0".repeat(64);
    let scope = format!("AKIDEXAMPLE/20260101/eu-central-1/{service}/aws4_request");
    format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature={signature}")
}
