//! Pushes that end well: what is sent, what is left out, what is said.

use super::registry::Registry;
use super::rig::{REPOSITORY, Rig};
use super::sandbox::Run;

#[test]
fn everything_is_sent_once_and_a_second_push_asks_twice_and_sends_nothing() {
    let rig = Rig::new("twice");
    let image = rig.pushes("pushed");
    rig.is_whole();
    assert_eq!(image["uploaded_bytes"], rig.built()["bytes"]);
    assert_eq!(image["skipped_bytes"], 0);
    assert_eq!(image["digest"], rig.built()["digest"]);
    // One request to look, one to begin and one to send for each blob; never a PATCH.
    let blobs = rig.blobs().len() - 1;
    assert_eq!([rig.registry.count("HEAD blob"), rig.registry.count("PUT upload")], [blobs, blobs]);
    assert_eq!(rig.registry.count("PATCH"), 0);

    rig.registry.forget();
    let image = rig.pushes("unchanged");
    assert_eq!(
        (image["uploaded_bytes"].as_u64(), image["skipped_bytes"].as_u64()),
        (Some(0), rig.built()["bytes"].as_u64())
    );
    assert!(image["requests"].as_u64() <= Some(2));
    let requests = rig.registry.lock().requests.clone();
    assert!(requests.len() <= 2, "{requests:?}");
}

#[test]
fn blobs_that_are_there_are_not_sent() {
    let rig = Rig::new("partly");
    let largest = rig.blobs().remove(0);
    let digest = format!("sha256:{}", largest.file_name().unwrap());
    let bytes = std::fs::read(&largest).unwrap();
    let size = bytes.len() as u64;
    rig.registry.lock().repositories.get_mut(REPOSITORY).unwrap().blobs.insert(digest, bytes);
    let image = rig.pushes("pushed");
    assert_eq!(image["skipped_bytes"], size);
    rig.is_whole();
}

#[test]
fn the_environments_tag_moves_and_the_others_do_not() {
    let rig = Rig::new("moves");
    rig.pushes("pushed");
    let other = "sha256:0000000000000000000000000000000000000000000000000000000000000000".to_owned();
    rig.registry.lock().repositories.get_mut(REPOSITORY).unwrap().tags.insert("local".to_owned(), other);
    rig.registry.forget();
    let image = rig.pushes("pushed");
    assert_eq!((image["tags"].clone(), image["uploaded_bytes"].clone()), (serde_json::json!(["local"]), 0.into()));
    assert_eq!(rig.registry.count("PUT"), 1);
    rig.is_whole();
}

#[test]
fn a_dry_run_says_what_would_be_sent_and_changes_nothing() {
    let rig = Rig::new("dry");
    let run = rig.push(&["--dry-run"]);
    assert_eq!((run.code, run.finished()["outcome"].as_str()), (0, Some("planned")), "{}", run.stderr);
    assert!(run.stderr.contains(&rig.inputs_tag()), "{}", run.stderr);
    assert_eq!(rig.registry.count("P"), 0);
}

#[test]
fn two_pushes_at_once_end_well() {
    let (one, registry) = (Rig::new("race-one"), Registry::start(&[REPOSITORY]));
    let two = Rig::with("race-two", registry.clone());
    let one = Rig { registry, sandbox: one.sandbox };
    let runs = std::thread::scope(|scope| {
        let pushes = [&one, &two].map(|rig| scope.spawn(|| rig.push(&[])));
        pushes.map(|push| push.join().unwrap())
    });
    for Run { code, stderr, .. } in &runs {
        assert_eq!(*code, 0, "{stderr}");
    }
    one.is_whole();
    two.is_whole();
}

#[test]
fn a_tag_of_build_is_given_too() {
    let rig = Rig::new("further");
    rig.release(|release| release["images"]["app"]["tags"] = serde_json::json!(["v1"]));
    rig.pushes("pushed");
    assert!(rig.registry.tags(REPOSITORY).contains_key("v1"));
    rig.pushes("unchanged");
}
