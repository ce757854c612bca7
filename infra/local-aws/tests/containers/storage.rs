//! Volumes of a task, file systems that outlive it, read-only roots.

use local_aws::store::task_definition::{EfsVolume, MountPoint, Volume};

use crate::stand::{Stand, exit_of};

fn mount(volume: &str, path: &str) -> MountPoint {
    MountPoint { source_volume: volume.into(), container_path: path.into(), read_only: None }
}

#[test]
fn a_volume_begins_with_what_the_image_has_and_a_root_may_be_read_only() {
    let stand = Stand::new();
    let script = "cat /data/from-image && touch /data/new && ! touch /tmp/new 2>/dev/null";
    let mut app = stand.container("app", script);
    app.readonly_root_filesystem = Some(true);
    app.mount_points.push(mount("data", "/data"));
    let volume = Volume { name: "data".into(), host: None, efs_volume_configuration: None };
    let id = stand.run_with(vec![app], |definition| definition.volumes.push(volume), |_| {});
    assert_eq!(exit_of(&stand.until_stopped(&id), "app"), Some(0));
    assert_eq!(stand.left(), 0, "the volume goes with the task");
}

#[test]
fn a_file_system_outlives_tasks_and_anybody_may_write_there() {
    let stand = Stand::new();
    stand.write(|state| state.ecs.file_systems.push("fs-1".into()));
    let run = |script: &str| {
        let mut app = stand.container("app", script);
        app.user = Some("101:101".into());
        app.mount_points.push(mount("media", "/media"));
        let efs = EfsVolume {
            file_system_id: "fs-1".into(),
            root_directory: Some("/uploads".into()),
            transit_encryption: None,
        };
        let volume = Volume { name: "media".into(), host: None, efs_volume_configuration: Some(efs) };
        stand.run_with(vec![app], |definition| definition.volumes.push(volume), |_| {})
    };
    assert_eq!(exit_of(&stand.until_stopped(&run("touch /media/kept")), "app"), Some(0));
    assert_eq!(exit_of(&stand.until_stopped(&run("ls /media/kept")), "app"), Some(0));
    assert!(stand.settings.state.join("efs/fs-1/uploads/kept").exists());
}
