//! Reads the tar archive of a layer. Invalid names are findings and reading continues. Where readers could disagree
//! about the structure itself, reading stops.

use super::entry::{Access, Content, Entry, EntryKind, clean_path, read_whiteout};
use super::header::{BLOCK, Extended, Header, text};
use super::limits::{Budget, MAX_ACCOUNTS, MAX_EXTENDED, MAX_PATH};
use super::pipe::PipeReader;
use crate::image::Digest;
use crate::image::elf::HEAD;
use crate::image::proof::finding::{self, Findings, Rule, printable};

/// Reference for the comparison of padding.
const ZEROS: [u8; 4096] = [0; 4096];

/// The reason why reading stopped before the end of the archive.
pub(super) type Stop = (&'static Rule, String);

/// The reader of one archive.
pub(super) struct Walk<'a> {
    bytes: &'a mut PipeReader,
    budget: &'a Budget,
    findings: &'a mut Findings,
    layer: Digest,
    entries: Vec<Entry>,
    head: Vec<u8>,
}

/// Extended headers that apply to the next entry.
#[derive(Default)]
struct Pending {
    extended: Option<Extended>,
    long_path: Option<Vec<u8>>,
    long_link: Option<Vec<u8>>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(
        bytes: &'a mut PipeReader,
        budget: &'a Budget,
        findings: &'a mut Findings,
        layer: Digest,
    ) -> Walk<'a> {
        Walk { bytes, budget, findings, layer, entries: Vec::new(), head: vec![0; HEAD] }
    }

    /// Reads to the end. Returns the entries, and the reason if it stopped early.
    pub(super) fn run(mut self) -> (Vec<Entry>, Option<Stop>) {
        let stop = self.walk().err();
        (self.entries, stop)
    }

    fn walk(&mut self) -> Result<(), Stop> {
        let mut pending = Pending::default();
        while let Some(block) = self.block()? {
            let mut header = Header::parse(&block).map_err(malformed)?;
            match header.kind {
                b'x' => set(&mut pending.extended, Extended::parse(&self.extension(&header)?).map_err(malformed)?)?,
                b'L' => set(&mut pending.long_path, text(&self.extension(&header)?).to_vec())?,
                b'K' => set(&mut pending.long_link, text(&self.extension(&header)?).to_vec())?,
                // Container runtimes ignore global headers.
                b'g' => drop(self.extension(&header)?),
                _ => {
                    let Pending { extended, long_path, long_link } = std::mem::take(&mut pending);
                    if extended.is_some() && (long_path.is_some() || long_link.is_some()) {
                        return Err(malformed(
                            "an entry with both PAX and GNU extensions, which readers disagree about",
                        ));
                    }
                    header.extend(extended.unwrap_or_default());
                    header.extend(Extended { path: long_path, link: long_link, ..Extended::default() });
                    self.entry(header)?;
                }
            }
        }
        if pending.extended.is_some() || pending.long_path.is_some() || pending.long_link.is_some() {
            return Err(malformed("an extended header about nothing"));
        }
        self.tail()
    }

    /// Reads the next header; `None` at the end-of-archive mark.
    fn block(&mut self) -> Result<Option<[u8; BLOCK]>, Stop> {
        let mut block = [0; BLOCK];
        for zeros in 0..2 {
            match self.bytes.fill(&mut block) {
                BLOCK => {}
                // One block of zeros at the very end is accepted, as runtimes do.
                0 if zeros == 1 => return Ok(None),
                _ => return Err(truncated("the archive ends without its end mark")),
            }
            if block.iter().any(|byte| *byte != 0) {
                return if zeros == 0 {
                    Ok(Some(block))
                } else {
                    Err(malformed("half an end mark inside the archive"))
                };
            }
        }
        Ok(None)
    }

    /// Checks that only padding follows the end mark.
    fn tail(&mut self) -> Result<(), Stop> {
        loop {
            let rest = self.bytes.peek();
            if rest.is_empty() {
                return Ok(());
            }
            // Compares whole runs: byte by byte, an unoptimized build would spend more time here than on all other
            // work.
            if rest.chunks(ZEROS.len()).any(|run| ZEROS.get(..run.len()) != Some(run)) {
                return Err((&finding::ARCHIVE_TRAILING, "there are bytes after the end of the archive".to_owned()));
            }
            let count = rest.len();
            self.bytes.consume(count);
        }
    }

    fn extension(&mut self, header: &Header) -> Result<Vec<u8>, Stop> {
        if header.size > MAX_EXTENDED {
            return Err(malformed("an extended header larger than 1 MiB"));
        }
        self.data(header.size)
    }

    /// Reads the whole data of a small entry, and its padding.
    fn data(&mut self, size: u64) -> Result<Vec<u8>, Stop> {
        let mut data = vec![0; usize::try_from(size).map_err(|_| malformed("a size that is too large"))?];
        if self.bytes.fill(&mut data) != data.len() || !self.bytes.skip(padding(size)) {
            return Err(truncated("the archive ends inside an entry"));
        }
        Ok(data)
    }

    fn entry(&mut self, header: Header) -> Result<(), Stop> {
        let is_header_only = matches!(header.kind, b'1'..=b'6') || header.path.last() == Some(&b'/');
        if is_header_only && header.size != 0 {
            return Err(malformed("a link, directory or device with contents, which readers disagree about"));
        }
        if header.kind == b'0' && header.path.last() == Some(&b'/') {
            return Err(malformed("a regular file whose name ends in `/`, which readers disagree about"));
        }
        let path = match clean_path(&header.path) {
            Ok(path) => path,
            Err((rule, why)) => {
                self.report(rule, &header.path, why);
                return self.skip(header.size);
            }
        };
        match read_whiteout(&path) {
            Err(why) => {
                self.report(&finding::WHITEOUT_MALFORMED, &path, why);
                self.skip(header.size)
            }
            Ok(Some((path, kind))) => {
                self.skip(header.size)?;
                self.keep(Entry { path, kind })
            }
            Ok(None) => self.object(header, path),
        }
    }

    /// Handles an entry that creates an object at its path.
    fn object(&mut self, header: Header, path: Box<[u8]>) -> Result<(), Stop> {
        let access = Access { mode: header.mode, uid: header.uid, gid: header.gid };
        let is_directory = header.kind == b'5' || (header.kind == 0 && header.path.last() == Some(&b'/'));
        if path.is_empty() && !is_directory {
            self.report(&finding::PATH_UNSAFE, &header.path, "would replace the root");
            return self.skip(header.size);
        }
        let kind = match header.kind {
            _ if is_directory => EntryKind::Directory(access),
            b'0' | 0 => EntryKind::File(access, self.content(&path, &header)?),
            b'1' => match clean_path(&header.link) {
                Ok(target) => EntryKind::Hardlink(target),
                Err((_, why)) => {
                    let link = printable(&header.link);
                    self.report(&finding::LINK_UNSAFE, &path, &format!("is a hard link to `{link}`, which {why}"));
                    return Ok(());
                }
            },
            b'2' if header.link.is_empty() || header.link.contains(&0) => {
                self.report(&finding::PATH_UNSAFE, &path, "is a symbolic link to no name");
                return Ok(());
            }
            b'2' if header.link.len() > MAX_PATH => {
                self.report(&finding::PATH_TOO_LONG, &path, "is a symbolic link to a name longer than Linux allows");
                return Ok(());
            }
            b'2' => EntryKind::Symlink(header.link.into()),
            b'3' | b'4' => {
                // A runtime mounts its own /dev over the image's, so nodes there (some Debian tools create them) are
                // never visible.
                if !path.starts_with(b"dev/") {
                    self.report(&finding::DEVICE_NODE, &path, "is a device node");
                }
                EntryKind::Special
            }
            b'6' => EntryKind::Special,
            other => {
                let kind = char::from(other).escape_default().to_string();
                self.report(&finding::ENTRY_TYPE, &path, &format!("has the type `{kind}`, which no runtime unpacks"));
                return self.skip(header.size);
            }
        };
        self.keep(Entry { path, kind })
    }

    /// Reads the needed part of a regular file and skips the rest.
    fn content(&mut self, path: &[u8], header: &Header) -> Result<Content, Stop> {
        let size = header.size;
        if matches!(path, b"etc/passwd" | b"etc/group") && size <= MAX_ACCOUNTS {
            return Ok(Content::Accounts(self.data(size)?.into()));
        }
        let wanted = usize::try_from(size).unwrap_or(usize::MAX).min(HEAD);
        let head = self.head.get_mut(..wanted).unwrap_or_default();
        let read = self.bytes.fill(head);
        let content = Content::of(head, header.mode & 0o111 != 0);
        if read < wanted {
            return Err(truncated("the archive ends inside a file"));
        }
        self.skip_rest(size - wanted as u64, size)?;
        Ok(content)
    }

    fn skip(&mut self, size: u64) -> Result<(), Stop> {
        self.skip_rest(size, size)
    }

    /// Skips `rest` bytes of an entry of `size` bytes, and its padding.
    fn skip_rest(&mut self, rest: u64, size: u64) -> Result<(), Stop> {
        if self.bytes.skip(rest) && self.bytes.skip(padding(size)) {
            Ok(())
        } else {
            Err(truncated("the archive ends inside a file"))
        }
    }

    fn keep(&mut self, entry: Entry) -> Result<(), Stop> {
        if !self.budget.draw_entry(entry.weight()) {
            return Err((
                &finding::TOO_MANY_ENTRIES,
                "the image has too many entries; the rest was not read".to_owned(),
            ));
        }
        self.entries.push(entry);
        Ok(())
    }

    fn report(&mut self, rule: &'static Rule, path: &[u8], why: &str) {
        let layer = self.layer.short();
        self.findings.add(rule, || format!("`{}` (layer {layer}) {why}", printable(path)));
    }
}

/// Returns the number of zeros between the data of an entry and the next header.
fn padding(size: u64) -> u64 {
    size.wrapping_neg() % BLOCK as u64
}

/// Stores a header. Rejects a second one of the same kind before an entry: readers disagree on which one applies.
fn set<T>(slot: &mut Option<T>, value: T) -> Result<(), Stop> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(malformed("two extended headers about one entry, which readers disagree about")),
    }
}

fn malformed(why: &'static str) -> Stop {
    (&finding::ARCHIVE_MALFORMED, why.to_owned())
}

fn truncated(why: &'static str) -> Stop {
    (&finding::LAYER_TRUNCATED, why.to_owned())
}
