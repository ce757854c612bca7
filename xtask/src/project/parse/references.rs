//! References to things outside the repository: secrets, hosts, addresses, images of other registries. Shapes only:
//! their existence is checked when they are used.

use super::regions::is_region;

/// Longest name of an SSM parameter (Systems Manager API, PutParameter: 1011 characters).
const PARAMETER_NAME: usize = 1011;

/// Digits only, twelve of them: AWS's account ids, which may begin with zeros.
pub(super) fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// `ssm:` and the name of a parameter, or the ARN of a parameter or secret. ECS lets a JSON key, a version stage and a
/// version id follow the ARN of a secret, all three or none.
pub(super) fn is_secret_reference(text: &str) -> bool {
    if let Some(name) = text.strip_prefix("ssm:") {
        return is_parameter(name);
    }
    match text.split(':').collect::<Vec<_>>().as_slice() {
        ["arn", partition, "ssm", region, account, parameter] => {
            let name = parameter.strip_prefix("parameter/").is_some_and(is_parameter);
            is_home(partition, region, account) && name
        }
        ["arn", partition, "secretsmanager", region, account, "secret", name, rest @ ..] => {
            let name_fits = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic());
            is_home(partition, region, account) && name_fits && (rest.is_empty() || rest.len() == 3)
        }
        _ => false,
    }
}

fn is_home(partition: &str, region: &str, account: &str) -> bool {
    let partition = partition == "aws" || partition.strip_prefix("aws-").is_some_and(is_words);
    partition && is_region(region) && is_account(account)
}

fn is_words(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')
}

fn is_parameter(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'/');
    (1..=PARAMETER_NAME).contains(&name.len())
        && name.bytes().all(allowed)
        && !name.ends_with('/')
        && !name.contains("//")
}

/// A host's name in lower case, of at least two labels (RFC 1035: 253 characters, 63 in each label).
pub(super) fn is_domain(text: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.len() <= 253 && text.contains('.') && text.split('.').all(label)
}

/// `host` or `host:port`, without a scheme; a host may be an address, `[::1]` included.
fn is_host_with_port(text: &str) -> bool {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (text, None),
    };
    let port_fits =
        port.is_none_or(|port| !port.starts_with(['0', '+']) && port.parse::<u16>().is_ok_and(|port| port > 0));
    let host_fits = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => host == "localhost" || is_domain(host) || (is_words(host) && port.is_some()),
    };
    port_fits && host_fits
}

/// `http://` or `https://`, a host and perhaps a port; nothing behind them.
pub(super) fn is_endpoint(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    rest.is_some_and(is_host_with_port)
}

/// A host, perhaps a port, perhaps a path that all repositories share.
pub(super) fn is_registry(text: &str) -> bool {
    let (host, path) = text.split_once('/').map_or((text, None), |(host, path)| (host, Some(path)));
    is_host_with_port(host) && path.is_none_or(|path| path.split('/').all(is_repository_part))
}

/// An image reference as `FROM` takes it: repository, perhaps with a registry, a tag or a digest.
pub(super) fn is_image_reference(text: &str) -> bool {
    let (rest, digest) = text.split_once('@').map_or((text, None), |(rest, digest)| (rest, Some(digest)));
    let (repository, tag) = match rest.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => (repository, Some(tag)),
        _ => (rest, None),
    };
    let digest_fits = digest.is_none_or(|digest| digest.parse::<crate::image::Digest>().is_ok());
    let (host, path) = match repository.split_once('/') {
        Some((host, path)) if host.contains(['.', ':']) || host == "localhost" => (Some(host), path),
        _ => (None, repository),
    };
    host.is_none_or(is_host_with_port)
        && path.split('/').all(is_repository_part)
        && tag.is_none_or(is_tag)
        && digest_fits
}

/// A tag (OCI distribution specification: 128 characters).
fn is_tag(tag: &str) -> bool {
    (1..=128).contains(&tag.len())
        && !tag.starts_with(['.', '-'])
        && tag.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'))
}

fn is_repository_part(part: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'_' | b'-');
    let ends = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    part.bytes().all(allowed) && part.starts_with(ends) && part.ends_with(ends)
}

#[cfg(test)]
mod tests {
    use super::{is_domain, is_endpoint, is_image_reference, is_registry, is_secret_reference};

    fn check(shape: fn(&str) -> bool, good: &[&str], bad: &[&str]) {
        for text in good {
            assert!(shape(text), "{text}");
        }
        for text in bad {
            assert!(!shape(text), "{text}");
        }
    }

    #[test]
    fn references_to_secrets() {
        let secret = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:linkbio/db-AbCdEf";
        let with_key = format!("{secret}:password::");
        let with_half = format!("{secret}:password");
        check(
            is_secret_reference,
            &[
                "ssm:/linkbio/dev/key",
                "ssm:key",
                "arn:aws:ssm:eu-central-1:111122223333:parameter/linkbio/key",
                "arn:aws-us-gov:ssm:us-gov-west-1:111122223333:parameter/key",
                "arn:aws-cn:secretsmanager:cn-north-1:111122223333:secret:key-AbCdEf",
                secret,
                &with_key,
            ],
            &[
                "",
                "hunter2",
                "ssm:",
                "ssm:/a//b",
                "ssm:/a b",
                "arn:aws:ssm:eu-central-1:1111:parameter/key",
                "arn:aws:ssm:nowhere:111122223333:parameter/key",
                "arn:gcp:ssm:eu-central-1:111122223333:parameter/key",
                "arn:aws:s3:::bucket",
                &with_half,
            ],
        );
    }

    #[test]
    fn hosts_and_addresses() {
        check(is_domain, &["a.example", "links.example.com"], &["", "example", "https://a.b", "A.b", "-a.b", "a..b"]);
        check(
            is_endpoint,
            &["http://127.0.0.1:4566", "https://ecs.example.com", "http://localhost:80", "http://[::1]:80"],
            &["127.0.0.1:4566", "ftp://a.b", "http://", "http://a.b/path", "http://u:p@a.b", "http://a.b:0"],
        );
        check(
            is_registry,
            &["127.0.0.1:5000", "registry.example.com/team", "localhost:5000"],
            &["http://a.b", "a.b/", "a.b:x", ""],
        );
    }

    #[test]
    fn references_to_images() {
        let digest = format!("python@sha256:{}", "a".repeat(64));
        check(
            is_image_reference,
            &["python", "python:3.13-slim", "mirror.example/python:3.13-slim", "localhost:5000/a/b:c", &digest],
            &["", "Python", "https://a.b/c", "a b", "python:", "python@sha256:1", "/a", "a//b"],
        );
    }
}
