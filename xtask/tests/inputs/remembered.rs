//! The cache of digests: what it may be believed, what not, and that a large tree stays quick and small.

use std::time::{Duration, SystemTime};

use crate::sample::{Size, make, measure};
use camino::Utf8PathBuf;

use crate::repository::Repository;

/// Makes every file of the app older than any slack, as after some time of not being touched. The change time cannot be
/// set, so the cache still reads the files again until it has moved on too.
fn age(repository: &Repository) {
    for path in ["app/views.py", "app/manage.py", "app/static/site.css"] {
        let file = std::fs::File::open(repository.path(path)).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(3600)).unwrap();
    }
}

#[test]
fn an_edit_that_keeps_size_and_time_is_seen() {
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
fn an_edit_right_after_a_run_is_seen() {
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
fn an_edit_that_stays_within_one_clock_tick_is_read_again() {
    // The file is touched in the future, so no run can tell whether it changed: each must read it.
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
fn a_damaged_or_foreign_cache_is_not_believed() {
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
        // And it was replaced by one that can be read.
        assert_eq!(std::fs::read(&cache).unwrap().len(), good.len());
    }
    let left: Vec<_> =
        std::fs::read_dir(cache.parent().unwrap()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["files"], "no temporary file stays behind");
}

#[test]
fn a_large_context_is_observed_in_little_time_the_second_time() {
    let root = Utf8PathBuf::from(format!("{}/sample-{}", env!("CARGO_TARGET_TMPDIR"), std::process::id()));
    let project = make(&root, Size { files: 5_000, bytes: 40_000_000 }).unwrap();
    // The cache believes nothing that was written in the two seconds before it.
    std::thread::sleep(Duration::from_millis(2100));
    let cache = root.with_extension("cache");
    let timing = measure(&root, &project, &cache);
    std::fs::remove_dir_all(&root).unwrap();
    std::fs::remove_file(&cache).unwrap();
    let timing = timing.unwrap();
    assert!(timing.warm < timing.cold, "{timing:?}");
    assert!(timing.warm < Duration::from_secs(1), "{timing:?}");
}
