//! Tar archives for tests, valid and hostile: names are written unchecked, and any header can be modified.

use tar::{EntryType, Header};

/// An archive under construction.
#[derive(Clone, Default)]
pub(crate) struct Archive {
    bytes: Vec<u8>,
    owner: u64,
}

impl Archive {
    pub(crate) fn new() -> Archive {
        Archive::default()
    }

    /// Sets the user and group of the following entries.
    pub(crate) fn owned_by(mut self, id: u64) -> Archive {
        self.owner = id;
        self
    }

    pub(crate) fn directory(self, path: &str, mode: u32) -> Archive {
        self.entry(EntryType::Directory, path, mode, "", &[])
    }

    pub(crate) fn file(self, path: &str, mode: u32, data: impl AsRef<[u8]>) -> Archive {
        self.entry(EntryType::Regular, path, mode, "", data.as_ref())
    }

    pub(crate) fn symlink(self, path: &str, target: &str) -> Archive {
        self.entry(EntryType::Symlink, path, 0o777, target, &[])
    }

    pub(crate) fn hardlink(self, path: &str, target: &str) -> Archive {
        self.entry(EntryType::Link, path, 0o644, target, &[])
    }

    /// Adds an entry of any kind with exactly this name.
    pub(crate) fn entry(self, kind: EntryType, path: &str, mode: u32, link: &str, data: &[u8]) -> Archive {
        let header = header(kind, path, mode, link, data.len() as u64, self.owner);
        self.raw(&header, data)
    }

    /// Adds a header unchanged, and data with its padding.
    pub(crate) fn raw(mut self, header: &Header, data: &[u8]) -> Archive {
        self.bytes.extend(header.as_bytes());
        self.bytes.extend(data);
        self.bytes.resize(self.bytes.len().next_multiple_of(512), 0);
        self
    }

    /// Adds a PAX extended header with these records.
    pub(crate) fn pax(self, records: &[(&str, &str)]) -> Archive {
        let mut data = Vec::new();
        for (key, value) in records {
            let body = key.len() + value.len() + 3;
            // The length includes its own digits.
            let length = (body + 1..).find(|length| length.to_string().len() + body == *length).unwrap();
            data.extend(format!("{length} {key}={value}\n").bytes());
        }
        self.entry(EntryType::XHeader, "PaxHeaders/x", 0o644, "", &data)
    }

    /// Returns the archive without its end mark.
    pub(crate) fn unfinished(self) -> Vec<u8> {
        self.bytes
    }

    /// Returns the archive with its end mark.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        self.bytes.resize(self.bytes.len() + 1024, 0);
        self.bytes
    }
}

/// Creates a header with an unchecked name.
pub(crate) fn header(kind: EntryType, path: &str, mode: u32, link: &str, size: u64, owner: u64) -> Header {
    let mut header = Header::new_ustar();
    let old = header.as_old_mut();
    old.name[..path.len()].copy_from_slice(path.as_bytes());
    old.linkname[..link.len()].copy_from_slice(link.as_bytes());
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_uid(owner);
    header.set_gid(owner);
    header.set_mtime(0);
    header.set_size(size);
    header.set_cksum();
    header
}
