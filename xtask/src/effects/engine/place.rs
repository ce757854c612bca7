//! Location of a repository's private engine, and the names of its resources on the machine. All names are derived from
//! the folder's path, so that they can be found again after a crash and differ between engines.

use camino::{Utf8Path, Utf8PathBuf};

use crate::image::Digest;

/// Bytes for the longest socket name below the runtime folder, such as `exec/containerd/containerd-debug.sock`.
const SOCKET_ROOM: usize = 48;
/// Longest path of a unix socket: `sun_path` has 108 bytes, one of them the final zero (unix(7)).
const SOCKET_PATH: usize = 107;

/// Location of one private engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    folder: Utf8PathBuf,
    id: String,
}

impl Place {
    /// Returns the location of a repository's private engine.
    pub fn of_repository(root: &Utf8Path) -> Place {
        Place::at(&root.join("target/engine"))
    }

    /// Returns the location of an engine in another folder. The path must be absolute.
    pub fn at(folder: &Utf8Path) -> Place {
        // Seven digits keep the bridge's name within the kernel's 15 bytes (IFNAMSIZ).
        let id = Digest::of(folder.as_str().as_bytes()).hex().chars().take(7).collect();
        Place { folder: folder.to_owned(), id }
    }

    /// Returns the folder of all the engine's files, except for sockets with long paths.
    pub fn folder(&self) -> &Utf8Path {
        &self.folder
    }

    /// Returns the folder of the unpacked packages; it exists only when complete.
    pub fn root(&self) -> Utf8PathBuf {
        self.folder.join("root")
    }

    /// Returns the variables with which programs of the unpacked packages find their libraries.
    pub(super) fn library_variables(&self) -> [(&'static str, String); 2] {
        let triplet = format!("{}-linux-gnu", std::env::consts::ARCH);
        let folders = ["usr/lib", "lib"].map(|folder| self.root().join(folder).join(&triplet));
        let extensions = folders[0].join("xtables").into_string();
        [("LD_LIBRARY_PATH", folders.map(Utf8PathBuf::into_string).join(":")), ("XTABLES_LIBDIR", extensions)]
    }

    /// Returns a program of the unpacked packages, from the merged or unmerged folders of the distribution.
    pub fn program(&self, name: &str) -> Option<Utf8PathBuf> {
        let folders = ["usr/bin", "usr/sbin", "bin", "sbin"];
        folders.iter().map(|folder| self.root().join(folder).join(name)).find(|file| file.exists())
    }

    /// Returns the folder of sockets and process ids: in the main folder if the path fits a unix socket, else `/run`.
    pub fn runtime(&self) -> Utf8PathBuf {
        let inside = self.folder.join("run");
        let fits = inside.as_str().len() + SOCKET_ROOM <= SOCKET_PATH;
        if fits { inside } else { Utf8PathBuf::from(format!("/run/slipway-{}", self.id)) }
    }

    /// Returns the path of the engine's socket.
    pub fn socket(&self) -> Utf8PathBuf {
        self.runtime().join("docker.sock")
    }

    /// Returns the value of `DOCKER_HOST`.
    pub fn host(&self) -> String {
        format!("unix://{}", self.socket())
    }

    /// Returns the folder of the daemon's own runtime files.
    pub fn exec_root(&self) -> Utf8PathBuf {
        self.runtime().join("exec")
    }

    /// Returns the folder of images, containers and the build cache.
    pub fn data(&self) -> Utf8PathBuf {
        self.folder.join("data")
    }

    /// Returns the daemon's configuration; its path on the command line identifies the daemon.
    pub fn configuration(&self) -> Utf8PathBuf {
        self.folder.join("daemon.json")
    }

    /// Returns the client's configuration folder, which keeps the user's contexts and credentials separate.
    pub fn client_configuration(&self) -> Utf8PathBuf {
        self.folder.join("client")
    }

    /// Returns the path of the daemon's log.
    pub fn log(&self) -> Utf8PathBuf {
        self.folder.join("dockerd.log")
    }

    /// Returns the path of the lock for set-up, start, stop and removal.
    pub fn lock(&self) -> Utf8PathBuf {
        self.folder.join("lock")
    }

    /// Returns the path of the record with the network's settings.
    pub fn network_record(&self) -> Utf8PathBuf {
        self.folder.join("network.json")
    }

    /// Returns the name of the default network's bridge.
    pub fn bridge(&self) -> String {
        format!("slipway-{}", self.id)
    }

    /// Returns the name of the chain in each of the tables `nat` and `filter`.
    pub fn chain(&self) -> String {
        format!("SLIPWAY-{}", self.id)
    }

    /// Returns the control group above all containers and build steps.
    pub fn cgroup(&self) -> String {
        format!("slipway-{}", self.id)
    }

    /// Returns a number that differs between engines, so that their searches start at different points.
    pub fn seed(&self) -> usize {
        usize::from_str_radix(&self.id, 16).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::Place;

    #[test]
    fn long_repository_paths_get_short_sockets() {
        let short = Place::of_repository("/home/someone/shop".into());
        assert_eq!(short.socket(), "/home/someone/shop/target/engine/run/docker.sock");
        let long = Place::of_repository(format!("/home/{}", "long/".repeat(20)).as_str().into());
        assert!(long.socket().as_str().starts_with("/run/slipway-"), "{}", long.socket());
        for place in [&short, &long] {
            let longest = place.exec_root().join("containerd/containerd-debug.sock");
            assert!(longest.as_str().len() <= 107, "{longest}");
            assert!(place.bridge().len() <= 15);
            assert!(place.chain().len() <= 28, "iptables allows 28 bytes");
        }
        assert_ne!(short.bridge(), long.bridge());
    }
}
