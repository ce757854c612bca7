//! Configuration files, right and wrong. Each case of a wrong one is in `configuration/*.txt` with the full text that
//! its user reads; `UPDATE_EXPECTED=1 cargo test --test configuration` writes the texts anew (and fails, so that
//! somebody reads them).

#![expect(clippy::unwrap_used, reason = "what a test takes for granted ends it where it is not so")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process;

use camino::{Utf8Path, Utf8PathBuf};
use xtask::effects::project_files;
use xtask::error::{Exit, exit_of, hints_of};
use xtask::image::substitute::Substitute;
use xtask::image::{ImageName, Platform};
use xtask::project::parse::{self, Found};
use xtask::project::{
    Bases, ContextSource, Environment, EnvironmentName, Image, Local, Network, OnFailure, Project, ProjectService,
    ReleasePhase, SecretSource, Strategy, Verify, Volume,
};

#[path = "configuration/environments.rs"]
mod environments;
#[path = "configuration/services.rs"]
mod services;

const OUR_PROJECT: &str = include_str!("../../infra/slipway.toml");

const OUR_ENVIRONMENTS: [(&str, &str); 4] = [
    ("local", include_str!("../../infra/environments/local.toml")),
    ("dev", include_str!("../../infra/environments/dev.toml")),
    ("staging", include_str!("../../infra/environments/staging.toml")),
    ("production", include_str!("../../infra/environments/production.toml")),
];

/// What a user reads: the message, then one `hint:` line each.
fn printed(error: &anyhow::Error) -> String {
    let mut text = format!("{error:#}");
    for hint in hints_of(error) {
        let _ = write!(text, "\nhint: {hint}");
    }
    text
}

/// Runs every case of a file: `==== title`, the wrong file, `----`, the expected text.
fn check(file: &str, at_least: usize, read: impl Fn(&str, &str) -> anyhow::Result<()>) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/configuration").join(file);
    let cases = fs::read_to_string(&path).unwrap();
    let mut rewritten = String::new();
    let mut differences = String::new();
    let mut count = 0;
    for case in cases.split("==== ").skip(1) {
        let (title, rest) = case.split_once('\n').unwrap();
        let (input, expected) = rest.split_once("----\n").unwrap();
        let error = read(title, input).expect_err(title);
        let found = printed(&error);
        assert_eq!(exit_of(&error), Exit::Usage, "{title}");
        assert!(
            found.starts_with("infra/") && found.contains("\nhint: ") && found.contains(" | "),
            "{title}:\n{found}"
        );
        assert!(!found.contains("sentinel") && !found.contains("4711"), "{title} shows a secret:\n{found}");
        if found.trim_end() != expected.trim_end() {
            let _ = writeln!(differences, "== {title}\n-- expected\n{}\n-- found\n{found}\n", expected.trim_end());
        }
        let _ = write!(rewritten, "==== {title}\n{input}----\n{found}\n\n");
        count += 1;
    }
    assert!(count >= at_least, "only {count} cases");
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        fs::write(&path, rewritten).unwrap();
    }
    assert!(differences.is_empty(), "{differences}");
}

#[test]
fn wrong_project_files_are_refused_with_place_and_hint() {
    check("projects.txt", 55, |_, text| parse::project(text).unchecked().map(drop).map_err(Into::into));
}

#[test]
fn paths_that_lead_nowhere_are_refused_with_place_and_hint() {
    let found: BTreeMap<Utf8PathBuf, Found> = [
        ("app", Found::Directory),
        ("nginx", Found::Directory),
        ("app/Dockerfile", Found::File),
        ("README.md", Found::File),
        ("infra/service.json", Found::File),
    ]
    .map(|(path, found)| (path.into(), found))
    .into();
    check("paths.txt", 7, |_, text| parse::project(text).checked_against(&found).map(drop).map_err(Into::into));
}

#[test]
fn wrong_environment_files_are_refused_with_place_and_hint() {
    // Most cases are about something else than a deploy: without services they need no `[network]`.
    let deploys = parse::project(OUR_PROJECT).unchecked().unwrap();
    let project = Project { services: Vec::new(), ..deploys.clone() };
    let several = parse::project(services::SEVERAL).unchecked().unwrap();
    for (file, at_least, project) in
        [("environments.txt", 50, &project), ("deploying.txt", 9, &deploys), ("services.txt", 6, &several)]
    {
        check(file, at_least, |title, text| {
            let name = title.split(':').next().unwrap().parse().unwrap();
            parse::environment(name, text, project).map(drop).map_err(Into::into)
        });
    }
}

#[test]
fn our_own_project_loads() {
    let app = Image {
        name: name("app"),
        context: "app".into(),
        dockerfile: "app/Dockerfile".into(),
        target: Some("runtime".to_owned()),
        args: [("PYTHON_VERSION".to_owned(), "3.13".to_owned())].into(),
        contexts: BTreeMap::new(),
        secrets: [("ca-certificates".to_owned(), SecretSource::HostCertificates)].into(),
        ports: [8000].into(),
    };
    let front = Image {
        name: name("nginx"),
        context: "nginx".into(),
        dockerfile: "nginx/Dockerfile".into(),
        target: None,
        args: BTreeMap::new(),
        contexts: [(
            "static".to_owned(),
            ContextSource::Image { image: name("app"), target: Some("static".to_owned()) },
        )]
        .into(),
        secrets: BTreeMap::new(),
        ports: [8080].into(),
    };
    let expected = Project {
        name: "linkbio".to_owned(),
        platform: Platform::LinuxAmd64,
        images: vec![app, front],
        services: vec![ProjectService {
            name: "web".to_owned(),
            is_main: true,
            task_definition: "infra/task-definition.json".into(),
            service: "infra/service.json".into(),
            after: [].into(),
            on_failure: OnFailure::RollBackAll,
            release: Some(ReleasePhase {
                container: name("app"),
                command: vec!["migrate".to_owned()],
                timeout_seconds: 600,
            }),
        }],
        verify: Verify { page: "/".to_owned(), health: Some("/healthz/ready".to_owned()) },
    };
    assert_eq!(parse::project(OUR_PROJECT).unchecked().unwrap(), expected);
    assert_eq!(expected.image(&name("nginx")), expected.images.get(1));
    assert_eq!(expected.image(&name("worker")), None);
}

#[test]
fn our_own_environments_load() {
    let project = parse::project(OUR_PROJECT).unchecked().unwrap();
    let found: Vec<Environment> = OUR_ENVIRONMENTS
        .iter()
        .map(|(name, text)| {
            parse::environment(name.parse().unwrap(), text, &project).unwrap_or_else(|error| panic!("{error}"))
        })
        .collect();
    let facts: Vec<_> = found
        .iter()
        .map(|found| (found.cluster.as_str(), found.account.as_deref(), found.cpu, found.memory, found.count))
        .collect();
    let expected = [
        ("linkbio-local", None, 256, 512, 1),
        ("linkbio-dev", Some("111122223333"), 256, 512, 1),
        ("linkbio-staging", Some("444455556666"), 512, 1024, 2),
        ("linkbio-production", Some("777788889999"), 1024, 2048, 2),
    ];
    assert_eq!(facts, expected);
    for found in &found {
        assert_eq!(found.accepts_substitutes(), found.name.is_local());
        assert_eq!(found.bases.substitutes.is_empty(), !found.name.is_local());
        assert_eq!(found.local, (found.name.is_local()).then(Local::default));
        assert_eq!((found.service.as_str(), found.region.as_str()), ("linkbio", "eu-central-1"));
    }
    let rolling = Strategy { minimum_healthy_percent: 100, maximum_percent: 200, circuit_breaker: true };
    assert_eq!(found.last().unwrap().strategy, rolling);
    let front = Substitute {
        suite: "trixie".to_owned(),
        packages: vec!["nginx-light".to_owned(), "busybox".to_owned()],
        links: [("/usr/bin/wget".to_owned(), "/usr/bin/busybox".to_owned())].into(),
        user: Some("101:101".to_owned()),
        ports: [8080].into(),
        stop_signal: Some("SIGQUIT".to_owned()),
        command: ["nginx", "-g", "daemon off;"].map(str::to_owned).into(),
    };
    let local = found.first().unwrap();
    let usual = Network {
        subnets: vec!["subnet-00000001".to_owned()],
        security_groups: vec!["sg-00000001".to_owned()],
        assign_public_ip: true,
    };
    assert_eq!(local.network, Some(usual));
    let data = Volume {
        file_system: xtask::plan::local::FILE_SYSTEM.to_owned(),
        access_point: None,
        mounts: [(name("app"), "/data".to_owned())].into(),
    };
    assert_eq!(local.volumes, [("data".to_owned(), data)].into());
    for found in &found[1..] {
        let network = found.network.as_ref().unwrap();
        assert_eq!((network.subnets.len(), network.security_groups.len()), (2, 1));
        assert_eq!((network.assign_public_ip, found.volumes.len()), (found.name.as_str() == "dev", 0));
    }
    let substitutes = &local.bases.substitutes;
    assert_eq!(substitutes.get("nginxinc/nginx-unprivileged:stable-alpine-slim"), Some(&front));
    assert!(substitutes.contains_key("python:3.13-slim"));
}

#[test]
fn the_example_of_the_guide_loads() {
    let guide = include_str!("../../docs/guide/configuration.md");
    let examples: Vec<&str> = guide.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    let [project, environment] = examples.as_slice() else { panic!("{} examples", examples.len()) };
    let misspelled = parse::project(&project.replace("platform =", "platfrom =")).unchecked().unwrap_err();
    assert!(
        guide.contains(&format!("```\n{}\n```", printed(&misspelled.into()))),
        "the error in the guide is not ours"
    );
    let project = parse::project(project).unchecked().unwrap_or_else(|error| panic!("{error}"));
    parse::environment("production".parse().unwrap(), environment, &project).unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn images_come_after_those_they_take_files_from() {
    let text = r#"
        [project]
        name = "nineteen-characters"
        platform = "linux/arm64"
        [images.z]
        context = "z"
        ports = [1024, 65535]
        contexts.c = { image = "c" }
        [images.b]
        context = "."
        [images.a]
        context = "a"
        dockerfile = "docker/a.Dockerfile"
        contexts = { docs = "docs/html", z = { image = "z", target = "files" } }
        [images.c]
        context = "c"
        secrets = { token = { variable = "TOKEN" }, netrc = { file = "/root/.netrc" }, pip = { file = "pip.conf" } }
        [services.web]
        task-definition = "infra/task.json"
        service = "infra/service.json"
    "#;
    let draft = parse::project(text);
    let paths: Vec<&str> = draft.paths().map(Utf8Path::as_str).collect();
    let named = ["z", "z/Dockerfile", ".", "Dockerfile", "a", "docker/a.Dockerfile", "docs/html", "c", "c/Dockerfile"];
    assert_eq!(paths, [&named[..], &["infra/task.json", "infra/service.json"]].concat());
    let project = draft.unchecked().unwrap();
    let order: Vec<&str> = project.images.iter().map(|image| image.name.as_str()).collect();
    assert_eq!(order, ["b", "c", "z", "a"]);
    assert_eq!(project.name, "nineteen-characters");
    assert_eq!(project.image(&name("z")).unwrap().ports, [1024, 65535].into());
    assert_eq!(project.platform, Platform::LinuxArm64);
    let main = project.main_service().unwrap();
    assert_eq!((main.task_definition.as_str(), main.service.as_str()), ("infra/task.json", "infra/service.json"));
    let secrets = &project.image(&name("c")).unwrap().secrets;
    assert_eq!(secrets.get("token"), Some(&SecretSource::Variable("TOKEN".to_owned())));
    assert_eq!(secrets.get("netrc"), Some(&SecretSource::File("/root/.netrc".into())));
    let contexts = &project.image(&name("a")).unwrap().contexts;
    assert_eq!(contexts.get("docs"), Some(&ContextSource::Directory("docs/html".into())));
}

#[test]
fn what_an_environment_leaves_out_is_derived() {
    let project = parse::project(OUR_PROJECT).unchecked().unwrap();
    let text = "region = \"us-gov-west-1\"\n[task]\ncpu = 16_384\nmemory = 122880\ncount = 5000\n";
    let found = parse::environment(EnvironmentName::LOCAL, text, &project).unwrap();
    assert_eq!((found.cluster.as_str(), found.service.as_str()), ("linkbio-local", "linkbio"));
    assert_eq!((found.cpu, found.memory, found.count), (16384, 122_880, 5000));
    let default = Strategy { minimum_healthy_percent: 100, maximum_percent: 200, circuit_breaker: true };
    assert_eq!((found.strategy, found.bases), (default, Bases::default()));
}

#[test]
fn a_project_on_disk() {
    let disk = Disk::new("project");
    assert_eq!(
        disk.refused(|root| project_files::load(root).map(drop)),
        "infra/slipway.toml: there is no such file in `ROOT`\n\
         hint: run from inside a project, or write the file: docs/guide/configuration.md shows one"
    );
    disk.write("infra/slipway.toml", OUR_PROJECT.as_bytes());
    let missing = disk.refused(|root| project_files::load(root).map(drop));
    assert!(missing.starts_with("infra/slipway.toml:9:11: `context`: there is no directory `app`\n"), "{missing}");
    assert!(missing.contains("infra/slipway.toml:10:14: `dockerfile`: there is no file `app/Dockerfile`"), "{missing}");
    disk.write("app/Dockerfile", b"FROM scratch\n");
    disk.write("nginx/Dockerfile", b"FROM scratch\n");
    disk.write("infra/task-definition.json", b"{}\n");
    disk.write("infra/service.json", b"[]\n");
    let project = parse::project(OUR_PROJECT).unchecked().unwrap();
    assert_eq!(project_files::load(&disk.root).unwrap(), project);
    let templates = project_files::load_templates(&disk.root, project.main_service()).unwrap();
    assert_eq!((templates.0.as_str(), templates.1.as_str()), ("{}\n", "[]\n"));
    let no_service = disk.refused(|root| project_files::load_templates(root, None).map(drop));
    assert!(no_service.starts_with("infra/slipway.toml: the project has no service\nhint: "), "{no_service}");
    fs::rename(disk.root.join("app"), disk.root.join("old")).unwrap();
    std::os::unix::fs::symlink(disk.root.join("old"), disk.root.join("app")).unwrap();
    project_files::load(&disk.root).unwrap();
    let elsewhere = Disk::new("elsewhere");
    elsewhere.write("app/Dockerfile", b"FROM scratch\n");
    fs::remove_file(disk.root.join("app")).unwrap();
    std::os::unix::fs::symlink(elsewhere.root.join("app"), disk.root.join("app")).unwrap();
    let outside = disk.refused(|root| project_files::load(root).map(drop));
    assert!(outside.contains(":9:11: `context`: `app` is a link that leads out of the repository\n"), "{outside}");
    disk.write("infra/slipway.toml", b"[project]\nname = \"caf\xe9\"\n");
    assert_eq!(
        disk.refused(|root| project_files::load(root).map(drop)),
        "infra/slipway.toml:2: not UTF-8\nhint: save the file as UTF-8"
    );
}

#[test]
fn environments_on_disk() {
    let disk = Disk::new("environments");
    let project = parse::project(OUR_PROJECT).unchecked().unwrap();
    let dev = |root: &Utf8Path| project_files::load_environment(root, "dev".parse().unwrap(), &project).map(drop);
    assert_eq!(
        disk.refused(dev),
        "unknown environment `dev`: there is no file `infra/environments/dev.toml`\n\
         hint: write `infra/environments/dev.toml`: docs/guide/configuration.md shows one"
    );
    for (name, text) in OUR_ENVIRONMENTS {
        disk.write(format!("infra/environments/{name}.toml").as_str(), text.as_bytes());
    }
    disk.write("infra/environments/README.md", b"not an environment\n");
    dev(&disk.root).unwrap();
    let qa = |root: &Utf8Path| project_files::load_environment(root, "qa".parse().unwrap(), &project).map(drop);
    assert_eq!(
        disk.refused(qa),
        "unknown environment `qa`: there is no file `infra/environments/qa.toml`\n\
         hint: the environments are `dev`, `local`, `production` and `staging`; to add one, copy its file to \
         `infra/environments/qa.toml`"
    );
    let near =
        disk.refused(|root| project_files::load_environment(root, "prodution".parse().unwrap(), &project).map(drop));
    assert!(near.contains("\nhint: did you mean `production`?\n"), "{near}");
    fs::copy(disk.root.join("infra/environments/dev.toml"), disk.root.join("infra/environments/qa.toml")).unwrap();
    qa(&disk.root).unwrap();
    disk.write("infra/environments/Q.A.toml", b"");
    assert_eq!(
        disk.refused(dev),
        "infra/environments/Q.A.toml: not the name of an environment\nhint: rename or move the file: lower-case \
         letters, digits and hyphens, no hyphen at either end, at most 32"
    );
}

fn name(text: &str) -> ImageName {
    text.parse().unwrap()
}

/// A directory of its own for one test, removed at the end.
struct Disk {
    root: Utf8PathBuf,
}

impl Disk {
    fn new(test: &str) -> Disk {
        let root = Utf8PathBuf::try_from(std::env::temp_dir()).unwrap();
        let root = root.join(format!("slipway-configuration-{test}-{}", process::id()));
        fs::create_dir_all(&root).unwrap();
        Disk { root }
    }

    fn write(&self, path: &str, bytes: &[u8]) {
        let path = self.root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    /// What the user reads when `read` is refused as bad configuration.
    fn refused(&self, read: impl Fn(&Utf8Path) -> anyhow::Result<()>) -> String {
        let error = read(&self.root).unwrap_err();
        assert_eq!(exit_of(&error), Exit::Usage);
        printed(&error).replace(self.root.as_str(), "ROOT")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.root);
    }
}
