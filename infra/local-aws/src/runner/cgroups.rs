//! Control groups of whole tasks: one folder a task below one of this instance, in the engine's hierarchy. Only where the
//! engine runs here, uses the `cgroupfs` driver and we may write; elsewhere `limits` puts the limits on each container.

use std::fs;
use std::io;
use std::time::Duration;

use bollard::models::{SystemInfo, SystemInfoCgroupDriverEnum};
use camino::{Utf8Path, Utf8PathBuf};

use super::limits::{PERIOD, TaskLimits};

const ROOT: &str = "/sys/fs/cgroup";

/// The hierarchy, and our folder in it.
#[derive(Clone, Debug)]
pub(super) struct Cgroups {
    root: Utf8PathBuf,
    unified: bool,
    folder: String,
}

impl Cgroups {
    /// `None` where the limits of a task cannot be set as a whole.
    pub(super) fn of(info: &SystemInfo, instance: &str) -> Option<Cgroups> {
        if info.cgroup_driver != Some(SystemInfoCgroupDriverEnum::CGROUPFS) {
            return None;
        }
        let cgroups = Cgroups::at(Utf8Path::new(ROOT), instance);
        cgroups.try_out().ok()?;
        Some(cgroups)
    }

    /// Without looking whether it can be used.
    pub(super) fn at(root: &Utf8Path, instance: &str) -> Cgroups {
        Cgroups {
            root: root.to_owned(),
            unified: root.join("cgroup.controllers").exists(),
            folder: format!("slipway-{instance}"),
        }
    }

    fn try_out(&self) -> io::Result<()> {
        let limits = TaskLimits { cpu_units: 256, memory_mib: 512 };
        let made = self.make("probe", limits);
        for folder in self.folders("probe") {
            remove_tree(&folder);
        }
        self.remove_folder_of_instance();
        made
    }

    /// The `CgroupParent` of a task's containers.
    pub(super) fn parent(&self, task: &str) -> String {
        format!("/{}/{task}", self.folder)
    }

    /// Makes the group of a task and sets its limits; the same again changes nothing.
    pub(super) fn make(&self, task: &str, limits: TaskLimits) -> io::Result<()> {
        let quota = limits.quota_micros();
        let bytes = limits.memory_bytes();
        if self.unified {
            let ours = self.root.join(&self.folder);
            let group = ours.join(task);
            fs::create_dir_all(&group)?;
            for above in [&self.root, &ours] {
                fs::write(above.join("cgroup.subtree_control"), "+cpu +memory")?;
            }
            fs::write(group.join("cpu.max"), format!("{quota} {PERIOD}"))?;
            fs::write(group.join("memory.max"), bytes.to_string())?;
            // Fargate has no swap. The file is missing where the kernel has none either.
            return missing_is_fine(fs::write(group.join("memory.swap.max"), "0"));
        }
        let cpu = self.root.join("cpu").join(&self.folder).join(task);
        fs::create_dir_all(&cpu)?;
        fs::write(cpu.join("cpu.cfs_period_us"), PERIOD.to_string())?;
        fs::write(cpu.join("cpu.cfs_quota_us"), quota.to_string())?;
        let memory_of_instance = self.root.join("memory").join(&self.folder);
        fs::create_dir_all(&memory_of_instance)?;
        // Refused where the parent has it already, as current kernels always do.
        let _ = fs::write(memory_of_instance.join("memory.use_hierarchy"), "1");
        let memory = memory_of_instance.join(task);
        fs::create_dir_all(&memory)?;
        let swap = memory.join("memory.memsw.limit_in_bytes");
        // Memory and swap together can never be below memory alone: which goes first depends on what is there.
        let first = fs::write(memory.join("memory.limit_in_bytes"), bytes.to_string());
        missing_is_fine(fs::write(&swap, bytes.to_string()))?;
        first.or_else(|_| fs::write(memory.join("memory.limit_in_bytes"), bytes.to_string()))
    }

    /// Removes the group of a task whose containers are gone. The kernel takes a moment to see that; what is in the group
    /// after it has no owner any more, as where an engine was killed and its successor does not know a container.
    pub(super) async fn remove(&self, task: &str) {
        for round in 0..20 {
            let mut left = false;
            for folder in self.folders(task) {
                left |= !remove_tree(&folder);
            }
            if !left {
                break;
            }
            if round >= 5 {
                self.folders(task).iter().for_each(|folder| kill_members(folder));
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        self.remove_folder_of_instance();
    }

    /// The tasks that have a group.
    pub(super) fn tasks(&self) -> Vec<String> {
        let mut tasks: Vec<String> = self
            .hierarchies()
            .iter()
            .flat_map(|hierarchy| sub_folders(&hierarchy.join(&self.folder)))
            .filter_map(|folder| folder.file_name().map(str::to_owned))
            .collect();
        tasks.sort();
        tasks.dedup();
        tasks
    }

    /// Removed by the last task; full until then.
    pub(super) fn remove_folder_of_instance(&self) {
        for hierarchy in self.hierarchies() {
            let _ = fs::remove_dir(hierarchy.join(&self.folder));
        }
    }

    fn folders(&self, task: &str) -> Vec<Utf8PathBuf> {
        self.hierarchies()
            .into_iter()
            .map(|hierarchy| hierarchy.join(&self.folder).join(task))
            .filter(|folder| folder.exists())
            .collect()
    }

    /// Version 1 has one tree a controller, and the engine makes our folder in each.
    fn hierarchies(&self) -> Vec<Utf8PathBuf> {
        if self.unified { vec![self.root.clone()] } else { sub_folders(&self.root) }
    }
}

fn missing_is_fine(result: io::Result<()>) -> io::Result<()> {
    // The cgroup file systems answer the creation of a file that they do not have with EACCES.
    result.or_else(|error| match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied => Ok(()),
        _ => Err(error),
    })
}

/// Folders, not links to folders: `cpu` is often a link to `cpu,cpuacct`.
fn sub_folders(folder: &Utf8Path) -> Vec<Utf8PathBuf> {
    let Ok(entries) = folder.read_dir_utf8() else { return Vec::new() };
    entries
        .filter_map(Result::ok)
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| entry.path().to_owned())
        .collect()
}

/// Innermost first; a group is removed as a folder, its files are the kernel's. Says whether it is gone.
fn remove_tree(folder: &Utf8Path) -> bool {
    for inner in sub_folders(folder) {
        remove_tree(&inner);
    }
    match fs::remove_dir(folder) {
        Ok(()) => true,
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    }
}

fn kill_members(folder: &Utf8Path) {
    sub_folders(folder).iter().for_each(|inner| kill_members(inner));
    let members = fs::read_to_string(folder.join("cgroup.procs")).unwrap_or_default();
    for id in members.lines().filter_map(|line| rustix::process::Pid::from_raw(line.parse().ok()?)) {
        let _ = rustix::process::kill_process(id, rustix::process::Signal::KILL);
    }
}
