//! Docker's login for a registry: from `config.json` or from the credential helper that it names. Read on demand, never
//! written.

use std::env;
use std::io::Write;
use std::process::{Command, Stdio};

use anyhow::Context;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use camino::Utf8PathBuf;
use serde_json::Value;

use crate::effects::files;

/// A user name and a password. It does not implement `Debug`.
pub(super) struct Login {
    pub(super) user: String,
    pub(super) password: String,
}

/// Returns the login for a host, if docker has one.
pub(super) fn of(host: &str) -> anyhow::Result<Option<Login>> {
    let folder = env::var("DOCKER_CONFIG").ok().filter(|folder| !folder.is_empty()).map(Utf8PathBuf::from);
    let home = || env::var("HOME").ok().map(|home| Utf8PathBuf::from(home).join(".docker"));
    let Some(folder) = folder.or_else(home) else { return Ok(None) };
    let Some(configuration) = files::read_json::<Value>(&folder.join("config.json")) else { return Ok(None) };
    let helper = configuration["credHelpers"][host].as_str().or_else(|| configuration["credsStore"].as_str());
    if let Some(helper) = helper {
        return ask(helper, host);
    }
    Ok(login_of(&configuration["auths"][host]))
}

fn login_of(entry: &Value) -> Option<Login> {
    let decoded = STANDARD.decode(entry["auth"].as_str()?.trim()).ok()?;
    let text = String::from_utf8(decoded).ok()?;
    let (user, password) = text.split_once(':')?;
    // Docker pads the value with zero bytes.
    let password = password.trim_end_matches('\0');
    (!user.is_empty()).then(|| Login { user: user.to_owned(), password: password.to_owned() })
}

/// Runs `docker-credential-<helper> get`: reads the host from standard input, prints the login.
fn ask(helper: &str, host: &str) -> anyhow::Result<Option<Login>> {
    let program = format!("docker-credential-{helper}");
    let mut child = Command::new(&program)
        .arg("get")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .with_context(|| format!("failed to start `{program}`, which docker's configuration names for {host}"))?;
    if let Some(mut input) = child.stdin.take() {
        // A helper that does not read its input still reports its own error.
        let _ = input.write_all(host.as_bytes());
    }
    let output = child.wait_with_output().with_context(|| format!("failed to wait for `{program}`"))?;
    if !output.status.success() {
        return Ok(None);
    }
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    let (Some(user), Some(password)) = (answer["Username"].as_str(), answer["Secret"].as_str()) else {
        return Ok(None);
    };
    Ok(Some(Login { user: user.to_owned(), password: password.to_owned() }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::login_of;

    #[test]
    fn entries_of_dockers_configuration() {
        let login = login_of(&json!({ "auth": "dXNlcjpwYTpzcwAA" })).unwrap();
        assert_eq!((login.user.as_str(), login.password.as_str()), ("user", "pa:ss"));
        for entry in
            [json!(null), json!({}), json!({ "auth": "!" }), json!({ "auth": "dXNlcg==" }), json!({ "auth": "OnB3" })]
        {
            assert!(login_of(&entry).is_none(), "{entry}");
        }
    }
}
