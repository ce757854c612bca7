//! The cache of digests: when an entry is valid, and the time and size of a cache for a large tree.

use std::time::{Duration, SystemTime};

use crate::sample::{Size, make, measure};
use camino::Utf8PathBuf;

use crate::repository::Repository;

/// Sets old modification times on every file of the app, as after some time without changes. The change time cannot be
/// set, so the cache reads the files again until it is old enough too.
fn age(repository: &Repository) {
    for path in ["app/views.py", "app/manage.py", "app/static/site.css"] {
        let file = std::fs::File::open(repository.path(path)).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(3600)).unwrap();
    }
}

#[test]
fn detects_edit_with_same_size_and_time() {
    let repository = Repository::new();
    age(&repository);
    let cache = repository.cache();
    let before = repository.try_observe("app", &cache).unwrap();
    let path = repository.path("app/views.py");
    let time = std::fs::metadata(&path).unwrap().modified().unwrap();
    std::fs::write(&path, "VIEWS").unwrap();
    std::fs::File::open(&path).unwrap().set_modified(time).unwrap();
    let after = repository.try_observe("app", &cache).unwrap();
    assert_eq!(after.changes_since(&before).len(), 1);
}

#[test]
fn detects_edit_right_after_run() {
    let repository = Repository::new();
    let cache = repository.cache();
    let mut last = repository.try_observe("app", &cache).unwrap().fingerprint();
    for round in 0..50 {
        repository.write("app/views.py", &format!("{round:05}"));
        let now = repository.try_observe("app", &cache).unwrap().fingerprint();
        assert_ne!(now, last, "round {round}");
        last = now;
    }
}

#[test]
fn rereads_edit_within_one_clock_tick() {
    // The modification time is in the future, so no run can rule out a change, and each must read the file.
    let repository = Repository::new();
    let future = SystemTime::now() + Duration::from_secs(3600);
    let path = repository.path("app/views.py");
    let cache = repository.cache();
    std::fs::File::open(&path).unwrap().set_modified(future).unwrap();
    let before = repository.try_observe("app", &cache).unwrap().fingerprint();
    let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, b"VIEWS", 0).unwrap();
    file.set_modified(future).unwrap();
    drop(file);
    assert_ne!(repository.try_observe("app", &cache).unwrap().fingerprint(), before);
}

#[test]
fn ignores_damaged_or_foreign_cache() {
    let repository = Repository::new();
    let cache = repository.cache();
    let expected = repository.try_observe("app", &cache).unwrap();
    let good = std::fs::read(&cache).unwrap();
    let mut flipped = good.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 1;
    for bytes in [&b""[..], b"slipway file digests 0\n", &good[..good.len() - 1], &flipped, &[0; 100]] {
        std::fs::write(&cache, bytes).unwrap();
        assert_eq!(repository.try_observe("app", &cache).unwrap(), expected);
        // The invalid cache was replaced by a valid one.
        assert_eq!(std::fs::read(&cache).unwrap().len(), good.len());
    }
    let left: Vec<_> =
        std::fs::read_dir(cache.parent().unwrap()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["files"], "no temporary file stays behind");
}

#[test]
fn second_observation_of_large_context_is_fast() {
    let root = Utf8PathBuf::from(format!("{}/sample-{}", env!("CARGO_TARGET_TMPDIR"), std::process::id()));
    let project = make(&root, Size { files: 5_000, bytes: 40_000_000 }).unwrap();
    // The cache does not trust files that were written in the two seconds before it.
    std::thread::sleep(Duration::from_millis(2100));
    let cache = root.with_extension("cache");
    let timing = measure(&root, &project, &cache);
    std::fs::remove_dir_all(&root).unwrap();
    std::fs::remove_file(&cache).unwrap();
    let timing = timing.unwrap();
    assert!(timing.warm < timing.cold, "{timing:?}");
    assert!(timing.warm < Duration::from_secs(1), "{timing:?}");
}
