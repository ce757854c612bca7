//! The OCI documents of a substitute base image, and the document that `docker load` reads.

use serde_json::{Value, json};

use super::Substitute;
use crate::image::{Digest, Platform};

/// The label of a substitute, checked by `push`.
pub const LABEL: &str = "slipway.substitute";
/// The label with the name of the replaced base image.
pub const LABEL_OF: &str = "slipway.substitute.of";

/// Returns the bytes of the image configuration.
pub fn configuration(name: &str, recipe: &Substitute, platform: Platform, diff_id: Digest, epoch: u64) -> Vec<u8> {
    let created = rfc3339(epoch);
    let mut config = json!({
        "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
        "Labels": { LABEL: "true", LABEL_OF: name },
    });
    if let Some(user) = &recipe.user {
        config["User"] = json!(user);
    }
    if !recipe.command.is_empty() {
        config["Cmd"] = json!(recipe.command);
    }
    if let Some(signal) = &recipe.stop_signal {
        config["StopSignal"] = json!(signal);
    }
    if !recipe.ports.is_empty() {
        let ports = recipe.ports.iter().map(|port| (format!("{port}/tcp"), json!({})));
        config["ExposedPorts"] = Value::Object(ports.collect());
    }
    let history = format!("substitute for {name} of {} packages", recipe.suite);
    let document = json!({
        "created": created,
        "architecture": platform.architecture(),
        "os": platform.os(),
        "config": config,
        "rootfs": { "type": "layers", "diff_ids": [diff_id] },
        "history": [{ "created": created, "created_by": history }],
    });
    document.to_string().into_bytes()
}

/// Returns the bytes of the manifest. The layer is compressed with gzip.
pub fn manifest(configuration: &[u8], layer: Digest, layer_bytes: u64) -> Vec<u8> {
    let document = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {
            "mediaType": "application/vnd.oci.image.config.v1+json",
            "digest": Digest::of(configuration),
            "size": configuration.len(),
        },
        "layers": [{
            "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip",
            "digest": layer,
            "size": layer_bytes,
        }],
    });
    document.to_string().into_bytes()
}

/// Returns `index.json` of the layout.
pub fn index(manifest: &[u8], platform: Platform) -> Vec<u8> {
    let document = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [{
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "digest": Digest::of(manifest),
            "size": manifest.len(),
            "platform": { "os": platform.os(), "architecture": platform.architecture() },
        }],
    });
    document.to_string().into_bytes()
}

/// Returns the document that `docker load` reads beside the blobs of a layout, for image stores without support for
/// layouts; `None` if the bytes are not a manifest.
pub fn load_document(manifest: &[u8], tag: &str) -> Option<Vec<u8>> {
    let manifest: Value = serde_json::from_slice(manifest).ok()?;
    let blob = |descriptor: &Value| {
        Some(format!("blobs/sha256/{}", descriptor.get("digest")?.as_str()?.strip_prefix("sha256:")?))
    };
    let layers: Option<Vec<String>> = manifest.get("layers")?.as_array()?.iter().map(blob).collect();
    let config = blob(manifest.get("config")?)?;
    Some(json!([{ "Config": config, "RepoTags": [tag], "Layers": layers? }]).to_string().into_bytes())
}

/// Formats seconds since 1970 as `2025-09-06T10:21:09Z`.
fn rfc3339(seconds: u64) -> String {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    // The civil date from days, with 400-year eras that begin on 1 March of year 0 (719 468 days before 1970).
    let shifted = days + 719_468;
    let (era, day) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_index = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * month_index + 2) / 5 + 1;
    let month = if month_index < 10 { month_index + 3 } else { month_index - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let (hour, minute, second) = (rest / 3_600, rest % 3_600 / 60, rest % 60);
    format!("{year:04}-{month:02}-{day_of_month:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::{load_document, manifest, rfc3339};
    use crate::image::Digest;

    #[test]
    fn load_document_refers_to_blobs() {
        let manifest = manifest(b"{}", Digest::of(b"layer"), 5);
        let text = String::from_utf8(load_document(&manifest, "t:1").unwrap()).unwrap();
        let (config, layer) = (Digest::of(b"{}").hex(), Digest::of(b"layer").hex());
        let blobs = "blobs/sha256";
        assert_eq!(
            text,
            format!(r#"[{{"Config":"{blobs}/{config}","RepoTags":["t:1"],"Layers":["{blobs}/{layer}"]}}]"#)
        );
        assert_eq!(load_document(b"[]", "t"), None);
    }

    #[test]
    fn formats_times() {
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00Z");
        assert_eq!(rfc3339(1_709_208_001), "2024-02-29T12:00:01Z");
    }
}
