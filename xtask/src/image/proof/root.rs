//! The merged root file system of the layers, as far as programs need it. Whiteouts, opaque directories, links and
//! replacements behave as in container runtimes. Every path stays inside the root.

use std::cell::Cell;
use std::collections::BTreeMap;

use super::finding::{self, Findings, printable};
use crate::image::Digest;
use crate::image::layer::Layer;
use crate::image::layer::entry::{Access, Content, Entry, EntryKind};

/// Maximum symbolic links in one resolution: the limit of Linux (`MAXSYMLINKS`).
const MAX_LINKS: usize = 40;

/// Maximum path components walked for one image, over all resolutions: one or two seconds. Without it, long chains of
/// links in every entry could occupy a thread for hours.
const MAX_STEPS: u64 = 100_000_000;

const ROOT: NodeId = 0;

/// Index of a node in the tree. Names that are hard links to one file share it.
pub(super) type NodeId = u32;

/// The merged tree.
#[derive(Debug)]
pub(super) struct Root {
    nodes: Vec<Node>,
    layers: Vec<Digest>,
    steps: Cell<u64>,
}

#[derive(Debug)]
enum Node {
    Directory(Option<Access>, BTreeMap<Box<[u8]>, NodeId>),
    File(File),
    Symlink(Box<[u8]>),
    Special,
}

/// A regular file and the layer that contains it.
#[derive(Debug)]
pub(super) struct File {
    pub access: Access,
    pub content: Content,
    layer: u8,
}

/// The result of a path resolution.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Resolved {
    pub node: NodeId,
    /// The path without links, for messages.
    pub path: Vec<u8>,
    /// The directories on the way, whose search permission is required.
    pub through: Vec<NodeId>,
}

/// The reason why a path does not resolve.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Lost {
    /// The path does not exist. Holds the dangling link, if any.
    Missing,
    /// A file is in the place of a directory.
    NotADirectory,
    /// Too many links.
    Loop,
}

impl Root {
    /// Merges layers, the lowest first.
    pub(super) fn stack(layers: Vec<Layer>, findings: &mut Findings) -> Root {
        let mut root =
            Root { nodes: vec![Node::Directory(None, BTreeMap::new())], layers: Vec::new(), steps: Cell::new(0) };
        for layer in layers {
            let number = u8::try_from(root.layers.len()).unwrap_or(u8::MAX);
            root.layers.push(layer.digest);
            // Deletions apply to the layers below only, at any position in the archive.
            let is_deletion = |entry: &Entry| matches!(entry.kind, EntryKind::Whiteout | EntryKind::Opaque);
            for entry in layer.entries.iter().filter(|entry| is_deletion(entry)) {
                root.delete(entry);
            }
            for entry in layer.entries.into_iter().filter(|entry| !is_deletion(entry)) {
                root.put(entry, number, layer.digest, findings);
            }
        }
        root
    }

    /// Returns the file at a node, if it is one.
    pub(super) fn file(&self, node: NodeId) -> Option<&File> {
        match self.node(node) {
            Some(Node::File(file)) => Some(file),
            _ => None,
        }
    }

    /// Returns the permission bits of a directory; `None` if no layer states them (runtimes then use 0755).
    pub(super) fn directory(&self, node: NodeId) -> Option<Access> {
        match self.node(node) {
            Some(Node::Directory(access, _)) => *access,
            _ => None,
        }
    }

    /// Returns the layer that contains a file.
    pub(super) fn layer_of(&self, file: &File) -> Option<&Digest> {
        self.layers.get(usize::from(file.layer))
    }

    /// Calls `visit` for every reachable file with its path. A hard link is visited once for each name.
    pub(super) fn each_file(&self, mut visit: impl FnMut(&[u8], NodeId, &File)) {
        let mut path = Vec::new();
        let mut open = vec![(0, self.children(ROOT))];
        // An explicit stack: a hostile tree can be deeper than a thread's stack.
        while let Some((length, children)) = open.last_mut() {
            path.truncate(*length);
            let Some((name, id)) = children.next() else {
                open.pop();
                continue;
            };
            path.push(b'/');
            path.extend_from_slice(name);
            match self.node(*id) {
                Some(Node::Directory(..)) => open.push((path.len(), self.children(*id))),
                Some(Node::File(file)) => visit(&path, *id, file),
                _ => {}
            }
        }
    }

    /// Resolves a path from the root as the kernel would inside the container, links included.
    pub(super) fn resolve(&self, path: &[u8]) -> Result<Resolved, Lost> {
        self.walk(path, true)
    }

    fn walk(&self, path: &[u8], follow_last: bool) -> Result<Resolved, Lost> {
        // Components still to walk; the next one is the last element.
        let mut ahead: Vec<&[u8]> = path.split(|byte| *byte == b'/').rev().collect();
        let mut stack: Vec<(NodeId, &[u8])> = Vec::new();
        let mut through = vec![ROOT];
        let mut links = 0;
        while let Some(component) = ahead.pop() {
            self.steps.set(self.steps.get() + 1);
            if self.steps.get() > MAX_STEPS {
                return Err(Lost::Loop);
            }
            let here = stack.last().map_or(ROOT, |(id, _)| *id);
            let Some(Node::Directory(_, children)) = self.node(here) else { return Err(Lost::NotADirectory) };
            match component {
                b"" | b"." => continue,
                b".." => {
                    stack.pop();
                    continue;
                }
                _ => {}
            }
            let (name, id) = children.get_key_value(component).ok_or(Lost::Missing)?;
            match self.node(*id) {
                Some(Node::Symlink(target)) if follow_last || ahead.iter().any(|rest| !rest.is_empty()) => {
                    links += 1;
                    if links > MAX_LINKS {
                        return Err(Lost::Loop);
                    }
                    if target.first() == Some(&b'/') {
                        stack.clear();
                    }
                    ahead.extend(target.split(|byte| *byte == b'/').rev());
                }
                Some(node) => {
                    if matches!(node, Node::Directory(..)) {
                        through.push(*id);
                    }
                    stack.push((*id, name));
                }
                None => return Err(Lost::Missing),
            }
        }
        let mut clean = Vec::new();
        for (_, name) in &stack {
            clean.push(b'/');
            clean.extend_from_slice(name);
        }
        Ok(Resolved { node: stack.last().map_or(ROOT, |(id, _)| *id), path: clean, through })
    }

    fn node(&self, id: NodeId) -> Option<&Node> {
        self.nodes.get(usize::try_from(id).ok()?)
    }

    fn children(&self, id: NodeId) -> std::collections::btree_map::Iter<'_, Box<[u8]>, NodeId> {
        const NOTHING: &BTreeMap<Box<[u8]>, NodeId> = &BTreeMap::new();
        match self.node(id) {
            Some(Node::Directory(_, children)) => children.iter(),
            _ => NOTHING.iter(),
        }
    }

    fn children_mut(&mut self, id: NodeId) -> Option<&mut BTreeMap<Box<[u8]>, NodeId>> {
        match self.nodes.get_mut(usize::try_from(id).ok()?) {
            Some(Node::Directory(_, children)) => Some(children),
            _ => None,
        }
    }

    fn add(&mut self, node: Node) -> NodeId {
        // The limit of entries is far below this.
        let id = NodeId::try_from(self.nodes.len()).unwrap_or(NodeId::MAX);
        self.nodes.push(node);
        id
    }

    fn delete(&mut self, entry: &Entry) {
        if matches!(entry.kind, EntryKind::Opaque) {
            // If the path is missing in the layers below, or is no directory there, the entry hides nothing.
            if let Ok(directory) = self.resolve(&entry.path)
                && let Some(children) = self.children_mut(directory.node)
            {
                children.clear();
            }
            return;
        }
        let (parent, name) = split(&entry.path);
        if let Ok(parent) = self.resolve(parent)
            && let Some(children) = self.children_mut(parent.node)
        {
            children.remove(name);
        }
    }

    fn put(&mut self, entry: Entry, number: u8, layer: Digest, findings: &mut Findings) {
        let (parent, name) = split(&entry.path);
        let parent = match self.parent(parent) {
            Ok(parent) => parent,
            Err(why) => {
                findings.add(&finding::PATH_BLOCKED, || {
                    format!("`{}` (layer {}) {why}", printable(&entry.path), layer.short())
                });
                return;
            }
        };
        if name.is_empty() {
            if let (EntryKind::Directory(access), Some(Node::Directory(slot, _))) = (entry.kind, self.nodes.first_mut())
            {
                *slot = Some(access);
            }
            return;
        }
        let id = match entry.kind {
            EntryKind::Directory(access) => {
                let existing = self.children_mut(parent).and_then(|children| children.get(name).copied());
                let slot = existing.and_then(|id| self.nodes.get_mut(usize::try_from(id).ok()?));
                if let Some(Node::Directory(slot, _)) = slot {
                    *slot = Some(access);
                    return;
                }
                self.add(Node::Directory(Some(access), BTreeMap::new()))
            }
            EntryKind::File(access, content) => self.add(Node::File(File { access, content, layer: number })),
            EntryKind::Symlink(target) => self.add(Node::Symlink(target)),
            EntryKind::Hardlink(target) => match self.walk(&target, false) {
                Ok(found) if !matches!(self.node(found.node), Some(Node::Directory(..))) => found.node,
                _ => {
                    findings.add(&finding::LINK_DANGLING, || {
                        let (path, target) = (printable(&entry.path), printable(&target));
                        format!("`{path}` (layer {}) is a hard link to `{target}`, which is no file", layer.short())
                    });
                    return;
                }
            },
            EntryKind::Special => self.add(Node::Special),
            EntryKind::Whiteout | EntryKind::Opaque => return,
        };
        if let Some(children) = self.children_mut(parent) {
            children.insert(name.into(), id);
        }
    }

    /// Finds the parent directory of an entry and creates missing ones, as runtimes do. Links to directories are
    /// followed inside the root (a base with `/bin -> usr/bin` needs that). If a link is dangling, leads outside or to
    /// a file, the entry is rejected, because runtimes disagree on its place.
    fn parent(&mut self, path: &[u8]) -> Result<NodeId, &'static str> {
        let mut here = ROOT;
        let mut walked: Vec<u8> = Vec::new();
        let mut below = 0;
        for component in path.split(|byte| *byte == b'/').filter(|component| !component.is_empty()) {
            let depth = below;
            below += 1;
            walked.push(b'/');
            walked.extend_from_slice(component);
            let Some(id) = self.children_mut(here).and_then(|children| children.get(component).copied()) else {
                let id = self.add(Node::Directory(None, BTreeMap::new()));
                if let Some(children) = self.children_mut(here) {
                    children.insert(component.into(), id);
                }
                here = id;
                continue;
            };
            here = match self.node(id) {
                Some(Node::Directory(..)) => id,
                Some(Node::Symlink(target)) if climbs_out(target, depth) => {
                    return Err("passes through a symbolic link that climbs out of the root");
                }
                Some(Node::Symlink(_)) => match self.resolve(&walked) {
                    Ok(found) if matches!(self.node(found.node), Some(Node::Directory(..))) => {
                        walked = found.path;
                        below = walked.iter().filter(|byte| **byte == b'/').count();
                        found.node
                    }
                    _ => return Err("passes through a symbolic link that leads to no directory"),
                },
                _ => return Err("passes through something that is no directory"),
            };
        }
        Ok(here)
    }
}

/// Returns whether a link target, in a directory `depth` levels below the root, refers to a path above the root.
fn climbs_out(target: &[u8], depth: usize) -> bool {
    let mut level = if target.first() == Some(&b'/') { 0 } else { depth };
    for component in target.split(|byte| *byte == b'/') {
        match component {
            b"" | b"." => {}
            b".." => match level.checked_sub(1) {
                Some(up) => level = up,
                None => return true,
            },
            _ => level += 1,
        }
    }
    false
}

/// Splits a path into its directory and last component.
fn split(path: &[u8]) -> (&[u8], &[u8]) {
    match path.iter().rposition(|byte| *byte == b'/') {
        Some(at) => (path.get(..at).unwrap_or_default(), path.get(at + 1..).unwrap_or_default()),
        None => (&[], path),
    }
}
