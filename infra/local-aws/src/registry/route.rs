//! What a path below `/v2/` means. Names of repositories have slashes, so a path is read from its end. Pure.

/// What a request addresses in a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target<'a> {
    /// `manifests/<tag or digest>`.
    Manifest(&'a str),
    /// `blobs/<digest>`.
    Blob(&'a str),
    /// `blobs/uploads/`.
    Uploads,
    /// `blobs/uploads/<id>`.
    Upload(&'a str),
    /// `tags/list`.
    Tags,
    /// `referrers/<digest>`.
    Referrers(&'a str),
}

/// The repository and what the request addresses in it; `path` is what follows `/v2/`.
pub(crate) fn parse(path: &str) -> Option<(&str, Target<'_>)> {
    if let Some(name) = path.strip_suffix("/blobs/uploads/").or_else(|| path.strip_suffix("/blobs/uploads")) {
        return Some((name, Target::Uploads));
    }
    if let Some(name) = path.strip_suffix("/tags/list") {
        return Some((name, Target::Tags));
    }
    let (before, last) = path.rsplit_once('/')?;
    if let Some(name) = before.strip_suffix("/blobs/uploads") {
        return Some((name, Target::Upload(last)));
    }
    let (name, kind) = before.rsplit_once('/')?;
    let target = match kind {
        "manifests" => Target::Manifest(last),
        "blobs" => Target::Blob(last),
        "referrers" => Target::Referrers(last),
        _ => return None,
    };
    Some((name, target))
}

impl Target<'_> {
    /// How `faults` calls it, after the method.
    pub(crate) fn kind(self) -> &'static str {
        match self {
            Target::Manifest(_) => "manifest",
            Target::Blob(_) => "blob",
            Target::Uploads => "uploads",
            Target::Upload(_) => "upload",
            Target::Tags => "tags",
            Target::Referrers(_) => "referrers",
        }
    }
}

/// The last value of `key` in a query.
pub(crate) fn query_value(query: &str, key: &str) -> Option<String> {
    form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name == key).last().map(|(_, value)| value.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        for (path, expected) in [
            ("a/manifests/latest", Some(("a", Target::Manifest("latest")))),
            ("a/b/c/manifests/sha256:1", Some(("a/b/c", Target::Manifest("sha256:1")))),
            ("a/b/blobs/sha256:1", Some(("a/b", Target::Blob("sha256:1")))),
            ("a/b/blobs/uploads/", Some(("a/b", Target::Uploads))),
            ("a/b/blobs/uploads", Some(("a/b", Target::Uploads))),
            ("a/b/blobs/uploads/x", Some(("a/b", Target::Upload("x")))),
            ("a/b/tags/list", Some(("a/b", Target::Tags))),
            ("a/referrers/sha256:1", Some(("a", Target::Referrers("sha256:1")))),
            // Repositories may be called like the rest of a path.
            ("manifests/manifests/manifests", Some(("manifests", Target::Manifest("manifests")))),
            ("tags/list/tags/list", Some(("tags/list", Target::Tags))),
            ("manifests/latest", None),
            ("a/other/b", None),
            ("_catalog", None),
            ("", None),
        ] {
            assert_eq!(parse(path), expected, "{path}");
        }
    }

    #[test]
    fn queries() {
        assert_eq!(query_value("mount=sha256%3A1&from=a%2Fb", "from").as_deref(), Some("a/b"));
        assert_eq!(query_value("", "from"), None);
    }
}
