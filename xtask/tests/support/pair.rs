//! Both images as one task: one network namespace, read-only roots, no root user, one port published on loopback.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::world::{Clone, docker, docker_ok};

/// The two containers of one task, removed when dropped.
pub(crate) struct Pair {
    pub(crate) id: String,
    pub(crate) address: String,
}

impl Pair {
    /// Starts both images of the clone in the network namespace of the first, like the containers of an ECS task.
    pub(crate) fn start(clone: &Clone) -> Pair {
        let id = format!("slipway-test-{}", std::process::id());
        let app = load(clone, "app");
        let nginx = load(clone, "nginx");
        let hardened =
            ["--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--label=slipway.test=pair"];
        let app_name = format!("--name={id}-app");
        // The namespace belongs to the first container, so that one publishes the port.
        let mut run = vec!["run", "--detach", &app_name, "--publish=127.0.0.1::8080"];
        run.extend(hardened);
        run.extend(["--tmpfs=/tmp:mode=1777", "--tmpfs=/data:uid=10001,gid=10001,mode=0700"]);
        for variable in [
            "SLIPWAY_ENVIRONMENT=local",
            "SLIPWAY_RELEASE=release-of-the-test",
            "SLIPWAY_TEST_ENDPOINTS=1",
            "SECRET_KEY=a-key-for-one-test-run-that-is-long-enough-for-django-to-accept-it",
            "ALLOWED_HOSTS=shop.example,127.0.0.1",
            "DATABASE_URL=sqlite:////data/db.sqlite3",
        ] {
            run.extend(["--env", variable]);
        }
        run.push(&app);
        docker_ok(&run);
        let mut pair = Pair { address: String::new(), id };
        docker_ok(&["exec", &pair.app(), "/app/scripts/entrypoint.sh", "migrate"]);
        docker_ok(&["exec", &pair.app(), "python", "manage.py", "seed_demo"]);
        let network = format!("--network=container:{}", pair.app());
        let nginx_name = format!("--name={}-nginx", pair.id);
        let mut run = vec!["run", "--detach", &nginx_name, &network];
        run.extend(hardened);
        run.extend(["--tmpfs=/tmp:uid=101,gid=101,mode=0755", &nginx]);
        docker_ok(&run);
        pair.address = docker_ok(&["port", &pair.app(), "8080/tcp"]);
        pair.wait_until_ready();
        pair
    }

    pub(crate) fn app(&self) -> String {
        format!("{}-app", self.id)
    }

    pub(crate) fn nginx(&self) -> String {
        format!("{}-nginx", self.id)
    }

    fn wait_until_ready(&self) {
        let begun = Instant::now();
        loop {
            if let Ok(answer) = self.try_get("/healthz/ready", "shop.example", "")
                && answer.status == 200
            {
                return;
            }
            let logs = || {
                docker(&["logs", &self.app()])
                    .output()
                    .map(|output| String::from_utf8_lossy(&output.stderr).into_owned())
            };
            assert!(begun.elapsed() < Duration::from_secs(30), "the pair never became ready: {:?}", logs());
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.try_get(path, "shop.example", "").unwrap()
    }

    pub(crate) fn try_get(&self, path: &str, host: &str, more: &str) -> std::io::Result<Answer> {
        get(&self.address, path, host, more)
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        for name in [self.nginx(), self.app()] {
            let _ = docker(&["rm", "--force", "--volumes", &name]).output();
        }
        for image in ["app", "nginx"] {
            let _ = docker(&["image", "rm", "--force", &format!("slipway-test/{image}:pair")]).output();
        }
    }
}

/// Sends one request on a new connection. `more` has further header lines, each with its line end.
pub(crate) fn get(address: &str, path: &str, host: &str, more: &str) -> std::io::Result<Answer> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{more}\r\n")?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes)?;
    Answer::parse(&String::from_utf8_lossy(&bytes)).ok_or_else(|| std::io::Error::other("no HTTP answer"))
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    fn parse(text: &str) -> Option<Answer> {
        let (head, body) = text.split_once("\r\n\r\n")?;
        let status = head.split(' ').nth(1)?.parse().ok()?;
        Some(Answer { status, head: head.to_ascii_lowercase(), body: body.to_owned() })
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

/// Loads the verified layout as an image of the engine. Returns its reference.
pub(crate) fn load(clone: &Clone, image: &str) -> String {
    let layout = clone.root.join("target/slipway/images").join(image);
    let name = format!("slipway-test/{image}:pair");
    let digest = clone.build(&[]).digest(image);
    let context = format!("it=oci-layout://{layout}@{digest}");
    // Docker's own media types have none for layers in zstd. A client that pulls such an image reads its first layer
    // only.
    let output = format!("type=image,name={name},oci-mediatypes=true");
    let mut build = docker(&[
        "buildx",
        "build",
        "--provenance=false",
        "--build-context",
        &context,
        "--output",
        &output,
        "--file=-",
        ".",
    ]);
    build.current_dir(&layout).stdin(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    let mut child = build.spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"FROM it\n").unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    name
}
