//! A project of three services against the local AWS emulator: moved as one release, unchanged, moved in part, rolled back
//! together, and taken back by the policy of the one that fails.

use std::net::{SocketAddr, TcpListener};
use std::process::Command;

use camino::Utf8PathBuf;
use serde_json::{Value, json};
use xtask::dev::packages;
use xtask::effects::local_daemon::program;
use xtask::report::{Output, Report};

use crate::stand::DAEMON;
use crate::task::get;
use crate::world::{Clone, Run, repository};

/// The sample project with an emulator of its own. Both go when it is dropped.
struct Shop {
    clone: Clone,
    balancer: SocketAddr,
}

impl Shop {
    fn new() -> Shop {
        let folder = format!("slipway-containers-{}-several", std::process::id());
        let root = Utf8PathBuf::from_path_buf(std::env::temp_dir()).unwrap().join(folder);
        let _ = std::fs::remove_dir_all(&root);
        std::fs::create_dir_all(&root).unwrap();
        let clone = Clone { root };
        for (file, text) in [
            (".gitignore", include_str!("several/sample/.gitignore")),
            ("web/Dockerfile", include_str!("several/sample/web/Dockerfile")),
            ("web/index.html", include_str!("several/sample/web/index.html")),
            ("worker/Dockerfile", include_str!("several/sample/worker/Dockerfile")),
            ("infra/slipway.toml", include_str!("several/sample/infra/slipway.toml")),
            ("infra/web.json", include_str!("several/sample/infra/web.json")),
            ("infra/worker.json", include_str!("several/sample/infra/worker.json")),
            ("infra/beat.json", include_str!("several/sample/infra/beat.json")),
            ("infra/balanced.json", include_str!("several/sample/infra/balanced.json")),
            ("infra/unbalanced.json", include_str!("several/sample/infra/unbalanced.json")),
        ] {
            clone.write(file, text);
        }
        let busybox = packages::unpacked(&repository(), "busybox", &["busybox-static"], &Report::plain(Output::Human));
        let busybox = busybox.unwrap();
        let places = ["/bin/busybox", "/usr/bin/busybox"].map(|path| busybox.file(path));
        let program = places.into_iter().find(|file| file.is_file()).expect("the package has a busybox");
        for image in ["web", "worker"] {
            std::fs::copy(&program, clone.root.join(image).join("busybox")).unwrap();
        }
        let free = || TcpListener::bind("127.0.0.1:0").unwrap();
        let (first, second) = (free(), free());
        let (endpoint, balancer) = (first.local_addr().unwrap(), second.local_addr().unwrap());
        let settings = include_str!("several/sample/infra/environments/local.toml");
        let local =
            format!("[local]\nendpoint = \"{endpoint}\"\nbalancer = \"{balancer}\"\nhealth-check-path = \"/\"\n");
        clone.write("infra/environments/local.toml", &format!("{settings}\n{local}"));
        clone.git(&["init", "--quiet", "--initial-branch=main"]);
        clone.commit("a shop");
        Shop { clone, balancer }
    }

    fn xtask(&self, arguments: &[&str]) -> Command {
        let mut command = self.clone.xtask(arguments);
        command.env(program::VARIABLE, &*DAEMON);
        command
    }

    /// A verb that must end so; its closing event.
    fn ends(&self, arguments: &[&str], code: i32, outcome: &str) -> Value {
        let run = Run::of(self.xtask(&[arguments, &["--output", "json"]].concat()));
        let closing = run.finished().clone();
        assert_eq!((run.code, closing["outcome"].as_str()), (code, Some(outcome)), "{closing:#}\n{}", run.stderr);
        closing
    }

    /// A change of a file, committed.
    fn change(&self, file: &str, before: &str, after: &str) {
        let text = self.clone.read(file);
        assert!(text.contains(before), "{text}");
        self.clone.write(file, &text.replace(before, after));
        self.clone.commit(after);
    }

    fn page(&self) -> String {
        let address = self.balancer.to_string();
        get(&address, "/", &address, "").unwrap().body
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        let _ = self.xtask(&["local", "reset", "--yes"]).output();
    }
}

/// `<family>:<number>` of each service.
fn revisions(closing: &Value) -> [String; 3] {
    ["web", "worker", "beat"].map(|name| {
        let service = &closing["services"][name];
        let arn = service.get("task_definition").unwrap_or(&service["service"]["taskDefinition"]);
        arn.as_str().unwrap_or_else(|| panic!("no {name} in {closing:#}")).rsplit('/').next().unwrap().to_owned()
    })
}

fn outcomes(closing: &Value) -> [&str; 3] {
    ["web", "worker", "beat"].map(|name| closing["services"][name]["outcome"].as_str().unwrap_or_default())
}

#[test]
fn several_services_are_one_release() {
    let shop = Shop::new();

    // One deploy creates all three; the main service has the names of a project with one.
    let first = shop.ends(&["deploy"], 0, "deployed");
    assert_eq!(outcomes(&first), ["deployed"; 3], "{first:#}");
    assert_eq!(revisions(&first), ["shop-local:1", "shop-local-worker:1", "shop-local-beat:1"]);
    assert_eq!(first["task_definition"], first["services"]["web"]["task_definition"]);
    assert_eq!(first["url"], format!("http://{}", shop.balancer));
    assert!(shop.page().contains("first"), "{}", shop.page());

    // One status shows all three.
    let status = shop.ends(&["status"], 0, "active");
    for name in ["web", "worker", "beat"] {
        let service = &status["services"][name];
        assert_eq!(
            (&service["service"]["runningCount"], &service["verdict"]),
            (&json!(1), &json!("verified")),
            "{name}"
        );
        assert_eq!(service["set"], first["release"], "{service:#}");
    }
    assert_eq!(status["service"]["serviceName"], "shop");
    let narrow = shop.ends(&["status", "--service", "worker"], 0, "active");
    assert_eq!(narrow["service"]["serviceName"], "shop-worker");
    assert_eq!(narrow["services"].as_object().unwrap().len(), 1);

    // Every service is verified, and each finding names its service.
    let verified = shop.ends(&["verify", "--scope", "service"], 0, "passed");
    let messages = verified["checks"].as_array().unwrap().iter().filter_map(|check| check["message"].as_str());
    assert!(messages.into_iter().any(|message| message.starts_with("worker: ")), "{verified:#}");

    // The values of one service reach it alone, and its lines are found by its name.
    let logs = Run::of(shop.xtask(&["logs", "--service", "worker", "--output", "json"]));
    assert!(logs.events.iter().any(|event| event["message"] == "orders in local"), "{:?}", logs.events);
    assert!(logs.events.iter().all(|event| event["message"] != "beat"), "{:?}", logs.events);

    // Again: no service is touched.
    let again = shop.ends(&["deploy"], 0, "unchanged");
    assert_eq!((outcomes(&again), &again["api_calls"]["mutating"]), (["unchanged"; 3], &json!(0)), "{again:#}");
    assert_eq!(again["release"], first["release"]);

    // A change of the web server moves the web server alone.
    shop.change("web/index.html", "first", "second");
    let second = shop.ends(&["deploy"], 0, "deployed");
    assert_eq!(outcomes(&second), ["deployed", "unchanged", "unchanged"], "{second:#}");
    assert_eq!(revisions(&second), ["shop-local:2", "shop-local-worker:1", "shop-local-beat:1"]);
    assert_ne!(second["release"], first["release"]);

    // Both images change, and the worker exits: the web server, moved before it, goes back too.
    shop.change("web/index.html", "second", "third");
    shop.change("worker/Dockerfile", "trap", "exit 3; trap");
    let third = shop.ends(&["deploy"], 4, "rolled-back");
    assert_eq!(outcomes(&third)[..2], ["rolled-back", "rolled-back"], "{third:#}");
    assert_eq!(third["cause"]["container"], "worker", "{third:#}");
    assert!(shop.page().contains("second"), "{}", shop.page());
    let after = shop.ends(&["status"], 0, "active");
    assert_eq!(revisions(&after), ["shop-local:2", "shop-local-worker:1", "shop-local-beat:1"], "{after:#}");

    // One rollback: to the first release, in which the worker and the beat ran the same revisions.
    let back = shop.ends(&["rollback"], 0, "deployed");
    assert_eq!(back["release"], first["release"], "{back:#}");
    assert_eq!(outcomes(&back), ["deployed", "unchanged", "unchanged"], "{back:#}");
    assert!(shop.page().contains("first"), "{}", shop.page());
    let unknown = Run::of(shop.xtask(&["status", "--service", "wroker", "--output", "json"]));
    assert!(unknown.code == 2 && unknown.stderr.contains("did you mean `worker`?"), "{}", unknown.stderr);
}
