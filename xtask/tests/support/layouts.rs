//! OCI layouts for tests, in memory and on disk: an image without findings, and methods that modify it.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Cursor, Read, Write};

use camino::Utf8Path;
use serde_json::{Value, json};
use xtask::image::Digest;
use xtask::image::layout::Source;

use super::archives::Archive;
use super::elves::{GLIBC, X86_64, elf};

/// The compression of a layer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Packing {
    Plain,
    Gzip,
    Zstd,
}

impl Packing {
    pub(crate) fn pack(self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Packing::Plain => bytes.to_vec(),
            Packing::Gzip => {
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                encoder.write_all(bytes).unwrap();
                encoder.finish().unwrap()
            }
            Packing::Zstd => zstd::encode_all(bytes, 1).unwrap(),
        }
    }

    pub(crate) fn media_type(self) -> &'static str {
        match self {
            Packing::Plain => "application/vnd.oci.image.layer.v1.tar",
            Packing::Gzip => "application/vnd.oci.image.layer.v1.tar+gzip",
            Packing::Zstd => "application/vnd.oci.image.layer.v1.tar+zstd",
        }
    }
}

/// A layer: digest of the uncompressed contents, blob, and declared media type.
#[derive(Clone)]
pub(crate) struct LayerBlob {
    pub(crate) diff_id: Digest,
    pub(crate) blob: Vec<u8>,
    pub(crate) media_type: String,
}

impl LayerBlob {
    pub(crate) fn new(archive: &[u8], packing: Packing) -> LayerBlob {
        LayerBlob {
            diff_id: Digest::of(archive),
            blob: packing.pack(archive),
            media_type: packing.media_type().to_owned(),
        }
    }
}

/// An image under construction.
#[derive(Clone)]
pub(crate) struct Image {
    pub(crate) layers: Vec<LayerBlob>,
    pub(crate) config: Value,
    pub(crate) edit_manifest: fn(&mut Value),
    pub(crate) edit_index: fn(&mut Value),
    pub(crate) edit_layout: fn(&mut MemoryLayout),
}

/// A complete layout in memory.
#[derive(Clone, Default)]
pub(crate) struct MemoryLayout {
    pub(crate) index: Vec<u8>,
    pub(crate) blobs: BTreeMap<Digest, Vec<u8>>,
    pub(crate) config: Option<Digest>,
    pub(crate) manifest: Option<Digest>,
    pub(crate) layers: Vec<Digest>,
}

/// Returns a small Debian-like base: merged `/usr`, a shell, a loader, accounts.
pub(crate) fn base() -> Archive {
    Archive::new()
        .directory("./", 0o755)
        .directory("usr/", 0o755)
        .directory("usr/bin/", 0o755)
        .directory("usr/lib64/", 0o755)
        .symlink("bin", "usr/bin")
        .symlink("lib64", "usr/lib64")
        .file("usr/lib64/ld-linux-x86-64.so.2", 0o755, elf(X86_64, None))
        .file("usr/bin/dash", 0o755, elf(X86_64, Some(GLIBC)))
        .symlink("usr/bin/sh", "dash")
        .file("usr/bin/env", 0o755, elf(X86_64, Some(GLIBC)))
        .file("usr/bin/python3.13", 0o755, elf(X86_64, Some(GLIBC)))
        .symlink("usr/bin/python3", "python3.13")
        .directory("etc/", 0o755)
        .file(
            "etc/passwd",
            0o644,
            "root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000::/app:/bin/sh\ntoor:x:0:0::/:/bin/sh\n",
        )
        .file("etc/group", 0o644, "root:x:0:\napp:x:1000:\nweb:x:2000:app,www\n")
}

impl Image {
    /// Returns an image without findings for linux/amd64 and port 8000.
    pub(crate) fn good() -> Image {
        let app = Archive::new().directory("app/", 0o755).file("app/start.sh", 0o755, "#!/bin/sh\nexec true\n");
        Image::of(vec![LayerBlob::new(&base().finish(), Packing::Gzip), LayerBlob::new(&app.finish(), Packing::Zstd)])
    }

    /// Returns an image of these layers, otherwise like the good one.
    pub(crate) fn of(layers: Vec<LayerBlob>) -> Image {
        let config = json!({
            "architecture": "amd64",
            "os": "linux",
            "config": {
                "User": "app",
                "Env": ["PATH=/usr/local/bin:/usr/bin:/bin"],
                "Entrypoint": ["/app/start.sh"],
                "Cmd": ["serve"],
                "ExposedPorts": {"8000/tcp": {}},
                "WorkingDir": "/app",
            },
        });
        Image { layers, config, edit_manifest: |_| {}, edit_index: |_| {}, edit_layout: |_| {} }
    }

    /// Adds a layer on top.
    pub(crate) fn with(mut self, archive: Archive) -> Image {
        self.layers.push(LayerBlob::new(&archive.finish(), Packing::Zstd));
        self
    }

    /// Adds a layer with these bytes as its archive.
    pub(crate) fn with_bytes(mut self, archive: &[u8], packing: Packing) -> Image {
        self.layers.push(LayerBlob::new(archive, packing));
        self
    }

    /// Adds a layer with these bytes as its blob and a matching descriptor.
    pub(crate) fn with_blob(mut self, blob: Vec<u8>, packing: Packing, diff_id: Digest) -> Image {
        self.layers.push(LayerBlob { diff_id, blob, media_type: packing.media_type().to_owned() });
        self
    }

    /// Sets one key of the config's `config`.
    pub(crate) fn set(mut self, key: &str, value: Value) -> Image {
        self.config["config"][key] = value;
        self
    }

    /// Sets one key of the config itself.
    pub(crate) fn claim(mut self, key: &str, value: Value) -> Image {
        self.config[key] = value;
        self
    }

    /// Removes one key of the config itself.
    pub(crate) fn without(mut self, key: &str) -> Image {
        self.config.as_object_mut().unwrap().remove(key);
        self
    }

    pub(crate) fn manifest(mut self, edit: fn(&mut Value)) -> Image {
        self.edit_manifest = edit;
        self
    }

    pub(crate) fn index(mut self, edit: fn(&mut Value)) -> Image {
        self.edit_index = edit;
        self
    }

    pub(crate) fn tamper(mut self, edit: fn(&mut MemoryLayout)) -> Image {
        self.edit_layout = edit;
        self
    }

    pub(crate) fn build(&self) -> MemoryLayout {
        let mut layout = MemoryLayout::default();
        let mut config = self.config.clone();
        if config.get("rootfs").is_none() {
            let diff_ids: Vec<Digest> = self.layers.iter().map(|layer| layer.diff_id).collect();
            config["rootfs"] = json!({"type": "layers", "diff_ids": diff_ids});
        }
        let descriptors: Vec<Value> = self
            .layers
            .iter()
            .map(|layer| {
                let digest = layout.put(layer.blob.clone());
                layout.layers.push(digest);
                json!({"mediaType": layer.media_type, "digest": digest, "size": layer.blob.len()})
            })
            .collect();
        let config = serde_json::to_vec(&config).unwrap();
        let size = config.len();
        let digest = layout.put(config);
        layout.config = Some(digest);
        let mut manifest = json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest, "size": size},
            "layers": descriptors,
        });
        (self.edit_manifest)(&mut manifest);
        let manifest = serde_json::to_vec(&manifest).unwrap();
        let size = manifest.len();
        let digest = layout.put(manifest);
        layout.manifest = Some(digest);
        let mut index = json!({
            "schemaVersion": 2,
            "manifests": [{
                "mediaType": "application/vnd.oci.image.manifest.v1+json",
                "digest": digest,
                "size": size,
                "platform": {"os": "linux", "architecture": "amd64"},
            }],
        });
        (self.edit_index)(&mut index);
        layout.index = serde_json::to_vec(&index).unwrap();
        (self.edit_layout)(&mut layout);
        layout
    }
}

impl MemoryLayout {
    /// Stores a blob under its digest. Returns the digest.
    pub(crate) fn put(&mut self, bytes: Vec<u8>) -> Digest {
        let digest = Digest::of(&bytes);
        self.blobs.insert(digest, bytes);
        digest
    }

    /// Writes the layout to a directory, as a builder would.
    pub(crate) fn write_to(&self, directory: &Utf8Path) {
        let blobs = directory.join("blobs/sha256");
        fs::create_dir_all(&blobs).unwrap();
        fs::write(directory.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
        fs::write(directory.join("index.json"), &self.index).unwrap();
        for (digest, bytes) in &self.blobs {
            fs::write(blobs.join(digest.hex()), bytes).unwrap();
        }
    }
}

impl Source for MemoryLayout {
    fn index(&self) -> io::Result<Box<dyn Read + Send>> {
        Ok(Box::new(Cursor::new(self.index.clone())))
    }

    fn open(&self, digest: &Digest) -> io::Result<Box<dyn Read + Send>> {
        let blob = self.blobs.get(digest).ok_or(io::ErrorKind::NotFound)?;
        Ok(Box::new(Cursor::new(blob.clone())))
    }
}
