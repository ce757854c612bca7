//! Cleanup after a killed private engine: processes, mounts, sockets and control groups, identified by paths and names
//! that only this engine uses.

use std::fs;
use std::time::Duration;

use anyhow::Context;
use camino::{Utf8Path, Utf8PathBuf};

use super::packages::remove_folder;
use super::place::Place;
use crate::effects::process;

/// Time limit for a control group to become empty after its last process has exited.
const SETTLE: Duration = Duration::from_secs(5);
const CGROUPS: &str = "/sys/fs/cgroup";

/// One entry of the mount table.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Mount {
    /// Mount point.
    pub(super) path: Utf8PathBuf,
    /// Type of the file system, such as `overlay`.
    pub(super) kind: String,
}

/// Returns the mount table, in the order of mounting.
pub(super) fn mounts() -> Vec<Mount> {
    parse_mounts(&fs::read_to_string("/proc/self/mountinfo").unwrap_or_default())
}

/// Parses the mount table. The fifth column is the path, with octal escapes; the type follows a lone hyphen (proc(5)).
fn parse_mounts(text: &str) -> Vec<Mount> {
    let parse = |line: &str| {
        let (front, back) = line.split_once(" - ")?;
        let path = front.split(' ').nth(4)?;
        let path = path.replace("\\040", " ").replace("\\011", "\t").replace("\\012", "\n").replace("\\134", "\\");
        Some(Mount { path: path.into(), kind: back.split(' ').next()?.to_owned() })
    };
    text.lines().filter_map(parse).collect()
}

/// Kills the processes of the unpacked packages (daemon, containerd, shims, proxies) and those in the containers.
pub(super) fn processes(place: &Place) {
    let root = place.root();
    // An exiting shim may leave its container, and a container may start another process: repeat until none is left.
    process::wait_until(SETTLE, || {
        let ours = |id: &u32| process::executable(*id).is_some_and(|file| Utf8Path::new(&file).starts_with(&root));
        let mut ids: Vec<u32> = process::all_ids().into_iter().filter(ours).collect();
        ids.extend(control_groups(place).iter().flat_map(members));
        ids.retain(|id| process::is_alive(*id));
        ids.iter().for_each(|id| process::kill(*id));
        ids.is_empty()
    });
}

/// Removes sockets, process ids and mounts of an engine that is not running.
pub(super) fn runtime(place: &Place) -> anyhow::Result<()> {
    for socket in shim_sockets(place) {
        let _ = fs::remove_file(socket);
    }
    unmount_below(&place.runtime())?;
    unmount_below(&place.data())?;
    remove_folder(&place.runtime())
}

/// Removes the control groups, and the folders that engines share if they are empty.
pub(super) fn control_groups_and_shared_folders(place: &Place) -> anyhow::Result<()> {
    process::wait_until(SETTLE, || {
        let mut groups = control_groups(place);
        // Longest path first: inner groups must be removed before outer ones.
        groups.sort_by_key(|group| std::cmp::Reverse(group.as_str().len()));
        groups.iter().for_each(|group| drop(fs::remove_dir(group)));
        control_groups(place).is_empty()
    });
    if let Some(group) = control_groups(place).first() {
        anyhow::bail!("failed to remove the control group `{group}`");
    }
    for folder in ["/run/containerd/s", "/run/containerd", "/run/runc"] {
        // A folder that is not empty is used by another engine.
        let _ = fs::remove_dir(folder);
    }
    Ok(())
}

/// Unmounts everything at or below a folder, the deepest and latest first.
pub(super) fn unmount_below(folder: &Utf8Path) -> anyhow::Result<()> {
    for mount in mounts().iter().rev().filter(|mount| mount.path.starts_with(folder)) {
        let path = &mount.path;
        detach(path).with_context(|| format!("failed to unmount `{path}`"))?;
    }
    Ok(())
}

#[cfg(target_os = "linux")]
fn detach(path: &Utf8Path) -> rustix::io::Result<()> {
    rustix::mount::unmount(path.as_std_path(), rustix::mount::UnmountFlags::DETACH)
}

/// Fails: other systems have no private engine, and so none of its mounts.
#[cfg(not(target_os = "linux"))]
fn detach(path: &Utf8Path) -> anyhow::Result<()> {
    anyhow::bail!("`{path}` is no mount of ours: the private engine runs on Linux only")
}

/// Returns the sockets of shims below `/run/containerd/s`; their names are recorded only in their bundles.
fn shim_sockets(place: &Place) -> Vec<String> {
    let tasks = place.exec_root().join("containerd/daemon/io.containerd.runtime.v2.task");
    let addresses = subfolders(&tasks).into_iter().flat_map(|namespace| subfolders(&namespace));
    addresses
        .filter_map(|bundle| fs::read_to_string(bundle.join("address")).ok())
        .filter_map(|address| address.trim().strip_prefix("unix://").map(str::to_owned))
        .filter(|path| path.starts_with("/run/containerd/s/"))
        .collect()
}

/// Returns the engine's control groups in every hierarchy: one with version 2, one per controller with version 1.
fn control_groups(place: &Place) -> Vec<Utf8PathBuf> {
    let mut hierarchies = vec![Utf8PathBuf::from(CGROUPS)];
    hierarchies.extend(subfolders(CGROUPS.into()));
    let mut groups: Vec<Utf8PathBuf> =
        hierarchies.iter().map(|hierarchy| hierarchy.join(place.cgroup())).filter(|group| group.is_dir()).collect();
    let mut next = 0;
    while let Some(group) = groups.get(next) {
        groups.extend(subfolders(group));
        next += 1;
    }
    groups
}

fn members(group: &Utf8PathBuf) -> Vec<u32> {
    let text = fs::read_to_string(group.join("cgroup.procs")).unwrap_or_default();
    text.lines().filter_map(|line| line.parse().ok()).collect()
}

fn subfolders(folder: &Utf8Path) -> Vec<Utf8PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    entries
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .filter_map(|entry| Utf8PathBuf::from_path_buf(entry.path()).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{Mount, parse_mounts};

    #[test]
    fn mount_tables_with_blanks_in_paths_and_optional_fields() {
        let text = "36 35 98:0 /mnt1 /a\\040b rw,noatime master:1 - overlay /dev/root rw\n\
                    37 35 98:0 / /c rw - tmpfs tmpfs rw\nnonsense\n";
        let mount = |path: &str, kind: &str| Mount { path: path.into(), kind: kind.into() };
        assert_eq!(parse_mounts(text), [mount("/a b", "overlay"), mount("/c", "tmpfs")]);
    }
}
