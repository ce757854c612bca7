//! The encoding of inputs that the fingerprint hashes and that is stored for `--explain`. Every text has a length
//! prefix and every list a count, so two different values never have the same bytes.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::inputs::{Content, ContextInputs, Entry, Inputs, Tree};
use crate::image::Digest;

/// Prefix with the domain and version of the encoding. No other hash of this program has this prefix.
const MAGIC: &[u8] = b"slipway image inputs 1\n";

/// Maximum depth of images that copy files from other images. Far above any project, far below the stack limit.
const MAX_DEPTH: usize = 16;

/// The error for bytes that are not a record of this version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotARecord;

impl fmt::Display for NotARecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a record of image inputs, or one of another version")
    }
}

impl std::error::Error for NotARecord {}

type Sink<'a> = &'a mut dyn FnMut(&[u8]);

pub(super) fn write(inputs: &Inputs, sink: Sink<'_>) {
    sink(MAGIC);
    sink(&inputs.recipe.to_le_bytes());
    text(inputs.dockerfile.as_str(), sink);
    digest(&inputs.dockerfile_digest, sink);
    match &inputs.target {
        None => sink(&[0]),
        Some(target) => {
            sink(&[1]);
            text(target, sink);
        }
    }
    text(&inputs.platform.to_string(), sink);
    number(inputs.args.len(), sink);
    for (name, value) in &inputs.args {
        text(name, sink);
        text(value, sink);
    }
    number(inputs.bases.len(), sink);
    for (name, value) in &inputs.bases {
        text(name, sink);
        digest(value, sink);
    }
    number(inputs.secrets.len(), sink);
    for id in &inputs.secrets {
        text(id, sink);
    }
    tree(&inputs.context, sink);
    number(inputs.contexts.len(), sink);
    for (name, context) in &inputs.contexts {
        text(name, sink);
        match context {
            ContextInputs::Directory(files) => {
                sink(&[0]);
                tree(files, sink);
            }
            ContextInputs::Image(inner) => {
                sink(&[1]);
                write(inner, sink);
            }
        }
    }
}

/// Encodes a tree. Sorted paths share prefixes with their neighbors, so only the differing suffix is written, which
/// halves a record.
fn tree(tree: &Tree, sink: Sink<'_>) {
    text(tree.root().as_str(), sink);
    number(tree.entries().len(), sink);
    let mut previous = "";
    for entry in tree.entries() {
        let equal = previous.bytes().zip(entry.path.bytes()).take_while(|(a, b)| a == b).count();
        let shared = (0..=equal).rev().find(|at| entry.path.is_char_boundary(*at)).unwrap_or(0);
        let (_, rest) = entry.path.split_at(shared);
        number(shared, sink);
        text(rest, sink);
        match &entry.content {
            Content::File { executable, digest: content } => {
                sink(&[u8::from(*executable)]);
                digest(content, sink);
            }
            Content::Symlink { target } => {
                sink(&[2]);
                text(target, sink);
            }
        }
        previous = &entry.path;
    }
}

fn text(text: &str, sink: Sink<'_>) {
    number(text.len(), sink);
    sink(text.as_bytes());
}

fn digest(digest: &Digest, sink: Sink<'_>) {
    sink(digest.as_bytes());
}

/// Encodes a number in groups of seven bits, lowest first, with the high bit set on all bytes but the last.
fn number(mut number: usize, sink: Sink<'_>) {
    while number >= 0x80 {
        sink(&[0x80 | u8::try_from(number & 0x7f).unwrap_or(0)]);
        number >>= 7;
    }
    sink(&[u8::try_from(number).unwrap_or(0)]);
}

pub(super) fn read(bytes: &[u8]) -> Result<Inputs, NotARecord> {
    let mut reader = Reader { bytes };
    let inputs = reader.inputs(0)?;
    if reader.bytes.is_empty() { Ok(inputs) } else { Err(NotARecord) }
}

struct Reader<'a> {
    bytes: &'a [u8],
}

impl Reader<'_> {
    fn inputs(&mut self, depth: usize) -> Result<Inputs, NotARecord> {
        if depth > MAX_DEPTH || self.take(MAGIC.len())? != MAGIC {
            return Err(NotARecord);
        }
        Ok(Inputs {
            recipe: u32::from_le_bytes(self.take(4)?.try_into().map_err(|_| NotARecord)?),
            dockerfile: self.text()?.into(),
            dockerfile_digest: self.digest()?,
            target: match self.byte()? {
                0 => None,
                1 => Some(self.text()?),
                _ => return Err(NotARecord),
            },
            platform: self.text()?.parse().map_err(|_| NotARecord)?,
            args: self.map(Self::text)?,
            bases: self.map(Self::digest)?,
            secrets: (0..self.number()?).map(|_| self.text()).collect::<Result<BTreeSet<_>, _>>()?,
            context: self.tree()?,
            contexts: self.map(|reader| match reader.byte()? {
                0 => reader.tree().map(ContextInputs::Directory),
                1 => reader.inputs(depth + 1).map(|inner| ContextInputs::Image(Box::new(inner))),
                _ => Err(NotARecord),
            })?,
        })
    }

    fn map<T>(
        &mut self,
        mut value: impl FnMut(&mut Self) -> Result<T, NotARecord>,
    ) -> Result<BTreeMap<String, T>, NotARecord> {
        (0..self.number()?).map(|_| Ok((self.text()?, value(self)?))).collect()
    }

    fn tree(&mut self) -> Result<Tree, NotARecord> {
        let root = self.text()?.into();
        let count = self.number()?;
        let mut entries: Vec<Entry> = Vec::new();
        for _ in 0..count {
            let shared = self.number()?;
            let previous = entries.last().map_or("", |entry| &*entry.path);
            let mut path = previous.get(..shared).ok_or(NotARecord)?.to_owned();
            path.push_str(&self.text()?);
            let content = match self.byte()? {
                flag @ (0 | 1) => Content::File { executable: flag == 1, digest: self.digest()? },
                2 => Content::Symlink { target: self.text()?.into() },
                _ => return Err(NotARecord),
            };
            entries.push(Entry { path: path.into(), content });
        }
        Ok(Tree::new(root, entries))
    }

    fn take(&mut self, length: usize) -> Result<&[u8], NotARecord> {
        let (taken, rest) = self.bytes.split_at_checked(length).ok_or(NotARecord)?;
        self.bytes = rest;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8, NotARecord> {
        self.take(1)?.first().copied().ok_or(NotARecord)
    }

    fn number(&mut self) -> Result<usize, NotARecord> {
        let mut number = 0_usize;
        for shift in (0..usize::BITS).step_by(7) {
            let byte = self.byte()?;
            number |= usize::from(byte & 0x7f).checked_shl(shift).ok_or(NotARecord)?;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(NotARecord)
    }

    fn text(&mut self) -> Result<String, NotARecord> {
        let length = self.number()?;
        std::str::from_utf8(self.take(length)?).map(str::to_owned).map_err(|_| NotARecord)
    }

    fn digest(&mut self) -> Result<Digest, NotARecord> {
        let bytes: [u8; 32] = self.take(32)?.try_into().map_err(|_| NotARecord)?;
        Ok(Digest::from_bytes(bytes))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::super::inputs::{Content, ContextInputs, Entry, Inputs, RECIPE, Tree};
    use crate::image::{Digest, Platform};

    fn file(path: &str, text: &str) -> Entry {
        Entry { path: path.into(), content: Content::File { executable: false, digest: Digest::of(text.as_bytes()) } }
    }

    fn link(path: &str, target: &str) -> Entry {
        Entry { path: path.into(), content: Content::Symlink { target: target.into() } }
    }

    fn inputs(entries: Vec<Entry>) -> Inputs {
        Inputs {
            recipe: RECIPE,
            dockerfile: "app/Dockerfile".into(),
            dockerfile_digest: Digest::of(b"FROM scratch"),
            target: None,
            platform: Platform::LinuxAmd64,
            args: BTreeMap::new(),
            bases: BTreeMap::new(),
            secrets: BTreeSet::new(),
            context: Tree::new("app".into(), entries),
            contexts: BTreeMap::new(),
        }
    }

    #[test]
    fn ignores_order_of_walk() {
        let one = inputs(vec![file("a/b", "1"), link("é/x", "y"), file("é/ê", "2"), file("a-b", "3")]);
        let mut entries = one.context.entries().to_vec();
        entries.reverse();
        let other = inputs(entries);
        assert_eq!(one.fingerprint(), other.fingerprint());
        assert_eq!(Inputs::from_record(&one.record()), Ok(other));
    }

    #[test]
    fn distinguishes_different_inputs() {
        let plain = || inputs(vec![file("a", "1"), file("b", "2")]);
        let with = |change: &dyn Fn(&mut Inputs)| {
            let mut inputs = plain();
            change(&mut inputs);
            inputs
        };
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        let inner = |target: Option<&str>| {
            let mut inner = plain();
            inner.target = target.map(str::to_owned);
            ContextInputs::Image(Box::new(inner))
        };
        let all = [
            plain(),
            inputs(vec![file("a", "1")]),
            inputs(vec![file("a", "2"), file("b", "1")]),
            inputs(vec![file("ab", "1"), file("b", "2")]),
            inputs(vec![file("a", "1"), link("b", "2")]),
            inputs(vec![file("a", "1"), link("b", "3")]),
            inputs(vec![
                file("a", "1"),
                Entry { path: "b".into(), content: Content::File { executable: true, digest: Digest::of(b"2") } },
            ]),
            with(&|i| i.recipe += 1),
            with(&|i| i.target = Some(String::new())),
            with(&|i| i.target = Some("x".to_owned())),
            with(&|i| i.platform = Platform::LinuxArm64),
            with(&|i| i.dockerfile_digest = Digest::of(b"")),
            with(&|i| i.args = BTreeMap::from([pair("ab", "c")])),
            with(&|i| i.args = BTreeMap::from([pair("a", "bc")])),
            with(&|i| i.args = BTreeMap::from([pair("a", ""), pair("bc", "")])),
            with(&|i| i.secrets = BTreeSet::from(["ab".to_owned()])),
            with(&|i| i.secrets = BTreeSet::from(["a".to_owned(), "b".to_owned()])),
            with(&|i| i.bases = BTreeMap::from([("b".to_owned(), Digest::of(b"1"))])),
            with(&|i| i.bases = BTreeMap::from([("b".to_owned(), Digest::of(b"2"))])),
            with(&|i| i.contexts = BTreeMap::from([("c".to_owned(), inner(None))])),
            with(&|i| i.contexts = BTreeMap::from([("c".to_owned(), inner(Some("static")))])),
            with(&|i| i.contexts = BTreeMap::from([("c".to_owned(), ContextInputs::Directory(i.context.clone()))])),
        ];
        let fingerprints: BTreeSet<_> = all.iter().map(Inputs::fingerprint).collect();
        assert_eq!(fingerprints.len(), all.len());
        for inputs in all {
            assert_eq!(Inputs::from_record(&inputs.record()), Ok(inputs));
        }
    }

    #[test]
    fn keeps_fingerprint_of_known_inputs() {
        // A change of this value rebuilds and pushes every image of every user. Raise RECIPE or the version in MAGIC
        // deliberately.
        let inputs = inputs(vec![file("manage.py", "x"), file("manage.sh", "y"), link("z", "manage.py")]);
        assert_eq!(inputs.fingerprint().short(), "01dabd1ffb8f3bda");
    }
}
