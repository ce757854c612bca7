//! Where the private engine of a repository lies, and the names of what it makes on the machine. All of them follow
//! from the folder's path, so that they can be found again after a crash and never meet those of another engine.

use camino::{Utf8Path, Utf8PathBuf};

use crate::image::Digest;

/// Room for the longest socket name below the runtime folder, `exec/containerd/containerd-debug.sock` and the like.
const SOCKET_ROOM: usize = 48;
/// Longest path of a unix socket: `sun_path` has 108 bytes, one of them the final zero (unix(7)).
const SOCKET_PATH: usize = 107;

/// One private engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    folder: Utf8PathBuf,
    id: String,
}

impl Place {
    /// The private engine of a repository.
    pub fn of_repository(root: &Utf8Path) -> Place {
        Place::at(&root.join("target/engine"))
    }

    /// An engine in a folder of its own. The path must be absolute.
    pub fn at(folder: &Utf8Path) -> Place {
        // Seven digits keep the bridge's name within the kernel's 15 bytes (IFNAMSIZ).
        let id = Digest::of(folder.as_str().as_bytes()).hex().chars().take(7).collect();
        Place { folder: folder.to_owned(), id }
    }

    /// Everything of the engine but, for long paths, its sockets.
    pub fn folder(&self) -> &Utf8Path {
        &self.folder
    }

    /// The unpacked packages; exists only when complete.
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

    /// A file of the unpacked packages, wherever the distribution's merged or unmerged folders have it.
    pub fn program(&self, name: &str) -> Option<Utf8PathBuf> {
        let folders = ["usr/bin", "usr/sbin", "bin", "sbin"];
        folders.iter().map(|folder| self.root().join(folder).join(name)).find(|file| file.exists())
    }

    /// Sockets and process ids: below the folder where the path is short enough for a unix socket, else below `/run`.
    pub fn runtime(&self) -> Utf8PathBuf {
        let inside = self.folder.join("run");
        let fits = inside.as_str().len() + SOCKET_ROOM <= SOCKET_PATH;
        if fits { inside } else { Utf8PathBuf::from(format!("/run/slipway-{}", self.id)) }
    }

    /// The engine's socket.
    pub fn socket(&self) -> Utf8PathBuf {
        self.runtime().join("docker.sock")
    }

    /// The value of `DOCKER_HOST`.
    pub fn host(&self) -> String {
        format!("unix://{}", self.socket())
    }

    /// The folder of the daemon's own runtime files.
    pub fn exec_root(&self) -> Utf8PathBuf {
        self.runtime().join("exec")
    }

    /// Images, containers and the build cache.
    pub fn data(&self) -> Utf8PathBuf {
        self.folder.join("data")
    }

    /// The daemon's configuration; its path on a command line is how we know our own daemon.
    pub fn configuration(&self) -> Utf8PathBuf {
        self.folder.join("daemon.json")
    }

    /// The client's configuration, so that neither the user's contexts nor credentials are touched.
    pub fn client_configuration(&self) -> Utf8PathBuf {
        self.folder.join("client")
    }

    /// The daemon's log.
    pub fn log(&self) -> Utf8PathBuf {
        self.folder.join("dockerd.log")
    }

    /// The lock that set-up, start, stop and removal take.
    pub fn lock(&self) -> Utf8PathBuf {
        self.folder.join("lock")
    }

    /// What was chosen and found when the network was made.
    pub fn network_record(&self) -> Utf8PathBuf {
        self.folder.join("network.json")
    }

    /// The bridge of the default network.
    pub fn bridge(&self) -> String {
        format!("slipway-{}", self.id)
    }

    /// The one chain of ours in each of the tables `nat` and `filter`.
    pub fn chain(&self) -> String {
        format!("SLIPWAY-{}", self.id)
    }

    /// The control group above all containers and build steps.
    pub fn cgroup(&self) -> String {
        format!("slipway-{}", self.id)
    }

    /// A number that differs between engines, to start searches at different ends.
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
