//! The accident that the proof is for: the registry holds the base image of a laptop, made for arm64.

use serde_json::json;

use crate::offenders::foreign_wheel;
use crate::registry::serve_layouts;
use crate::world::{Clone, docker_ok};

const BASE: &str = "registry.test/base:1";

/// Makes an image of aarch64 programs, for linux/arm64, as the layout `base` on the shelf.
fn make_base(clone: &Clone, shelf: &camino::Utf8Path) {
    foreign_wheel(clone, "ruff==0.8.4", "manylinux2014_aarch64");
    let folder = clone.root.join("nginx/offender");
    let data = folder.read_dir_utf8().unwrap().map(|entry| entry.unwrap().file_name().to_owned());
    let data = data.into_iter().find(|name| name.ends_with(".data")).unwrap();
    let dockerfile = format!("FROM scratch\nCOPY --chmod=0755 {data}/scripts/ruff /bin/ruff\nUSER 101:101\n");
    std::fs::write(folder.join("Dockerfile"), dockerfile).unwrap();
    let output = format!("type=oci,dest={},tar=false", shelf.join("base"));
    let arguments = ["buildx", "build", "--provenance=false", "--platform=linux/arm64", "--output"];
    docker_ok(&[&arguments[..], &[output.as_str(), folder.as_str()]].concat());
}

#[test]
fn an_image_on_an_arm64_base_is_refused_for_its_platform_and_its_programs() {
    let clone = Clone::new("foreign-base");
    let shelf = clone.root.join("target/shelf");
    std::fs::create_dir_all(&shelf).unwrap();
    make_base(&clone, &shelf);
    let (port, _server) = serve_layouts(&shelf);
    clone.write(
        "infra/slipway.toml",
        "[project]\nname = \"small\"\nplatform = \"linux/amd64\"\n\n[images.front]\ncontext = \"front\"\nports = [8080]\n",
    );
    clone.write(
        "infra/environments/local.toml",
        &format!(
            "region = \"eu-central-1\"\n\n[task]\ncpu = 256\nmemory = 512\ncount = 1\n\n[bases]\n\"{BASE}\" = \"127.0.0.1:{port}/mirror:base\"\n"
        ),
    );
    clone.write(
        "front/Dockerfile",
        &format!("FROM {BASE}\nCOPY settings /settings\nEXPOSE 8080\nENTRYPOINT [\"/bin/ruff\"]\n"),
    );
    clone.write("front/settings", "any\n");

    let run = clone.json(&["build"]);
    assert_eq!(run.code, 3, "{}", run.stderr);
    assert_eq!(run.finished()["outcome"], "refused");
    let refused = run.events.iter().find(|event| event["event"] == "refused").unwrap();
    let findings = refused["images"]["front"].as_array().unwrap();
    let found = |id: &str, words: &[&str]| {
        findings.iter().any(|finding| {
            let message = finding["message"].as_str().unwrap();
            finding["id"] == id && words.iter().all(|words| message.contains(words))
        })
    };
    // BuildKit gives the image the requested platform, whatever the base is: its configuration says amd64. What
    // the registry reports of the base is checked before anything is built, and the programs tell on themselves.
    let told = format!("warning: the base image `{BASE}` is linux/arm64, not linux/amd64");
    assert!(run.stderr.contains(&told), "{}", run.stderr);
    assert!(found("foreign-program", &["bin/ruff", "aarch64"]), "{findings:#?}");
    let release: serde_json::Value = serde_json::from_str(&clone.read("target/slipway/release.json")).unwrap();
    assert_eq!(release["images"], json!({}), "a refused image got into the release");
    assert!(!clone.root.join("target/slipway/images/front").exists() && !clone.has_leftovers());
    // The base is pinned as what it is: the registry's answer is not what was wrong with it.
    assert!(clone.read("infra/bases.lock").contains(BASE));
}
