//! The one clone that all tests here build in, and what they do to its files.

use std::fs;
use std::sync::{LazyLock, Mutex, MutexGuard};

use crate::world::Clone;

impl Clone {
    pub(crate) fn write(&self, file: &str, text: &str) {
        fs::create_dir_all(self.root.join(file).parent().unwrap()).unwrap();
        fs::write(self.root.join(file), text).unwrap();
    }

    pub(crate) fn read(&self, file: &str) -> String {
        fs::read_to_string(self.root.join(file)).unwrap()
    }

    /// Whether anything lies under `building/`: nothing does unless a build is running.
    pub(crate) fn has_leftovers(&self) -> bool {
        self.root.join("target/slipway/building").read_dir_utf8().is_ok_and(|mut entries| entries.next().is_some())
    }
}

/// The clone that tests share: built once, and left as it was found by each test that edits it.
pub(crate) fn shared() -> MutexGuard<'static, Clone> {
    static SHARED: LazyLock<Mutex<Clone>> = LazyLock::new(|| {
        let clone = Clone::new("shared");
        clone.first_build();
        Mutex::new(clone)
    });
    // A test that failed while it held the clone has left its message; the next one starts from a clean tree.
    let clone = SHARED.lock().unwrap_or_else(|poisoned| {
        SHARED.clear_poison();
        poisoned.into_inner()
    });
    clone.git(&["checkout", "--quiet", "--force", "."]);
    clone.git(&["clean", "--quiet", "--force", "-d"]);
    clone.build(&[]);
    clone
}
