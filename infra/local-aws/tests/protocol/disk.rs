//! A disk that takes nothing: mutating calls fail, reading calls work, and everything recovers once there
//! is room. A folder in the place of the new document stands for a full disk: root may write everywhere else.

use std::fs;

use serde_json::Value;

use crate::daemon::{Daemon, Folder, until};

#[test]
fn nothing_is_promised_that_is_not_on_disk() {
    let folder = Folder::new();
    let mut daemon = Daemon::start(&folder);
    assert_eq!(daemon.put("/before").status, 200);
    let before = fs::read(folder.state().join("state.json")).unwrap();
    let obstacle = folder.state().join("state.json.next");
    fs::create_dir(&obstacle).unwrap();
    for name in ["/full/1", "/full/2", "/full/3"] {
        let answer = daemon.put(name);
        assert_eq!(answer.error(), (500, "InternalServerError".to_owned()), "{answer:?}");
        assert!(answer.body.contains("not on disk"), "{answer:?}");
    }
    // Looking goes on, and the old document is whole.
    assert_eq!(daemon.send("GET", "/_local/status", &[], b"").status, 200);
    assert!(daemon.parameters().contains(&"/before".to_owned()));
    assert_eq!(fs::read(folder.state().join("state.json")).unwrap(), before);
    fs::remove_dir(&obstacle).unwrap();
    // Without another change: the daemon tries again by itself.
    until("the state is written", || {
        let text = fs::read_to_string(folder.state().join("state.json")).unwrap();
        let document: Value = serde_json::from_str(&text).unwrap();
        document["state"]["ssm"]["parameters"].get("/full/3").map(|_| ())
    });
    until("calls are answered again", || (daemon.put(&unique()).status == 200).then_some(()));
    daemon.kill();
    let names = Daemon::start(&folder).parameters();
    assert!(["/before", "/full/1", "/full/2", "/full/3"].iter().all(|name| names.iter().any(|one| one == name)));
}

fn unique() -> String {
    format!("/after/{}", uuid::Uuid::new_v4().simple())
}
