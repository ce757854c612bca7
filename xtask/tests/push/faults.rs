//! Faults on the way: each either passes unnoticed or ends the push with a clear word and no tag.

use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

use super::registry::{Fault, SENTINEL};
use super::rig::{REPOSITORY, Rig};
use super::sandbox::Run;

fn survives(name: &str, kind: &str, faults: &[Fault]) -> Rig {
    let rig = Rig::new(name);
    rig.registry.will(kind, faults.to_vec());
    rig.pushes("pushed");
    rig.is_whole();
    rig
}

#[test]
fn throttled_and_broken_requests_are_repeated() {
    survives("throttled", "PUT manifest", &[Fault::Status(429, None), Fault::Status(429, None)]);
    survives("broken", "POST uploads", &[Fault::Status(500, None), Fault::Status(503, None)]);
    survives("head", "HEAD blob", &[Fault::Status(502, None)]);
}

#[test]
fn a_registry_says_how_long_to_wait() {
    let begun = Instant::now();
    survives("retry-after", "PUT upload", &[Fault::Status(429, Some(2))]);
    assert!(begun.elapsed() >= Duration::from_secs(2));
}

#[test]
fn a_blob_that_breaks_off_is_sent_again_in_a_session_of_its_own() {
    let rig = survives("reset", "PUT upload", &[Fault::Reset(100), Fault::Reset(0)]);
    // The registry takes each session for one attempt only.
    assert_eq!(rig.registry.count("POST uploads"), rig.registry.count("PUT upload"));
}

#[test]
fn an_answer_that_is_lost_is_not_taken_for_a_failure() {
    survives("lost-blob", "PUT upload", &[Fault::LoseAnswer]);
    // The tag cannot be given again: that it names our image already is what counts.
    survives("lost-tag", "PUT manifest", &[Fault::LoseAnswer]);
}

#[test]
fn a_manifest_waits_for_blobs_that_are_not_seen_yet() {
    survives("lag", "PUT manifest", &[Fault::Lag, Fault::Lag]);
}

#[test]
fn a_token_that_expires_is_renewed_once_for_all() {
    let rig = survives("expired", "PUT upload", &[Fault::Expire]);
    assert!(rig.registry.count("API GetAuthorizationToken") <= 3, "{:?}", rig.registry.lock().requests);
}

#[test]
fn a_registry_that_does_not_recover_is_given_up() {
    let rig = Rig::new("down");
    rig.registry.will("POST uploads", vec![Fault::Status(500, None); 100]);
    rig.push(&[]).fails(1, "failed", &["failed 8 times", "hint: push again later"]);
    assert!(rig.registry.tags(REPOSITORY).is_empty());
}

#[test]
fn nobody_listens() {
    let rig = Rig::new("closed");
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut command = rig.command(&[]);
    command.env("AWS_ENDPOINT_URL", format!("http://{free}"));
    Run::of(command).fails(1, "failed", &["failed to reach ECR at http://127.0.0.1"]);
    let text = rig.sandbox.read("infra/environments/local.toml");
    rig.sandbox.write("infra/environments/local.toml", &format!("registry = \"{free}\"\n{text}"));
    rig.push(&[]).fails(1, "failed", &["failed to reach the registry 127.0.0.1", "hint: check that it is running"]);
}

#[test]
fn a_blob_that_changed_after_the_proof_is_never_completed() {
    let rig = Rig::new("damaged");
    let blob = rig.blobs().remove(0);
    let mut bytes = fs::read(&blob).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(&blob, bytes).unwrap();
    rig.push(&[]).fails(3, "failed", &["does not have the digest that names it", "cargo xtask build --no-cache"]);
    assert!(rig.registry.tags(REPOSITORY).is_empty());
    let digest = format!("sha256:{}", blob.file_name().unwrap());
    assert!(!rig.registry.lock().repositories[REPOSITORY].blobs.contains_key(&digest));
}

#[test]
fn the_token_is_in_no_word_and_no_file() {
    let rig = Rig::new("secret");
    rig.registry.will("PUT upload", vec![Fault::Expire, Fault::Status(500, None)]);
    let output = rig.command(&[]).env("RUST_LOG", "trace").output().unwrap();
    assert!(output.status.success());
    rig.registry.will("PUT manifest", vec![Fault::Status(401, None); 4]);
    rig.sandbox.write("app/hello", "changed\n");
    let failed = rig.command(&["--as-built"]).output().unwrap();
    let said = [output.stdout, output.stderr, failed.stdout, failed.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    let encoded = "czNudGluZWwtdDBrZW4"; // the sentinel in Base64, as it stands inside of the token
    let mut texts = vec![said];
    let mut folders = vec![rig.sandbox.folder().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir_utf8().unwrap().flatten() {
            match entry.file_type().unwrap().is_dir() {
                true => folders.push(entry.into_path()),
                false => texts.push(String::from_utf8_lossy(&fs::read(entry.path()).unwrap()).into_owned()),
            }
        }
    }
    for text in texts {
        assert!(!text.contains(SENTINEL) && !text.contains(encoded), "{text}");
    }
}

#[test]
fn an_interrupt_leaves_no_tag_and_the_next_push_goes_on() {
    let rig = Rig::new("interrupted");
    rig.registry.will("PUT upload", vec![Fault::Status(429, Some(50)); 20]);
    let child = rig.command(&[]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    while rig.registry.count("PUT upload") == 0 {
        assert!(Instant::now() < deadline, "nothing was sent");
        std::thread::sleep(Duration::from_millis(10));
    }
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), rustix::process::Signal::INT).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(rig.registry.tags(REPOSITORY).is_empty());
    let rest = Rig { registry: super::registry::Registry::start(&[REPOSITORY]), sandbox: rig.sandbox };
    rest.pushes("pushed");
    rest.is_whole();
}
