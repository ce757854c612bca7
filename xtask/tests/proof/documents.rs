//! Index, manifest and config: their values, and blobs that do not match their descriptors.

use serde_json::json;
use xtask::image::Digest;

use crate::archives::Archive;
use crate::layouts::{Image, LayerBlob, Packing, base};
use crate::{Case, case};

pub(crate) fn cases() -> Vec<Case> {
    vec![
        case("a good image", Image::good(), &[]),
        case(
            "an index that is no JSON",
            Image::good().tamper(|l| l.index = b"{".to_vec()),
            &[("index-malformed", "the index")],
        ),
        case(
            "an index of 5 MiB",
            Image::good().tamper(|l| l.index = vec![b' '; 5 << 20]),
            &[("index-malformed", "larger than 4 MiB")],
        ),
        case(
            "an attestation beside the image",
            Image::good().index(|index| {
                let second = index["manifests"][0].clone();
                index["manifests"].as_array_mut().unwrap().push(second);
            }),
            &[("index-not-single", "2 manifests")],
        ),
        case(
            "no image",
            Image::good().index(|index| index["manifests"] = json!([])),
            &[("index-not-single", "0 manifests")],
        ),
        case(
            "an index inside the index",
            Image::good()
                .index(|index| index["manifests"][0]["mediaType"] = json!("application/vnd.oci.image.index.v1+json")),
            &[("index-nested", "an index of manifests")],
        ),
        case(
            "an artifact instead of an image",
            Image::good().index(|index| index["manifests"][0]["mediaType"] = json!("text/plain")),
            &[("manifest-malformed", "`text/plain`")],
        ),
        case(
            "no layers key",
            Image::good().manifest(|m| drop(m.as_object_mut().unwrap().remove("layers"))),
            &[("manifest-malformed", "layers")],
        ),
        case(
            "a digest that is a path",
            Image::good().manifest(|m| m["layers"][0]["digest"] = json!("sha256:../../../../etc/passwd")),
            &[("manifest-malformed", "not a digest")],
        ),
        case(
            "a config of another kind",
            Image::good().manifest(|m| m["config"]["mediaType"] = json!("application/vnd.example+json")),
            &[("manifest-malformed", "no image's")],
        ),
        case(
            "keys that runtimes would confuse",
            Image::good().claim("Architecture", json!("arm64")),
            &[("config-malformed", "`Architecture` is a twin")],
        ),
        case(
            "a config without architecture",
            Image::good().without("architecture"),
            &[("config-malformed", "architecture")],
        ),
        case(
            "a config that claims another platform",
            Image::good().claim("architecture", json!("arm64")),
            &[("platform", "the config says linux/arm64, expected linux/amd64")],
        ),
        case(
            "a config for Windows",
            Image::good().claim("os", json!("windows")),
            &[("platform", "the config says windows/amd64")],
        ),
        case(
            "a variant that asks for newer instructions",
            Image::good().claim("variant", json!("v3")),
            &[("platform", "linux/amd64/v3")],
        ),
        case(
            "an index that claims another platform",
            Image::good().index(|index| index["manifests"][0]["platform"]["architecture"] = json!("arm64")),
            &[("platform", "the index says linux/arm64")],
        ),
        case(
            "fewer diff ids than layers",
            Image::good().claim("rootfs", json!({"diff_ids": [Digest::of(&base().finish())]})),
            &[("layer-count", "lists 1 layers, the manifest 2")],
        ),
        case(
            "more layers than can be mounted",
            (0..126).fold(Image::good(), |image, _| image.with(Archive::new())),
            &[("layer-count", "128 layers")],
        ),
        case(
            "a missing manifest",
            Image::good().tamper(|l| drop(l.blobs.remove(&l.manifest.unwrap()))),
            &[("blob-missing", "manifest sha256:")],
        ),
        case(
            "a missing config",
            Image::good().tamper(|l| drop(l.blobs.remove(&l.config.unwrap()))),
            &[("blob-missing", "config sha256:")],
        ),
        case(
            "a missing layer",
            Image::good().tamper(|l| drop(l.blobs.remove(&l.layers[1]))),
            &[("blob-missing", "layer sha256:")],
        ),
        case(
            "an altered config",
            Image::good().tamper(|l| l.blobs.get_mut(&l.config.unwrap()).unwrap()[3] ^= 1),
            &[("blob-digest", "config sha256:")],
        ),
        case(
            "a layer with one byte more",
            Image::good().tamper(|l| l.blobs.get_mut(&l.layers[1]).unwrap().push(0)),
            &[("blob-size", "more than"), ("layer-corrupt", "altered")],
        ),
        case(
            "an altered plain layer",
            Image::good().with_bytes(&Archive::new().file("opt/note", 0o644, "12345").finish(), Packing::Plain).tamper(
                |l| {
                    let blob = l.blobs.get_mut(&l.layers[2]).unwrap();
                    blob[512] ^= 1;
                },
            ),
            &[("blob-digest", "holds other bytes"), ("diff-id", "unpacks to")],
        ),
        case(
            "a diff id of another layer",
            {
                let mut image = Image::good();
                image.layers[1].diff_id = Digest::of(b"another");
                image
            },
            &[("diff-id", "but the config says")],
        ),
        case(
            "a layer of no known kind",
            {
                let mut image = Image::good();
                image.layers[1].media_type = "application/vnd.oci.image.layer.nondistributable.v1.tar".to_owned();
                image
            },
            &[("layer-media-type", "do not unpack")],
        ),
        case(
            "gzip that is said to be zstd",
            {
                let mut image = Image::good();
                image.layers[0].media_type = Packing::Zstd.media_type().to_owned();
                image
            },
            &[("layer-compression", "declared zstd but is gzip")],
        ),
        case("docker's own media types", docker_types(), &[]),
        case(
            "the same layer twice",
            {
                let mut image = Image::good();
                image.layers.push(image.layers[1].clone());
                image
            },
            &[],
        ),
    ]
}

fn docker_types() -> Image {
    let mut image =
        Image::of(vec![LayerBlob::new(&base().file("app/start.sh", 0o755, "#!/bin/sh\n").finish(), Packing::Gzip)]);
    image.layers[0].media_type = "application/vnd.docker.image.rootfs.diff.tar.gzip".to_owned();
    image
        .manifest(|m| m["config"]["mediaType"] = json!("application/vnd.docker.container.image.v1+json"))
        .index(|i| i["manifests"][0]["mediaType"] = json!("application/vnd.docker.distribution.manifest.v2+json"))
}
