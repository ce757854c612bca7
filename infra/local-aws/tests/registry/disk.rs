//! A disk that takes no more.

use std::process::Command;

use crate::client::{Daemon, Folder, digest_of};

/// Runs `upload_larger_than_the_disk` in a process whose files may not be longer than 1 MiB: a write beyond that fails as
/// it does on a full disk, by another error number only.
#[test]
fn a_full_disk_is_a_clear_error_and_leaves_nothing() {
    let script = "trap '' XFSZ; ulimit -f 2048; exec \"$0\" --exact disk::upload_larger_than_the_disk --ignored";
    let this = std::env::current_exe().unwrap();
    let output = Command::new("sh").arg("-c").arg(script).arg(this).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}{}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test]
#[ignore = "only where files are limited: run by the test above"]
async fn upload_larger_than_the_disk() {
    let folder = Folder::new();
    let daemon = Daemon::with_app(&folder).await;
    let content = vec![7_u8; 1_500_000];
    let digest = digest_of(&content);
    for _ in 0..2 {
        let path = format!("/v2/app/blobs/uploads/?digest={digest}");
        let refused = daemon.v2("POST", &path, &[], &content).await;
        assert_eq!(refused.error(), (500, "UNKNOWN".to_owned()));
        assert!(refused.message().contains("failed to write to the disk"), "{}", refused.message());
        crate::client::eventually("nothing is left", || daemon.files("uploads").is_empty()).await;
    }
    assert_eq!(daemon.files("blobs/sha256"), Vec::<String>::new());
    // What fits still goes in.
    daemon.push_image("app", "small", "layer").await;
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_is_a_clear_error() {
    let folder = Folder::new();
    let daemon = Daemon::with_app(&folder).await;
    let registry = daemon.emulator.settings.state.join("registry");
    std::fs::create_dir_all(&registry).unwrap();
    std::fs::write(registry.join("uploads"), "in the way").unwrap();
    let refused = daemon.v2("POST", "/v2/app/blobs/uploads/", &[], b"").await;
    assert_eq!(refused.error(), (500, "UNKNOWN".to_owned()));
    std::fs::remove_file(registry.join("uploads")).unwrap();
    daemon.push_blob("app", b"x").await;
}
