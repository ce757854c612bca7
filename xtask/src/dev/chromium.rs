//! A headless Chromium for tests: the host's own, else one unpacked from its archive. The caller speaks the DevTools
//! protocol over its pipe.

use std::fs;
use std::process::{Child, Command, Stdio};

use anyhow::Context;
use camino::{Utf8Path, Utf8PathBuf};

use super::packages;
use crate::effects::{files, process};
use crate::error::Failure;
use crate::report::Report;

/// Names under which distributions and Google install it.
const PROGRAMS: [&str; 5] =
    ["chromium", "chromium-headless-shell", "google-chrome", "google-chrome-stable", "chromium-browser"];

/// Debian's build without a window system: 64 MB, and half of the libraries of the full one.
const PACKAGE: &str = "chromium-headless-shell";

/// Puts the DevTools pipe where Chromium expects it, on descriptors 3 and 4. A debugging port would be open to every
/// user of the machine, and a browser with a pipe exits when this process does.
const ON_DESCRIPTORS: &str = r#"exec "$0" "$@" 3<&0 4>&1 </dev/null >/dev/null"#;

/// No window, no sandbox (it does not work for root), no background requests, and no host but loopback: a request to any
/// other host fails on every network.
const FLAGS: [&str; 14] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--no-first-run",
    "--no-default-browser-check",
    "--no-proxy-server",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--remote-debugging-pipe",
];

/// Browser program and its environment.
#[derive(Clone, Debug)]
pub struct Chromium {
    program: Utf8PathBuf,
    unpacked: Option<Unpacked>,
}

/// Paths that an unpacked browser needs and an installed one has by default.
#[derive(Clone, Debug)]
struct Unpacked {
    libraries: String,
    fonts: Utf8PathBuf,
}

impl Chromium {
    /// Starts the browser on a new profile directory, which the caller removes. It reads DevTools messages from the child's
    /// standard input and answers on its standard output, each terminated by a zero byte; it exits when either is closed.
    ///
    /// # Errors
    /// The directory cannot be created or the program not be started.
    pub fn start(&self, profile: &Utf8Path) -> anyhow::Result<Child> {
        fs::create_dir_all(profile).with_context(|| format!("failed to create `{profile}`"))?;
        let log = profile.join("stderr");
        let stderr = fs::File::create(&log).with_context(|| format!("failed to create `{log}`"))?;
        let mut command = Command::new("sh");
        command.args(["-c", ON_DESCRIPTORS, self.program.as_str()]).args(FLAGS);
        command.arg(format!("--user-data-dir={profile}"));
        // Files that it keeps outside of its profile by default (certificates, crash reports, font caches) go there too.
        command.env("HOME", profile).env("TMPDIR", profile).env("XDG_CACHE_HOME", profile.join("cache"));
        if let Some(unpacked) = &self.unpacked {
            // Without fonts, all text has a width of 0. The host's fonts come first.
            let fonts = profile.join("fonts.conf");
            files::write_atomically(&fonts, font_configuration(&unpacked.fonts, profile).as_bytes())?;
            command.env("LD_LIBRARY_PATH", &unpacked.libraries).env("FONTCONFIG_FILE", fonts);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(stderr);
        command.spawn().with_context(|| format!("failed to start `{}`", self.program))
    }
}

/// Finds a browser on PATH, else unpacks one from the host's archive into `target/slipway/tools/chromium`.
///
/// # Errors
/// A failure with a hint if there is none and the archive cannot provide one.
pub fn find(root: &Utf8Path, report: &Report) -> anyhow::Result<Chromium> {
    let path = std::env::var("PATH").unwrap_or_default();
    let folders = path.split(':').filter(|folder| !folder.is_empty()).map(Utf8Path::new).collect::<Vec<_>>();
    let candidates = PROGRAMS.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    if let Some(program) = candidates.into_iter().find(|program| answers(program)) {
        return Ok(Chromium { program, unpacked: None });
    }
    let by_hand = "install Chromium or Google Chrome, so that `chromium` or `google-chrome` is on PATH, and try again";
    let unpacked = packages::unpacked(root, "chromium", &[PACKAGE], report).map_err(|error| {
        Failure::failed(format!("no Chromium is on PATH and the archive cannot provide one: {error:#}")).hint(by_hand)
    })?;
    let program = unpacked.file("/usr/lib/chromium/chromium-headless-shell");
    if !program.exists() {
        return Err(Failure::failed(format!("the package `{PACKAGE}` has no `{program}`")).hint(by_hand).into());
    }
    // One library of the sound server is in a folder that only an installed browser searches.
    let libraries = unpacked.libraries();
    let private = libraries.split(':').map(|folder| format!("{folder}/pulseaudio")).collect::<Vec<_>>();
    let libraries = format!("{libraries}:{}", private.join(":"));
    Ok(Chromium { program, unpacked: Some(Unpacked { libraries, fonts: unpacked.file("/usr/share/fonts/truetype") }) })
}

/// Returns the host's font configuration where there is one, plus one folder. The default is named because some of the
/// folder's fonts have no letters.
fn font_configuration(fonts: &Utf8Path, profile: &Utf8Path) -> String {
    let text = |path: &Utf8Path| path.as_str().replace('&', "&amp;").replace('<', "&lt;");
    format!(
        r#"<?xml version="1.0"?>
<fontconfig>
  <include ignore_missing="yes">/etc/fonts/fonts.conf</include>
  <dir>{}</dir>
  <alias><family>system-ui</family><default><family>Liberation Sans</family></default></alias>
  <alias><family>sans-serif</family><default><family>Liberation Sans</family></default></alias>
  <cachedir>{}/fonts</cachedir>
</fontconfig>
"#,
        text(fonts),
        text(profile)
    )
}

/// Returns whether the program runs: Ubuntu installs a placeholder that only prints how to install the browser.
fn answers(program: &Utf8Path) -> bool {
    program.is_file()
        && Command::new(program)
            .arg("--version")
            .stdin(Stdio::null())
            .output()
            .is_ok_and(|output| output.status.success() && !output.stdout.is_empty())
}

/// Closes the browser's pipe, kills the browser if it does not exit within five seconds, and removes its profile.
///
/// # Errors
/// The profile cannot be removed.
pub fn end(mut child: Child, profile: &Utf8Path) -> anyhow::Result<()> {
    drop(child.stdin.take());
    drop(child.stdout.take());
    let ended = process::wait_until(std::time::Duration::from_secs(5), || child.try_wait().ok().flatten().is_some());
    if !ended {
        let _ = child.kill();
        let _ = child.wait();
    }
    files::remove_directory(profile)
}

#[cfg(test)]
mod tests {
    use super::font_configuration;

    #[test]
    fn escapes_the_folder_in_the_font_configuration() {
        let text = font_configuration("/a & b/<fonts>".into(), "/profile".into());
        assert!(text.contains("<dir>/a &amp; b/&lt;fonts></dir>"), "{text}");
        assert!(text.contains("<cachedir>/profile/fonts</cachedir>"), "{text}");
    }
}
