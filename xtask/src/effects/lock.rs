//! A lock between processes, held through a file. The system releases it when its holder exits for any reason.

use std::fs::{self, File, TryLockError};
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::thread;
use std::time::Duration;

use anyhow::Context;
use camino::{Utf8Path, Utf8PathBuf};

use super::interrupt;
use crate::error::Failure;

/// Lock for builds and for removing an engine that builds use, relative to the repository root.
pub const BUILD: &str = "target/slipway/lock";

/// Polling interval of a waiting run. A blocking system call would not notice an interrupt.
const TICK: Duration = Duration::from_millis(10);

/// A held lock; dropping it releases the lock.
#[derive(Debug)]
pub struct Lock {
    _file: File,
    path: Utf8PathBuf,
}

impl Lock {
    /// Acquires the lock. Calls `waiting` once if another process holds it, then waits without a time limit.
    ///
    /// # Errors
    /// Interrupted (130) while waiting; a failure where the file cannot be made or locked.
    pub fn acquire(path: &Utf8Path, waiting: impl FnOnce()) -> anyhow::Result<Lock> {
        let mut waiting = Some(waiting);
        loop {
            if let Some(folder) = path.parent() {
                match fs::create_dir_all(folder) {
                    // The folder existed, and its holder removed it before it could be checked.
                    Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::AlreadyExists) => continue,
                    created => created.with_context(|| format!("failed to create `{folder}`"))?,
                }
            }
            let file = match File::options().create(true).truncate(false).write(true).open(path) {
                // The folder was removed by its holder since the line above.
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                opened => opened.with_context(|| format!("failed to open `{path}`"))?,
            };
            loop {
                match file.try_lock() {
                    Ok(()) => break,
                    Err(TryLockError::WouldBlock) => {}
                    Err(TryLockError::Error(error)) => {
                        return Err(error).with_context(|| format!("failed to lock `{path}`"));
                    }
                }
                if let Some(waiting) = waiting.take() {
                    waiting();
                }
                if interrupt::requested() {
                    return Err(Failure::interrupted("interrupted while waiting for another run").into());
                }
                thread::sleep(TICK);
            }
            // The previous holder may have removed the folder: then this is the lock of a deleted file.
            if is_same_file(&file, path) {
                return Ok(Lock { _file: file, path: path.to_owned() });
            }
        }
    }

    /// Returns the path of the locked file.
    pub fn path(&self) -> &Utf8Path {
        &self.path
    }
}

fn is_same_file(file: &File, path: &Utf8Path) -> bool {
    let (Ok(held), Ok(named)) = (file.metadata(), fs::metadata(path)) else { return false };
    (held.dev(), held.ino()) == (named.dev(), named.ino())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::{fs, thread};

    use camino::Utf8PathBuf;

    use super::Lock;

    #[test]
    fn one_holder_at_a_time_even_when_the_folder_is_removed_meanwhile() {
        let folder =
            Utf8PathBuf::from_path_buf(std::env::temp_dir()).unwrap().join(format!("lock-{}", std::process::id()));
        let path = folder.join("deep/lock");
        let inside = AtomicU32::new(0);
        thread::scope(|scope| {
            for thread in 0..4 {
                scope.spawn({
                    let (path, folder, inside) = (&path, &folder, &inside);
                    move || {
                        for turn in 0..50 {
                            let lock = Lock::acquire(path, || {}).unwrap();
                            assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                            inside.fetch_sub(1, Ordering::SeqCst);
                            // From here on the next holder can acquire the lock, although this one is still held.
                            let doomed = folder.join(format!("removed-{turn}-{thread}"));
                            fs::rename(lock.path().parent().unwrap(), doomed).unwrap();
                        }
                    }
                });
            }
        });
        fs::remove_dir_all(&folder).unwrap();
    }
}
