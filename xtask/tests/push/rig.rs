//! A project whose image is built, and the registry that its environment points to.

use std::fs;
use std::process::Command;

use serde_json::{Value, json};

use super::layouts::Image;
use super::registry::Registry;
use super::sandbox::{Run, Sandbox};

pub(crate) const REPOSITORY: &str = "small/app";

pub(crate) struct Rig {
    pub(crate) sandbox: Sandbox,
    pub(crate) registry: Registry,
}

impl Rig {
    /// The good image, built; an empty repository.
    pub(crate) fn new(name: &str) -> Rig {
        Rig::with(name, Registry::start(&[REPOSITORY]))
    }

    pub(crate) fn with(name: &str, registry: Registry) -> Rig {
        let sandbox = Sandbox::new(&format!("push-{name}"));
        sandbox.bakes("app", &Image::good().build());
        sandbox.builds("built");
        Rig { sandbox, registry }
    }

    /// `push` with the registry as AWS's endpoint.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.sandbox.xtask(&[&["push", "--output", "json"], arguments].concat());
        command.env("AWS_ENDPOINT_URL", format!("http://{}", self.registry.address));
        command.env("AWS_ACCESS_KEY_ID", "test").env("AWS_SECRET_ACCESS_KEY", "test");
        command
            .env("DOCKER_CONFIG", self.sandbox.folder().join("docker-config"))
            .env("AWS_EC2_METADATA_DISABLED", "true");
        for name in ["AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_REGION", "HTTP_PROXY", "http_proxy"] {
            command.env_remove(name);
        }
        command
    }

    pub(crate) fn push(&self, arguments: &[&str]) -> Run {
        Run::of(self.command(arguments))
    }

    /// A push that must end well, with this outcome; what it says of the image.
    pub(crate) fn pushes(&self, outcome: &str) -> Value {
        let run = self.push(&[]);
        assert_eq!((run.code, run.finished()["outcome"].as_str()), (0, Some(outcome)), "{}", run.stderr);
        run.finished()["images"]["app"].clone()
    }

    /// The blob files of the layout: the layers, the largest first, then the documents.
    pub(crate) fn blobs(&self) -> Vec<camino::Utf8PathBuf> {
        let folder = self.sandbox.root.join("target/slipway/images/app/blobs/sha256");
        let mut blobs: Vec<_> = folder.read_dir_utf8().unwrap().map(|entry| entry.unwrap().into_path()).collect();
        let layers = self.sandbox.layers("app");
        let is_layer =
            |blob: &camino::Utf8PathBuf| layers.iter().any(|layer| layer.ends_with(blob.file_name().unwrap()));
        blobs.sort_by_key(|blob| (!is_layer(blob), std::cmp::Reverse(fs::metadata(blob).unwrap().len())));
        blobs
    }

    /// What release.json says of the image.
    pub(crate) fn built(&self) -> Value {
        self.sandbox.release().unwrap()["images"]["app"].clone()
    }

    /// The tag of the fingerprint.
    pub(crate) fn inputs_tag(&self) -> String {
        format!("in-{}", &self.built()["fingerprint"].as_str().unwrap()[..16])
    }

    /// Changes what release.json says.
    pub(crate) fn release(&self, edit: impl FnOnce(&mut Value)) {
        let mut release = self.sandbox.release().unwrap();
        edit(&mut release);
        self.sandbox.write("target/slipway/release.json", &release.to_string());
    }

    /// An environment of AWS's, in this account.
    pub(crate) fn environment(&self, name: &str, account: &str) {
        let protected = name == "production";
        let text = format!(
            "protected = {protected}\nregion = \"eu-central-1\"\naccount = \"{account}\"\ndomain = \"x.example.com\"\n[task]\ncpu = 256\nmemory = 512\n\
             count = 1\n"
        );
        self.sandbox.write(&format!("infra/environments/{name}.toml"), &text);
    }

    /// Everything in the repository is as the layout has it, under both tags.
    pub(crate) fn is_whole(&self) {
        let digest = self.sandbox.manifest_digest("app");
        let tags = self.registry.tags(REPOSITORY);
        assert_eq!(tags.get("local"), Some(&digest));
        assert_eq!(tags.get(&self.inputs_tag()), Some(&digest));
        let blobs = self.registry.lock().repositories[REPOSITORY].blobs.len();
        assert_eq!(blobs + 1, self.blobs().len());
    }
}

/// A login as docker writes it down.
pub(crate) fn docker_config(host: &str, login: &str) -> String {
    use base64::Engine;
    let auth = base64::engine::general_purpose::STANDARD.encode(login);
    json!({ "auths": { host: { "auth": auth } } }).to_string()
}
