//! The bake plan: one `docker buildx bake` run for every image to build, as the JSON that bake reads. Here: the
//! document and the command line. Not here: running them (`effects::docker`).

pub mod network;
pub mod transcript;

use std::collections::BTreeMap;

use camino::Utf8PathBuf;
use serde::Serialize;

use self::network::StepNetwork;
use crate::image::{ImageName, Platform};
use crate::project::{ContextSource, Image};

/// The bake document. Fields have bake's names; unused fields are left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BakePlan {
    group: BTreeMap<&'static str, Group>,
    target: BTreeMap<String, Target>,
    #[serde(skip)]
    network: StepNetwork,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Group {
    targets: Vec<String>,
}

/// One bake target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Target {
    context: String,
    dockerfile: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    network: Option<&'static str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    contexts: BTreeMap<String, String>,
    args: BTreeMap<String, String>,
    platforms: Vec<Platform>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    secret: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    output: Vec<String>,
    attest: Vec<String>,
}

/// Values that a bake target needs in addition to the image's configuration.
#[derive(Clone, Debug)]
pub struct Ingredients {
    /// Base name in the Dockerfile → its replacement for buildx (`docker-image://…@sha256:…`,
    /// `oci-layout://…@sha256:…`).
    pub bases: BTreeMap<String, String>,
    /// Secret id → its source in buildx's notation (`src=<path>` or `env=<name>`). Never a value.
    pub secrets: BTreeMap<String, String>,
    /// Seconds since 1970: the time of the last commit that changed the inputs.
    pub source_date_epoch: u64,
}

/// The output of the builder for an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// An OCI layout in this directory.
    Layout(Utf8PathBuf),
    /// A name in the engine's classic image store; `docker save` makes a layout of it.
    Store(String),
}

impl BakePlan {
    /// Creates the plan for `images` (each with its destination), from `all` images of the project. An image that
    /// others copy files from becomes a target even if it is not built itself, reduced to the stage that they use.
    pub fn new(
        all: &[Image],
        images: &[(&Image, Destination)],
        platform: Platform,
        ingredients: &BTreeMap<ImageName, Ingredients>,
    ) -> BakePlan {
        let mut plan = BakePlan { group: BTreeMap::new(), target: BTreeMap::new(), network: StepNetwork::OfEngine };
        for (image, destination) in images {
            let output = match destination {
                Destination::Layout(directory) => {
                    format!("type=oci,dest={directory},tar=false,compression=zstd,oci-mediatypes=true")
                }
                Destination::Store(name) => format!("type=docker,name={name}"),
            };
            plan.add(all, image, image.target.as_deref(), Some(output), platform, ingredients);
        }
        let targets = images.iter().map(|(image, _)| image.name.to_string()).collect();
        plan.group.insert("default", Group { targets });
        plan
    }

    /// Adds one stage of one image and its dependencies. Returns the name of its target.
    fn add(
        &mut self,
        all: &[Image],
        image: &Image,
        stage: Option<&str>,
        output: Option<String>,
        platform: Platform,
        ingredients: &BTreeMap<ImageName, Ingredients>,
    ) -> String {
        // A target of the group has the image's name. A target for other images only has the stage appended, after a
        // character that image names cannot have.
        let name = match (&output, stage) {
            (None, Some(stage)) if image.target.as_deref() != Some(stage) => {
                format!("{}_{}", image.name, escaped(stage))
            }
            _ => image.name.to_string(),
        };
        if self.target.get(&name).is_some_and(|known| output.is_none() || !known.output.is_empty()) {
            return name;
        }
        let mut contexts = BTreeMap::new();
        let mut args = image.args.clone();
        let mut secret = Vec::new();
        if let Some(found) = ingredients.get(&image.name) {
            contexts.extend(found.bases.clone());
            secret.extend(found.secrets.iter().map(|(id, source)| format!("id={id},{}", csv_field(source))));
            args.insert("SOURCE_DATE_EPOCH".to_owned(), found.source_date_epoch.to_string());
        }
        for (key, source) in &image.contexts {
            let value = match source {
                ContextSource::Directory(path) => path.to_string(),
                ContextSource::Image { image: other, target } => {
                    let Some(other) = all.iter().find(|image| image.name == *other) else { continue };
                    let stage = target.as_deref().or(other.target.as_deref());
                    format!("target:{}", self.add(all, other, stage, None, platform, ingredients))
                }
            };
            contexts.insert(key.clone(), value);
        }
        let target = Target {
            context: image.context.to_string(),
            // Bake resolves a Dockerfile relative to the context, `-f` relative to the repository root.
            dockerfile: relative(&image.dockerfile, &image.context),
            target: stage.map(str::to_owned),
            network: None,
            contexts,
            args,
            platforms: vec![platform],
            secret,
            output: output.into_iter().collect(),
            // An index with an `unknown/unknown` entry has broken Fargate deploys, and provenance changes the digest of
            // every build. Both are attached after the push, as referrers.
            attest: vec!["type=provenance,disabled=true".to_owned(), "type=sbom,disabled=true".to_owned()],
        };
        self.target.insert(name.clone(), target);
        name
    }

    /// Returns the document for bake's standard input. Bake parses strings as templates, in which `${` and `%{` start
    /// an expression unless their first character is doubled.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default().replace("${", "$${").replace("%{", "%%{")
    }

    /// Returns the plan with another network for its steps.
    pub fn with_network(mut self, network: StepNetwork) -> BakePlan {
        self.network = network;
        self.target.values_mut().for_each(|target| target.network = network.word());
        self
    }

    /// Returns the compose file that must exist at `network::UNDERLAY` for this plan; `None` if it needs none.
    pub fn underlay(&self) -> Option<String> {
        Some(self.network.underlay(self.target.keys().map(String::as_str))?.to_string())
    }

    /// Returns the names of all targets: the images to build and the targets that they depend on.
    pub fn targets(&self) -> Vec<String> {
        self.target.keys().cloned().collect()
    }

    /// Returns the arguments of `docker`.
    pub fn arguments(&self, no_cache: bool) -> Vec<&'static str> {
        let mut arguments = self.network.arguments();
        if no_cache {
            arguments.push("--no-cache");
        }
        arguments
    }
}

/// Variables that keep buildx from adding attestations, and a copy of every image in the engine's own store. The last
/// one is for buildx from 0.20 on, which refuses to read files outside of the repository, such as the host's
/// certificates, without a flag that older versions do not have.
pub const BUILDX_VARIABLES: [(&str, &str); 3] =
    [("BUILDX_NO_DEFAULT_ATTESTATIONS", "1"), ("BUILDX_NO_DEFAULT_LOAD", "1"), ("BUILDX_BAKE_ENTITLEMENTS_FS", "0")];

/// Encodes a stage as part of a target's name: bake allows letters, digits, `_` and `-`, and Dockerfiles allow dots
/// too. Different stages give different texts.
fn escaped(stage: &str) -> String {
    stage.replace('_', "__").replace('.', "_-")
}

/// Quotes a field of comma-separated values, as buildx parses outputs and secrets.
fn csv_field(text: &str) -> String {
    if text.contains([',', '"']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
}

/// Returns `path` relative to `base`. Both are relative to the repository root and without `..`.
fn relative(path: &camino::Utf8Path, base: &camino::Utf8Path) -> String {
    if let Ok(inside) = path.strip_prefix(base) {
        return inside.to_string();
    }
    let up = base.components().filter(|part| part.as_str() != ".").map(|_| "../").collect::<String>();
    format!("{up}{path}")
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::{BakePlan, Destination, Ingredients, StepNetwork, relative};
    use crate::image::{ImageName, Platform};
    use crate::project::{ContextSource, Image};

    fn image(name: &str, contexts: &[(&str, ContextSource)]) -> Image {
        Image {
            name: name.parse().unwrap(),
            context: name.into(),
            dockerfile: format!("{name}/Dockerfile").into(),
            target: Some("runtime".to_owned()),
            args: BTreeMap::from([("VERSION".to_owned(), "3.13".to_owned())]),
            contexts: contexts.iter().map(|(key, source)| ((*key).to_owned(), source.clone())).collect(),
            secrets: BTreeMap::new(),
            ports: BTreeSet::new(),
        }
    }

    fn ingredients(names: &[&str]) -> BTreeMap<ImageName, Ingredients> {
        let one = Ingredients {
            bases: BTreeMap::from([("python:3.13-slim".to_owned(), "docker-image://python@sha256:00".to_owned())]),
            secrets: BTreeMap::from([("ca".to_owned(), "src=/etc/ca.crt".to_owned())]),
            source_date_epoch: 1_700_000_000,
        };
        names.iter().map(|name| (name.parse().unwrap(), one.clone())).collect()
    }

    fn json(plan: &BakePlan) -> serde_json::Value {
        serde_json::from_str(&plan.to_json()).unwrap()
    }

    #[test]
    fn plans_image_with_all_settings() {
        let app = image("app", &[]);
        let plan = BakePlan::new(
            std::slice::from_ref(&app),
            &[(&app, Destination::Layout("/out/app".into()))],
            Platform::LinuxAmd64,
            &ingredients(&["app"]),
        );
        let expected = serde_json::json!({
            "group": {"default": {"targets": ["app"]}},
            "target": {"app": {
                "context": "app",
                "dockerfile": "Dockerfile",
                "target": "runtime",
                "contexts": {"python:3.13-slim": "docker-image://python@sha256:00"},
                "args": {"SOURCE_DATE_EPOCH": "1700000000", "VERSION": "3.13"},
                "platforms": ["linux/amd64"],
                "secret": ["id=ca,src=/etc/ca.crt"],
                "output": ["type=oci,dest=/out/app,tar=false,compression=zstd,oci-mediatypes=true"],
                "attest": ["type=provenance,disabled=true", "type=sbom,disabled=true"],
            }},
        });
        assert_eq!(json(&plan), expected);
    }

    #[test]
    fn plans_steps_with_host_network() {
        let app = image("app", &[]);
        let images = [(&app, Destination::Layout("/out/app".into()))];
        let plan = BakePlan::new(std::slice::from_ref(&app), &images, Platform::LinuxAmd64, &ingredients(&["app"]));
        assert_eq!((json(&plan)["target"]["app"].get("network"), plan.underlay()), (None, None));
        let granted = plan.clone().with_network(StepNetwork::HostGranted);
        assert_eq!(json(&granted)["target"]["app"]["network"], "host");
        let underlaid = plan.clone().with_network(StepNetwork::HostUnderlaid);
        assert_eq!(json(&underlaid), json(&plan), "old versions of buildx refuse the word");
        assert!(underlaid.underlay().unwrap().contains("\"app\""));
    }

    #[test]
    fn stage_for_another_image_has_no_output() {
        let app = image("app", &[]);
        let stage = ContextSource::Image { image: "app".parse().unwrap(), target: Some("static".to_owned()) };
        let nginx = image("nginx", &[("static", stage)]);
        let all = [app, nginx];
        let plan = BakePlan::new(
            &all,
            &[(&all[1], Destination::Store("slipway/nginx".to_owned()))],
            Platform::LinuxAmd64,
            &ingredients(&["app", "nginx"]),
        );
        let json = json(&plan);
        assert_eq!(json["group"]["default"]["targets"], serde_json::json!(["nginx"]));
        assert_eq!(json["target"]["nginx"]["contexts"]["static"], "target:app_static");
        assert_eq!(json["target"]["nginx"]["output"], serde_json::json!(["type=docker,name=slipway/nginx"]));
        assert_eq!(json["target"]["app_static"]["target"], "static");
        assert_eq!(json["target"]["app_static"].get("output"), None);
        assert_eq!(json["target"].get("app"), None);
    }

    #[test]
    fn shared_image_is_one_target() {
        let app = image("app", &[]);
        let whole = ContextSource::Image { image: "app".parse().unwrap(), target: None };
        let nginx = image("nginx", &[("app", whole)]);
        let all = [app, nginx];
        for order in [[0, 1], [1, 0]] {
            let images = order.map(|at: usize| (&all[at], Destination::Layout(format!("/out/{at}").into())));
            let plan = BakePlan::new(&all, &images, Platform::LinuxAmd64, &ingredients(&["app", "nginx"]));
            let json = json(&plan);
            assert_eq!(json["target"].as_object().unwrap().len(), 2);
            assert_eq!(json["target"]["nginx"]["contexts"]["app"], "target:app");
            assert!(json["target"]["app"]["output"][0].as_str().unwrap().contains("dest=/out/0"));
        }
    }

    #[test]
    fn escapes_commas_and_templates() {
        let mut app = image("app", &[]);
        app.args.insert("GREETING".to_owned(), "${HOME} %{if}".to_owned());
        let mut ingredients = ingredients(&["app"]);
        let secrets = BTreeMap::from([("ca".to_owned(), "src=/a,b/\"c\".crt".to_owned())]);
        ingredients.values_mut().for_each(|found| found.secrets.clone_from(&secrets));
        let images = [(&app, Destination::Layout("out".into()))];
        let plan = BakePlan::new(std::slice::from_ref(&app), &images, Platform::LinuxAmd64, &ingredients);
        assert_eq!(json(&plan)["target"]["app"]["args"]["GREETING"], "$${HOME} %%{if}");
        assert_eq!(
            json(&plan)["target"]["app"]["secret"][0],
            "id=ca,\"src=/a,b/\"\"c\"\".crt\"",
            "quoted as comma-separated values are"
        );
    }

    #[test]
    fn escapes_dots_in_stage_names() {
        let stage =
            |stage: &str| ContextSource::Image { image: "app".parse().unwrap(), target: Some(stage.to_owned()) };
        let names = ["a.b", "a_b", "a-b", "a__b", "a_-b"];
        let contexts = names.map(|name| (name, stage(name)));
        let all = [image("app", &[]), image("nginx", &contexts)];
        let images = [(&all[1], Destination::Layout("out".into()))];
        let plan = BakePlan::new(&all, &images, Platform::LinuxAmd64, &ingredients(&["app", "nginx"]));
        let targets = plan.targets();
        assert_eq!(targets.len(), names.len() + 1, "{targets:?}");
        let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        assert!(targets.iter().all(|name| name.chars().all(allowed)), "{targets:?}");
    }

    #[test]
    fn resolves_dockerfile_outside_context() {
        assert_eq!(relative("app/Dockerfile".into(), "app".into()), "Dockerfile");
        assert_eq!(relative("docker/app.Dockerfile".into(), "app".into()), "../docker/app.Dockerfile");
        assert_eq!(relative("Dockerfile".into(), "services/app".into()), "../../Dockerfile");
        assert_eq!(relative("Dockerfile".into(), ".".into()), "Dockerfile");
    }
}
