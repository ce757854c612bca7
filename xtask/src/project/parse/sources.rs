//! Where an image takes files and secrets from beside its context: `[images.<name>.contexts]` and
//! `[images.<name>.secrets]`.

use std::collections::BTreeMap;

use super::super::{ContextSource, SecretSource};
use super::images::stage;
use super::paths::{self, Found, NamedPath};
use super::problems::{listed, quoted};
use super::table::{Entry, Table};
use super::{suggestions, variables};

/// `[images.<name>.contexts]` of the image `owner`.
pub(super) fn contexts(
    table: &Table<'_>,
    owner: &str,
    images: &[&str],
    paths: &mut Vec<NamedPath>,
) -> BTreeMap<String, ContextSource> {
    let mut contexts = BTreeMap::new();
    for entry in table.entries() {
        if !is_id(entry.key) || entry.key.bytes().any(|byte| byte.is_ascii_uppercase()) {
            let hint = "lower-case letters, digits, `.`, `_` and `-`, a letter or digit first";
            entry.refuse_key(format!("{} is not the name of a context", quoted(entry.key)), hint);
        }
        let source = if entry.is_table() { image_context(entry, owner, images) } else { directory(entry, paths) };
        contexts.extend(source.map(|source| (entry.key.to_owned(), source)));
    }
    contexts
}

fn directory(entry: &Entry<'_>, paths: &mut Vec<NamedPath>) -> Option<ContextSource> {
    let path = paths::inside(entry)?;
    paths.push(NamedPath::new(entry, path.clone(), Found::Directory));
    Some(ContextSource::Directory(path))
}

fn image_context(entry: &Entry<'_>, owner: &str, images: &[&str]) -> Option<ContextSource> {
    let mut table = entry.table(format!("contexts.{}", entry.key))?;
    let image = table.required("image", "`{ image = \"app\" }`, or a directory as a string");
    let target = table.optional("target").map(|entry| stage(&entry));
    table.finish();
    let image = image?;
    let name = image.string()?;
    if name == owner {
        let hint = "inside one Dockerfile `COPY --from=<stage>` is enough";
        image.refuse(format!("image `{owner}` takes files from itself"), hint);
        return None;
    }
    if !images.contains(&name) {
        let hint = suggestions::hint(name, images.iter().copied(), format!("the images are {}", listed(images)));
        image.refuse(format!("unknown image {}", quoted(name)), hint);
        return None;
    }
    // A name that is a key of `[images]` and no image name is refused there.
    let image = name.parse().ok()?;
    match target {
        Some(target) => Some(ContextSource::Image { image, target: Some(target?) }),
        None => Some(ContextSource::Image { image, target: None }),
    }
}

/// `[images.<name>.secrets]`.
pub(super) fn secrets(table: &Table<'_>) -> BTreeMap<String, SecretSource> {
    let mut secrets = BTreeMap::new();
    for entry in table.entries() {
        if !is_id(entry.key) {
            let hint = "letters, digits, `.`, `_` and `-`, a letter or digit first";
            entry.refuse_key(format!("{} is not the id of a secret", quoted(entry.key)), hint);
        }
        secrets.extend(secret(entry).map(|source| (entry.key.to_owned(), source)));
    }
    secrets
}

fn secret(entry: &Entry<'_>) -> Option<SecretSource> {
    let choices = "one of `{ host-certificates = true }`, `{ variable = \"NAME\" }` and `{ file = \"path\" }`";
    if !entry.is_table() {
        entry.refuse_unseen(format!("the secret {} is not a reference", quoted(entry.key)), choices);
        return None;
    }
    let mut table = entry.table(format!("secrets.{}", entry.key))?;
    let certificates = table.optional("host-certificates");
    let variable = table.optional("variable");
    let file = table.optional("file");
    let given = [&certificates, &variable, &file].into_iter().flatten().count();
    let complete = table.entries().len() == given;
    table.finish();
    match (certificates, variable, file) {
        (Some(flag), None, None) => {
            let set = flag.boolean()?;
            if !set {
                flag.refuse("`host-certificates` can only be `true`", "leave the secret out where it is not wanted");
            }
            set.then_some(SecretSource::HostCertificates)
        }
        (None, Some(variable), None) => {
            let valid = variable.as_str().filter(|name| variables::is_name(name));
            if valid.is_none() {
                let hint = "`variable` is the name of an environment variable, never its value";
                variable.refuse_unseen(format!("the secret {} names no variable", quoted(entry.key)), hint);
            }
            valid.map(|name| SecretSource::Variable(name.to_owned()))
        }
        (None, None, Some(file)) => paths::inside_or_absolute(&file).map(SecretSource::File),
        (None, None, None) if complete => {
            entry.refuse_key(format!("the secret {} has no source", quoted(entry.key)), choices);
            None
        }
        (None, None, None) => None,
        _ => {
            entry.refuse_key(format!("the secret {} has {given} sources", quoted(entry.key)), choices);
            None
        }
    }
}

/// Ids of secrets and names of contexts, as BuildKit takes them.
fn is_id(id: &str) -> bool {
    id.starts_with(|c: char| c.is_ascii_alphanumeric())
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
}
