//! The user of the image: `USER` of the config, resolved with `/etc/passwd` and `/etc/group` of the image.

use super::finding::{self, Findings};
use super::root::Root;
use crate::image::layer::entry::{Access, Content};
use crate::image::layout::Config;

/// A user and its groups, as numbers.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Account {
    uid: u64,
    groups: Vec<u64>,
}

impl Account {
    /// Returns whether the user may execute a file (or search a directory) with these permission bits.
    pub(super) fn may_execute(&self, access: Access) -> bool {
        let bit = if self.uid == 0 {
            0o111
        } else if access.uid == self.uid {
            0o100
        } else if self.groups.contains(&access.gid) {
            0o010
        } else {
            0o001
        };
        access.mode & bit != 0
    }
}

/// Resolves the account of `USER`. Root in any spelling, and unknown names, are findings.
pub(super) fn judge(config: &Config, root: &Root, findings: &mut Findings) -> Account {
    let (user, group) = config.user.split_once(':').unwrap_or((&config.user, ""));
    let shown = finding::printable(config.user.as_bytes());
    let passwd = lines(root, b"/etc/passwd");
    // Runtimes use the first line with a matching name or number; here, any matching line counts.
    let number = user.parse::<u64>().ok();
    let line = |wanted: &&Vec<String>| {
        wanted.first().is_some_and(|name| name == user) || (number.is_some() && parse(wanted, 2) == number)
    };
    let rows: Vec<&Vec<String>> = passwd.iter().filter(line).collect();
    let uid = rows.first().and_then(|row| parse(row, 2)).or(number);
    let is_root = user.is_empty() || number == Some(0) || rows.iter().any(|row| parse(row, 2) == Some(0));
    if is_root || user == "root" {
        findings.add(&finding::USER_ROOT, || match user {
            "" => "the image names no user, so it runs as root".to_owned(),
            _ => format!("the image runs as `{shown}`, which is root"),
        });
        return Account::default();
    }
    // Runtimes allow user ids of 31 bits.
    let Some(uid) = uid.filter(|uid| *uid < 1 << 31) else {
        findings.add(&finding::USER_UNKNOWN, || format!("the user `{shown}` is not in the image's /etc/passwd"));
        return Account { uid: u64::MAX, groups: Vec::new() };
    };
    let mut groups: Vec<u64> = Vec::new();
    let group_rows = lines(root, b"/etc/group");
    if group.is_empty() {
        groups.push(rows.first().and_then(|row| parse(row, 3)).unwrap_or(0));
    } else {
        let named = group_rows.iter().find(|row| row.first().is_some_and(|name| name == group));
        match group.parse().ok().or(named.and_then(|row| parse(row, 2))) {
            Some(gid) => groups.push(gid),
            None => findings
                .add(&finding::USER_UNKNOWN, || format!("the group of `{shown}` is not in the image's /etc/group")),
        }
    }
    let member = |row: &&Vec<String>| {
        let names = rows.iter().filter_map(|row| row.first());
        row.get(3).is_some_and(|members| names.clone().any(|name| members.split(',').any(|member| member == name)))
    };
    groups.extend(group_rows.iter().filter(member).filter_map(|row| parse(row, 2)));
    Account { uid, groups }
}

/// Parses a colon-separated file of accounts. Returns no lines if it is missing or unreadable.
fn lines(root: &Root, path: &[u8]) -> Vec<Vec<String>> {
    let resolved = root.resolve(path);
    let Some(Content::Accounts(bytes)) = resolved.ok().and_then(|r| root.file(r.node)).map(|file| &file.content) else {
        return Vec::new();
    };
    String::from_utf8_lossy(bytes)
        .lines()
        .filter(|line| line.contains(':'))
        .map(|line| line.splitn(7, ':').map(|field| field.trim().to_owned()).collect())
        .collect()
}

fn parse(row: &[String], field: usize) -> Option<u64> {
    row.get(field)?.parse().ok()
}
