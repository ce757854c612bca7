//! A whole `build` against a scripted docker: what it asks for, and how it takes what it gets.

use serde_json::Value;

use crate::archives::Archive;
use crate::elves::{AARCH64, elf};
use crate::layouts::Image;
use crate::sandbox::{PROJECT, Run, Sandbox, WRITES_LAYOUTS};

#[test]
fn a_build_is_proven_recorded_and_then_unchanged_without_docker() {
    let sandbox = Sandbox::new("good");
    let run = sandbox.builds("built");
    let image = &run.finished()["images"]["app"];
    let release = sandbox.release().unwrap();
    assert_eq!(release["images"]["app"]["digest"], image["digest"]);
    assert_eq!(image["digest"], sandbox.manifest_digest("app"));
    assert!(!sandbox.has_leftovers());
    sandbox.bake_is("exit 9");
    sandbox.write("../fake/docker", "#!/bin/sh\nexit 9\n");
    sandbox.builds("unchanged");
    assert_eq!(sandbox.release().unwrap(), release);
    sandbox.write("app/hello", "hello again\n");
    assert_eq!(sandbox.json(&["build", "--dry-run"]).finished()["outcome"], "planned");
}

#[test]
fn a_failing_step_is_exit_code_1_with_the_line_of_the_dockerfile() {
    let sandbox = Sandbox::new("failing");
    let before = sandbox.builds("built");
    sandbox.write("app/hello", "other\n");
    sandbox.bake_is(
        "cat >&2 <<'END'
#5 [build 2/2] RUN make
#5 0.21 no rule to make target
#5 ERROR: process \"/bin/sh -c make\" did not complete successfully: exit code: 2
------
 > [build 2/2] RUN make:
------
Dockerfile:7
--------------------
   7 | >>> RUN make
--------------------
ERROR: failed to solve: process \"/bin/sh -c make\" did not complete successfully: exit code: 2
END
exit 1",
    );
    let run = sandbox.json(&["build"]);
    run.fails(
        1,
        "failed",
        &["image `app` failed to build at app/Dockerfile:7", "exit code: 2", "no rule to make target"],
    );
    assert!(!sandbox.has_leftovers());
    assert_eq!(sandbox.release().unwrap()["images"]["app"]["digest"], before.finished()["images"]["app"]["digest"]);
    sandbox.write("app/hello", "hello\n");
    sandbox.builds("unchanged");
}

#[test]
fn a_step_that_resolves_no_names_is_told_how_to() {
    let sandbox = Sandbox::new("names");
    let fails = |words: &str| {
        format!("cat >&2 <<'END'\n#5 [build 2/2] RUN get\n#5 9.1 {words}\n#5 ERROR: exit code: 1\nEND\nexit 1")
    };
    sandbox.bake_is(&fails("  Temporary failure resolving 'packages.example'"));
    sandbox.json(&["build"]).fails(1, "failed", &["resolved no names", "docs/guide/build.md"]);
    sandbox.bake_is(&fails("E: 404 Not Found"));
    assert!(!sandbox.json(&["build"]).stderr.contains("resolved no names"));
}

#[test]
fn a_client_that_is_killed_is_said_to_have_been() {
    let sandbox = Sandbox::new("killed");
    sandbox.bake_is("kill -9 $$");
    sandbox.json(&["build"]).fails(1, "failed", &["image `app` failed to build", "signal: 9"]);
    sandbox.bake_is("exit 5");
    sandbox.json(&["build"]).fails(1, "failed", &["exit status: 5"]);
}

#[test]
fn a_bake_that_writes_nothing_or_half_is_a_failure_and_no_image() {
    let sandbox = Sandbox::new("nothing");
    for (script, words) in [
        ("", "wrote no image"),
        (
            "dest=$(sed -n 's/.*dest=\\([^,]*\\),.*/\\1/p' \"$FAKE/plan.json\"); echo '{' > $dest/oci-layout",
            "wrote no image",
        ),
    ] {
        sandbox.bake_is(script);
        let run = sandbox.json(&["build"]);
        run.fails(1, "failed", &[words, "\nhint: "]);
        assert_eq!(sandbox.release().unwrap()["images"], serde_json::json!({}));
        assert!(!sandbox.has_leftovers());
    }
}

#[test]
fn images_for_another_machine_are_refused_and_are_not_in_the_release() {
    let sandbox = Sandbox::new("arm64");
    let foreign = Image::good().claim("architecture", "arm64".into()).with(Archive::new().file(
        "usr/bin/tool",
        0o755,
        elf(AARCH64, None),
    ));
    sandbox.bakes("app", &foreign.build());
    let run = sandbox.json(&["build"]);
    run.fails(3, "refused", &["image `app` does not pass the proof for linux/amd64", "arm64", "usr/bin/tool"]);
    let refused = run.events.iter().find(|event| event["event"] == "refused").unwrap();
    assert!(refused["images"]["app"].as_array().unwrap().len() >= 2, "{refused}");
    assert_eq!(sandbox.release().unwrap()["images"], serde_json::json!({}));
    assert!(!sandbox.root.join("target/slipway/images/app").exists());
    sandbox.bakes("app", &Image::good().build());
    sandbox.builds("built");
}

/// Two images of which the second is bad in some way.
fn two_images(name: &str) -> Sandbox {
    let sandbox = Sandbox::new(name);
    sandbox.write("infra/slipway.toml", &format!("{PROJECT}\n[images.web]\ncontext = \"app\"\nports = [8000]\n"));
    sandbox.bakes("web", &Image::good().build());
    sandbox
}

#[test]
fn an_image_that_cannot_be_read_costs_the_others_nothing() {
    let sandbox = two_images("others");
    sandbox.bakes("web", &Image::good().tamper(|layout| layout.index = b"{".to_vec()).build());
    let run = sandbox.json(&["build"]);
    assert_eq!(run.code, 3, "{}", run.stderr);
    assert!(run.stderr.contains("image `web`"), "{}", run.stderr);
    let images = sandbox.release().unwrap()["images"].clone();
    assert_eq!(images.as_object().unwrap().keys().collect::<Vec<_>>(), ["app"]);
    // One that is not there at all, beside one that is refused: both are named, and the refusal is the verdict.
    sandbox.bakes("app", &Image::good().set("User", "root".into()).build());
    sandbox.write("app/hello", "changed\n");
    sandbox.bake_is(&format!("{WRITES_LAYOUTS}\nrm target/slipway/building/*/web/oci-layout"));
    sandbox.json(&["build"]).fails(3, "refused", &["wrote no image `web`", "user-root"]);
    assert_eq!(sandbox.release().unwrap()["images"], images, "the last good image is kept");
    sandbox.bakes("app", &Image::good().build());
    sandbox.bakes("web", &Image::good().build());
    sandbox.write("app/hello", "hello\n");
    let run = sandbox.builds("built");
    assert_eq!(run.finished()["images"]["app"]["outcome"], "unchanged");
}

#[test]
fn an_image_that_the_project_drops_is_dropped_from_the_release() {
    let sandbox = two_images("dropped");
    sandbox.builds("built");
    assert_eq!(sandbox.release().unwrap()["images"].as_object().unwrap().len(), 2);
    sandbox.write("infra/slipway.toml", PROJECT);
    sandbox.builds("unchanged");
    assert_eq!(sandbox.release().unwrap()["images"].as_object().unwrap().len(), 1);
    assert!(!sandbox.root.join("target/slipway/images/web").exists(), "its layout is left");
}

#[test]
fn one_image_alone_leaves_the_record_of_another_whose_inputs_changed() {
    let sandbox = two_images("alone");
    sandbox.write("web/Dockerfile", &sandbox.read("app/Dockerfile"));
    sandbox.write("web/hello", "web\n");
    let project = sandbox.read("infra/slipway.toml");
    let (first, second) = project.split_once("[images.web]").unwrap();
    sandbox.write("infra/slipway.toml", &format!("{first}[images.web]{}", second.replace("\"app\"", "\"web\"")));
    sandbox.builds("built");
    let before = sandbox.release().unwrap();
    sandbox.write("app/hello", "changed\n");
    sandbox.write("web/hello", "changed\n");
    let run = sandbox.json(&["build", "--image", "web"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let after = sandbox.release().unwrap();
    assert_eq!(before["images"]["app"], after["images"]["app"]);
    assert_ne!(before["images"]["web"]["fingerprint"], after["images"]["web"]["fingerprint"]);
    let run = sandbox.builds("built");
    assert_eq!(run.finished()["images"]["web"]["outcome"], "unchanged");
    assert_eq!(run.finished()["images"]["app"]["outcome"], "built");
}

fn secret_of(sandbox: &Sandbox) -> Value {
    sandbox.baked().unwrap()["target"]["app"]["secret"][0].clone()
}

#[test]
fn a_secret_that_is_not_there_is_bad_usage_before_docker_runs() {
    let sandbox = Sandbox::new("secrets");
    let with =
        |secret: &str| sandbox.write("infra/slipway.toml", &format!("{PROJECT}\n[images.app.secrets]\n{secret}\n"));
    let build = |variables: &[(&str, &str)]| {
        let mut command = sandbox.xtask(&["build", "--output", "json"]);
        command.env_remove("TEST_TOKEN").envs(variables.iter().copied());
        Run::of(command)
    };
    with("token = { variable = \"TEST_TOKEN\" }");
    build(&[]).fails(2, "failed", &["`TEST_TOKEN`", "is not set", "secret `token` of image `app`", "\nhint: "]);
    build(&[("TEST_TOKEN", "")]).fails(2, "failed", &["`TEST_TOKEN`", "is empty"]);
    with("token = { file = \"private/token\" }");
    build(&[]).fails(2, "failed", &["private/token", "\nhint: "]);
    sandbox.write("private/token/is-a-folder", "");
    build(&[]).fails(2, "failed", &["private/token"]);
    assert_eq!(sandbox.baked(), None, "docker built");
    with("token = { file = \"private, \\\"mine\\\"/token\" }");
    sandbox.write("private, \"mine\"/token", "x");
    assert_eq!(build(&[]).code, 0);
    assert_eq!(secret_of(&sandbox), "id=token,\"src=private, \"\"mine\"\"/token\"");
}

#[test]
fn certificates_under_a_path_with_a_comma_reach_the_build() {
    let sandbox = Sandbox::at("comma", "a project, größer @ home: 2");
    sandbox.write(
        "infra/slipway.toml",
        &format!("{PROJECT}\n[images.app.secrets]\nca = {{ host-certificates = true }}\n"),
    );
    sandbox.write("ca, ours.crt", "-----BEGIN CERTIFICATE-----\n");
    let bundle = sandbox.root.join("ca, ours.crt");
    let mut command = sandbox.xtask(&["build", "--output", "json"]);
    command.env("SSL_CERT_FILE", &bundle);
    let run = Run::of(command);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert_eq!(secret_of(&sandbox), format!("id=ca,\"src={bundle}\""));
    let output = sandbox.baked().unwrap()["target"]["app"]["output"][0].clone();
    assert!(output.as_str().unwrap().starts_with("type=oci,dest=target/slipway/building/"), "{output}");
    sandbox.builds("unchanged");
}

#[test]
fn another_environment_that_cannot_be_had_loses_nothing() {
    let sandbox = Sandbox::new("environment");
    sandbox.write("app/Dockerfile", &sandbox.read("app/Dockerfile").replace("FROM scratch", "FROM base.test/python:3"));
    let lookup = "case \"$*\" in *imagetools*) echo 'ERROR: failed to do request: Head \"https://base.test/v2/\": dial tcp: lookup base.test: no such host' >&2; exit 1;; esac\n";
    let client = sandbox.read("../fake/docker");
    let pin = format!("[bases]\n\"base.test/python:3\" = \"sha256:{}\"\n", "0".repeat(64));
    sandbox.write("infra/bases.lock", &pin);
    sandbox.builds("built");
    let before = sandbox.release();
    sandbox.write("../fake/docker", &client.replace("#!/bin/sh\n", &format!("#!/bin/sh\n{lookup}")));
    sandbox.json(&["build", "--env", "staging"]).fails(2, "failed", &["infra/environments/staging.toml", "\nhint: "]);
    sandbox.write(
        "infra/environments/staging.toml",
        &format!("account = \"123456789012\"\n{}", sandbox.read("infra/environments/local.toml")),
    );
    std::fs::remove_file(sandbox.root.join("infra/bases.lock")).unwrap();
    let run = sandbox.json(&["build", "--env", "staging"]);
    run.fails(
        1,
        "failed",
        &["`base.test` does not answer: no such host", "\nhint: ", "infra/environments/staging.toml"],
    );
    assert_eq!(sandbox.release(), before);
    sandbox.write("infra/bases.lock", &pin);
    sandbox.builds("unchanged");
}

#[test]
fn an_environment_is_added_by_copying_a_file() {
    let sandbox = Sandbox::new("copied");
    let account = "account = \"123456789012\"\n";
    let settings = sandbox.read("infra/environments/local.toml");
    sandbox.write("infra/environments/dev.toml", &format!("{account}{settings}"));
    sandbox.json(&["build", "--env", "qa", "--dry-run"]).fails(
        2,
        "failed",
        &["unknown environment `qa`", "the environments are `dev` and `local`"],
    );
    sandbox.write("infra/environments/qa.toml", &sandbox.read("infra/environments/dev.toml"));
    let run = sandbox.json(&["build", "--env", "qa", "--dry-run"]);
    assert_eq!(run.code, 0, "{}", run.stderr);

    let build = "[images.app.args]\nLEVEL = \"1\"\n";
    sandbox.write("infra/environments/qa.toml", &format!("{}{build}", sandbox.read("infra/environments/dev.toml")));
    let run = sandbox.json(&["build", "--env", "qa"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert_eq!(sandbox.baked().unwrap()["target"]["app"]["args"]["LEVEL"], "1");
    let run = sandbox.json(&["build", "--env", "dev"]);
    assert_eq!((run.code, run.finished()["outcome"].as_str()), (0, Some("built")), "arguments are inputs");

    sandbox.write("infra/environments/shared/preview.toml", &settings);
    let template = format!("template = true\nextends = \"preview\"\ncluster = \"small-{{name}}\"\n{account}");
    sandbox.write("infra/environments/preview.toml", &template);
    let preview = ["build", "--env", "pr-123", "--from", "preview", "--dry-run"];
    let run = sandbox.json(&preview);
    assert_eq!(run.code, 0, "{}", run.stderr);
    sandbox.write("infra/environments/pr-123.toml", &format!("{account}{settings}"));
    sandbox.json(&preview).fails(2, "failed", &["`pr-123` has a file of its own", "\nhint: leave out"]);
    sandbox.json(&["build", "--env", "preview"]).fails(2, "failed", &["`preview` is a template", "--from preview"]);
}

#[test]
fn a_dry_run_pins_no_base_and_a_build_does() {
    let sandbox = Sandbox::new("dry");
    sandbox.write("app/Dockerfile", &sandbox.read("app/Dockerfile").replace("FROM scratch", "FROM base.test/python:3"));
    let digest = format!("sha256:{}", "5".repeat(64));
    let registry = format!(
        "#!/bin/sh
case \"$*\" in
*imagetools*.Manifest*) echo '{{\"digest\":\"{digest}\"}}'; exit ;;
*imagetools*.Image*) echo '{{\"os\":\"linux\",\"architecture\":\"arm64\",\"config\":{{}}}}'; exit ;;
esac
"
    );
    let client = sandbox.read("../fake/docker").replace("#!/bin/sh\n", &registry);
    sandbox.write("../fake/docker", &client);
    let run = sandbox.json(&["build", "--dry-run"]);
    assert_eq!((run.code, run.finished()["outcome"].as_str()), (0, Some("planned")), "{}", run.stderr);
    let context = &run.finished()["bake"]["target"]["app"]["contexts"]["base.test/python:3"];
    assert_eq!(*context, format!("docker-image://base.test/python@{digest}"));
    assert!(!sandbox.root.join("infra/bases.lock").exists(), "a dry run wrote pins");
    assert!(run.stderr.contains("the base image `base.test/python:3` is linux/arm64, not linux/amd64"));
    let run = sandbox.builds("built");
    assert!(sandbox.read("infra/bases.lock").contains(&digest), "{}", run.stderr);
    sandbox.builds("unchanged");
}

#[test]
fn a_dry_run_makes_no_substitute() {
    let sandbox = Sandbox::new("substitute");
    sandbox.write("app/Dockerfile", &sandbox.read("app/Dockerfile").replace("FROM scratch", "FROM base.test/python:3"));
    let recipe = "\n[substitutes.\"base.test/python:3\"]\nsuite = \"trixie\"\npackages = [\"python3\"]\n";
    sandbox.write("infra/environments/local.toml", &(sandbox.read("infra/environments/local.toml") + recipe));
    let lookup = "#!/bin/sh\ncase \"$*\" in *imagetools*) echo 'ERROR: dial tcp: lookup base.test: no such host' >&2; exit 1;; esac\n";
    sandbox.write("../fake/docker", &sandbox.read("../fake/docker").replace("#!/bin/sh\n", lookup));
    let run = sandbox.json(&["build", "--dry-run"]);
    run.fails(1, "failed", &["the plan needs the substitute of `base.test/python:3`", "\nhint: cargo xtask build"]);
    assert!(run.stderr.contains("warning: `base.test` does not answer (no such host)"), "{}", run.stderr);
    assert!(!sandbox.root.join("target/slipway/bases").exists(), "a dry run began to make a substitute");
}

#[test]
fn a_context_behind_a_link_counts_with_its_files() {
    let sandbox = Sandbox::new("link");
    std::fs::rename(sandbox.root.join("app"), sandbox.root.join("source")).unwrap();
    std::os::unix::fs::symlink("source", sandbox.root.join("app")).unwrap();
    sandbox.builds("built");
    sandbox.builds("unchanged");
    sandbox.write("source/hello", "changed\n");
    sandbox.builds("built");
}

#[test]
fn a_context_that_is_the_whole_repository_does_not_count_our_own_files() {
    let sandbox = Sandbox::new("whole");
    let project = PROJECT.replace("context = \"app\"", "context = \".\"\ndockerfile = \"app/Dockerfile\"");
    sandbox.write("infra/slipway.toml", &project);
    sandbox.write("app/Dockerfile", &sandbox.read("app/Dockerfile").replace("COPY hello", "COPY ."));
    sandbox.write(".dockerignore", "target\n");
    sandbox.builds("built");
    sandbox.builds("unchanged");
    assert_eq!(sandbox.baked().unwrap()["target"]["app"]["dockerfile"], "app/Dockerfile");
}

#[test]
fn an_interrupt_between_two_processes_starts_no_further_one() {
    let sandbox = Sandbox::new("between");
    sandbox.write("app/Dockerfile", "FROM 127.0.0.1:1/one:1 AS one\nFROM 127.0.0.1:1/two:2\nCOPY --from=one /a /a\n");
    let digest = xtask::image::Digest::of(b"a base");
    let client = sandbox.read("../fake/docker").replace(
        "\"buildx bake \"*)",
        &format!("\"buildx imagetools \"*) echo asked >> \"$FAKE/asked\"; kill -INT $PPID; echo '{{\"digest\":\"{digest}\"}}' ;;\n\"buildx bake \"*)"),
    );
    sandbox.write("../fake/docker", &client);
    let run = sandbox.json(&["build"]);
    assert_eq!(run.code, 130, "{}", run.stderr);
    assert_eq!(run.finished()["exit_code"], 130);
    assert_eq!(sandbox.read("../fake/asked"), "asked\n", "the second registry query was made after the interrupt");
    assert!(sandbox.baked().is_none());
}
