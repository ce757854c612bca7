//! `[network]` and `[volumes.<name>]` of an environment: where its tasks are, and what outlives them. Shapes of ids only.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use super::super::{EnvironmentName, Network, Project, Volume};
use super::problems::{listed, quoted};
use super::table::{Entry, Table};
use super::{paths, suggestions};
use crate::image::ImageName;

/// Most subnets of a service (Amazon ECS API, AwsVpcConfiguration: 16).
const MOST_SUBNETS: usize = 16;

/// Most security groups of a service (Amazon ECS API, AwsVpcConfiguration: 5).
const MOST_SECURITY_GROUPS: usize = 5;

/// Digits of ids in EC2: eight in old ones, seventeen in new ones (Amazon EC2 user guide, resource IDs).
const EC2_DIGITS: RangeInclusive<usize> = 8..=17;

/// Digits of ids in EFS (Amazon EFS API, CreateFileSystem and CreateAccessPoint: 8 to 40).
const EFS_DIGITS: RangeInclusive<usize> = 8..=40;

/// Longest name of a volume (Amazon ECS API, Volume: 255 letters, digits, `_` and `-`).
const VOLUME_NAME: usize = 255;

/// Defaults of `local`: the emulator accepts any id.
const LOCAL: (&str, &str) = ("subnet-00000001", "sg-00000001");

/// `[network]`. The outer `None` is a problem; the inner one is a project that does not deploy.
pub(super) fn network(name: EnvironmentName, root: &mut Table<'_>, project: &Project) -> Option<Option<Network>> {
    let deploys = !project.services.is_empty() && !name.is_local();
    let entry = if deploys {
        let hint =
            "where the tasks are: add a `[network]` table with `subnets`, `security-groups` and `assign-public-ip`";
        Some(root.required("network", hint)?)
    } else {
        root.optional("network")
    };
    let Some(entry) = entry else {
        let (subnet, group) = LOCAL;
        let usual = Network {
            subnets: vec![subnet.to_owned()],
            security_groups: vec![group.to_owned()],
            assign_public_ip: true,
        };
        return Some((name.is_local()).then_some(usual));
    };
    let mut table = entry.table("[network]")?;
    let subnets = table.required("subnets", "ids of subnets: `subnets = [\"subnet-0123456789abcdef0\"]`");
    let groups =
        table.required("security-groups", "ids of security groups: `security-groups = [\"sg-0123456789abcdef0\"]`");
    let public = table.required("assign-public-ip", "`true` in public subnets, `false` behind a NAT gateway");
    table.finish();
    let subnets = subnets.and_then(|entry| ids(&entry, "subnet", MOST_SUBNETS));
    let security_groups = groups.and_then(|entry| ids(&entry, "sg", MOST_SECURITY_GROUPS));
    let assign_public_ip = public.and_then(|entry| entry.boolean());
    Some(Some(Network { subnets: subnets?, security_groups: security_groups?, assign_public_ip: assign_public_ip? }))
}

/// `[volumes]`, which may be left out.
pub(super) fn volumes(root: &mut Table<'_>, project: &Project) -> BTreeMap<String, Volume> {
    let Some(table) = root.table("volumes") else { return BTreeMap::new() };
    let mut volumes = BTreeMap::new();
    let mut taken = Vec::new();
    for entry in table.entries() {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if !(1..=VOLUME_NAME).contains(&entry.key.len()) || !entry.key.bytes().all(allowed) {
            let hint = format!("letters, digits, `-` and `_`, 1 to {VOLUME_NAME} of them");
            entry.refuse_key(format!("{} is not the name of a volume", quoted(entry.key)), hint);
        }
        let Some(table) = entry.table(format!("[volumes.{}]", entry.key)) else { continue };
        volumes.extend(volume(table, project, &mut taken).map(|volume| (entry.key.to_owned(), volume)));
    }
    volumes
}

fn volume(mut table: Table<'_>, project: &Project, taken: &mut Vec<(ImageName, String)>) -> Option<Volume> {
    let file_system =
        table.required("file-system", "the id of an EFS file system: `file-system = \"fs-0123456789abcdef0\"`");
    let access_point = table.optional("access-point");
    let mounts = table.required("mounts", "which container has it where: `mounts = { app = \"/data\" }`");
    table.finish();
    let file_system = file_system.and_then(|entry| id(&entry, "fs", EFS_DIGITS));
    let access_point = access_point.map(|entry| id(&entry, "fsap", EFS_DIGITS));
    let entry = mounts?;
    let table = entry.table("[volumes.<name>.mounts]")?;
    if table.entries().is_empty() {
        entry.refuse("the volume is mounted nowhere", "name a container and a path: `mounts = { app = \"/data\" }`");
    }
    let mut mounts = BTreeMap::new();
    for entry in table.entries() {
        let images: Vec<&str> = project.images.iter().map(|image| image.name.as_str()).collect();
        let container = container(entry, entry.key, &images);
        let path = mount_path(entry);
        let (Some(container), Some(path)) = (container, path) else { continue };
        let place = (container, path);
        if taken.contains(&place) {
            entry.refuse(format!("two volumes at `{}` in `{}`", place.1, place.0), "give each a path of its own");
        }
        taken.push(place.clone());
        mounts.insert(place.0, place.1);
    }
    let access_point = match access_point {
        Some(read) => Some(read?),
        None => None,
    };
    Some(Volume { file_system: file_system?, access_point, mounts })
}

/// A container of the task, by the name of its image. The entry names it by its key or by its value.
pub(super) fn container(entry: &Entry<'_>, name: &str, images: &[&str]) -> Option<ImageName> {
    let known = images.contains(&name).then(|| name.parse().ok()).flatten();
    if known.is_none() {
        let otherwise = format!("containers are called as their images: {}", listed(images));
        let hint = suggestions::hint(name, images.iter().copied(), otherwise);
        let message = format!("there is no image {}", quoted(name));
        if entry.key == name { entry.refuse_key(message, hint) } else { entry.refuse(message, hint) }
    }
    known
}

fn mount_path(entry: &Entry<'_>) -> Option<String> {
    let path = entry.string()?;
    let fits = paths::is_absolute(path);
    if !fits {
        entry.refuse(format!("{} is not an absolute path", quoted(path)), "a path in the container, such as `/data`");
    }
    fits.then(|| path.to_owned())
}

/// Ids of one kind, each once, one at least.
fn ids(entry: &Entry<'_>, kind: &str, most: usize) -> Option<Vec<String>> {
    let elements = entry.array()?;
    if elements.is_empty() || elements.len() > most {
        let hint = format!("name 1 to {most}");
        entry.refuse(format!("`{}` has {} elements", entry.key, elements.len()), hint);
    }
    let mut ids = Vec::new();
    for element in &elements {
        let Some(id) = id(element, kind, EC2_DIGITS) else { continue };
        if ids.contains(&id) {
            element.refuse(format!("`{id}` is listed twice"), "leave it out here");
        }
        ids.push(id);
    }
    Some(ids)
}

/// `<kind>-` and hexadecimal digits.
fn id(entry: &Entry<'_>, kind: &str, digits: RangeInclusive<usize>) -> Option<String> {
    let text = entry.string()?;
    let rest = text.strip_prefix(kind).and_then(|rest| rest.strip_prefix('-'));
    let hexadecimal = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'a'..=b'f');
    let fits = rest.is_some_and(|rest| digits.contains(&rest.len()) && rest.bytes().all(hexadecimal));
    if !fits {
        let (least, most) = (digits.start(), digits.end());
        let hint = format!("`{kind}-` and {least} to {most} hexadecimal digits, such as `{kind}-0123456789abcdef0`");
        entry.refuse(format!("{} is not an id that begins with `{kind}-`", quoted(text)), hint);
    }
    fits.then(|| text.to_owned())
}
