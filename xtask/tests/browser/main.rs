//! What people see: a real headless browser in front of both real images. Needs the engine, which it sets up, and
//! Chromium, which it unpacks where none is installed; run by `cargo xtask test`, one test after another.

#![expect(clippy::unwrap_used, clippy::panic, reason = "clippy knows test functions only, not what they call")]

mod contrast;
mod devtools;
mod owner;
mod page;
#[path = "../support/pair.rs"]
mod task;
mod visitor;
#[path = "../support/world.rs"]
mod world;

use std::sync::{Mutex, PoisonError};

use page::Page;
use task::Pair;
use world::{Clone, docker, docker_ok};

/// The account that the tests of the admin log in with; its password lives as long as the pair.
const OWNER: &str = "owner";
const PASSWORD: &str = "a-password-for-one-run-of-the-tests";

/// Both images, built and started by the first test that asks, stopped by the last. Where they could not be started,
/// they are not tried again for each test: minutes of one failure would become hours.
static SITE: Mutex<State> = Mutex::new(State::NotAsked);

enum State {
    NotAsked,
    Failed,
    Running(Site),
}

/// A pair with demo content, one page of the longest words that the database takes, and one owner.
struct Site {
    pair: Pair,
}

impl Site {
    fn start() -> Site {
        let clone = Clone::new("browser");
        clone.first_build();
        let pair = Pair::start(&clone);
        let mut account = docker(&["exec", "--env=DJANGO_SUPERUSER_PASSWORD", &pair.app(), "python", "manage.py"]);
        account.args(["createsuperuser", "--noinput", "--username", OWNER, "--email", "owner@shop.example"]);
        let output = account.env("DJANGO_SUPERUSER_PASSWORD", PASSWORD).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let longest = "from links.models import Profile, Link; \
            person = Profile.objects.create(handle='w' * 30, display_name='W' * 80, bio='m' * 280); \
            Link.objects.create(profile=person, title='W' * 120, url='https://shop.example/')";
        docker_ok(&["exec", &pair.app(), "python", "manage.py", "shell", "--command", longest]);
        Site { pair }
    }

    fn origin(&self) -> String {
        format!("http://{}", self.pair.address)
    }

    /// A tab of a fresh browser on a path of the site.
    fn visit(&self, path: &str) -> Page {
        let mut page = Page::open(&self.origin());
        page.go(path);
        page
    }
}

/// Visits a path of the site that all tests share.
fn visit(path: &str) -> Page {
    with_site(|site| site.visit(path))
}

/// Does something with the site, for one test at a time.
fn with_site<T>(work: impl FnOnce(&Site) -> T) -> T {
    let mut state = SITE.lock().unwrap_or_else(PoisonError::into_inner);
    if let State::NotAsked = *state {
        *state = State::Failed;
        *state = State::Running(Site::start());
    }
    match &*state {
        State::Running(site) => work(site),
        _ => panic!("the site could not be started; the first test that failed says why"),
    }
}

/// The statics of Rust are never dropped: the pair is stopped by the last test to run.
#[test]
fn zz_nothing_is_left_behind() {
    let pid = std::process::id();
    *SITE.lock().unwrap_or_else(PoisonError::into_inner) = State::NotAsked;
    let containers = docker_ok(&["ps", "--all", "--quiet", "--filter", &format!("name=slipway-test-{pid}-")]);
    assert_eq!(containers, "", "containers of these tests are left");
    let left = std::fs::read_dir(std::env::temp_dir()).unwrap().flatten();
    let left = left.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let ours = [format!("slipway-browser-{pid}-"), format!("slipway-containers-{pid}-")];
    let left = left.filter(|name| ours.iter().any(|ours| name.starts_with(ours))).collect::<Vec<_>>();
    assert!(left.is_empty(), "profiles or clones of these tests are left: {left:?}");
}
