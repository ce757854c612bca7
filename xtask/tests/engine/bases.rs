//! Base images: substitutes where no registry answers, pins where one does.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use camino::Utf8Path;
use xtask::effects::bases::{self, Wanted};
use xtask::effects::engine::{self, Engine, Store, place::Place};
use xtask::effects::{host, process};
use xtask::image::Platform;
use xtask::image::base::ResolvedBase;
use xtask::image::substitute::Substitute;
use xtask::plan::bake::network::{StepNetwork, UNDERLAY};
use xtask::project::{Bases, Environment, EnvironmentName, Strategy};

use crate::registry::serve_layouts;
use crate::{REPORT, Scratch, copy_of_packages, docker, iptables};

const PYTHON: &str = "python:3.13-slim";
const NGINX: &str = "nginxinc/nginx-unprivileged:stable-alpine-slim";
/// A registry that is never there: port 1 of the loopback interface.
const NOWHERE: &str = "127.0.0.1:1/mirror/image:1";

fn local() -> Environment {
    let links = |links: &[(&str, &str)]| links.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
    let python = Substitute {
        suite: "trixie".into(),
        packages: ["python3", "python3-venv", "ca-certificates"].map(str::to_owned).to_vec(),
        links: links(&[("/usr/local/bin/python3", "/usr/bin/python3"), ("/usr/local/bin/python", "/usr/bin/python3")]),
        command: vec!["python3".into()],
        ..Substitute::default()
    };
    let nginx = Substitute {
        suite: "trixie".into(),
        packages: ["nginx-light", "busybox"].map(str::to_owned).to_vec(),
        links: links(&[
            ("/usr/bin/wget", "/usr/bin/busybox"),
            ("/var/log/nginx/access.log", "/dev/stdout"),
            ("/var/log/nginx/error.log", "/dev/stderr"),
        ]),
        user: Some("101:101".into()),
        ports: BTreeSet::from([8080]),
        stop_signal: Some("SIGQUIT".into()),
        command: ["nginx", "-g", "daemon off;"].map(str::to_owned).to_vec(),
    };
    let mirrors = [PYTHON, NGINX].map(|name| (name.to_owned(), NOWHERE.to_owned()));
    let substitutes = [(PYTHON.to_owned(), python), (NGINX.to_owned(), nginx)];
    Environment {
        name: EnvironmentName::LOCAL,
        protected: false,
        platform: None,
        images: Default::default(),
        region: "eu-central-1".into(),
        account: None,
        cluster: "c".into(),
        service: "s".into(),
        domain: None,
        endpoint: None,
        registry: None,
        cpu: 256,
        memory: 512,
        count: 1,
        variables: Default::default(),
        secrets: Default::default(),
        strategy: Strategy { minimum_healthy_percent: 100, maximum_percent: 200, circuit_breaker: true },
        network: None,
        volumes: Default::default(),
        max_connections: None,
        bases: Bases { mirrors: mirrors.into(), substitutes: substitutes.into() },
        local: None,
        services: Default::default(),
        selected: None,
    }
}

const APP: &str = "FROM python:3.13-slim
RUN apt-get update -q && apt-get install -qy --no-install-recommends tini
RUN --mount=type=secret,id=ca python -m venv /v && PIP_CERT=/run/secrets/ca /v/bin/pip install -q six==1.17.0
RUN /v/bin/python -c 'import six, ssl; print(ssl.create_default_context())'
";
const FRONT: &str = "FROM nginxinc/nginx-unprivileged:stable-alpine-slim
RUN nginx -v && test -w /run && wget --help
";

/// Builds both Dockerfiles in one bake run with the bases as named contexts, as a build does.
fn bake(engine: &Engine, folder: &Utf8Path, bases: &std::collections::BTreeMap<String, ResolvedBase>, output: &str) {
    let target = |dockerfile: &str, base: &str| {
        serde_json::json!({
            "context": folder, "dockerfile-inline": dockerfile, "no-cache": true,
            "contexts": { base: bases[base].reference },
            "platforms": [format!("linux/{}", host::architecture())],
            "attest": ["type=provenance,disabled=true"],
            "secret": [format!("id=ca,src={}", host::certificates().unwrap())],
            "output": [output.replace("NAME", base.split(['/', ':']).next().unwrap())],
        })
    };
    let mut plan = serde_json::json!({
        "group": { "default": { "targets": ["app", "front"] } },
        "target": { "app": target(APP, PYTHON), "front": target(FRONT, NGINX) },
    });
    let network = engine.step_network();
    if network == StepNetwork::HostGranted {
        plan["target"]["app"]["network"] = "host".into();
    }
    if let Some(underlay) = network.underlay(["app"].into_iter()) {
        fs::create_dir_all(folder.join(UNDERLAY).parent().unwrap()).unwrap();
        fs::write(folder.join(UNDERLAY), underlay.to_string()).unwrap();
    }
    let file = folder.join("bake.json");
    fs::write(&file, plan.to_string()).unwrap();
    // References to substitutes are relative to the repository, where a build runs.
    let mut bake = engine.docker();
    let arguments = network.arguments().into_iter();
    bake.args(arguments.map(|argument| if argument == "-" { file.as_str() } else { argument })).current_dir(folder);
    process::run(&mut bake, Duration::from_secs(600)).unwrap();
}

/// Takes the engine's bridge the way out, as on machines that carry no address translation. On one of those, archives
/// could be reached from the machine and not from the steps of a build, and every build failed.
fn without_translation(place: &Place) {
    let [program, words @ ..] = iptables(place);
    for table in ["nat", "filter"] {
        let mut flush = Command::new(&program);
        flush.args(&words).args(["-w", "10", "-t", table, "-F", &place.chain()]);
        process::run(&mut flush, Duration::from_secs(20)).unwrap();
    }
}

#[test]
fn substitutes_carry_a_build_where_no_registry_answers() {
    assert!(host::is_root(), "this test needs root: it is run by name only");
    let scratch = Scratch::new("bases");
    let engine = engine::start_private(&scratch.place, Store::Containerd, &REPORT()).unwrap();
    let environment = local();
    let names = BTreeSet::from([PYTHON, NGINX, "scratch"].map(str::to_owned));
    let platform: Platform = format!("linux/{}", host::architecture()).parse().unwrap();
    let wanted = Wanted { root: &scratch.folder, names: &names, platform, environment: &environment, may_record: true };
    assert_eq!(bases::recorded(&wanted).unwrap(), None);

    let begin = Instant::now();
    let resolved = bases::resolve(&engine, &wanted, &REPORT()).unwrap();
    println!("both substitutes in {:.1} s", begin.elapsed().as_secs_f32());
    assert!(resolved.values().all(|base| base.substitute) && resolved.len() == 2);
    let begin = Instant::now();
    assert_eq!(bases::recorded(&wanted).unwrap().as_ref(), Some(&resolved));
    println!("recorded in {:.4} s", begin.elapsed().as_secs_f32());

    without_translation(&scratch.place);
    let begin = Instant::now();
    let layouts = scratch.folder.join("NAME-layout");
    bake(&engine, &scratch.folder, &resolved, &format!("type=oci,dest={layouts},tar=false"));
    println!("baked in {:.1} s", begin.elapsed().as_secs_f32());
    assert!(scratch.folder.join("python-layout/index.json").exists());

    // The classic store takes the same bases, and the images can be run.
    let classic = Scratch::new("classic");
    copy_of_packages(&scratch.place, &classic.place);
    let engine = engine::start_private(&classic.place, Store::Classic, &REPORT()).unwrap();
    let loaded = bases::resolve(&engine, &wanted, &REPORT()).unwrap();
    bake(&engine, &scratch.folder, &loaded, "type=docker,name=NAME:engine-test");
    let run = ["run", "--rm", "nginxinc:engine-test", "sh", "-c"];
    let said = docker(&engine, &[&run[..], &["id -u; nginx -t 2>&1"]].concat());
    assert!(said.starts_with("101\n") && said.contains("test is successful"), "{said}");
    let labels = docker(&engine, &["inspect", "--format", "{{json .Config}}", "nginxinc:engine-test"]);
    for part in ["\"slipway.substitute\":\"true\"", "8080/tcp", "SIGQUIT", "slipway.substitute.of"] {
        assert!(labels.contains(part), "{part} in {labels}");
    }

    // The same packages again give the same digest.
    fs::remove_dir_all(scratch.folder.join("target/slipway")).unwrap();
    bases::resolve(&engine, &wanted, &REPORT()).unwrap();
    assert_eq!(bases::recorded(&wanted).unwrap().as_ref(), Some(&resolved));

    // A registry that answers is preferred, in `local` too; what it has is pinned.
    let (port, _server) = serve_layouts(&scratch.folder.join("target/slipway/bases"));
    let mirror =
        |name: &str| (name.to_owned(), format!("127.0.0.1:{port}/mirror:{}", name.split(['/', ':']).next().unwrap()));
    let mirrored = Bases { mirrors: [PYTHON, NGINX].map(mirror).into(), ..environment.bases.clone() };
    let environment = Environment { bases: mirrored, ..environment.clone() };
    let wanted = Wanted { environment: &environment, ..wanted };
    let engine = engine::start_private(&scratch.place, Store::Containerd, &REPORT()).unwrap();
    let pinned = bases::resolve(&engine, &wanted, &REPORT()).unwrap();
    assert!(pinned.values().all(|base| !base.substitute && base.reference.starts_with("docker-image://127.0.0.1:")));
    assert_eq!(pinned[PYTHON].digest, resolved[PYTHON].digest, "the mirror serves the very substitute");
    let lock = fs::read_to_string(scratch.folder.join("infra/bases.lock")).unwrap();
    assert!(lock.contains(&format!("\"{PYTHON}\" = \"{}\"", pinned[PYTHON].digest)), "{lock}");
    assert_eq!(bases::recorded(&wanted).unwrap().as_ref(), Some(&pinned));
    bake(&engine, &scratch.folder, &pinned, &format!("type=oci,dest={layouts}-2,tar=false"));

    // A registry that answers with an error is distinguished from one that does not answer, and no substitute hides it.
    for (path, words) in [("missing:1", "has no image"), ("private:1", "gives no")] {
        let mirrors = [(PYTHON.to_owned(), format!("127.0.0.1:{port}/{path}"))];
        let bases_of = Bases { mirrors: mirrors.into(), ..environment.bases.clone() };
        let environment = Environment { bases: bases_of, ..environment.clone() };
        let names = BTreeSet::from([PYTHON.to_owned()]);
        let error = bases::resolve(&engine, &Wanted { names: &names, environment: &environment, ..wanted }, &REPORT());
        assert!(error.as_ref().is_err_and(|error| error.to_string().contains(words)), "{path}: {error:?}");
    }
    fs::remove_file(scratch.folder.join("infra/bases.lock")).unwrap();
    let environment = local();

    // Elsewhere than in `local` nothing stands in.
    let staging = Environment { name: "staging".parse().unwrap(), ..environment.clone() };
    let error = bases::resolve(&engine, &Wanted { environment: &staging, ..wanted }, &REPORT()).unwrap_err();
    assert!(error.to_string().contains("does not answer"), "{error}");
}
