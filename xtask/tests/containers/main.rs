//! `build` and the proof on real images, and both images run together. Needs the engine, which it sets up; run by
//! `cargo xtask test`, one test after another.

#![expect(clippy::unwrap_used, clippy::panic, reason = "clippy knows test functions only, not what they call")]

mod build;
mod classic;
mod deploy;
mod deploy_failures;
mod engine_death;
mod foreign_base;
mod load;
mod local;
mod ministack;
mod offenders;
mod pair;
#[path = "../engine/registry.rs"]
mod registry;
mod service;
mod several;
mod shared;
mod stand;
#[path = "../support/pair.rs"]
mod task;
mod unknown_members;
#[path = "../support/world.rs"]
mod world;

/// The statics of Rust are never dropped: the shared clone is removed by the last test to run.
#[test]
fn zz_nothing_is_left_behind() {
    let root = shared::shared().root.clone();
    let _ = std::fs::remove_dir_all(&root);
    assert!(!root.exists());
    let containers = world::docker_ok(&["ps", "--all", "--quiet", "--filter", "label=slipway.test"]);
    assert_eq!(containers, "", "containers of these tests are left");
}
