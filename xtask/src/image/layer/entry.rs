//! The entries of a layer: path, kind and, for files, the data that is needed to judge and resolve programs.

use super::limits::{MAX_NAME, MAX_PATH, SCRIPT_HEAD};
use crate::image::elf::Elf;
use crate::image::proof::finding::{self, Rule};

/// One entry. The path is relative to the root, without `.`, `..` or empty components; empty is the root itself.
#[derive(Debug)]
pub(crate) struct Entry {
    pub path: Box<[u8]>,
    pub kind: EntryKind,
}

/// The kind of an entry.
#[derive(Debug)]
pub(crate) enum EntryKind {
    Directory(Access),
    File(Access, Content),
    Symlink(Box<[u8]>),
    /// A hard link; the normalized path of its target.
    Hardlink(Box<[u8]>),
    /// A FIFO or device, which is never a program.
    Special,
    /// A whiteout: the path is removed from the layers below.
    Whiteout,
    /// An opaque directory: its contents are removed from the layers below.
    Opaque,
}

/// Owner and permission bits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Access {
    pub mode: u32,
    pub uid: u64,
    pub gid: u64,
}

/// The kind of a regular file, by its first bytes.
#[derive(Debug)]
pub(crate) enum Content {
    Elf(Box<Elf>),
    /// The first line of a script, without `#!` and the line feed. Stored for executable files only.
    Script(Box<[u8]>),
    /// The content of `/etc/passwd` or `/etc/group`.
    Accounts(Box<[u8]>),
    /// Any other content, described for messages.
    Other(&'static str),
}

impl Content {
    /// Classifies a file by its first bytes.
    pub(super) fn of(head: &[u8], executable: bool) -> Content {
        if let Some(elf) = Elf::parse(head) {
            return Content::Elf(Box::new(elf));
        }
        match head {
            [b'#', b'!', rest @ ..] if executable => {
                let rest = rest.get(..SCRIPT_HEAD - 2).unwrap_or(rest);
                Content::Script(rest.split(|byte| *byte == b'\n').next().unwrap_or_default().into())
            }
            [] => Content::Other("an empty file"),
            [0xcf | 0xce, 0xfa, 0xed, 0xfe, ..] => Content::Other("a macOS program (Mach-O)"),
            [0xca, 0xfe, 0xba, 0xbe, ..] => Content::Other("a macOS universal binary or a Java class"),
            [b'M', b'Z', ..] => Content::Other("a Windows program (PE)"),
            [0x7f, b'E', b'L', b'F', ..] => Content::Other("an ELF file that is neither executable nor shared object"),
            [0xef, 0xbb, 0xbf, b'#', b'!', ..] => {
                Content::Other("a script that begins with a byte-order mark instead of `#!`")
            }
            _ => Content::Other("neither an ELF program nor a script with `#!`"),
        }
    }
}

impl Entry {
    /// Returns the number of bytes of variable size that the index stores.
    pub(super) fn weight(&self) -> usize {
        self.path.len()
            + match &self.kind {
                EntryKind::Symlink(bytes) | EntryKind::Hardlink(bytes) => bytes.len(),
                EntryKind::File(_, Content::Script(bytes) | Content::Accounts(bytes)) => bytes.len(),
                EntryKind::File(_, Content::Elf(elf)) => size_of::<Elf>() + elf.loader().map_or(0, <[u8]>::len),
                _ => 0,
            }
    }
}

/// Normalizes a path of an archive. Returns the violated rule and the reason for an invalid path.
pub(super) fn clean_path(raw: &[u8]) -> Result<Box<[u8]>, (&'static Rule, &'static str)> {
    if raw.first() == Some(&b'/') {
        return Err((&finding::PATH_UNSAFE, "is absolute"));
    }
    if raw.contains(&0) {
        return Err((&finding::PATH_UNSAFE, "contains a NUL"));
    }
    if raw.len() > MAX_PATH {
        return Err((&finding::PATH_TOO_LONG, "is longer than Linux allows"));
    }
    let mut clean = Vec::with_capacity(raw.len());
    for component in raw.split(|byte| *byte == b'/').filter(|component| !matches!(*component, b"" | b".")) {
        if component == b".." {
            return Err((&finding::PATH_UNSAFE, "climbs with `..`"));
        }
        if component.len() > MAX_NAME {
            return Err((&finding::PATH_TOO_LONG, "has a component longer than Linux allows"));
        }
        if !clean.is_empty() {
            clean.push(b'/');
        }
        clean.extend_from_slice(component);
    }
    Ok(clean.into_boxed_slice())
}

/// A deletion: the path and its kind.
pub(super) type Deletion = (Box<[u8]>, EntryKind);

/// Parses a path that may be a whiteout. Returns the path that it deletes, `None` for other paths, and the reason for a
/// malformed one.
pub(super) fn read_whiteout(path: &[u8]) -> Result<Option<Deletion>, &'static str> {
    const PREFIX: &[u8] = b".wh.";
    let split = path.iter().rposition(|byte| *byte == b'/');
    let (parent, name) = match split {
        Some(at) => (path.get(..at).unwrap_or_default(), path.get(at + 1..).unwrap_or_default()),
        None => (&b""[..], path),
    };
    if parent.split(|byte| *byte == b'/').any(|component| component.starts_with(PREFIX)) {
        return Err("lies inside a deletion");
    }
    match name.strip_prefix(PREFIX) {
        None => Ok(None),
        Some(b".wh..opq") => Ok(Some((parent.into(), EntryKind::Opaque))),
        Some(b"" | b"." | b"..") => Err("deletes no name"),
        Some(hidden) if hidden.starts_with(PREFIX) => Err("is metadata of a file system that is no longer in use"),
        Some(hidden) => {
            let mut target = parent.to_vec();
            if !target.is_empty() {
                target.push(b'/');
            }
            target.extend_from_slice(hidden);
            Ok(Some((target.into_boxed_slice(), EntryKind::Whiteout)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{EntryKind, clean_path, read_whiteout};

    #[test]
    fn cleans_or_rejects_paths() {
        for (raw, clean) in [("a/b", "a/b"), ("./a//b/./c/", "a/b/c"), ("./", ""), ("", ""), ("..a/b..", "..a/b..")] {
            assert_eq!(&*clean_path(raw.as_bytes()).unwrap(), clean.as_bytes());
        }
        let long = "a/".repeat(2100);
        let component = "a".repeat(256);
        for bad in ["/", "/etc/passwd", "..", "a/../b", "a/..", "a\0b", &long, &component] {
            assert!(clean_path(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn distinguishes_whiteouts_from_files() {
        assert!(read_whiteout(b"a/wh.b").unwrap().is_none());
        let (path, kind) = read_whiteout(b"a/.wh.b").unwrap().unwrap();
        assert!(matches!(kind, EntryKind::Whiteout) && *path == *b"a/b");
        let (path, kind) = read_whiteout(b".wh..wh..opq").unwrap().unwrap();
        assert!(matches!(kind, EntryKind::Opaque) && path.is_empty());
        for bad in [&b".wh."[..], b"a/.wh..", b"a/.wh...", b".wh..wh.plnk", b".wh.a/b"] {
            assert!(read_whiteout(bad).is_err());
        }
    }
}
