//! Walks the part of a directory that the ignore file keeps and a Dockerfile uses, and hashes its files, with one
//! thread per core. Paths outside the build are not entered.

use std::num::NonZero;
use std::os::unix::fs::PermissionsExt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use anyhow::Context;
use camino::Utf8Path;

use super::cache::Cache;
use super::content::{BUFFER, Stat, digest_file};
use crate::error::Failure;
use crate::image::Digest;
use crate::image::dockerfile::{ContextReach, Paths};
use crate::image::dockerignore::{Ignore, Verdict};
use crate::image::fingerprint::{Content, Entry};

/// Number of files per unit of work, so that a single large directory keeps all threads busy.
const BATCH: usize = 128;

/// Maximum number of threads; more wait for each other and for the disk.
const MAX_THREADS: usize = 8;

/// Result of a walk.
#[derive(Default)]
pub(super) struct Found {
    /// Entries, unordered.
    pub(super) entries: Vec<Entry>,
    /// Files that were read, by their path relative to the repository root.
    pub(super) fresh: Vec<(Box<str>, Stat, Digest)>,
    /// Indices of the cache entries that were used.
    pub(super) met: Vec<usize>,
    /// Whether a link was found on the path of a `COPY` source: its target lies elsewhere.
    link_on_the_way: bool,
}

/// A directory to walk and the rules of the walk.
pub(super) struct Walk<'a> {
    /// Path of the context on disk.
    pub(super) directory: &'a Utf8Path,
    /// Path of the context relative to the repository root, used as the cache key.
    pub(super) name: &'a Utf8Path,
    /// Rules of the ignore file.
    pub(super) ignore: &'a Ignore,
    /// Cache of earlier runs.
    pub(super) cache: &'a Cache,
}

enum Task {
    Directory { path: String, verdict: Arc<Verdict>, covered: bool },
    Files(Vec<(String, Stat, bool)>),
}

#[derive(Default)]
struct Queue {
    tasks: Vec<Task>,
    busy: usize,
    stopped: bool,
}

impl Walk<'_> {
    /// Returns all entries that `reach` selects. If the path of a `COPY` source contains a symbolic link, returns all
    /// entries that the ignore file keeps, since BuildKit follows the link.
    pub(super) fn run(&self, reach: &ContextReach) -> anyhow::Result<Found> {
        let paths = match reach {
            ContextReach::Everything => None,
            ContextReach::Paths(paths) if paths.is_empty() => return Ok(Found::default()),
            ContextReach::Paths(_) => reach.paths(),
        };
        if let Some(paths) = paths {
            let found = self.threads(Some(&paths))?;
            if !found.link_on_the_way {
                return Ok(found);
            }
        }
        self.threads(None)
    }

    fn threads(&self, paths: Option<&Paths>) -> anyhow::Result<Found> {
        let root =
            Task::Directory { path: String::new(), verdict: Arc::new(self.ignore.root()), covered: paths.is_none() };
        let queue = Mutex::new(Queue { tasks: vec![root], ..Queue::default() });
        let wake = Condvar::new();
        let threads = std::thread::available_parallelism().map_or(1, NonZero::get).min(MAX_THREADS);
        let parts = std::thread::scope(|scope| {
            let workers: Vec<_> = (0..threads).map(|_| scope.spawn(|| self.work(paths, &queue, &wake))).collect();
            let joined = workers.into_iter().map(|worker| match worker.join() {
                Ok(part) => part,
                Err(panic) => std::panic::resume_unwind(panic),
            });
            joined.collect::<Vec<_>>()
        });
        let mut found = Found::default();
        for part in parts {
            let part = part?;
            found.entries.extend(part.entries);
            found.fresh.extend(part.fresh);
            found.met.extend(part.met);
            found.link_on_the_way |= part.link_on_the_way;
        }
        Ok(found)
    }

    fn work(&self, paths: Option<&Paths>, queue: &Mutex<Queue>, wake: &Condvar) -> anyhow::Result<Found> {
        let mut found = Found::default();
        let mut buffer = vec![0; BUFFER];
        let mut new = Vec::new();
        let mut outcome = Ok(());
        loop {
            let Some(task) = next(queue, wake) else { return outcome.map(|()| found) };
            let done = match task {
                Task::Directory { path, verdict, covered } => {
                    self.list(&path, &verdict, covered, paths, &mut new, &mut found)
                }
                Task::Files(files) => self.hash(files, &mut buffer, &mut found),
            };
            let mut state = lock(queue);
            state.busy -= 1;
            state.tasks.append(&mut new);
            state.stopped |= done.is_err() || found.link_on_the_way;
            drop(state);
            wake.notify_all();
            if done.is_err() {
                outcome = done;
            }
        }
    }

    fn list(
        &self,
        directory: &str,
        verdict: &Verdict,
        covered: bool,
        paths: Option<&Paths>,
        tasks: &mut Vec<Task>,
        found: &mut Found,
    ) -> anyhow::Result<()> {
        let on_disk = if directory.is_empty() { self.directory.to_owned() } else { self.directory.join(directory) };
        let context = || format!("failed to read the directory `{on_disk}`");
        let mut batch = Vec::new();
        for entry in std::fs::read_dir(&on_disk).with_context(context)? {
            let entry = entry.with_context(context)?;
            let name = entry.file_name();
            let lossy = name.to_string_lossy();
            let path = if directory.is_empty() { lossy.to_string() } else { format!("{directory}/{lossy}") };
            let kind = entry.file_type().with_context(context)?;
            let hit = covered || paths.is_some_and(|paths| paths.matches(&path));
            let may_hit_below = hit || paths.is_some_and(|paths| paths.can_match_below(&path));
            if kind.is_dir() {
                let verdict = self.ignore.judge(verdict, &path);
                let kept = !verdict.is_excluded() || self.ignore.may_keep_below(&path);
                if kept && may_hit_below {
                    utf8(&name, &on_disk)?;
                    tasks.push(Task::Directory { path, verdict: Arc::new(verdict), covered: hit });
                }
                continue;
            }
            if !may_hit_below || self.ignore.excludes(verdict, &path) {
                continue;
            }
            if kind.is_symlink() {
                utf8(&name, &on_disk)?;
                if covered {
                    found.entries.push(Entry { content: self.link(&path)?, path: path.into() });
                } else {
                    found.link_on_the_way = true;
                }
                continue;
            }
            if !hit {
                continue;
            }
            utf8(&name, &on_disk)?;
            if !kind.is_file() {
                let message = format!("`{}` is no file, directory or symbolic link", self.name.join(&path));
                let hint = "sockets, pipes and devices have no content to build from: add it to the .dockerignore file";
                return Err(Failure::usage(message).hint(hint).into());
            }
            let metadata = entry.metadata().with_context(|| format!("failed to read `{}`", on_disk.join(&*lossy)))?;
            let (stat, executable) = (Stat::of(&metadata), executable(&metadata));
            match self.cache.find(self.name.join(&path).as_str(), &stat) {
                Some((digest, index)) => {
                    found.met.extend(index);
                    found.entries.push(Entry { path: path.into(), content: Content::File { executable, digest } });
                }
                None => batch.push((path, stat, executable)),
            }
            if batch.len() >= BATCH {
                tasks.push(Task::Files(std::mem::take(&mut batch)));
            }
        }
        if !batch.is_empty() {
            tasks.push(Task::Files(batch));
        }
        Ok(())
    }

    fn link(&self, path: &str) -> anyhow::Result<Content> {
        let on_disk = self.directory.join(path);
        let target = std::fs::read_link(&on_disk).with_context(|| format!("failed to read the link `{on_disk}`"))?;
        match target.to_str() {
            Some(target) => Ok(Content::Symlink { target: target.into() }),
            None => Err(Failure::usage(format!("the target of the link `{on_disk}` is not UTF-8")).into()),
        }
    }

    fn hash(&self, files: Vec<(String, Stat, bool)>, buffer: &mut [u8], found: &mut Found) -> anyhow::Result<()> {
        for (path, ..) in files {
            let (digest, metadata) = digest_file(&self.directory.join(&path), buffer)?;
            found.fresh.push((self.name.join(&path).into_string().into(), Stat::of(&metadata), digest));
            let content = Content::File { executable: executable(&metadata), digest };
            found.entries.push(Entry { path: path.into(), content });
        }
        Ok(())
    }
}

/// Checks that a name is UTF-8. BuildKit supports no other names and would change this one.
fn utf8(name: &std::ffi::OsStr, directory: &Utf8Path) -> Result<(), Failure> {
    if name.to_str().is_some() {
        return Ok(());
    }
    let message = format!("the name of `{directory}/{}` is not UTF-8", name.to_string_lossy());
    Err(Failure::usage(message).hint("rename it or add it to the .dockerignore file"))
}

fn executable(metadata: &std::fs::Metadata) -> bool {
    metadata.permissions().mode() & 0o100 != 0
}

/// Returns the next task; `None` when the queue is empty and no thread can add more.
fn next(queue: &Mutex<Queue>, wake: &Condvar) -> Option<Task> {
    let mut state = lock(queue);
    loop {
        if state.stopped {
            return None;
        }
        if let Some(task) = state.tasks.pop() {
            state.busy += 1;
            return Some(task);
        }
        if state.busy == 0 {
            return None;
        }
        state = wake.wait(state).unwrap_or_else(PoisonError::into_inner);
    }
}

/// Locks the queue. A thread that panicked left it consistent; its panic is raised again when it is joined.
fn lock(queue: &Mutex<Queue>) -> MutexGuard<'_, Queue> {
    queue.lock().unwrap_or_else(PoisonError::into_inner)
}
