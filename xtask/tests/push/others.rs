//! Registries that are not ECR's: a login, a token that it is exchanged for, nothing at all.

use super::registry::{Door, Registry, SENTINEL};
use super::rig::{REPOSITORY, Rig, docker_config};

fn rig(name: &str, door: Door) -> Rig {
    let rig = Rig::with(name, Registry::with(door, &[REPOSITORY]));
    let host = rig.registry.address;
    let text = rig.sandbox.read("infra/environments/local.toml");
    rig.sandbox.write("infra/environments/local.toml", &format!("registry = \"{host}\"\n{text}"));
    rig
}

#[test]
fn without_a_login() {
    let rig = rig("open", Door::Open);
    rig.pushes("pushed");
    rig.is_whole();
    rig.registry.forget();
    assert_eq!(rig.pushes("unchanged")["requests"], 2);
    assert_eq!(rig.registry.count(""), 2);
}

#[test]
fn with_the_login_that_docker_has() {
    let login = format!("me:{SENTINEL}");
    let rig = rig("basic", Door::Basic(login.clone()));
    rig.push(&[]).fails(1, "failed", &["rejected the login", "hint: log in first: docker login 127.0.0.1"]);
    rig.sandbox.write("../docker-config/config.json", &docker_config(&rig.registry.address.to_string(), &login));
    rig.pushes("pushed");
    rig.is_whole();
}

#[test]
fn with_a_token_that_the_login_is_exchanged_for() {
    let login = "me:password".to_owned();
    let rig = rig("bearer", Door::Bearer(login.clone()));
    rig.sandbox.write("../docker-config/config.json", &docker_config(&rig.registry.address.to_string(), &login));
    rig.pushes("pushed");
    rig.is_whole();
    assert_eq!(rig.registry.count("GET token"), 1);
}

#[test]
fn a_repository_that_is_not_there() {
    let rig = rig("no-repository", Door::Open);
    rig.registry.lock().repositories.clear();
    rig.push(&[]).fails(1, "failed", &["the registry has no repository `small/app`"]);
}
