//! The content of a substitute base image: a layer from a Debian root file system; `documents` has its documents. The
//! same packages and recipe give the same digest. Not here: downloading packages, files on disk (`effects/bases`).

pub mod documents;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read, Write};
use std::path::Path;

use sha2::{Digest as _, Sha256};
use tar::{Archive, Builder, EntryType, Header};

use crate::image::{Digest, Platform};

/// The recipe of a labelled substitute base image from packages of a Debian suite. For this machine only: `push`
/// refuses images based on one for every environment but `local`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Substitute {
    /// Debian suite, such as `trixie`.
    pub suite: String,
    /// Packages in addition to the minimal system.
    pub packages: Vec<String>,
    /// Symbolic links to create: path of the link → its target, both absolute.
    pub links: BTreeMap<String, String>,
    /// `user` or `uid:gid` of the image configuration. A numeric user is created.
    pub user: Option<String>,
    /// Ports that the image configuration declares.
    pub ports: BTreeSet<u16>,
    /// Stop signal of the image configuration, such as `SIGQUIT`.
    pub stop_signal: Option<String>,
    /// Command of the image configuration.
    pub command: Vec<String>,
}

/// Version of the procedure, increased when the same recipe gives different content.
const RECIPE_VERSION: u32 = 1;

/// Computes the digest of everything that determines a substitute, except the packages themselves.
pub fn recipe_digest(name: &str, recipe: &Substitute, platform: Platform) -> Digest {
    Digest::of(format!("{RECIPE_VERSION}\n{name}\n{platform}\n{recipe:?}").as_bytes())
}

/// Returns a folder name for an image name. A part of the digest distinguishes names that differ in replaced characters
/// only.
pub fn folder_name(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' };
    let digest: String = Digest::of(name.as_bytes()).hex().chars().take(8).collect();
    format!("{}-{digest}", name.chars().map(plain).collect::<String>())
}

/// Returns the unprivileged user of a recipe such as `101:101`; `None` for root and for users given by name.
fn numeric_user(recipe: &Substitute) -> Option<(u64, u64)> {
    let text = recipe.user.as_deref()?;
    let (user, group) = text.split_once(':').unwrap_or((text, text));
    let (user, group) = (user.parse().ok()?, group.parse().ok()?);
    (user != 0).then_some((user, group))
}

/// Returns the program of the recipe's first package: `nginx` for `nginx-light`. The created user and its folders have
/// this name.
fn subject(recipe: &Substitute) -> Option<&str> {
    recipe.packages.first()?.split('-').next()
}

/// Writes the layer from the root file system of a Debian bootstrap: without caches and logs, times not later than
/// `epoch`, with the recipe's links and user. Returns the digest of the bytes written to `output`.
pub fn write_layer(rootfs: impl Read, output: impl Write, recipe: &Substitute, epoch: u64) -> io::Result<Digest> {
    let user = numeric_user(recipe);
    let mut builder = Builder::new(Hashing { inner: output, hasher: Sha256::new() });
    let mut seen = BTreeSet::new();
    for entry in Archive::new(rootfs).entries()? {
        let mut entry = entry?;
        let path = plain_path(&entry.path()?);
        if path.is_empty() || is_dropped(&path) || recipe.links.contains_key(&format!("/{path}")) {
            continue;
        }
        let mut header = entry.header().clone();
        header.set_mtime(header.mtime()?.min(epoch));
        if let Some((id, group)) = user.filter(|_| is_owned(&path, recipe)) {
            header.set_uid(id);
            header.set_gid(group);
            header.set_username("")?;
            header.set_groupname("")?;
        }
        match (header.entry_type(), path.as_str()) {
            (EntryType::Link | EntryType::Symlink, _) => {
                let target =
                    entry.link_name()?.ok_or_else(|| io::Error::other(format!("`{path}` links to nothing")))?;
                let target = target.into_owned();
                builder.append_link(&mut header, &path, target)?;
            }
            (_, "etc/passwd" | "etc/group" | "etc/shadow") if user.is_some() => {
                let mut text = String::new();
                entry.read_to_string(&mut text)?;
                let text = add_account(&path, &text, user.unwrap_or_default(), subject(recipe).unwrap_or("app"));
                header.set_size(u64::try_from(text.len()).unwrap_or(u64::MAX));
                builder.append_data(&mut header, &path, text.as_bytes())?;
            }
            _ => builder.append_data(&mut header, &path, &mut entry)?,
        }
        seen.insert(path);
    }
    for folder in state_folders(recipe).into_iter().filter(|folder| user.is_some() && !seen.contains(folder)) {
        let mut header = new_header(EntryType::Directory, 0o755, epoch);
        let (id, group) = user.unwrap_or_default();
        header.set_uid(id);
        header.set_gid(group);
        builder.append_data(&mut header, format!("{folder}/"), io::empty())?;
    }
    let excludes = dpkg_excludes();
    let mut header = new_header(EntryType::Regular, 0o644, epoch);
    header.set_size(u64::try_from(excludes.len()).unwrap_or(u64::MAX));
    builder.append_data(&mut header, DPKG_EXCLUDES, excludes.as_bytes())?;
    for (link, target) in &recipe.links {
        let mut header = new_header(EntryType::Symlink, 0o777, epoch);
        builder.append_link(&mut header, link.trim_start_matches('/'), target)?;
    }
    let mut hashing = builder.into_inner()?;
    hashing.flush()?;
    Ok(Digest::from_hasher(hashing.hasher))
}

/// Returns the tag of a loaded substitute. `.invalid` is reserved (RFC 2606), so no registry can serve it.
pub fn loaded_tag(name: &str, digest: Digest) -> String {
    format!("slipway.invalid/substitute/{}:{}", folder_name(name), digest.hex())
}

/// A writer that hashes the bytes written through it.
#[derive(Debug)]
pub struct Hashing<W> {
    /// The underlying writer.
    pub inner: W,
    /// The hasher of the bytes.
    pub hasher: Sha256,
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.inner.write(bytes)?;
        self.hasher.update(bytes.get(..count).unwrap_or_default());
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// Normalizes a path: `./usr/bin/` → `usr/bin`. Debian's paths are UTF-8; other bytes would be replaced, and the file
/// would be missing at run time.
fn plain_path(path: &Path) -> String {
    let text = path.to_string_lossy();
    let text = text.strip_prefix("./").unwrap_or(&text).trim_matches('/');
    if text == "." { String::new() } else { text.to_owned() }
}

/// Folders of documentation and translations.
const TEXTS: [&str; 6] = [
    "usr/share/doc/",
    "usr/share/man/",
    "usr/share/locale/",
    "usr/share/info/",
    "usr/share/lintian/",
    "usr/share/bug/",
];
/// The configuration file of dpkg that excludes them.
const DPKG_EXCLUDES: &str = "etc/dpkg/dpkg.cfg.d/excludes";

/// Returns whether the layer excludes a path: documentation, paths that differ between two bootstraps, paths that the
/// engine creates.
fn is_dropped(path: &str) -> bool {
    const CONTENTS: [&str; 7] =
        ["dev/", "tmp/", "run/", "var/cache/apt/", "var/cache/ldconfig/", "var/lib/apt/lists/", "var/tmp/"];
    const FILES: [&str; 4] =
        ["etc/resolv.conf", "etc/hostname", "var/lib/dbus/machine-id", "var/cache/ldconfig/aux-cache"];
    let is_text = TEXTS.iter().any(|folder| path.starts_with(folder)) && !path.ends_with("/copyright");
    is_text
        || CONTENTS.iter().any(|folder| path.starts_with(folder))
        || FILES.contains(&path)
        || (path.starts_with("var/log/") && path.ends_with(".log"))
        || (path.starts_with("var/") && path.ends_with("-old"))
}

/// Returns the configuration that excludes these paths in dpkg too, as in the layer: half of a minimal Debian is text
/// that no container reads. Licenses stay.
fn dpkg_excludes() -> String {
    let excludes: String = TEXTS.iter().map(|folder| format!("path-exclude=/{folder}*\n")).collect();
    excludes + "path-include=/usr/share/doc/*/copyright\n"
}

/// Returns the folders in which the recipe's program stores its state.
fn state_folders(recipe: &Substitute) -> Vec<String> {
    let Some(subject) = subject(recipe) else { return Vec::new() };
    ["cache", "lib", "log"].iter().map(|part| format!("var/{part}/{subject}")).collect()
}

/// Returns whether the unprivileged user must have write access. Most programs store their process id in `run`.
fn is_owned(path: &str, recipe: &Substitute) -> bool {
    let inside =
        |folder: &String| path == folder || path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'));
    path == "run" || state_folders(recipe).iter().any(inside)
}

/// Adds the user to an account file unless its number exists already.
fn add_account(file: &str, text: &str, (user, group): (u64, u64), name: &str) -> String {
    let has_number = |number: u64| text.lines().any(|line| line.split(':').nth(2) == Some(number.to_string().as_str()));
    let has_name = text.lines().any(|line| line.split(':').next() == Some(name));
    let line = match file {
        "etc/passwd" if !has_number(user) && !has_name => format!("{name}:x:{user}:{group}::/:/usr/sbin/nologin\n"),
        "etc/group" if !has_number(group) && !has_name => format!("{name}:x:{group}:\n"),
        _ => String::new(),
    };
    text.to_owned() + &line
}

fn new_header(kind: EntryType, mode: u32, epoch: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_mtime(epoch);
    header.set_uid(0);
    header.set_gid(0);
    header.set_size(0);
    header
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::io::{self, Read};

    use tar::{Archive, Builder, EntryType};

    use super::Substitute;
    use super::{add_account, folder_name, new_header, recipe_digest, write_layer};
    use crate::image::Platform;

    fn recipe() -> Substitute {
        Substitute {
            suite: "trixie".into(),
            packages: vec!["nginx-light".into()],
            links: BTreeMap::from([("/usr/bin/wget".into(), "/bin/busybox".into())]),
            user: Some("101:101".into()),
            ..Substitute::default()
        }
    }

    fn rootfs(mtime: u64) -> Vec<u8> {
        let mut builder = Builder::new(Vec::new());
        for (path, kind, data) in [
            ("./", EntryType::Directory, ""),
            ("./etc/passwd", EntryType::Regular, "root:x:0:0::/root:/bin/sh\n"),
            ("./etc/hostname", EntryType::Regular, "builder\n"),
            ("./run/", EntryType::Directory, ""),
            ("./usr/bin/wget", EntryType::Regular, "old"),
            ("./var/lib/nginx/body/", EntryType::Directory, ""),
            ("./var/log/dpkg.log", EntryType::Regular, "noise"),
            ("./var/log/nginx/", EntryType::Directory, ""),
            ("./usr/share/doc/nginx/copyright", EntryType::Regular, "licence"),
            ("./usr/share/doc/nginx/README", EntryType::Regular, "text"),
        ] {
            let mut header = new_header(kind, 0o755, mtime);
            header.set_size(data.len() as u64);
            builder.append_data(&mut header, path, data.as_bytes()).unwrap();
        }
        let long = format!("./usr/{}x", "deep/".repeat(40));
        builder.append_data(&mut new_header(EntryType::Regular, 0o644, mtime), long, io::empty()).unwrap();
        builder.into_inner().unwrap()
    }

    #[test]
    fn writes_links_and_user_without_caches() {
        let mut layer = Vec::new();
        write_layer(&rootfs(5)[..], &mut layer, &recipe(), 100).unwrap();
        let mut found = BTreeMap::new();
        for entry in Archive::new(&layer[..]).entries().unwrap() {
            let mut entry = entry.unwrap();
            let path = entry.path().unwrap().to_string_lossy().trim_end_matches('/').to_owned();
            let mut text = String::new();
            entry.read_to_string(&mut text).unwrap();
            let link = entry.link_name().unwrap().map(|link| link.to_string_lossy().into_owned());
            found.insert(path, (entry.header().uid().unwrap(), text + &link.unwrap_or_default()));
        }
        assert_eq!(found["usr/bin/wget"], (0, "/bin/busybox".into()));
        assert!(found["etc/passwd"].1.contains("nginx:x:101:101:"));
        for owned in ["run", "var/lib/nginx/body", "var/log/nginx", "var/cache/nginx", "var/lib/nginx"] {
            assert_eq!(found[owned].0, 101, "{owned}");
        }
        assert!(!found.contains_key("etc/hostname") && !found.contains_key("var/log/dpkg.log"));
        assert!(
            found.contains_key("usr/share/doc/nginx/copyright") && !found.contains_key("usr/share/doc/nginx/README")
        );
        assert!(found.keys().any(|path| path.len() > 200), "long paths survive");
    }

    #[test]
    fn ignores_later_times_but_not_recipes() {
        let layer = |mtime: u64| write_layer(&rootfs(mtime)[..], io::sink(), &recipe(), 100).unwrap();
        assert_eq!(layer(200), layer(300));
        assert_ne!(layer(50), layer(200));
        let digest = |name: &str, recipe: &Substitute| recipe_digest(name, recipe, Platform::LinuxAmd64);
        let other = Substitute { user: None, ..recipe() };
        assert_ne!(digest("a", &recipe()), digest("a", &other));
        assert_ne!(digest("a", &recipe()), digest("b", &recipe()));
    }

    #[test]
    fn derives_folder_names_and_accounts() {
        assert!(folder_name("nginxinc/x:1").starts_with("nginxinc-x-1-"));
        assert_ne!(folder_name("a/b"), folder_name("a-b"));
        let taken = "messagebus:x:101:101::/:/x\n";
        assert_eq!(add_account("etc/passwd", taken, (101, 101), "nginx"), taken);
    }
}
