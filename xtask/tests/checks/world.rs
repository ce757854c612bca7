//! One good deploy as a JSON document, small changes to it, and the resulting facts. The files of nginx, uWSGI and
//! Docker are this repository's own.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use xtask::checks::facts::{Answer, Balancer, ImageFacts, Observed, release_of};
use xtask::checks::stack::{self, Sources, Stack};
use xtask::checks::{Check, Facts, Scope, Unknown, run};
use xtask::ecs::render::{self, Values};
use xtask::ecs::{Revision, TargetHealth, TaskDefinition};
use xtask::image::layout::Config;
use xtask::image::proof::Finding;
use xtask::image::{Fingerprint, ImageName};
use xtask::plan::local::ACCOUNT;
use xtask::project::parse;
use xtask::release::{Built, Release};

const PROJECT: &str = include_str!("../../../infra/slipway.toml");

const TASK_DEFINITION: &str = include_str!("../../../infra/task-definition.json");

const SERVICE: &str = include_str!("../../../infra/service.json");

/// Name and text of a configuration file.
const FILES: [(&str, &str); 12] = [
    ("nginx/nginx.conf", include_str!("../../../nginx/nginx.conf")),
    ("nginx/snippets/app.conf", include_str!("../../../nginx/snippets/app.conf")),
    ("nginx/snippets/cache.conf", include_str!("../../../nginx/snippets/cache.conf")),
    ("nginx/snippets/headers.conf", include_str!("../../../nginx/snippets/headers.conf")),
    ("nginx/snippets/log.conf", include_str!("../../../nginx/snippets/log.conf")),
    ("nginx/snippets/micro-cache.conf", include_str!("../../../nginx/snippets/micro-cache.conf")),
    ("nginx/snippets/trust.conf", include_str!("../../../nginx/snippets/trust.conf")),
    ("nginx/Dockerfile", include_str!("../../../nginx/Dockerfile")),
    ("app/Dockerfile", include_str!("../../../app/Dockerfile")),
    ("app/uwsgi.ini", include_str!("../../../app/uwsgi.ini")),
    ("app/scripts/entrypoint.sh", include_str!("../../../app/scripts/entrypoint.sh")),
    ("app/config/static_files.py", include_str!("../../../app/config/static_files.py")),
];

/// A deploy as a JSON document.
#[derive(Clone)]
pub(crate) struct World(Value);

impl World {
    /// Returns the deploy without findings.
    pub(crate) fn good() -> World {
        let mut world: Value = serde_json::from_str(include_str!("good.json")).unwrap();
        world["files"] = FILES.iter().map(|(name, text)| ((*name).to_owned(), json!(text))).collect();
        // The observed state equals the deployed one.
        world["observed"]["revision"] = world["task"].clone();
        World(world)
    }

    /// Returns the deploy of this repository's own files in an environment; all other facts are those of `good`.
    pub(crate) fn ours(name: &str, settings: &str) -> World {
        let World(mut world) = World::good();
        let project = parse::project(PROJECT).unchecked().unwrap();
        let environment = parse::environment(name.parse().unwrap(), settings, &project).unwrap();
        let account = environment.account.clone().unwrap_or(ACCOUNT.to_owned());
        let reference = |image: &str| {
            let digest = world["images"][image]["digest"].as_str().unwrap();
            format!("{account}.dkr.ecr.eu-central-1.amazonaws.com/linkbio/{image}@{digest}")
        };
        let images = ["app", "nginx"].map(|image| (image.parse().unwrap(), reference(image)));
        let values =
            Values::new(&project, &environment, &account, &images.into(), Some("arn:aws:elasticloadbalancing:x"));
        let (definition, _) = render::released(TASK_DEFINITION, &values).unwrap();
        let service = render::service(SERVICE, &values).unwrap();
        world["environment"] = json!(name);
        world["settings"] = json!(settings);
        world["caller_account"] = json!(account);
        world["task"] = definition.document().clone().into();
        world["service"] = service.document().clone().into();
        World(world)
    }

    /// Returns a deploy with project and environment only.
    pub(crate) fn unknown() -> World {
        let World(good) = World::good();
        World(json!({ "environment": good["environment"], "settings": good["settings"] }))
    }

    /// Applies one change: `<pointer> = <json>` sets a value, `<pointer> -` removes it, `<pointer> "a" => "b"` replaces
    /// a part of a text. A slash inside a name is written `^`.
    pub(crate) fn change(&mut self, line: &str) {
        let (pointer, what) = line.split_once(' ').unwrap_or_else(|| panic!("no change: {line}"));
        let pointer = pointer.replace('^', "~1");
        if let Some(json) = what.strip_prefix("= ") {
            let value = serde_json::from_str(json).unwrap_or_else(|error| panic!("{line}: {error}"));
            self.set(&pointer, value, line);
        } else if what == "-" {
            let (parent, name) = pointer.rsplit_once('/').unwrap();
            match self.0.pointer_mut(parent) {
                Some(Value::Object(members)) => assert!(members.remove(&name.replace("~1", "/")).is_some(), "{line}"),
                Some(Value::Array(items)) => drop(items.remove(name.parse().unwrap())),
                _ => panic!("nothing to take away: {line}"),
            }
        } else {
            let (from, to) = what.split_once(" => ").unwrap_or_else(|| panic!("no change: {line}"));
            let (from, to): (String, String) = (serde_json::from_str(from).unwrap(), serde_json::from_str(to).unwrap());
            let text = self.0.pointer(&pointer).and_then(Value::as_str).unwrap_or_else(|| panic!("no text: {line}"));
            assert!(text.contains(&from), "`{from}` is not there: {line}");
            let text = json!(text.replace(&from, &to));
            self.set(&pointer, text, line);
        }
    }

    fn set(&mut self, pointer: &str, value: Value, line: &str) {
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        match self.0.pointer_mut(parent) {
            Some(Value::Object(members)) => drop(members.insert(name.replace("~1", "/"), value)),
            Some(Value::Array(items)) if name == "-" => items.push(value),
            Some(Value::Array(items)) => items[name.parse::<usize>().unwrap()] = value,
            _ => panic!("nothing to set: {line}"),
        }
    }

    /// Returns the findings of the rules of all scopes.
    pub(crate) fn findings(&self) -> Vec<Check> {
        let World(world) = self;
        let project = parse::project(PROJECT).unchecked().unwrap();
        let name = world["environment"].as_str().unwrap().parse().unwrap();
        let environment = parse::environment(name, world["settings"].as_str().unwrap(), &project).unwrap();
        let unknown = || Unknown::new("not known");
        let fact = |key: &str| world.get(key).filter(|value| !value.is_null()).ok_or_else(unknown);

        let images: BTreeMap<ImageName, Result<ImageFacts, Unknown>> = world["images"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, image)| {
                let facts = if image.is_null() { Err(unknown()) } else { Ok(image_facts(image)) };
                (name.parse().unwrap(), facts)
            })
            .collect();
        let release = Release {
            version: 1,
            project: project.name.clone(),
            environment: environment.name.to_string(),
            commit: None,
            dirty: false,
            images: images
                .iter()
                .filter_map(|(name, one)| Some((name.clone(), one.as_ref().ok()?.built.clone())))
                .collect(),
        };
        let definition = fact("task").map(|task| TaskDefinition::from_document(object(task)).unwrap());
        let service = fact("service").map(object);
        let files = world["files"].as_object();
        let sources = files.map(sources).unwrap_or_default();
        let variables: BTreeMap<String, String> =
            serde_json::from_value(world.get("uwsgi_variables").cloned().unwrap_or(json!({}))).unwrap();
        let Stack { front, server, static_files, unreadable } = stack::read(&project, &sources, &|_| variables.clone());
        let facts = Facts {
            project: &project,
            environment: &environment,
            release: if release.images.is_empty() { Err(unknown()) } else { Ok(&release) },
            images,
            task_definition: definition.as_ref().map_err(Clone::clone),
            service: service.as_ref().map_err(Clone::clone),
            front,
            server,
            static_files,
            has_target_group: fact("balancer").map(|balancer| balancer["name"] != "none"),
            balancer: fact("balancer").map(balancer),
            max_connections: fact("max_connections").map(|value| serde_json::from_value(value.clone()).unwrap()),
            caller_account: fact("caller_account").map(|value| value.as_str().unwrap().to_owned()),
            cluster: fact("cluster").map(|value| value.as_str().filter(|status| *status != "none").map(str::to_owned)),
            missing_parameters: fact("missing_parameters").map(|value| serde_json::from_value(value.clone()).unwrap()),
            unreadable: if files.is_some() { Ok(unreadable) } else { Err(unknown()) },
            observed: fact("observed").map(observed),
        };
        Scope::ALL.into_iter().flat_map(|scope| run(scope, &facts)).collect()
    }
}

/// Returns the files of each image by their path in its context.
fn sources(files: &Map<String, Value>) -> Sources {
    let mut sources = Sources::default();
    for (path, text) in files {
        let (image, name) = path.split_once('/').unwrap();
        let text = text.as_str().unwrap().to_owned();
        if name == "Dockerfile" {
            sources.dockerfiles.insert(path.into(), text.clone());
        }
        sources.contexts.entry(image.parse().unwrap()).or_default().insert(name.to_owned(), text);
    }
    sources
}

fn object(value: &Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

fn text(value: &Value, key: &str) -> String {
    value[key].as_str().unwrap_or_else(|| panic!("no `{key}` in {value}")).to_owned()
}

fn image_facts(image: &Value) -> ImageFacts {
    let findings = image["findings"].as_array().unwrap().iter();
    ImageFacts {
        built: Built {
            digest: text(image, "digest").parse().unwrap(),
            fingerprint: Fingerprint::new([7; 32]),
            bytes: image["bytes"].as_u64().unwrap(),
            platform: text(image, "platform").parse().unwrap(),
            layout: "target/slipway/images/x".into(),
            source_date_epoch: 0,
            substitutes: serde_json::from_value(image["substitutes"].clone()).unwrap(),
            tags: Vec::new(),
        },
        config: Config::parse(image["config"].to_string().as_bytes()).unwrap(),
        manifest: image["manifest"].as_str().map(|digest| digest.parse().unwrap()),
        findings: findings
            .map(|message| Finding {
                id: "foreign-library",
                message: message.as_str().unwrap().to_owned(),
                hint: "build inside",
            })
            .collect(),
    }
}

fn balancer(value: &Value) -> Balancer {
    let number = |key: &str| value[key].as_u64().map(|number| u32::try_from(number).unwrap());
    Balancer {
        name: text(value, "name"),
        target_type: text(value, "target_type"),
        health_path: text(value, "health_path"),
        matcher: text(value, "matcher"),
        interval: number("interval").unwrap(),
        timeout: number("timeout").unwrap(),
        idle_timeout: number("idle_timeout"),
        deregistration_delay: number("deregistration_delay"),
    }
}

fn observed(value: &Value) -> Observed {
    let unknown = || Unknown::new("not known");
    let fact = |key: &str| value.get(key).filter(|value| !value.is_null()).ok_or_else(unknown);
    let answer = |key: &str| {
        fact(key).map(|value| Answer {
            url: text(value, "url"),
            silence: value["silence"].as_str().map(str::to_owned),
            status: u16::try_from(value["status"].as_u64().unwrap()).unwrap(),
            headers: serde_json::from_value(value["headers"].clone()).unwrap(),
            body: text(value, "body"),
        })
    };
    let target = |value: &Value| TargetHealth {
        address: text(value, "address"),
        port: u16::try_from(value["port"].as_u64().unwrap()).unwrap(),
        state: text(value, "state"),
        reason: value["reason"].as_str().map(str::to_owned),
        description: value["description"].as_str().map(str::to_owned),
    };
    let release = || {
        let definition = TaskDefinition::from_document(object(fact("revision")?)).unwrap();
        release_of(&definition).map(str::to_owned).ok_or_else(unknown)
    };
    Observed {
        release: release(),
        service: serde_json::from_value(value["service"].clone()).unwrap(),
        revision: fact("revision").map(|document| Revision {
            arn: text(&value["service"], "taskDefinition"),
            status: "ACTIVE".to_owned(),
            document: object(document),
            tags: BTreeMap::new(),
        }),
        newest: fact("newest").map(|arn| arn.as_str().unwrap().to_owned()),
        tasks: fact("tasks").map(|tasks| serde_json::from_value(tasks.clone()).unwrap()),
        targets: fact("targets").map(|targets| targets.as_array().unwrap().iter().map(target).collect()),
        last: fact("last").map(|last| serde_json::from_value(last.clone()).unwrap()),
        page: answer("page"),
        stylesheet: answer("stylesheet"),
        health: answer("health"),
    }
}
