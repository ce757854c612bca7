//! Variables and build arguments: their names, and signs that one is a secret.

use std::collections::BTreeMap;

use super::problems::quoted;
use super::table::{Entry, Table};

/// Words that make a name a secret's when they end one of its parts.
const SECRET_ENDS: [&str; 8] =
    ["PASSWORD", "PASSWD", "PASSPHRASE", "SECRET", "SECRETS", "TOKEN", "CREDENTIAL", "CREDENTIALS"];

/// Words that make a name a secret's when they are one of its parts: `MONKEY_SIZE` is none.
const SECRET_PARTS: [&str; 5] = ["KEY", "KEYS", "APIKEY", "SECRETKEY", "TOKENS"];

/// Last words of names that are about a secret and do not hold it, such as `PASSWORD_RESET_TIMEOUT`.
const ABOUT: [&str; 9] = ["FILE", "PATH", "DIR", "ARN", "NAME", "PREFIX", "TIMEOUT", "LENGTH", "AGE"];

/// Build arguments that BuildKit or the build itself sets.
const RESERVED: [&str; 9] = [
    "TARGETPLATFORM",
    "TARGETOS",
    "TARGETARCH",
    "TARGETVARIANT",
    "BUILDPLATFORM",
    "BUILDOS",
    "BUILDARCH",
    "BUILDVARIANT",
    "SOURCE_DATE_EPOCH",
];

/// Variables that every container with `{{ variables }}` gets from the deploy itself.
const SET_BY_DEPLOY: [&str; 2] = ["SLIPWAY_ENVIRONMENT", "SLIPWAY_RELEASE"];

/// Letters, digits and `_`, no digit first: what a shell, Python and a Dockerfile's `ARG` all accept.
pub(super) fn is_name(name: &str) -> bool {
    !name.starts_with(|c: char| c.is_ascii_digit())
        && !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Whether a name suggests a secret value.
pub(super) fn looks_secret(name: &str) -> bool {
    let upper = name.trim().trim_matches(['"', '\'']).to_ascii_uppercase();
    let parts: Vec<&str> = upper.split(['_', '-']).collect();
    if parts.contains(&"PUBLIC") || parts.last().is_some_and(|last| ABOUT.contains(last)) {
        return false;
    }
    parts.iter().any(|part| SECRET_PARTS.contains(part) || SECRET_ENDS.iter().any(|end| part.ends_with(end)))
}

/// Whether a value carries a secret in plain sight: a password in an address, or a private key.
pub(super) fn carries_secret(value: &str) -> bool {
    let in_address = value.split("://").skip(1).any(|rest| {
        let authority = rest.split(['/', '?', '#', ' ']).next().unwrap_or_default();
        let user = authority.rsplit_once('@').map(|(user, _)| user);
        user.and_then(|user| user.split_once(':')).is_some_and(|(_, password)| !password.is_empty())
    });
    in_address || (value.contains("-----BEGIN") && value.contains("PRIVATE KEY"))
}

/// `[images.<name>.args]`.
pub(super) fn args(table: &Table<'_>) -> BTreeMap<String, String> {
    let secret = "an argument stays readable in the image's history: use `[images.<name>.secrets]`";
    let args = plain(table, "an argument", secret);
    for entry in table.entries().iter().filter(|entry| RESERVED.contains(&entry.key)) {
        entry.refuse_key(format!("{} is set by the build itself", quoted(entry.key)), "leave it out");
    }
    args
}

/// `[variables]` of an environment.
pub(super) fn variables(table: &Table<'_>) -> BTreeMap<String, String> {
    table.entries().iter().for_each(refuse_reserved);
    plain(table, "a variable", "move it to `[secrets]` and write a reference there: `ssm:/path` or an ARN")
}

/// A variable whose value is the deploy's.
pub(super) fn refuse_reserved(entry: &Entry<'_>) {
    if SET_BY_DEPLOY.contains(&entry.key) {
        entry.refuse_key(format!("{} is set by the deploy itself", quoted(entry.key)), "leave it out");
    }
}

fn plain(table: &Table<'_>, what: &str, secret_hint: &str) -> BTreeMap<String, String> {
    let mut values = BTreeMap::new();
    for entry in table.entries() {
        let key = quoted(entry.key);
        if looks_secret(entry.key) {
            entry.refuse_unseen(format!("{key} looks like a secret, and {what} is not kept secret"), secret_hint);
            continue;
        }
        if entry.as_str().is_some_and(carries_secret) {
            entry.refuse_unseen(format!("the value of {key} holds a password or a private key"), secret_hint);
            continue;
        }
        if !is_name(entry.key) {
            let hint = "letters, digits and `_`, no digit first";
            entry.refuse_key(format!("{key} is not the name of {what}"), hint);
        }
        if let Some(value) = entry.string() {
            if value.contains('\0') {
                entry.refuse(format!("the value of {key} has a NUL character"), "no environment can hold one");
            }
            values.insert(entry.key.to_owned(), value.to_owned());
        }
    }
    values
}

#[cfg(test)]
mod tests {
    use super::{carries_secret, looks_secret};

    #[test]
    fn names_of_secrets_are_told_from_names_about_them() {
        for secret in ["API_KEY", "SECRET_KEY", "DB_PASSWORD", "dbpassword", "GITHUB_TOKEN", "KEY", "AWS_ACCESS_KEY_ID"]
        {
            assert!(looks_secret(secret), "{secret}");
        }
        for plain in ["MONKEY_SIZE", "PASSWORD_RESET_TIMEOUT", "SECRET_KEY_FILE", "PUBLIC_KEY", "ALLOWED_HOSTS", ""] {
            assert!(!looks_secret(plain), "{plain}");
        }
    }

    #[test]
    fn values_that_carry_secrets() {
        for secret in ["postgres://u:p@h/db", "x redis://:pw@h", "-----BEGIN RSA PRIVATE KEY-----"] {
            assert!(carries_secret(secret), "{secret}");
        }
        for plain in ["postgres://u@h/db", "http://h:80/a@b", "a:b@c", "https://h/?q=a:b@c", ""] {
            assert!(!carries_secret(plain), "{plain}");
        }
    }
}
