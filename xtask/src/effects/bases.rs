//! Base images: resolved by digest where a registry answers, else substitutes built from Debian packages.
//! Names and answers are interpreted in `image/base`, the content of substitutes is defined in `image/substitute`.

pub mod facts;
mod loaded;
mod registry;
mod substitutes;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::ErrorKind;

use anyhow::Context;
use camino::{Utf8Path, Utf8PathBuf};

use crate::effects::engine::Engine;
use crate::effects::interrupt;
use crate::effects::lock::Lock;
use crate::error::Failure;
use crate::image::Platform;
use crate::image::base::{Answer, BaseLock, BaseName, ResolvedBase};
use crate::project::Environment;
use crate::report::Report;
use registry::Registries;

/// Request to resolve base images.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// Root of the repository.
    pub root: &'a Utf8Path,
    /// Names in `FROM` lines; `scratch` may be included and is skipped.
    pub names: &'a BTreeSet<String>,
    /// Platform of the images.
    pub platform: Platform,
    /// Environment with its mirrors and substitutes.
    pub environment: &'a Environment,
    /// Whether pins may be added to the lock file and substitutes may be built.
    pub may_record: bool,
}

/// Returns the bases from the lock file or the substitutes in use, without processes or requests; `None` if one is
/// unknown. Used for fingerprints: only `resolve` returns references that every engine can use.
pub fn recorded(wanted: &Wanted<'_>) -> anyhow::Result<Option<BTreeMap<String, ResolvedBase>>> {
    let lock = read_lock(wanted.root)?;
    let mut bases = BTreeMap::new();
    for name in images(wanted) {
        let location = location(wanted, name)?;
        let substitute = on_disk(wanted, name).filter(|_| substitutes::is_in_use(wanted.root, name));
        let pinned = location.digest.or(lock.bases.get(name).copied());
        let base = substitute.or(pinned.map(|digest| ResolvedBase::from_registry(name, &location, digest)));
        let Some(base) = base else { return Ok(None) };
        bases.insert(name.clone(), base);
    }
    Ok(Some(bases))
}

/// Resolves the bases for a build. Pins of the lock file are used; a base without a pin is resolved and added to the
/// file. Where the registry does not answer, `local` uses the substitute.
pub fn resolve(
    engine: &Engine,
    wanted: &Wanted<'_>,
    report: &Report,
) -> anyhow::Result<BTreeMap<String, ResolvedBase>> {
    let lock = read_lock(wanted.root)?;
    let mut added = BaseLock::default();
    let mut registries = Registries::default();
    let mut bases = BTreeMap::new();
    for name in images(wanted) {
        // An interrupt between two processes is noticed by neither.
        interrupt::check()?;
        let location = location(wanted, name)?;
        let pin = location.digest.or(lock.bases.get(name).copied());
        // A pin needs no registry, unless a substitute might replace it.
        let answer = match pin {
            Some(digest) if !has_substitute(wanted, name) => Answer::Found(digest),
            _ => registries.ask(engine, &location, pin)?,
        };
        let base = match answer {
            Answer::Found(digest) => {
                substitutes::set_aside(wanted.root, name);
                if pin.is_none() {
                    added.bases.insert(name.clone(), digest);
                }
                ResolvedBase::from_registry(name, &location, digest)
            }
            Answer::Unreachable(why) => {
                if has_substitute(wanted, name) && registries.is_news(&location.registry) {
                    report.warn(format!("`{}` does not answer ({why}): its images get substitutes", location.registry));
                }
                without_registry(engine, wanted, name, &location, &why, report)?
            }
            Answer::Missing => return Err(missing(wanted, name, &location).into()),
            Answer::Refused(why) => return Err(refused(&location, &why).into()),
        };
        bases.insert(name.clone(), base);
    }
    if !added.bases.is_empty() && wanted.may_record {
        add_to_lock(wanted.root, added, report)?;
    }
    Ok(bases)
}

/// Returns recorded bases with references that this engine's builder can use: `recorded` is independent of engines.
pub fn for_engine(
    engine: &Engine,
    root: &Utf8Path,
    bases: BTreeMap<String, ResolvedBase>,
) -> anyhow::Result<BTreeMap<String, ResolvedBase>> {
    let usable = bases.into_iter().map(|(name, base)| {
        let base = if base.substitute { loaded::for_engine(engine, root, base)? } else { base };
        Ok((name, base))
    });
    usable.collect()
}

fn without_registry(
    engine: &Engine,
    wanted: &Wanted<'_>,
    name: &str,
    location: &BaseName,
    why: &str,
    report: &Report,
) -> anyhow::Result<ResolvedBase> {
    if let Some(recipe) = recipe(wanted, name) {
        if !wanted.may_record && on_disk(wanted, name).is_none() {
            return Err(Failure::failed(format!("the plan needs the substitute of `{name}`, which is not made yet"))
                .hint("cargo xtask build")
                .into());
        }
        let base = substitutes::ensure(wanted.root, name, recipe, wanted.platform, report)?;
        return loaded::for_engine(engine, wanted.root, base);
    }
    let environment = wanted.environment.name;
    let failure = Failure::failed(format!(
        "failed to resolve the base image `{name}`: `{}` does not answer: {why}",
        location.registry
    ));
    let file = format!("infra/environments/{environment}.toml");
    Err(if wanted.environment.accepts_substitutes() {
        failure.hint(format!(
            "reach the registry, or give `{name}` a mirror under [bases] or a [substitutes.\"{name}\"] table in `{file}`"
        ))
    } else {
        failure.hint(format!("reach the registry, or name a mirror of `{name}` under [bases] in `{file}`"))
    }
    .into())
}

fn missing(wanted: &Wanted<'_>, name: &str, location: &BaseName) -> Failure {
    let pinned = read_lock(wanted.root).is_ok_and(|lock| lock.bases.contains_key(name));
    let failure = Failure::failed(format!("`{}` answers, but has no image `{name}`", location.registry));
    if pinned {
        failure.hint(format!(
            "the digest in `infra/bases.lock` may have been removed there: delete the line of `{name}` to pin anew"
        ))
    } else {
        failure.hint("correct the name in the Dockerfile's FROM line, or its mirror under [bases]")
    }
}

fn refused(location: &BaseName, why: &str) -> Failure {
    Failure::failed(format!("`{}` answers, but gives no `{}`: {why}", location.registry, location.repository))
        .hint(format!("log in with `docker login {}`, or name a mirror under [bases]", location.registry))
}

/// Returns the names that are images: `scratch` is the empty file system (Dockerfile reference, FROM).
fn images<'a>(wanted: &Wanted<'a>) -> impl Iterator<Item = &'a String> + use<'a> {
    wanted.names.iter().filter(|name| name.as_str() != "scratch")
}

/// Returns the location to pull from: the mirror of this environment, else the image's own registry.
fn location(wanted: &Wanted<'_>, name: &str) -> anyhow::Result<BaseName> {
    let mirror = wanted.environment.bases.mirrors.get(name);
    let text = mirror.map_or(name, String::as_str);
    BaseName::parse(text).ok_or_else(|| {
        let place = match mirror {
            Some(_) => format!("the mirror of `{name}` in `infra/environments/{}.toml`", wanted.environment.name),
            None => "the base image of a FROM line".to_owned(),
        };
        Failure::usage(format!("{place} is no image name: `{text}`"))
            .hint("write it as `registry/repository:tag`, or with `@sha256:…`")
            .into()
    })
}

fn recipe<'a>(wanted: &Wanted<'a>, name: &str) -> Option<&'a crate::image::substitute::Substitute> {
    wanted.environment.bases.substitutes.get(name).filter(|_| wanted.environment.accepts_substitutes())
}

fn has_substitute(wanted: &Wanted<'_>, name: &str) -> bool {
    recipe(wanted, name).is_some()
}

fn on_disk(wanted: &Wanted<'_>, name: &str) -> Option<ResolvedBase> {
    substitutes::on_disk(wanted.root, name, recipe(wanted, name)?, wanted.platform)
}

fn lock_path(root: &Utf8Path) -> Utf8PathBuf {
    root.join("infra/bases.lock")
}

fn read_lock(root: &Utf8Path) -> anyhow::Result<BaseLock> {
    let path = lock_path(root);
    match fs::read_to_string(&path) {
        Ok(text) => BaseLock::parse(&text).map_err(|error| {
            let line = error.span().map_or(1, |span| text.get(..span.start).unwrap_or_default().lines().count().max(1));
            Failure::usage(format!("infra/bases.lock:{line}: {}", error.message()))
                .hint("delete the line, or the file: the next build pins anew")
                .into()
        }),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(BaseLock::default()),
        Err(error) => Err(error).with_context(|| format!("failed to read `{path}`")),
    }
}

/// Adds pins in one step, so that an interrupted build leaves either the old or the new file.
fn add_to_lock(root: &Utf8Path, added: BaseLock, report: &Report) -> anyhow::Result<()> {
    let _lock = Lock::acquire(&root.join("target/slipway/bases/lock"), || {})?;
    let mut lock = read_lock(root)?;
    for (name, digest) in &added.bases {
        report.detail(format!("pinned `{name}` to {digest}"));
    }
    lock.bases.extend(added.bases);
    let path = lock_path(root);
    let new = path.with_added_extension("new");
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(|| format!("failed to create `{folder}`"))?;
    }
    fs::write(&new, lock.to_string()).with_context(|| format!("failed to write `{new}`"))?;
    fs::rename(&new, &path).with_context(|| format!("failed to move `{new}` to `{path}`"))?;
    report.warn("`infra/bases.lock` has new pins: commit it, so that everybody builds on the same bases");
    Ok(())
}
