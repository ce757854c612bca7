//! Cache of file digests, keyed by path and file metadata. An entry is valid only if the file was last changed before
//! the run that read it began, so that a write within the same clock tick cannot be missed.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context;
use camino::{Utf8Path, Utf8PathBuf};
use sha2::{Digest as _, Sha256};

use super::content::Stat;
use crate::image::Digest;

/// First bytes of the file. A file with another version of the format has different ones and is not read.
const MAGIC: &[u8] = b"slipway file digests 1\n";

/// Maximum lag of the file system's clock behind the run's, in nanoseconds. The coarsest time stamps in use
/// are those of FAT, two seconds.
const SLACK: i64 = 2_000_000_000;

/// Number of written runs after which an unused entry is dropped, which bounds the file's size.
const MAX_AGE: u8 = 16;

/// Digests of earlier runs and of this run.
#[derive(Debug)]
pub(super) struct Cache {
    file: Utf8PathBuf,
    /// Start of this run, in nanoseconds since 1970.
    started: i64,
    /// Start of the run that wrote the file, in nanoseconds since 1970.
    recorded: i64,
    /// Entries of the file, sorted by path.
    known: Entries,
    fresh: BTreeMap<Box<str>, Known>,
}

type Entries = Vec<(Box<str>, Known)>;

#[derive(Clone, Copy, Debug)]
struct Known {
    stat: Stat,
    digest: Digest,
    /// Number of written runs since the entry was last used.
    age: u8,
    met: bool,
}

impl Cache {
    /// Opens the cache. A missing, damaged or unknown file is an empty cache: all files are read again.
    pub(super) fn open(file: &Utf8Path) -> anyhow::Result<Cache> {
        let directory = file.parent().unwrap_or(Utf8Path::new("."));
        std::fs::create_dir_all(directory).with_context(|| format!("failed to create `{directory}`"))?;
        let started = now(directory)?;
        let (recorded, known) = std::fs::read(file)
            .ok()
            .and_then(|bytes| decode(&bytes))
            // Written in the future: the clock was set back since, so times are not reliable.
            .filter(|(recorded, _)| *recorded <= started)
            .unwrap_or_default();
        Ok(Cache { file: file.to_owned(), started, recorded, known, fresh: BTreeMap::new() })
    }

    /// Returns the digest of the file at that path, if it is unchanged since it was read. The number identifies the
    /// entry for `meet`.
    pub(super) fn find(&self, path: &str, stat: &Stat) -> Option<(Digest, Option<usize>)> {
        if let Some(known) = self.fresh.get(path).filter(|known| known.stat == *stat) {
            return Some((known.digest, None));
        }
        let index = self.known.binary_search_by(|(known, _)| (**known).cmp(path)).ok()?;
        let (_, known) = self.known.get(index)?;
        (known.stat == *stat && settled(stat, self.recorded)).then_some((known.digest, Some(index)))
    }

    /// Marks these entries as used by a walk.
    pub(super) fn meet(&mut self, indices: &[usize]) {
        for index in indices {
            if let Some((_, known)) = self.known.get_mut(*index) {
                known.met = true;
            }
        }
    }

    /// Adds the digests that a walk has read.
    pub(super) fn add(&mut self, fresh: impl IntoIterator<Item = (Box<str>, Stat, Digest)>) {
        let entry = |(path, stat, digest)| (path, Known { stat, digest, age: 0, met: true });
        self.fresh.extend(fresh.into_iter().map(entry));
    }

    /// Writes the cache, unless it has nothing new. The file is replaced atomically.
    pub(super) fn save(mut self) -> anyhow::Result<()> {
        if self.fresh.is_empty() {
            return Ok(());
        }
        let recorded = self.recorded;
        for (path, mut known) in self.known.drain(..) {
            known.age = if known.met { 0 } else { known.age.saturating_add(1) };
            // An unsettled entry must not become settled merely because this run began later.
            if known.age < MAX_AGE && settled(&known.stat, recorded) {
                self.fresh.entry(path).or_insert(known);
            }
        }
        let temporary = self.file.with_extension(format!("{}.tmp", std::process::id()));
        let written = encode(&temporary, self.started, &self.fresh)
            .and_then(|()| Ok(std::fs::rename(&temporary, &self.file)?))
            .with_context(|| format!("failed to write `{}`", self.file));
        if written.is_err() {
            // A failed removal of the partial file has no remedy.
            let _ = std::fs::remove_file(&temporary);
        }
        written
    }
}

/// Returns whether a file was last changed safely before a run began.
fn settled(stat: &Stat, started: i64) -> bool {
    let limit = started.saturating_sub(SLACK);
    stat.modified < limit && stat.changed < limit
}

/// Returns the earlier of the system's clock and the file system's, which a network or shared folder may set itself.
fn now(directory: &Utf8Path) -> anyhow::Result<i64> {
    let probe = directory.join(format!("clock.{}.tmp", std::process::id()));
    let context = || format!("failed to write to `{directory}`");
    let file = std::fs::File::create(&probe).with_context(context)?;
    let stamp = Stat::of(&file.metadata().with_context(context)?).modified;
    std::fs::remove_file(&probe).with_context(context)?;
    let system = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Ok(stamp.min(i64::try_from(system.as_nanos()).unwrap_or(i64::MAX)))
}

/// Writes the entries, followed by their SHA-256 in the last 32 bytes.
fn encode(file: &Utf8Path, started: i64, entries: &BTreeMap<Box<str>, Known>) -> anyhow::Result<()> {
    let mut out = std::io::BufWriter::with_capacity(1 << 16, std::fs::File::create(file)?);
    let mut hasher = Sha256::new();
    let mut record = Vec::with_capacity(256);
    record.extend_from_slice(MAGIC);
    record.extend_from_slice(&started.to_le_bytes());
    for (path, Known { stat, digest, age, .. }) in entries {
        record.extend_from_slice(&u32::try_from(path.len())?.to_le_bytes());
        record.extend_from_slice(path.as_bytes());
        for number in [stat.size, stat.inode, stat.device] {
            record.extend_from_slice(&number.to_le_bytes());
        }
        for time in [stat.modified, stat.changed] {
            record.extend_from_slice(&time.to_le_bytes());
        }
        record.push(*age);
        record.extend_from_slice(digest.as_bytes());
        hasher.update(&record);
        out.write_all(&record)?;
        record.clear();
    }
    hasher.update(&record);
    out.write_all(&record)?;
    out.write_all(&hasher.finalize())?;
    Ok(out.flush()?)
}

fn decode(bytes: &[u8]) -> Option<(i64, Entries)> {
    let (body, checksum) = bytes.split_at_checked(bytes.len().checked_sub(32)?)?;
    if Sha256::digest(body).as_slice() != checksum {
        return None;
    }
    let mut rest = body.strip_prefix(MAGIC)?;
    let started = i64::from_le_bytes(take(&mut rest)?);
    let mut entries = Entries::new();
    while !rest.is_empty() {
        let length = usize::try_from(u32::from_le_bytes(take(&mut rest)?)).ok()?;
        let (path, after) = rest.split_at_checked(length)?;
        rest = after;
        let [size, inode, device] = [
            u64::from_le_bytes(take(&mut rest)?),
            u64::from_le_bytes(take(&mut rest)?),
            u64::from_le_bytes(take(&mut rest)?),
        ];
        let [modified, changed] = [i64::from_le_bytes(take(&mut rest)?), i64::from_le_bytes(take(&mut rest)?)];
        let [age] = take(&mut rest)?;
        let known = Known {
            stat: Stat { size, modified, changed, inode, device },
            digest: Digest::from_bytes(take(&mut rest)?),
            age,
            met: false,
        };
        entries.push((std::str::from_utf8(path).ok()?.into(), known));
    }
    Some((started, entries))
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*taken)
}

#[cfg(test)]
mod tests {
    use camino::Utf8PathBuf;

    use super::{Cache, MAX_AGE, SLACK, Stat};
    use crate::image::Digest;

    struct File(Utf8PathBuf);

    impl File {
        fn new(name: &str) -> File {
            let directory = std::env::temp_dir().join(format!("slipway-cache-{name}-{}", std::process::id()));
            File(Utf8PathBuf::from_path_buf(directory).unwrap().join("files"))
        }
    }

    impl Drop for File {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(self.0.parent().unwrap());
        }
    }

    /// Returns the metadata of a file that was last changed `before` nanoseconds before the run began.
    fn touched(cache: &Cache, before: i64) -> Stat {
        let time = cache.started - before;
        Stat { size: 5, modified: time, changed: time, inode: 7, device: 1 }
    }

    fn remember(file: &File, path: &str, before: i64) -> Stat {
        let mut cache = Cache::open(&file.0).unwrap();
        let stat = touched(&cache, before);
        cache.add([(path.into(), stat, Digest::of(path.as_bytes()))]);
        cache.save().unwrap();
        stat
    }

    #[test]
    fn only_the_very_same_file_is_believed() {
        let file = File::new("same");
        let stat = remember(&file, "a", 2 * SLACK);
        let cache = Cache::open(&file.0).unwrap();
        assert_eq!(cache.find("a", &stat).map(|(digest, _)| digest), Some(Digest::of(b"a")));
        assert!(cache.find("b", &stat).is_none());
        for other in [
            Stat { size: 6, ..stat },
            Stat { modified: stat.modified + 1, ..stat },
            // The same size and modification time, set back after an edit: the change time cannot be set back.
            Stat { changed: stat.changed + 1, ..stat },
            Stat { inode: 8, ..stat },
            Stat { device: 2, ..stat },
        ] {
            assert!(cache.find("a", &other).is_none(), "{other:?}");
        }
    }

    #[test]
    fn a_file_touched_just_before_or_after_the_run_began_is_not_believed() {
        for before in [SLACK / 2, 0, -SLACK, -3600 * SLACK] {
            let file = File::new("racy");
            let stat = remember(&file, "a", before);
            assert!(Cache::open(&file.0).unwrap().find("a", &stat).is_none(), "{before}");
            // Nor later, because a run that did not meet it wrote the file anew.
            remember(&file, "other", 2 * SLACK);
            assert!(Cache::open(&file.0).unwrap().find("a", &stat).is_none(), "{before}");
        }
        let file = File::new("halves");
        let mut cache = Cache::open(&file.0).unwrap();
        let stat = Stat { modified: cache.started - 2 * SLACK, ..touched(&cache, 0) };
        cache.add([("a".into(), stat, Digest::of(b"a"))]);
        cache.save().unwrap();
        assert!(Cache::open(&file.0).unwrap().find("a", &stat).is_none(), "an old modification time proves nothing");
    }

    #[test]
    fn a_cache_from_the_future_is_not_believed() {
        let file = File::new("future");
        let mut cache = Cache::open(&file.0).unwrap();
        cache.started += 1_000 * SLACK;
        let stat = touched(&cache, 999 * SLACK);
        cache.add([("a".into(), stat, Digest::of(b"a"))]);
        cache.save().unwrap();
        assert!(Cache::open(&file.0).unwrap().find("a", &stat).is_none());
    }

    #[test]
    fn what_no_run_meets_is_forgotten_after_a_while() {
        let file = File::new("age");
        let stat = remember(&file, "old", 2 * SLACK);
        let kept = remember(&file, "kept", 2 * SLACK);
        for run in 0..MAX_AGE + 2 {
            let mut cache = Cache::open(&file.0).unwrap();
            assert_eq!(cache.find("old", &stat).is_some(), run + 1 < MAX_AGE, "run {run}");
            let (_, index) = cache.find("kept", &kept).unwrap();
            cache.meet(&[index.unwrap()]);
            cache.add([(format!("new{run}").into(), kept, Digest::of(b"new"))]);
            cache.save().unwrap();
        }
    }

    #[test]
    fn nothing_new_is_not_written() {
        let file = File::new("quiet");
        remember(&file, "a", 2 * SLACK);
        let before = std::fs::read(&file.0).unwrap();
        Cache::open(&file.0).unwrap().save().unwrap();
        assert_eq!(std::fs::read(&file.0).unwrap(), before);
    }
}
