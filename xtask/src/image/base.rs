//! Base images: names in `FROM` lines, the lock file that pins names to digests, and the responses of registries. Not
//! here: requests to registries (`effects/bases`) and the content of substitutes (`substitute`).

use std::collections::BTreeMap;
use std::fmt;

use camino::Utf8Path;
use serde::{Deserialize, Serialize};

use crate::image::Digest;

/// Default registry and default namespace of image names, as in Docker.
const DEFAULT_REGISTRY: &str = "docker.io";
const DEFAULT_NAMESPACE: &str = "library";

/// A parsed image name of a `FROM` line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseName {
    /// Host, with the port if the name has one.
    pub registry: String,
    /// Path on the host.
    pub repository: String,
    /// Tag; `latest` if the name has neither tag nor digest.
    pub tag: String,
    /// Digest in the name itself.
    pub digest: Option<Digest>,
}

impl BaseName {
    /// Parses a name as Docker does. Returns `None` for an invalid name, such as one with an unsupported digest.
    pub fn parse(name: &str) -> Option<BaseName> {
        let (name, digest) = match name.split_once('@') {
            Some((name, digest)) => (name, Some(digest.parse().ok()?)),
            None => (name, None),
        };
        let (registry, path) = match name.split_once('/') {
            Some((host, path)) if host.contains(['.', ':']) || host == "localhost" => (host, path),
            _ => (DEFAULT_REGISTRY, name),
        };
        let (path, tag) = path.rsplit_once(':').unwrap_or((path, "latest"));
        let fits = |text: &str, more: &[char]| {
            !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(&c))
        };
        if !fits(path, &['.', '_', '-', '/']) || !fits(tag, &['.', '_', '-']) || !fits(registry, &['.', '-', ':']) {
            return None;
        }
        let needs_namespace = registry == DEFAULT_REGISTRY && !path.contains('/');
        let repository = if needs_namespace { format!("{DEFAULT_NAMESPACE}/{path}") } else { path.to_owned() };
        Some(BaseName { registry: registry.to_owned(), repository, tag: tag.to_owned(), digest })
    }

    /// Returns `registry/repository@digest`.
    pub fn at(&self, digest: Digest) -> String {
        format!("{}/{}@{digest}", self.registry, self.repository)
    }

    /// Returns the reference to request from the registry: by digest if one is known, else by tag.
    pub fn query(&self, pin: Option<Digest>) -> String {
        match pin.or(self.digest) {
            Some(digest) => self.at(digest),
            None => format!("{}/{}:{}", self.registry, self.repository, self.tag),
        }
    }
}

/// A base image that a build can use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ResolvedBase {
    /// The name in the Dockerfile.
    pub name: String,
    /// Digest of the image index if the registry has one, else of the manifest.
    pub digest: Digest,
    /// The value of a buildx named context that overrides `FROM <name>`.
    pub reference: String,
    /// Whether the base is a labelled substitute, allowed in `local` only.
    pub substitute: bool,
}

impl ResolvedBase {
    /// Creates the base of a registry's image. `location` is the name itself or its mirror.
    pub fn from_registry(name: &str, location: &BaseName, digest: Digest) -> ResolvedBase {
        let reference = format!("docker-image://{}", location.at(digest));
        ResolvedBase { name: name.to_owned(), digest, reference, substitute: false }
    }

    /// Creates the base of a substitute from the folder of its OCI layout. The folder is relative to the repository
    /// root, where buildx runs: buildx would parse an `@` or `:` in a parent folder as the start of a digest or tag.
    pub fn from_layout(name: &str, folder: &Utf8Path, digest: Digest) -> ResolvedBase {
        let reference = format!("oci-layout://{folder}@{digest}");
        ResolvedBase { name: name.to_owned(), digest, reference, substitute: true }
    }
}

/// `infra/bases.lock`: digests by name in the Dockerfile, the same for every environment and mirror.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BaseLock {
    /// Digests by name.
    #[serde(default)]
    pub bases: BTreeMap<String, Digest>,
}

impl BaseLock {
    /// Parses the file's text. The error has line and column.
    pub fn parse(text: &str) -> Result<BaseLock, toml::de::Error> {
        toml::from_str(text)
    }
}

impl fmt::Display for BaseLock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("# Base images, pinned by digest. Written by `cargo xtask build`; commit it like Cargo.lock.\n")?;
        f.write_str("# Delete a line to take up the newest image of that name with the next build.\n\n[bases]\n")?;
        for (name, digest) in &self.bases {
            writeln!(f, "{name:?} = \"{digest}\"")?;
        }
        Ok(())
    }
}

/// The result of a request to a registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The registry has the image.
    Found(Digest),
    /// The registry responded, and has no such image.
    Missing,
    /// The registry denied access: no login, no permission, or too many requests. Holds its message.
    Refused(String),
    /// No response from a registry. Holds the reason.
    Unreachable(String),
}

/// Parts of error messages about the connection, as opposed to errors of the registry.
const TRANSPORT: [&str; 13] = [
    "failed to do request",
    "no such host",
    "connection refused",
    "connection reset",
    "i/o timeout",
    "tls handshake",
    "network is unreachable",
    "no route to host",
    "proxyconnect",
    "dial tcp",
    "deadline exceeded",
    "502 bad gateway",
    "503 service unavailable",
];

impl Answer {
    /// Parses the standard error of buildx when it could not inspect an image.
    pub fn from_error(stderr: &str) -> Answer {
        let line = stderr.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("no message").trim();
        let line = line.trim_start_matches("ERROR: ").to_owned();
        let lower = line.to_lowercase();
        if TRANSPORT.iter().any(|words| lower.contains(words)) {
            Answer::Unreachable(cause(line))
        } else if lower.contains("not found") || lower.contains("manifest unknown") || lower.contains("name unknown") {
            Answer::Missing
        } else {
            Answer::Refused(line)
        }
    }

    /// Parses the JSON description of a manifest, as printed by buildx.
    pub fn from_description(stdout: &str) -> Answer {
        #[derive(Deserialize)]
        struct Description {
            digest: Digest,
        }
        match serde_json::from_str::<Description>(stdout) {
            Ok(description) => Answer::Found(description.digest),
            Err(error) => Answer::Refused(format!("the answer is no description of a manifest: {error}")),
        }
    }
}

/// Returns the last part of a nested error, such as `no such host`. The parts before it name the request, which differs
/// between images. A colon within an address has no space after it and does not separate parts.
fn cause(line: String) -> String {
    match line.rsplit_once(": ") {
        Some((_, end)) if !end.trim().is_empty() => end.trim().to_owned(),
        _ => line,
    }
}

#[cfg(test)]
mod tests {
    use super::{Answer, BaseLock, BaseName, ResolvedBase};
    use crate::image::Digest;

    #[test]
    fn parses_names_as_docker_does() {
        let query = |name: &str| BaseName::parse(name).map(|name| name.query(None));
        assert_eq!(query("python:3.13-slim").as_deref(), Some("docker.io/library/python:3.13-slim"));
        assert_eq!(query("nginxinc/x:stable").as_deref(), Some("docker.io/nginxinc/x:stable"));
        assert_eq!(query("localhost/x").as_deref(), Some("localhost/x:latest"));
        assert_eq!(query("127.0.0.1:5000/a/b:1").as_deref(), Some("127.0.0.1:5000/a/b:1"));
        let digest = Digest::of(b"x");
        let pinned = format!("mirror.test/python:3@{digest}");
        assert_eq!(query(&pinned), Some(format!("mirror.test/python@{digest}")));
        for bad in ["", "a b", "a@sha256:1", "x:", "a/$b", "a:b@c@d"] {
            assert_eq!(BaseName::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn references_contain_digest() {
        let digest = Digest::of(b"x");
        let name = BaseName::parse("python:3.13-slim").unwrap();
        let base = ResolvedBase::from_registry("python:3.13-slim", &name, digest);
        assert_eq!(base.reference, format!("docker-image://docker.io/library/python@{digest}"));
        assert_eq!(
            ResolvedBase::from_layout("p", "a/b".into(), digest).reference,
            format!("oci-layout://a/b@{digest}")
        );
    }

    #[test]
    fn lock_parses_its_own_format_only() {
        let mut lock = BaseLock::default();
        lock.bases.insert("python:3.13-slim".into(), Digest::of(b"p"));
        lock.bases.insert("nginxinc/nginx-unprivileged:stable".into(), Digest::of(b"n"));
        assert_eq!(BaseLock::parse(&lock.to_string()), Ok(lock));
        assert_eq!(BaseLock::parse(""), Ok(BaseLock::default()));
        for bad in ["[base]\n", "[bases]\n\"a\" = \"sha256:1\"\n", "[bases]\na = 1\n"] {
            assert!(BaseLock::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn distinguishes_unreachable_from_refused() {
        for unreachable in [
            "ERROR: failed to do request: Head \"https://r.test/v2/x\": dial tcp: lookup r.test: no such host",
            "ERROR: failed to authorize: failed to fetch anonymous token: Get \"https://a.test\": dial tcp 1.2.3.4:443: i/o timeout",
            "error: failed to do request: Head \"https://r.test\": Forbidden",
        ] {
            assert!(matches!(Answer::from_error(unreachable), Answer::Unreachable(_)), "{unreachable}");
        }
        let why = |text: &str| match Answer::from_error(text) {
            Answer::Unreachable(why) => why,
            other => format!("{other:?}"),
        };
        let lookup = "ERROR: failed to do request: Head \"https://r.test/v2/x\": dial tcp: lookup r.test: no such host";
        assert_eq!(why(lookup), "no such host");
        assert_eq!(why("ERROR: dial tcp 127.0.0.1:1"), "dial tcp 127.0.0.1:1");
        assert_eq!(Answer::from_error("ERROR: docker.io/library/pythn:3: not found"), Answer::Missing);
        for refused in [
            "ERROR: pull access denied, repository does not exist or may require authorization",
            "ERROR: unexpected status from HEAD request to https://r.test/v2/x: 429 Too Many Requests",
            "",
        ] {
            assert!(matches!(Answer::from_error(refused), Answer::Refused(_)), "{refused}");
        }
        let digest = Digest::of(b"i");
        assert_eq!(Answer::from_description(&format!("{{\"digest\":\"{digest}\",\"size\":3}}")), Answer::Found(digest));
        assert!(matches!(Answer::from_description("{}"), Answer::Refused(_)));
    }
}
