//! Real offenders: programs that were made for another architecture, in images that say they are linux/amd64.

use std::process::Command;

use serde_json::Value;

use crate::shared::shared;
use crate::world::{Clone, Run};

/// A wheel of a PyPI package for another architecture, unpacked below `nginx/offender` of the clone.
pub(crate) fn foreign_wheel(clone: &Clone, package: &str, platform: &str) {
    let folder = clone.root.join("nginx/offender");
    std::fs::create_dir_all(&folder).unwrap();
    let output = Command::new("python3")
        .args(["-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "--python-version=3.13"])
        .args(["--platform", platform, "--dest", folder.as_str(), package])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let unpack = "import glob, os, zipfile\nfor wheel in glob.glob('*.whl'):\n    zipfile.ZipFile(wheel).extractall('.')\n    os.remove(wheel)";
    let output = Command::new("python3").args(["-c", unpack]).current_dir(&folder).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Builds the front with another Dockerfile, which must be refused; the findings by id.
fn refused(clone: &Clone, dockerfile: &str) -> (Run, Vec<(String, String)>) {
    let before = clone.read("target/slipway/release.json");
    // The front's own list lets nothing but its configuration into the context.
    clone.write("nginx/.dockerignore", "");
    clone.write("nginx/Dockerfile", dockerfile);
    let run = clone.json(&["build", "--image", "nginx"]);
    assert_eq!(run.code, 3, "{}", run.stderr);
    assert_eq!(run.finished()["outcome"], "refused");
    assert!(
        run.stderr.contains("image `nginx` does not pass the proof for linux/amd64") && run.stderr.contains("hint: "),
        "{}",
        run.stderr
    );
    let images = |text: &str| serde_json::from_str::<Value>(text).unwrap()["images"].clone();
    let after = clone.read("target/slipway/release.json");
    assert_eq!(images(&before)["nginx"], images(&after)["nginx"], "a refused image got into the release");
    assert!(!clone.has_leftovers());
    let event = run.events.iter().find(|event| event["event"] == "refused").expect("an event with the findings");
    let findings = event["images"]["nginx"].as_array().unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let findings = findings.iter().map(|finding| (text(&finding["id"]), text(&finding["message"]))).collect();
    (run, findings)
}

fn ids(findings: &[(String, String)]) -> Vec<&str> {
    findings.iter().map(|(id, _)| id.as_str()).collect()
}

#[test]
fn one_arm64_library_in_an_amd64_image_is_refused_with_its_path() {
    let clone = shared();
    foreign_wheel(&clone, "markupsafe==3.0.2", "manylinux2014_aarch64");
    let dockerfile =
        clone.read("nginx/Dockerfile").replace("USER 101:101", "COPY offender /srv/offender\nUSER 101:101");
    let (_, findings) = refused(&clone, &dockerfile);
    let [(_, message)] = findings.as_slice() else { panic!("{findings:?}") };
    assert!(message.contains("srv/offender/markupsafe/_speedups") && message.contains(".so"), "{message}");
    assert!(message.contains("aarch64") || message.contains("arm64"), "{message}");
    // The same library, deleted again by a later layer, is harmless.
    let deleted = dockerfile.replace("USER 101:101", "USER 0\nRUN rm -r /srv/offender\nUSER 101:101");
    clone.write("nginx/Dockerfile", &deleted);
    assert_eq!(clone.build(&["--image", "nginx"]).finished()["outcome"], "built");
}

#[test]
fn an_image_of_arm64_programs_whose_configuration_says_amd64_is_refused() {
    let clone = shared();
    foreign_wheel(&clone, "ruff==0.8.4", "manylinux2014_aarch64");
    let program = std::fs::read_dir(clone.root.join("nginx/offender"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .find(|name| name.ends_with(".data"))
        .unwrap();
    let dockerfile = format!(
        "FROM scratch\nCOPY --chmod=0755 offender/{program}/scripts/ruff /bin/ruff\nUSER 101:101\nEXPOSE 8080\nENTRYPOINT [\"/bin/ruff\"]\n"
    );
    let (_, findings) = refused(&clone, &dockerfile);
    assert!(
        findings.iter().any(|(_, message)| message.contains("bin/ruff") && message.contains("aarch64")),
        "{findings:?}"
    );
}

#[test]
fn root_undeclared_ports_and_missing_programs_are_all_named_at_once() {
    let clone = shared();
    let dockerfile = clone
        .read("nginx/Dockerfile")
        .replace("USER 101:101", "USER root")
        .replace("EXPOSE 8080", "EXPOSE 9090")
        .replace("CMD [\"nginx\",", "CMD [\"/usr/sbin/no-such-program\",");
    let (_, findings) = refused(&clone, &dockerfile);
    assert!(findings.len() >= 3, "{findings:?}");
    let distinct = ids(&findings).into_iter().collect::<std::collections::BTreeSet<_>>();
    assert!(distinct.len() >= 3, "{findings:?}");
    for expected in ["root", "9090", "no-such-program"] {
        assert!(findings.iter().any(|(_, message)| message.contains(expected)), "{expected}: {findings:?}");
    }
}

#[test]
fn a_script_without_its_interpreter_is_refused() {
    let clone = shared();
    clone.write("nginx/start", "#!/opt/no/such/shell\nexec nginx\n");
    let dockerfile = clone
        .read("nginx/Dockerfile")
        .replace("USER 101:101", "COPY --chmod=0755 start /start\nUSER 101:101")
        .replace("CMD [\"nginx\", \"-g\", \"daemon off;\"]", "CMD [\"/start\"]");
    let (_, findings) = refused(&clone, &dockerfile);
    assert!(findings.iter().any(|(_, message)| message.contains("/opt/no/such/shell")), "{findings:?}");
}
