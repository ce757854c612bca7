//! From the texts of a project's images to facts: which image is the front and which the server, what their configurations
//! say, and the way of the static files between them. Not here: reading files (`effects::source_files`).

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};

use super::facts::{Fact, Front, Server, StaticFiles};
use super::judgement::Unknown;
use super::{django, entrypoint, nginx, uwsgi};
use crate::image::ImageName;
use crate::image::dockerfile::Dockerfile;
use crate::project::{ContextSource, Image, Project};

/// nginx's configuration, in the folder of its image.
const NGINX: &str = "nginx.conf";

/// uWSGI's, likewise.
const UWSGI: &str = "uwsgi.ini";

/// Texts of the project's images: small files of each context by their path in it, and Dockerfiles by theirs in the
/// repository.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// By image.
    pub contexts: BTreeMap<ImageName, BTreeMap<String, String>>,
    /// By path.
    pub dockerfiles: BTreeMap<Utf8PathBuf, String>,
}

/// What the texts say.
#[derive(Clone, Debug)]
pub struct Stack {
    /// nginx.
    pub front: Fact<Front>,
    /// uWSGI.
    pub server: Fact<Server>,
    /// The static files.
    pub static_files: Fact<StaticFiles>,
    /// What could not be read as what it is.
    pub unreadable: Vec<String>,
}

/// Reads the texts. `variables` are those that the image or the task definition gives to the server's container; they win over
/// the entrypoint's defaults.
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

/// What the front's image takes from a stage of another image, and where that stage collects files.
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
