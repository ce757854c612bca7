//! An engine with the classic image store, which cannot export OCI layouts: built into the store, saved, converted.

use xtask::effects::engine::place::Place;
use xtask::effects::engine::{self, Export, Store};
use xtask::report::{Output, Report};

use crate::world::{Clone, Run};

/// The engine goes with the test, whatever its end.
struct Classic {
    place: Place,
    folder: camino::Utf8PathBuf,
}

impl Drop for Classic {
    fn drop(&mut self) {
        let _ = engine::remove_private(&self.place, &Report::plain(Output::Human));
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

#[test]
fn a_classic_store_gives_proven_layouts_with_the_same_digests_twice() {
    let base = camino::Utf8PathBuf::from_path_buf(std::env::temp_dir()).unwrap();
    let folder = base.join(format!("slipway-classic-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let classic = Classic { place: Place::at(&folder.join("engine")), folder };
    let report = Report::plain(Output::Human);
    let engine = engine::start_private(&classic.place, Store::Classic, &report).unwrap();
    assert_eq!(engine.export(), Export::Save);

    let clone = Clone::new("classic");
    // A small image with programs in it: the base and a file of our own.
    clone.write(
        "nginx/Dockerfile",
        "FROM python:3.13-slim\nCOPY nginx.conf /conf\nUSER 101\nEXPOSE 8080\nCMD [\"python3\"]\n",
    );
    let project = clone.read("infra/slipway.toml");
    let contexts = project.find("[images.nginx.contexts]").unwrap();
    clone.write("infra/slipway.toml", &project[..contexts]);
    clone.commit("a small image");
    let build = |arguments: &[&str]| {
        let mut command = clone.xtask(&[&["build", "--image", "nginx", "--output", "json"], arguments].concat());
        for (name, value) in engine.docker().get_envs() {
            if let Some(value) = value {
                command.env(name, value);
            }
        }
        let run = Run::of(command);
        assert_eq!(run.code, 0, "{}", run.stderr);
        assert!(arguments.contains(&"--dry-run") || run.stderr.contains("classic image store"), "{}", run.stderr);
        run
    };
    let first = build(&[]);
    assert_eq!(first.finished()["outcome"], "built");
    let again = build(&["--no-cache"]);
    assert_eq!(first.digest("nginx"), again.digest("nginx"));
    assert_eq!(first.finished()["images"]["nginx"]["platform"], "linux/amd64");
    let mut images = engine.docker();
    let left = images.args(["images", "--quiet", "--filter", "reference=slipway-build/*"]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&left.stdout).trim(), "", "an image of the passage is left in the store");
}
