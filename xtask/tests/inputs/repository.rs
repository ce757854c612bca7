//! A repository in a temporary directory, for tests that observe real files.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::{AtomicU32, Ordering};

use camino::{Utf8Path, Utf8PathBuf};
use xtask::effects::context::{Base, observe};
use xtask::image::dockerfile::BaseFacts;
use xtask::image::fingerprint::{Fingerprint, Inputs};
use xtask::image::{Digest, Platform};
use xtask::project::{ContextSource, Image, Project, Verify};

/// A repository with a project, removed when dropped.
pub(crate) struct Repository {
    directory: Utf8PathBuf,
    pub(crate) project: Project,
    pub(crate) bases: BTreeMap<String, Base>,
}

impl Repository {
    /// Creates an app with a `static` stage, and an nginx image that copies files from that stage.
    pub(crate) fn new() -> Repository {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let directory =
            Utf8PathBuf::from(format!("{}/inputs-{}-{number}", env!("CARGO_TARGET_TMPDIR"), std::process::id()));
        let base = Base { digest: Digest::of(b"base"), facts: Some(BaseFacts::default()) };
        let mut repository = Repository {
            directory,
            project: Project {
                name: "shop".to_owned(),
                platform: Platform::LinuxAmd64,
                images: vec![image("app"), image("nginx")],
                services: Vec::new(),
                verify: Verify::default(),
            },
            bases: ["python:3.13-slim", "nginx:1"].map(|name| (name.to_owned(), base.clone())).into(),
        };
        let app = ContextSource::Image { image: "app".parse().unwrap(), target: Some("static".to_owned()) };
        repository.project.images[1].contexts.insert("app".to_owned(), app);
        repository.write(
            "app/Dockerfile",
            "FROM python:3.13-slim AS static\nCOPY static /static\nFROM python:3.13-slim AS runtime\nCOPY . /app\n",
        );
        repository.write("app/.dockerignore", "*.pyc\n");
        repository.write("app/views.py", "views");
        repository.write("app/manage.py", "manage");
        repository.write("app/static/site.css", "css");
        repository.write("nginx/Dockerfile", "FROM nginx:1\nCOPY nginx.conf /etc/\nCOPY --from=app /static /static\n");
        repository.write("nginx/nginx.conf", "conf");
        repository
    }

    pub(crate) fn path(&self, path: &str) -> Utf8PathBuf {
        self.directory.join(path)
    }

    pub(crate) fn cache(&self) -> Utf8PathBuf {
        self.directory.join("target/cache/files")
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub(crate) fn set_mode(&self, path: &str, mode: u32) {
        std::fs::set_permissions(self.path(path), std::fs::Permissions::from_mode(mode)).unwrap();
    }

    pub(crate) fn image(&mut self, name: &str) -> &mut Image {
        self.project.images.iter_mut().find(|image| image.name.as_str() == name).unwrap()
    }

    pub(crate) fn try_observe(&self, name: &str, cache: &Utf8Path) -> anyhow::Result<Inputs> {
        let image = self.project.image(&name.parse().unwrap()).unwrap();
        observe(&self.directory, image, &self.project, &self.bases, cache)
    }

    /// Observes an image without a cache.
    pub(crate) fn observe(&self, name: &str) -> Inputs {
        let _ = std::fs::remove_file(self.cache());
        self.try_observe(name, &self.cache()).unwrap()
    }

    pub(crate) fn fingerprint(&self, name: &str) -> Fingerprint {
        self.observe(name).fingerprint()
    }

    pub(crate) fn root(&self) -> &Utf8Path {
        &self.directory
    }
}

impl Drop for Repository {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

fn image(name: &str) -> Image {
    Image {
        name: name.parse().unwrap(),
        context: name.into(),
        dockerfile: format!("{name}/Dockerfile").into(),
        target: None,
        args: BTreeMap::new(),
        contexts: BTreeMap::new(),
        secrets: BTreeMap::new(),
        ports: BTreeSet::new(),
    }
}
