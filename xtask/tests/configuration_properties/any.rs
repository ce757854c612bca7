//! Random projects and environments that are right, and the files that say the same.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::net::{Ipv6Addr, SocketAddr};

use camino::Utf8PathBuf;
use xtask::image::substitute::Substitute;
use xtask::image::{ImageName, Platform};
use xtask::project::{
    Bases, ContextSource, Environment, EnvironmentName, Image, Local, Network, OnFailure, Project, ProjectService,
    ReleasePhase, SecretSource, Strategy, Verify, Volume,
};

/// A small generator (splitmix64): seeded, so that a failure can be run again.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(end.max(1)).unwrap()).unwrap()
    }

    pub(crate) fn one_in(&mut self, chances: usize) -> bool {
        self.below(chances) == 0
    }

    pub(crate) fn pick<'t, T>(&mut self, choices: &'t [T]) -> &'t T {
        &choices[self.below(choices.len())]
    }
}

/// A project of one to six images, each of which takes files from earlier ones only: the order is then the file's.
pub(crate) fn any_project(random: &mut Random) -> Project {
    let values = ["", "3.13", "a \"quoted\" word", "back\\slash", "tab\tand é", "#", "line\nline"];
    let directories: [&str; 4] = [".", "app", "some/dir", "a-b_c.d"];
    let mut images: Vec<Image> = Vec::new();
    for index in 0..=random.below(6) {
        let name: ImageName = format!("image-{index}").parse().unwrap();
        let mut contexts = BTreeMap::new();
        for earlier in &images {
            let target = random.one_in(2).then(|| "static".to_owned());
            if random.one_in(2) {
                contexts.insert(
                    format!("from.{}", earlier.name),
                    ContextSource::Image { image: earlier.name.clone(), target },
                );
            }
        }
        if random.one_in(2) {
            contexts.insert("docs".to_owned(), ContextSource::Directory((*random.pick(&directories)).into()));
        }
        let sources = [
            SecretSource::HostCertificates,
            SecretSource::Variable("TOKEN_1".to_owned()),
            SecretSource::File("/root/.netrc".into()),
            SecretSource::File("app/.netrc".into()),
        ];
        let ports: BTreeSet<u16> =
            (0..random.below(4)).map(|_| 1024 + u16::try_from(random.below(64512)).unwrap()).collect();
        images.push(Image {
            name,
            context: (*random.pick(&directories)).into(),
            dockerfile: Utf8PathBuf::from(random.pick(&directories))
                .join("Dockerfile")
                .as_str()
                .trim_start_matches("./")
                .into(),
            target: random.one_in(2).then(|| "runtime".to_owned()),
            args: (0..random.below(4)).map(|arg| (format!("ARG_{arg}"), (*random.pick(&values)).to_owned())).collect(),
            contexts,
            secrets: (0..random.below(3)).map(|id| (format!("id-{id}"), random.pick(&sources).clone())).collect(),
            ports,
        });
    }
    let platform = *random.pick(&[Platform::LinuxAmd64, Platform::LinuxArm64]);
    let release = random.one_in(2).then(|| ReleasePhase {
        container: images.last().unwrap().name.clone(),
        command: vec!["manage".to_owned(), "a \"word\"".to_owned()],
        timeout_seconds: 1 + u32::try_from(random.below(86_400)).unwrap(),
    });
    let number = random.below(4);
    let services = (0..number).map(|index| ProjectService {
        name: format!("service-{index}"),
        is_main: index == 0,
        task_definition: "infra/task-definition.json".into(),
        service: "infra/service.json".into(),
        after: (0..index).filter(|_| random.one_in(2)).map(|other| format!("service-{other}")).collect(),
        on_failure: *random.pick(&OnFailure::ALL),
        release: release.clone().filter(|_| random.one_in(2)),
    });
    let services = services.collect();
    let verify = Verify { page: "/@ada?x=1".to_owned(), health: random.one_in(2).then(|| "/up".to_owned()) };
    Project { name: "demo".to_owned(), platform, images, services, verify }
}

/// The project as a file. JSON's strings are TOML's basic strings too.
pub(crate) fn written(project: &Project) -> String {
    let string = |text: &str| serde_json::to_string(text).unwrap();
    let mut text = format!("[project]\nname = {}\nplatform = \"{}\"\n", string(&project.name), project.platform);
    if let Some(main) = project.main_service() {
        let _ = writeln!(text, "main-service = '{}'", main.name);
    }
    for image in &project.images {
        let table = format!("images.{}", image.name);
        let _ = writeln!(text, "[{table}]\ncontext = {}", string(image.context.as_str()));
        let _ = writeln!(
            text,
            "dockerfile = {}\nports = {:?}",
            string(image.dockerfile.as_str()),
            image.ports.iter().collect::<Vec<_>>()
        );
        if let Some(target) = &image.target {
            let _ = writeln!(text, "target = {}", string(target));
        }
        let _ = writeln!(text, "[{table}.args]");
        for (name, value) in &image.args {
            let _ = writeln!(text, "{name} = {}", string(value));
        }
        let _ = writeln!(text, "[{table}.contexts]");
        for (name, source) in &image.contexts {
            let value = match source {
                ContextSource::Directory(path) => string(path.as_str()),
                ContextSource::Image { image, target: None } => format!("{{ image = \"{image}\" }}"),
                ContextSource::Image { image, target: Some(target) } => {
                    format!("{{ image = \"{image}\", target = \"{target}\" }}")
                }
            };
            let _ = writeln!(text, "{} = {value}", string(name));
        }
        let _ = writeln!(text, "[{table}.secrets]");
        for (id, source) in &image.secrets {
            let value = match source {
                SecretSource::HostCertificates => "host-certificates = true".to_owned(),
                SecretSource::Variable(name) => format!("variable = \"{name}\""),
                SecretSource::File(path) => format!("file = \"{path}\""),
            };
            let _ = writeln!(text, "{id} = {{ {value} }}");
        }
    }
    // Against the order of the rollout, which the file does not decide.
    for found in project.services.iter().rev() {
        let ProjectService { name, task_definition, service, after, on_failure, release, .. } = found;
        let _ = writeln!(text, "[services.{name}]\ntask-definition = '{task_definition}'\nservice = '{service}'");
        let _ =
            writeln!(text, "after = {:?}\non-failure = '{}'", after.iter().collect::<Vec<_>>(), on_failure.as_str());
        if let Some(ReleasePhase { container, command, timeout_seconds }) = release {
            let _ = writeln!(text, "[services.{name}.release]\ncontainer = '{container}'");
            let _ = writeln!(text, "command = {command:?}\ntimeout = {timeout_seconds}");
        }
    }
    let Verify { page, health } = &project.verify;
    let _ = writeln!(text, "[verify]\npage = {}", string(page));
    if let Some(health) = health {
        let _ = writeln!(text, "health = {}", string(health));
    }
    text
}

/// An environment with every key that its name allows, and room for deployments.
pub(crate) fn any_environment(random: &mut Random) -> Environment {
    let name: EnvironmentName = random.pick(&["local", "dev", "qa", "pr-1"]).parse().unwrap();
    let is_local = name.is_local();
    let mut maybe = |text: &str| random.one_in(2).then(|| text.to_owned());
    let account = if is_local { maybe("000000000001") } else { Some("012345678901".to_owned()) };
    let domain = maybe("links.example.com");
    let endpoint = maybe("http://127.0.0.1:4566");
    let registry = maybe("127.0.0.1:5000/team");
    let substitute = Substitute {
        suite: "trixie".to_owned(),
        packages: vec!["python3".to_owned(), "libstdc++6".to_owned()],
        links: [("/usr/bin/wget".to_owned(), "/usr/bin/busybox".to_owned())].into(),
        user: maybe("101:101"),
        ports: [80, 8080].into(),
        stop_signal: maybe("SIGQUIT"),
        command: ["nginx", "-g", "daemon off;"].map(str::to_owned).into(),
    };
    let substitutes = if is_local { [("nginx:stable".to_owned(), substitute)].into() } else { BTreeMap::new() };
    let address = |random: &mut Random| {
        SocketAddr::from((
            *random.pick(&[[127, 0, 0, 1], [127, 9, 8, 7]]),
            1 + u16::try_from(random.below(65_535)).unwrap(),
        ))
    };
    let local = Local {
        endpoint: address(random),
        balancer: SocketAddr::from((Ipv6Addr::LOCALHOST, 8080)),
        health_check_path: "/up?deep=1".to_owned(),
    };
    let mirrors = [("python:3.13-slim".to_owned(), "mirror.example:5000/python:3.13-slim".to_owned())].into();
    let (cpu, memory) = *random.pick(&[(256, 2048), (512, 3072), (1024, 8192), (4096, 30720), (16384, 40960)]);
    let regions = ["eu-central-1", "us-gov-west-1", "cn-northwest-1", "eusc-de-east-1", "us-isob-east-1"];
    Environment {
        name,
        protected: random.one_in(2),
        platform: random.one_in(2).then_some(Platform::LinuxArm64),
        images: BTreeMap::new(),
        region: (*random.pick(&regions)).to_owned(),
        account,
        cluster: "Shared_cluster-1".to_owned(),
        service: "web".to_owned(),
        domain,
        endpoint,
        registry,
        cpu,
        memory,
        count: 2 + u32::try_from(random.below(8)).unwrap(),
        variables: (0..random.below(4)).map(|n| (format!("NAME_{n}"), format!("\"{n}\"\\ é"))).collect(),
        secrets: (0..random.below(4)).map(|n| (format!("PIN_{n}"), format!("ssm:/demo/{n}"))).collect(),
        strategy: Strategy {
            minimum_healthy_percent: u32::try_from(random.below(101)).unwrap(),
            maximum_percent: 150 + u32::try_from(random.below(51)).unwrap(),
            circuit_breaker: random.one_in(2),
        },
        network: Some(Network {
            subnets: vec!["subnet-0123456789abcdef0".to_owned(), "subnet-00000001".to_owned()],
            security_groups: vec!["sg-00000001".to_owned()],
            assign_public_ip: random.one_in(2),
        }),
        volumes: (0..random.below(3)).map(|n| (format!("data_{n}"), any_volume(random, n))).collect(),
        max_connections: random.one_in(2).then_some(100),
        bases: Bases { mirrors, substitutes },
        local: is_local.then_some(local),
        services: BTreeMap::new(),
        selected: None,
    }
}

fn any_volume(random: &mut Random, number: usize) -> Volume {
    Volume {
        file_system: "fs-0123456789abcdef0".to_owned(),
        access_point: random.one_in(2).then(|| "fsap-0123456789abcdef0".to_owned()),
        mounts: [("app".parse().unwrap(), format!("/mnt/{number}"))].into(),
    }
}

/// The environment as a file, in other notations than our own files have.
pub(crate) fn written_environment(environment: &Environment) -> String {
    let string = |text: &str| serde_json::to_string(text).unwrap();
    let mut text = String::new();
    let Environment { region, account, cluster, service, domain, endpoint, registry, .. } = environment;
    let optional = [("account", account), ("domain", domain), ("endpoint", endpoint), ("registry", registry)];
    let given = optional.iter().filter_map(|(key, value)| value.as_deref().map(|value| (*key, value)));
    for (key, value) in
        [("region", region.as_str()), ("cluster", cluster), ("service", service)].into_iter().chain(given)
    {
        let _ = writeln!(text, "{key} = {}", string(value));
    }
    let Environment { cpu, memory, count, protected, .. } = environment;
    let _ = writeln!(text, "protected = {protected}");
    if let Some(platform) = environment.platform {
        let _ = writeln!(text, "platform = \"{platform}\"");
    }
    let _ = writeln!(text, "task = {{ cpu = {cpu}, memory = 0x{memory:x}, count = {count} }}");
    let Strategy { minimum_healthy_percent, maximum_percent, circuit_breaker } = environment.strategy;
    let _ = writeln!(text, "strategy.minimum-healthy-percent = {minimum_healthy_percent}");
    let _ = writeln!(text, "strategy.maximum-percent = {maximum_percent}");
    let _ = writeln!(text, "strategy.circuit-breaker = {circuit_breaker}");
    if let Some(Network { subnets, security_groups, assign_public_ip }) = &environment.network {
        let _ = writeln!(text, "[network]\nassign-public-ip = {assign_public_ip}");
        let _ = writeln!(text, "security-groups = {security_groups:?}\nsubnets = {subnets:?}");
    }
    if let Some(most) = environment.max_connections {
        let _ = writeln!(text, "[database]\nmax-connections = {most}");
    }
    for (name, Volume { file_system, access_point, mounts }) in &environment.volumes {
        let _ = writeln!(text, "[volumes.{name}]\nfile-system = {}", string(file_system));
        if let Some(access_point) = access_point {
            let _ = writeln!(text, "access-point = {}", string(access_point));
        }
        for (container, path) in mounts {
            let _ = writeln!(text, "mounts.{container} = {}", string(path));
        }
    }
    let tables = [
        ("variables", &environment.variables),
        ("secrets", &environment.secrets),
        ("bases", &environment.bases.mirrors),
    ];
    for (table, values) in tables {
        let _ = writeln!(text, "[{table}]");
        for (key, value) in values {
            let _ = writeln!(text, "{} = {}", string(key), string(value));
        }
    }
    if let Some(Local { endpoint, balancer, health_check_path }) = &environment.local {
        let path = string(health_check_path);
        let _ =
            writeln!(text, "[local]\nbalancer = '{balancer}'\nhealth-check-path = {path}\nendpoint = \"{endpoint}\"");
    }
    for (name, substitute) in &environment.bases.substitutes {
        let _ = writeln!(text, "[substitutes.{}]\nsuite = {}", string(name), string(&substitute.suite));
        let _ = writeln!(text, "packages = {:?}\ncommand = {:?}", substitute.packages, substitute.command);
        let _ = writeln!(text, "ports = {:?}", substitute.ports.iter().collect::<Vec<_>>());
        for (key, value) in [("user", &substitute.user), ("stop-signal", &substitute.stop_signal)] {
            if let Some(value) = value {
                let _ = writeln!(text, "{key} = {}", string(value));
            }
        }
        for (link, target) in &substitute.links {
            let _ = writeln!(text, "links.{} = {}", string(link), string(target));
        }
    }
    text
}
