//! Rejects documents with duplicate keys. Container runtimes match JSON keys case-insensitively and use the last one,
//! so `architecture` beside `Architecture` would be two different images to this program and to a runtime.

use std::fmt;

use anyhow::{Context, bail};
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// Keys that affect how the image runs.
const DECISIVE: &[&str] = &[
    "manifests",
    "layers",
    "schemaVersion",
    "mediaType",
    "digest",
    "size",
    "platform",
    "architecture",
    "os",
    "variant",
    "config",
    "rootfs",
    "diff_ids",
    "Entrypoint",
    "Cmd",
    "User",
    "ExposedPorts",
    "Env",
    "WorkingDir",
];

/// Objects with arbitrary keys.
const FREE: &[&str] = &["annotations", "Labels", "history"];

/// Fails for a key that differs from a relevant key in letter case only.
pub(super) fn only_exact_keys(bytes: &[u8]) -> anyhow::Result<()> {
    let twin: Twin = serde_json::from_slice(bytes).context("failed to parse it as JSON")?;
    match twin.0 {
        Some(key) => bail!("the key `{}` is a twin, in other letters, of one that decides", key.escape_debug()),
        None => Ok(()),
    }
}

/// The first duplicate in a value at any depth (the JSON parser limits the depth).
struct Twin(Option<String>);

impl<'de> Deserialize<'de> for Twin {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Twin, D::Error> {
        deserializer.deserialize_any(TwinVisitor)
    }
}

struct TwinVisitor;

impl<'de> Visitor<'de> for TwinVisitor {
    type Value = Twin;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Twin, E> {
        Ok(Twin(None))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Twin, E> {
        Ok(Twin(None))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Twin, E> {
        Ok(Twin(None))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Twin, E> {
        Ok(Twin(None))
    }

    fn visit_str<E>(self, _: &str) -> Result<Twin, E> {
        Ok(Twin(None))
    }

    fn visit_unit<E>(self) -> Result<Twin, E> {
        Ok(Twin(None))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Twin, A::Error> {
        let mut found = None;
        while let Some(item) = sequence.next_element::<Twin>()? {
            found = found.or(item.0);
        }
        Ok(Twin(found))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Twin, A::Error> {
        let mut found = None;
        while let Some(key) = map.next_key::<String>()? {
            if FREE.contains(&key.as_str()) {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            let nested: Twin = map.next_value()?;
            found = found.or(nested.0);
            let folded = fold(&key);
            if found.is_none() && DECISIVE.iter().any(|known| *known != key && fold(known) == folded) {
                found = Some(key);
            }
        }
        Ok(Twin(found))
    }
}

/// Folds case as Unicode does for single letters: the Kelvin sign is a k and the long s an s, as in Go's JSON.
fn fold(key: &str) -> String {
    key.to_uppercase().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::only_exact_keys;

    #[test]
    fn rejects_keys_that_differ_in_case() {
        for bad in [
            r#"{"architecture":"amd64","Architecture":"arm64"}"#,
            r#"{"config":{"User":"app","user":"root"}}"#,
            r#"{"layers":[{"digest":"a","Digest":"b"}]}"#,
            "{\"o\u{17f}\":\"windows\"}",
        ] {
            assert!(only_exact_keys(bad.as_bytes()).is_err(), "{bad}");
        }
        for valid in [
            r#"{"config":{"Labels":{"user":"x","USER":"y"}},"annotations":{"Digest":"z"},"os":null}"#,
            "[1,-2,0.5,true]",
        ] {
            assert!(only_exact_keys(valid.as_bytes()).is_ok(), "{valid}");
        }
    }
}
