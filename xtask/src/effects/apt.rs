//! The distribution's signed archive, read with a separate apt configuration; packages are unpacked, never installed.
//! Addresses, keyrings and proxies are the host's; only the suite may differ. apt's signature check stays enabled.

pub mod sources;

use std::collections::BTreeSet;
use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use camino::{Utf8Path, Utf8PathBuf};

use crate::effects::host::Distribution;
use crate::effects::process;
use crate::error::Failure;
use crate::report::Report;
use sources::Source;

/// Time limit for downloading the archive's indexes: tens of megabytes on a slow line.
const UPDATE_LIMIT: Duration = Duration::from_secs(180);
/// Time limit for downloading packages: about 80 MB on a slow line.
const DOWNLOAD_LIMIT: Duration = Duration::from_secs(900);
/// Time limit for queries that apt answers from its indexes.
const QUERY_LIMIT: Duration = Duration::from_secs(60);

/// One suite of the host's archive, with separate indexes below one folder.
#[derive(Debug)]
pub struct Archive {
    folder: Utf8PathBuf,
    /// The suite, such as `trixie`.
    pub suite: String,
    sources: Vec<Source>,
}

/// A package file that the archive offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// Download address.
    pub uri: String,
    /// File name, `<package>_<version>_<architecture>.deb`.
    pub file: String,
    /// Size in bytes.
    pub bytes: u64,
}

/// Returns the host's apt sources, in both file formats, in the order of their files.
pub fn host_sources() -> Vec<Source> {
    let mut files: Vec<Utf8PathBuf> = fs::read_dir("/etc/apt/sources.list.d")
        .into_iter()
        .flatten()
        .filter_map(|entry| Utf8PathBuf::from_path_buf(entry.ok()?.path()).ok())
        .collect();
    files.sort();
    files.insert(0, Utf8PathBuf::from("/etc/apt/sources.list"));
    let parse = |file: &Utf8PathBuf| {
        let text = fs::read_to_string(file).unwrap_or_default();
        match file.extension() {
            Some("sources") => sources::parse_deb822(&text),
            Some("list") => sources::parse_one_line(&text),
            _ => Vec::new(),
        }
    };
    files.iter().flat_map(parse).collect()
}

impl Archive {
    /// Writes a configuration below `folder` for one suite of the host's archive. Downloads nothing.
    pub fn prepare(folder: &Utf8Path, host: &Distribution, suite: &str) -> anyhow::Result<Archive> {
        let sources = sources::for_suite(&host_sources(), &host.id, &host.codename, suite);
        if sources.is_empty() {
            let message =
                format!("apt on this machine has no source of the {} archive to read `{suite}` from", host.id);
            return Err(Failure::failed(message)
                .hint(format!(
                    "add the archive of `{}` under /etc/apt/sources.list.d, or install Docker",
                    host.codename
                ))
                .into());
        }
        let archive = Archive { folder: folder.to_owned(), suite: suite.to_owned(), sources };
        for part in
            ["lists/partial", "cache/archives/partial", "etc/apt.conf.d", "etc/preferences.d", "etc/sources.list.d"]
        {
            let path = archive.folder.join(part);
            fs::create_dir_all(&path).with_context(|| format!("failed to create `{path}`"))?;
        }
        archive.write("status", "")?;
        archive.write("etc/sources.list.d/archive.sources", &sources::render(&archive.sources))?;
        archive.write("apt.conf", &configuration(&archive.folder, &host_network_options()))?;
        Ok(archive)
    }

    /// Returns the path of this suite's sources file, in the deb822 format.
    pub fn sources_file(&self) -> Utf8PathBuf {
        self.folder.join("etc/sources.list.d/archive.sources")
    }

    /// Returns the archive's addresses, for messages.
    pub fn addresses(&self) -> String {
        let unique: BTreeSet<&str> = self.sources.iter().flat_map(|s| s.uris.iter().map(String::as_str)).collect();
        unique.into_iter().collect::<Vec<_>>().join(", ")
    }

    /// Downloads and verifies the indexes. Fails if any source fails or is not signed by its keyring.
    pub fn update(&self, report: &Report) -> anyhow::Result<()> {
        report.detail(format!("reading the index of `{}` from {}", self.suite, self.addresses()));
        process::run(self.command("apt-get").args(["update", "-qq"]), UPDATE_LIMIT).map_err(|error| {
            Failure::failed(format!("failed to read the signed index of `{}` from {}: {error}", self.suite, self.addresses()))
                .hint("`apt-get update` must work on this machine; a missing key is brought by the archive-keyring package")
                .into()
        })
    .map(|_| ())
    }

    /// Returns the archive's package files for these packages, with sizes. Fails for an unknown package.
    pub fn offers(&self, packages: &[String]) -> anyhow::Result<Vec<Offer>> {
        if packages.is_empty() {
            return Ok(Vec::new());
        }
        let mut command = self.command("apt-get");
        command.args(["download", "--print-uris", "-qq"]).args(packages);
        let text = process::run(&mut command, QUERY_LIMIT)
            .with_context(|| format!("failed to find `{}` in `{}`", packages.join(" "), self.suite))?;
        Ok(text.lines().filter_map(parse_offer).collect())
    }

    /// Returns the number and bytes of the packages that a minimal system with these packages downloads.
    pub fn bootstrap_size(&self, packages: &[String]) -> anyhow::Result<(usize, u64)> {
        let mut command = self.command("apt-get");
        command.args(["install", "--print-uris", "-qq", "--no-install-recommends", "?essential", "apt"]).args(packages);
        let text =
            process::run(&mut command, QUERY_LIMIT).context("failed to list the packages of a minimal system")?;
        let offers: Vec<Offer> = text.lines().filter_map(parse_offer).collect();
        Ok((offers.len(), offers.iter().map(|offer| offer.bytes).sum()))
    }

    /// Returns the names of these packages and of all packages whose libraries they need, including all alternatives.
    pub fn closure(&self, packages: &[&str]) -> anyhow::Result<BTreeSet<String>> {
        let mut command = self.command("apt-cache");
        command.args(["depends", "--recurse", "--no-recommends", "--no-suggests", "--no-conflicts"]);
        command.args(["--no-breaks", "--no-replaces", "--no-enhances"]).args(packages);
        let text = process::run(&mut command, QUERY_LIMIT)
            .with_context(|| format!("failed to list what `{}` depend on", packages.join(" ")))?;
        let is_name = |line: &&str| line.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
        Ok(text.lines().filter(is_name).map(str::to_owned).collect())
    }

    /// Downloads package files into `folder` and reports progress. apt verifies each against the signed index.
    pub fn download(
        &self,
        offers: &[Offer],
        packages: &[String],
        folder: &Utf8Path,
        report: &Report,
    ) -> anyhow::Result<()> {
        fs::create_dir_all(folder).with_context(|| format!("failed to create `{folder}`"))?;
        let total: u64 = offers.iter().map(|offer| offer.bytes).sum();
        let log = folder.join("download.log");
        let file = fs::File::create(&log).with_context(|| format!("failed to create `{log}`"))?;
        let mut child = self
            .command("apt-get")
            .args(["download", "-q"])
            .args(packages)
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(file.try_clone().with_context(|| format!("failed to share `{log}`"))?)
            .stderr(file)
            .spawn()
            .context("failed to run `apt-get`")?;
        let begin = Instant::now();
        let mut shown = Instant::now();
        let mut status = None;
        let ended = process::wait_until(DOWNLOAD_LIMIT, || {
            status = child.try_wait().ok().flatten();
            if status.is_none() && shown.elapsed() > Duration::from_secs(2) {
                shown = Instant::now();
                report.detail(format!("{} of {}", megabytes(folder_bytes(folder)), megabytes(total)));
            }
            status.is_some()
        });
        if !ended {
            let _ = child.kill();
            let _ = child.wait();
            bail!("the download did not end within {} s", DOWNLOAD_LIMIT.as_secs());
        }
        if !status.is_some_and(|status| status.success()) {
            let said = fs::read_to_string(&log).unwrap_or_default();
            bail!("failed to download from `{}`: {}", self.suite, process::last_lines(&said, 8));
        }
        fs::remove_file(&log).with_context(|| format!("failed to remove `{log}`"))?;
        report.detail(format!("{} in {:.1} s", megabytes(total), begin.elapsed().as_secs_f32()));
        Ok(())
    }

    /// Returns `Date` of the suite's release file, in seconds since 1970. It changes with every change of a package.
    pub fn release_time(&self) -> Option<i64> {
        let entries = fs::read_dir(self.folder.join("lists")).ok()?;
        let suffix = format!("_dists_{}_InRelease", self.suite);
        let file =
            entries.filter_map(Result::ok).find(|entry| entry.file_name().to_string_lossy().ends_with(&suffix))?;
        let text = fs::read_to_string(file.path()).ok()?;
        parse_date(text.lines().find_map(|line| line.strip_prefix("Date: "))?)
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("APT_CONFIG", self.folder.join("apt.conf")).env("LC_ALL", "C");
        command
    }

    fn write(&self, name: &str, text: &str) -> anyhow::Result<()> {
        let path = self.folder.join(name);
        fs::write(&path, text).with_context(|| format!("failed to write `{path}`"))
    }
}

/// Returns the names of the packages that are installed on the host.
pub fn installed() -> anyhow::Result<BTreeSet<String>> {
    let mut command = Command::new("dpkg-query");
    command.args(["--show", "--showformat", "${db:Status-Abbrev} ${Package}\n"]);
    let text = process::run(&mut command, QUERY_LIMIT).context("failed to list the installed packages")?;
    Ok(text.lines().filter_map(|line| line.strip_prefix("ii ")).map(|name| name.trim().to_owned()).collect())
}

/// Unpacks a package file below `root` without running any script of it.
pub fn unpack(package: &Utf8Path, root: &Utf8Path) -> anyhow::Result<()> {
    let mut command = Command::new("dpkg-deb");
    command.arg("--extract").arg(package).arg(root);
    process::run(&mut command, QUERY_LIMIT).map(|_| ()).with_context(|| format!("failed to unpack `{package}`"))
}

/// Formats bytes as decimal megabytes, as apt prints them.
pub fn megabytes(bytes: u64) -> String {
    format!("{}.{} MB", bytes / 1_000_000, bytes % 1_000_000 / 100_000)
}

fn folder_bytes(folder: &Utf8Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    entries.filter_map(|entry| entry.metadata().ok()).map(|data| data.len()).sum()
}

/// Returns an apt configuration that shares no state with the host, runs none of its hooks, rejects unsigned indexes.
fn configuration(folder: &Utf8Path, network: &str) -> String {
    format!(
        r#"Dir::State "{folder}";
Dir::State::lists "{folder}/lists";
Dir::State::status "{folder}/status";
Dir::Cache "{folder}/cache";
Dir::Etc "{folder}/etc";
Dir::Etc::sourcelist "/dev/null";
Dir::Etc::sourceparts "{folder}/etc/sources.list.d";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "{folder}/etc/preferences.d";
Dir::Etc::parts "{folder}/etc/apt.conf.d";
Dir::Etc::trusted "/etc/apt/trusted.gpg";
Dir::Etc::trustedparts "/etc/apt/trusted.gpg.d";
Dir::Etc::netrc "/etc/apt/auth.conf";
Dir::Etc::netrcparts "/etc/apt/auth.conf.d";
APT::Sandbox::User "root";
APT::Update::Error-Mode "any";
APT::Get::AllowUnauthenticated "false";
Acquire::AllowInsecureRepositories "false";
Acquire::AllowWeakRepositories "false";
Acquire::AllowDowngradeToInsecureRepositories "false";
Acquire::Languages "none";
Acquire::Retries "2";
{network}"#
    )
}

/// Returns the host's network options for the archive: proxies, certificates, address families. Signatures are checked.
fn host_network_options() -> String {
    let text = process::run(Command::new("apt-config").arg("dump"), QUERY_LIMIT).unwrap_or_default();
    let is_network = |line: &&str| {
        // The last option is set on hosts that read a frozen copy of the archive.
        ["Acquire::http::", "Acquire::https::", "Acquire::http ", "Acquire::ForceIPv", "Acquire::Check-Valid-Until"]
            .iter()
            .any(|prefix| line.starts_with(prefix))
    };
    text.lines().filter(is_network).map(|line| format!("{line}\n")).collect()
}

/// Returns the host's proxies for the archive, as apt options. Builds on such a host need them too.
pub fn host_proxies() -> Vec<String> {
    let options = host_network_options();
    let is_proxy = |line: &&str| line.to_ascii_lowercase().contains("::proxy") && !line.ends_with("\"\";");
    options.lines().filter(is_proxy).map(str::to_owned).collect()
}

/// Parses `'<uri>' <file> <bytes> <hash>`, as printed by `--print-uris`. The file name's version is percent-encoded.
fn parse_offer(line: &str) -> Option<Offer> {
    let (uri, rest) = line.strip_prefix('\'')?.split_once("' ")?;
    let mut words = rest.split(' ');
    Some(Offer { uri: uri.to_owned(), file: words.next()?.to_owned(), bytes: words.next()?.parse().ok()? })
}

/// Parses `Sat, 06 Sep 2025 10:21:09 UTC` into seconds since 1970.
fn parse_date(text: &str) -> Option<i64> {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let mut words = text.split_whitespace().skip(1);
    let day: i64 = words.next()?.parse().ok()?;
    let name = words.next()?;
    let month = i64::try_from(MONTHS.iter().position(|month| *month == name)?).ok()? + 1;
    let year: i64 = words.next()?.parse().ok()?;
    let mut clock = words.next()?.split(':').map(|part| part.parse::<i64>().ok());
    let (hour, minute, second) = (clock.next()??, clock.next()??, clock.next()??);
    // Days from the civil date. Years begin in March, so that the leap day is the last day.
    let shifted = if month <= 2 { year - 1 } else { year };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = 365 * shifted + shifted.div_euclid(4) - shifted.div_euclid(100) + shifted.div_euclid(400) + day_of_year;
    // 719 468 days lie between 1 March of year 0 and 1 January 1970.
    Some((days - 719_468) * 86_400 + hour * 3_600 + minute * 60 + second)
}

#[cfg(test)]
mod tests {
    use super::{Offer, configuration, megabytes, parse_date, parse_offer};

    #[test]
    fn offers_are_read_as_apt_prints_them() {
        let line = "'http://mirror.test/pool/b/b_1%3a2_amd64.deb' b_1%3a2_amd64.deb 360192 SHA256:00";
        let offer = Offer {
            uri: "http://mirror.test/pool/b/b_1%3a2_amd64.deb".into(),
            file: "b_1%3a2_amd64.deb".into(),
            bytes: 360_192,
        };
        assert_eq!(parse_offer(line), Some(offer));
        assert_eq!(parse_offer("W: something"), None);
        assert_eq!(megabytes(71_234_567), "71.2 MB");
    }

    #[test]
    fn release_dates() {
        assert_eq!(parse_date("Thu, 01 Jan 1970 00:00:00 UTC"), Some(0));
        assert_eq!(parse_date("Thu, 29 Feb 2024 12:00:01 UTC"), Some(1_709_208_001));
        assert_eq!(parse_date("Sat,  6 Sep 2025 10:21:09 UTC"), Some(1_757_154_069));
        assert_eq!(parse_date("yesterday"), None);
    }

    #[test]
    fn unsigned_indexes_are_refused_and_the_hosts_hooks_left_out() {
        let text = configuration("/x".into(), "");
        assert!(text.contains("Acquire::AllowInsecureRepositories \"false\""));
        assert!(text.contains("APT::Update::Error-Mode \"any\""));
        assert!(text.contains("Dir::Etc::parts \"/x/etc/apt.conf.d\""));
    }
}
