//! A headless Chromium for tests: the host's own, else one unpacked from its archive. Starting it is here; what is said
//! to it over its pipe is its user's business.

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
/// user of the machine, and a browser with a pipe ends by itself when we are gone.
const ON_DESCRIPTORS: &str = r#"exec "$0" "$@" 3<&0 4>&1 </dev/null >/dev/null"#;

/// No window, no sandbox (root cannot have one), nothing that calls home, and no host but the machine itself: a page
/// that names another one gets an error, on every network.
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

/// A browser that can be started.
#[derive(Clone, Debug)]
pub struct Chromium {
    program: Utf8PathBuf,
    unpacked: Option<Unpacked>,
}

/// Where an unpacked browser finds what an installed one finds by itself.
#[derive(Clone, Debug)]
struct Unpacked {
    libraries: String,
    fonts: Utf8PathBuf,
}

impl Chromium {
    /// Starts it on a profile directory that is made here and is the caller's to remove. It reads DevTools messages from
    /// the child's standard input and answers on its standard output, each ended by a zero byte; it exits when either
    /// is closed.
    ///
    /// # Errors
    /// Where the directory cannot be made or the program not be started.
    pub fn start(&self, profile: &Utf8Path) -> anyhow::Result<Child> {
        fs::create_dir_all(profile).with_context(|| format!("failed to create `{profile}`"))?;
        let log = profile.join("stderr");
        let stderr = fs::File::create(&log).with_context(|| format!("failed to create `{log}`"))?;
        let mut command = Command::new("sh");
        command.args(["-c", ON_DESCRIPTORS, self.program.as_str()]).args(FLAGS);
        command.arg(format!("--user-data-dir={profile}"));
        // What it keeps outside of its profile (certificates, crash reports, font caches) goes with the profile too.
        command.env("HOME", profile).env("TMPDIR", profile).env("XDG_CACHE_HOME", profile.join("cache"));
        if let Some(unpacked) = &self.unpacked {
            // Without any font all text is 0 points wide. The host's come first, the unpacked ones help out.
            let fonts = profile.join("fonts.conf");
            files::write_atomically(&fonts, font_configuration(&unpacked.fonts, profile).as_bytes())?;
            command.env("LD_LIBRARY_PATH", &unpacked.libraries).env("FONTCONFIG_FILE", fonts);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(stderr);
        command.spawn().with_context(|| format!("failed to start `{}`", self.program))
    }
}

/// The browser on PATH, else one unpacked from the host's archive into `target/slipway/tools/chromium`.
///
/// # Errors
/// A failure with a hint where there is none and the archive cannot give one.
pub fn find(root: &Utf8Path, report: &Report) -> anyhow::Result<Chromium> {
    let path = std::env::var("PATH").unwrap_or_default();
    let folders = path.split(':').filter(|folder| !folder.is_empty()).map(Utf8Path::new).collect::<Vec<_>>();
    let candidates = PROGRAMS.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    if let Some(program) = candidates.into_iter().find(|program| answers(program)) {
        return Ok(Chromium { program, unpacked: None });
    }
    let by_hand = "install Chromium or Google Chrome, so that `chromium` or `google-chrome` is on PATH, and try again";
    let unpacked = packages::unpacked(root, "chromium", &[PACKAGE], report).map_err(|error| {
        Failure::failed(format!("no Chromium is on PATH and the archive gave none: {error:#}")).hint(by_hand)
    })?;
    let program = unpacked.file("/usr/lib/chromium/chromium-headless-shell");
    if !program.exists() {
        return Err(Failure::failed(format!("the package `{PACKAGE}` brought no `{program}`")).hint(by_hand).into());
    }
    // One library of the sound server lies in a folder that only its installed place would be searched for.
    let libraries = unpacked.libraries();
    let private = libraries.split(':').map(|folder| format!("{folder}/pulseaudio")).collect::<Vec<_>>();
    let libraries = format!("{libraries}:{}", private.join(":"));
    Ok(Chromium { program, unpacked: Some(Unpacked { libraries, fonts: unpacked.file("/usr/share/fonts/truetype") }) })
}

/// The host's font configuration where there is one, and one more folder. Without a default, a host without fonts gets
/// whichever comes first, and among them are some that have no letters.
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

/// Whether it can be run at all: Ubuntu installs a program of the name that only says where to get the real one.
fn answers(program: &Utf8Path) -> bool {
    program.is_file()
        && Command::new(program)
            .arg("--version")
            .stdin(Stdio::null())
            .output()
            .is_ok_and(|output| output.status.success() && !output.stdout.is_empty())
}

/// Ends a browser that was asked to, by closing its pipe, and did not; then removes its profile.
///
/// # Errors
/// Where the profile cannot be removed.
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
    fn a_folder_of_any_name_is_a_font_folder() {
        let text = font_configuration("/a & b/<fonts>".into(), "/profile".into());
        assert!(text.contains("<dir>/a &amp; b/&lt;fonts></dir>"), "{text}");
        assert!(text.contains("<cachedir>/profile/fonts</cachedir>"), "{text}");
    }
}
