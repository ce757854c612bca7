//! Facts of the project's source files: which images run nginx and uWSGI, their configurations, and the path of the
//! static files. Not here: reading files (`effects::source_files`).

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};

use super::facts::{Fact, Front, Server, StaticFiles};
use super::judgement::Unknown;
use super::{django, entrypoint, nginx, uwsgi};
use crate::image::ImageName;
use crate::image::dockerfile::Dockerfile;
use crate::project::{ContextSource, Image, Project};

/// File name of nginx's configuration, in the folder of its image.
const NGINX: &str = "nginx.conf";

/// File name of uWSGI's configuration, in the folder of its image.
const UWSGI: &str = "uwsgi.ini";

/// Texts of the project's images: small files by their path in the build context, and Dockerfiles by their path in the
/// repository.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// Files by image.
    pub contexts: BTreeMap<ImageName, BTreeMap<String, String>>,
    /// Dockerfiles by path.
    pub dockerfiles: BTreeMap<Utf8PathBuf, String>,
}

/// The parsed source files.
#[derive(Clone, Debug)]
pub struct Stack {
    /// nginx's image and configuration.
    pub front: Fact<Front>,
    /// uWSGI's image and configuration.
    pub server: Fact<Server>,
    /// The path of the static files.
    pub static_files: Fact<StaticFiles>,
    /// Parse errors.
    pub unreadable: Vec<String>,
}

/// Reads the texts. `variables` returns a container's variables from the image or task definition; they take precedence
/// over the entrypoint's defaults.
pub fn read(project: &Project, sources: &Sources, variables: &dyn Fn(&ImageName) -> BTreeMap<String, String>) -> Stack {
    let mut unreadable = Vec::new();
    let mut broken = |image: &Image, error: String| {
        let text = format!("{}/{error}", image.context);
        unreadable.push(text.clone());
        Unknown::new(text)
    };
    let having = |file: &str| {
        let found = project.images.iter().find_map(|image| {
            let texts = sources.contexts.get(&image.name)?;
            Some((image, texts, texts.get(file)?))
        });
        found.ok_or_else(|| Unknown::new(format!("no image has a `{file}` in its context")))
    };
    let front = having(NGINX).and_then(|(image, texts, _)| {
        let nginx = nginx::read(NGINX, texts).map_err(|error| broken(image, error))?;
        Ok(Front { image: image.name.clone(), nginx })
    });
    let server = having(UWSGI).and_then(|(image, texts, text)| {
        let scripts = texts.iter().filter(|(name, _)| name.ends_with("entrypoint.sh"));
        let mut known: BTreeMap<String, String> =
            scripts.flat_map(|(_, script)| entrypoint::defaults(script)).collect();
        known.extend(variables(&image.name));
        let uwsgi = uwsgi::read(UWSGI, text, &known).map_err(|error| broken(image, error))?;
        Ok(Server { image: image.name.clone(), uwsgi })
    });
    let static_files = having(NGINX).and_then(|(image, ..)| static_files(project, sources, image));
    Stack { front, server, static_files, unreadable }
}

/// Returns the copies of nginx's image from another image, and that image's `STATIC_ROOT` and `STATIC_URL`.
fn static_files(project: &Project, sources: &Sources, front: &Image) -> Fact<StaticFiles> {
    let dockerfile = |path: &Utf8Path| {
        let text = sources.dockerfiles.get(path).ok_or_else(|| Unknown::new(format!("{path} is not there")))?;
        Dockerfile::parse(text, path).map_err(|failure| Unknown::new(failure.to_string()))
    };
    let unread = |failure: crate::error::Failure| Unknown::new(failure.to_string());
    let copies = dockerfile(&front.dockerfile)?.copies(front.target.as_deref()).map_err(unread)?;
    for (key, source) in &front.contexts {
        let ContextSource::Image { image, target } = source else { continue };
        let Some(other) = project.image(image) else { continue };
        let stage = target.as_deref().or(other.target.as_deref());
        let collected = dockerfile(&other.dockerfile)?.assigned(stage, "STATIC_ROOT").map_err(unread)?;
        let copied = copies.iter().filter(|copy| copy.from == *key).cloned().collect();
        let python = sources.contexts.get(image).into_iter().flatten();
        let python = python.filter(|(name, _)| name.ends_with(".py") && !name.contains("test"));
        let url =
            django::text_setting(&python.map(|(name, text)| (name.clone(), text.clone())).collect(), "STATIC_URL");
        return Ok(StaticFiles { collected, copied, url });
    }
    Err(Unknown::new(format!("image `{}` takes no files from another image", front.name)))
}
