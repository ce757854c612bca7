//! Fingerprints of real files: the changes that affect them, those that do not, and the output of `--explain`.

use std::os::unix::fs::symlink;
use std::time::{Duration, SystemTime};

use xtask::effects::context::{bases_of, observe_all};
use xtask::error::{Exit, exit_of};
use xtask::image::fingerprint::Inputs;
use xtask::image::{Digest, Platform};
use xtask::project::{ContextSource, SecretSource};

use crate::repository::Repository;

/// Checks the lines of `--explain` after one edit of the app image. Without lines, the fingerprint must be unchanged.
fn check(edit: impl FnOnce(&mut Repository), expected: &[&str]) {
    let mut repository = Repository::new();
    let before = repository.observe("app");
    edit(&mut repository);
    let after = repository.observe("app");
    let lines: Vec<_> = after.changes_since(&before).iter().map(ToString::to_string).collect();
    assert_eq!(lines, expected);
    assert_eq!(after.fingerprint() == before.fingerprint(), expected.is_empty());
}

#[test]
fn content_and_names_change_fingerprint() {
    check(|r| r.write("app/views.py", "new"), &["changed app/views.py"]);
    check(|r| r.write("app/links/views.py", "new"), &["added app/links/views.py"]);
    check(|r| std::fs::remove_file(r.path("app/views.py")).unwrap(), &["removed app/views.py"]);
    check(
        |r| std::fs::rename(r.path("app/views.py"), r.path("app/zoom.py")).unwrap(),
        &["removed app/views.py", "added app/zoom.py"],
    );
    check(|r| r.write("app/empty", ""), &["added app/empty"]);
    check(
        |r| r.write("app/Dockerfile", "FROM python:3.13-slim\nCOPY . /app\nCMD x"),
        // The file is read as the Dockerfile and as a file of the context, and is listed once.
        &["changed app/Dockerfile"],
    );
}

#[test]
fn ignores_times_modes_and_empty_directories() {
    check(
        |r| {
            let file = std::fs::File::open(r.path("app/views.py")).unwrap();
            file.set_modified(SystemTime::now() - Duration::from_secs(86_400)).unwrap();
        },
        &[],
    );
    check(|r| r.set_mode("app/views.py", 0o664), &[]);
    check(|r| r.set_mode("app/views.py", 0o611), &[]);
    check(|r| std::fs::create_dir(r.path("app/nothing")).unwrap(), &[]);
    check(|r| r.write("nginx/nginx.conf", "other"), &[]);
    check(|r| r.write("app/views.pyc", "ignored"), &[]);
    check(|r| r.set_mode("app/views.py", 0o755), &["made executable app/views.py"]);
}

#[test]
fn link_text_changes_fingerprint() {
    check(|r| symlink("views.py", r.path("app/link")).unwrap(), &["added app/link"]);
    let repository = Repository::new();
    symlink("views.py", repository.path("app/link")).unwrap();
    let before = repository.observe("app");
    std::fs::remove_file(repository.path("app/link")).unwrap();
    symlink("nowhere", repository.path("app/link")).unwrap();
    let after = repository.observe("app");
    assert_eq!(after.changes_since(&before)[0].to_string(), "changed app/link");
}

#[test]
fn settings_change_fingerprint() {
    check(
        |r| {
            r.image("app").args.insert("DEBUG".to_owned(), "1".to_owned());
        },
        &["added argument `DEBUG`: 1"],
    );
    check(|r| r.project.platform = Platform::LinuxArm64, &["platform: linux/amd64 → linux/arm64"]);
    let (old, new) = (Digest::of(b"base"), Digest::of(b"newer"));
    check(
        |r| r.bases.get_mut("python:3.13-slim").unwrap().digest = new,
        &[&format!("base python:3.13-slim: {old} → {new}")],
    );
    check(
        |r| {
            let source = SecretSource::Variable("TOKEN".to_owned());
            r.image("app").secrets.insert("token".to_owned(), source);
        },
        &["added secret `token`: (its value is never read here)"],
    );
    check(|r| r.image("app").target = Some("runtime".to_owned()), &["target: (the last stage) → runtime"]);
    // The target does not reach this base image.
    check(|r| r.bases.get_mut("nginx:1").unwrap().digest = new, &[]);
}

#[test]
fn ignore_file_counts_by_kept_files() {
    // The app copies everything, so its ignore file is among the files. Outside the context only the kept files count.
    let keep =
        |r: &mut Repository, rules: &str| r.write("app/.dockerignore", &format!("*.pyc\n.dockerignore\n{rules}"));
    let repository = &mut Repository::new();
    keep(repository, "");
    let before = repository.fingerprint("app");
    keep(repository, "# a comment\nnothing-has-this-name\n");
    assert_eq!(repository.fingerprint("app"), before);
    keep(repository, "manage.py\n");
    assert_ne!(repository.fingerprint("app"), before);
    // The file named after the Dockerfile takes precedence over the one in the context.
    repository.write("app/Dockerfile.dockerignore", "*.pyc\n.dockerignore\nDockerfile.dockerignore\n");
    assert_eq!(repository.fingerprint("app"), before);
}

#[test]
fn nginx_depends_on_static_files_only() {
    let repository = Repository::new();
    let before = repository.observe("nginx");
    assert_eq!(before.bases.keys().collect::<Vec<_>>(), ["nginx:1"]);
    repository.write("app/views.py", "another view");
    assert_eq!(repository.fingerprint("nginx"), before.fingerprint());
    repository.write("app/static/site.css", "another style");
    let after = repository.observe("nginx");
    assert_ne!(after.fingerprint(), before.fingerprint());
    assert_eq!(
        after.changes_since(&before).iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["changed app/static/site.css"]
    );
    let paths: Vec<_> = after.repository_paths().into_iter().map(String::from).collect();
    assert_eq!(paths, ["app/Dockerfile", "app/static/site.css", "nginx/Dockerfile", "nginx/nginx.conf"]);
}

#[test]
fn reads_named_directory_where_copied() {
    let mut repository = Repository::new();
    repository.write("assets/a/used", "1");
    repository.write("assets/b/unused", "1");
    repository.write("nginx/Dockerfile", "FROM nginx:1\nCOPY --from=assets a /a\n");
    let assets = ContextSource::Directory("assets".into());
    repository.image("nginx").contexts.insert("assets".to_owned(), assets);
    let before = repository.fingerprint("nginx");
    repository.write("assets/b/unused", "2");
    assert_eq!(repository.fingerprint("nginx"), before);
    repository.write("assets/a/used", "2");
    assert_ne!(repository.fingerprint("nginx"), before);
}

#[test]
fn link_in_source_path_widens_reach() {
    let repository = Repository::new();
    repository.write("nginx/Dockerfile", "FROM nginx:1\nCOPY conf/nginx.conf /etc/\n");
    repository.write("nginx/real/nginx.conf", "conf");
    symlink("real", repository.path("nginx/conf")).unwrap();
    let before = repository.fingerprint("nginx");
    repository.write("nginx/real/nginx.conf", "changed behind the link");
    assert_ne!(repository.fingerprint("nginx"), before);
}

#[test]
fn observing_all_equals_observing_each() {
    let repository = Repository::new();
    let cache = repository.cache();
    let all = observe_all(repository.root(), &repository.project, &repository.bases, &cache).unwrap();
    assert_eq!(all.len(), 2);
    for (name, inputs) in all {
        assert_eq!(inputs, repository.observe(name.as_str()));
        // The record is the text that is hashed, and parses to the same value.
        assert_eq!(Digest::of(&inputs.record()).hex(), inputs.fingerprint().to_string());
        assert_eq!(Inputs::from_record(&inputs.record()).unwrap(), inputs);
    }
    let bases: Vec<_> =
        bases_of(repository.root(), &repository.project, &repository.bases).unwrap().into_iter().collect();
    assert_eq!(bases, ["nginx:1", "python:3.13-slim"]);
}

#[test]
fn rejects_damaged_records() {
    let repository = Repository::new();
    let record = repository.observe("nginx").record();
    for length in 0..record.len() {
        assert!(Inputs::from_record(&record[..length]).is_err(), "cut at {length}");
    }
    assert!(Inputs::from_record(&[record.as_slice(), b"x"].concat()).is_err());
    for at in 0..record.len() {
        let mut damaged = record.clone();
        damaged[at] = damaged[at].wrapping_add(0x81);
        // A damaged record must neither panic nor parse to the same inputs.
        if let Ok(inputs) = Inputs::from_record(&damaged) {
            assert_ne!(inputs.record(), record);
        }
    }
}

#[test]
fn rejects_unusable_inputs_by_name() {
    let fails = |prepare: &dyn Fn(&Repository), expected: &str| {
        let repository = Repository::new();
        prepare(&repository);
        let error = repository.try_observe("app", &repository.cache()).unwrap_err();
        assert_eq!(
            (format!("{error:#}").replace(repository.root().as_str(), ""), exit_of(&error)),
            (expected.to_owned(), Exit::Usage)
        );
    };
    let socket = |r: &Repository| drop(std::os::unix::net::UnixListener::bind(r.path("app/run.sock")).unwrap());
    fails(&socket, "`app/run.sock` is no file, directory or symbolic link");
    let name = |r: &Repository| {
        use std::os::unix::ffi::OsStrExt;
        let path = r.path("app").into_std_path_buf().join(std::ffi::OsStr::from_bytes(b"\xff.py"));
        std::fs::write(path, "").unwrap();
    };
    // Some file systems reject such a name.
    if cfg!(target_os = "linux") {
        fails(&name, "the name of `/app/\u{fffd}.py` is not UTF-8");
    }
    fails(
        &|r| r.write("app/.dockerignore", "[a"),
        "app/.dockerignore:1: `[a`: syntax error in pattern (an unclosed `[`, an empty class or a last `\\`)",
    );
    fails(&|r| std::fs::remove_file(r.path("app/Dockerfile")).unwrap(), "there is no `app/Dockerfile`");
    // Ignored files are not checked.
    let repository = Repository::new();
    socket(&repository);
    repository.write("app/.dockerignore", "*.sock\n");
    repository.fingerprint("app");
}
