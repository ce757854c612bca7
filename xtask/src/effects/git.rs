//! Queries of git: the commit, uncommitted changes, the time of the last commit that changed given paths.

use anyhow::Context;
use camino::{Utf8Path, Utf8PathBuf};
use xshell::{Shell, cmd};

/// The current commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Commit id, 40 hexadecimal digits.
    pub commit: String,
    /// Whether tracked files differ from the commit, or untracked files exist that are not ignored.
    pub dirty: bool,
}

/// Returns the commit and whether the tree is dirty; `None` outside a git work tree and before the first commit.
pub fn head(root: &Utf8Path) -> anyhow::Result<Option<Head>> {
    let sh = shell(root)?;
    let Ok(commit) = cmd!(sh, "git rev-parse --verify --quiet HEAD").quiet().ignore_stderr().read() else {
        return Ok(None);
    };
    let status = cmd!(sh, "git status --porcelain --untracked-files=normal")
        .quiet()
        .ignore_stderr()
        .read()
        .context("failed to ask git for the state of the tree")?;
    Ok(Some(Head { commit, dirty: !status.is_empty() }))
}

/// Returns the time of the last commit that changed one of `paths`, in seconds since 1970; `None` where no commit did.
///
/// The paths are passed on standard input and taken literally: they may be many, with any characters.
pub fn last_commit_time<'a>(
    root: &Utf8Path,
    paths: impl IntoIterator<Item = &'a Utf8Path>,
) -> anyhow::Result<Option<u64>> {
    let sh = shell(root)?;
    let paths = paths.into_iter().fold("--\n".to_owned(), |text, path| text + path.as_str() + "\n");
    let command = cmd!(sh, "git --literal-pathspecs log --max-count=1 --format=%ct --stdin").stdin(paths);
    let Ok(text) = command.quiet().ignore_stderr().read() else {
        return Ok(None);
    };
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).with_context(|| format!("failed to read a commit time from `{text}`"))
}

/// Returns why the commit times of paths are unreliable, in a sentence with the remedy; `None` where they are reliable,
/// and outside a repository.
pub fn doubt(root: &Utf8Path) -> anyhow::Result<Option<String>> {
    if !root.ancestors().any(|folder| folder.join(".git").exists()) {
        return Ok(None);
    }
    let sh = shell(root)?;
    let asked = cmd!(sh, "git rev-parse --is-shallow-repository").env("LC_ALL", "C").quiet().ignore_status().output();
    let why = match asked {
        Ok(output) if output.status.success() => {
            let is_shallow = output.stdout.starts_with(b"true");
            return Ok(is_shallow.then(|| SHALLOW.to_owned()));
        }
        Ok(output) => String::from_utf8_lossy(&output.stderr).lines().next().unwrap_or_default().to_owned(),
        Err(error) => error.to_string(),
    };
    Ok(Some(format!("git tells no commit times, so files in images are dated 1980-01-01 ({why})")))
}

/// Message for a shallow clone (`git clone --depth`), as some CI services create it.
const SHALLOW: &str = "the history of this clone is cut short, so images may get other file times and other digests than \
                       from a whole one: git fetch --unshallow";

fn shell(root: &Utf8Path) -> anyhow::Result<Shell> {
    let sh = Shell::new().context("failed to start a shell for git")?;
    sh.change_dir(root);
    Ok(sh)
}

/// Returns the files that git tracks or would track, relative to the root.
pub fn files(root: &Utf8Path) -> anyhow::Result<Vec<Utf8PathBuf>> {
    let sh = shell(root)?;
    let text = cmd!(sh, "git ls-files -z --cached --others --exclude-standard")
        .quiet()
        .read()
        .context("failed to list the files of the repository")?;
    Ok(text.split_terminator('\0').map(Utf8PathBuf::from).collect())
}

/// Creates a repository in a folder without one, with all files in one commit of a fixed time.
pub fn commit_everything(root: &Utf8Path) -> anyhow::Result<()> {
    let sh = shell(root)?;
    let _author = sh.push_env("GIT_AUTHOR_DATE", "2026-01-02T03:04:05Z");
    let _committer = sh.push_env("GIT_COMMITTER_DATE", "2026-01-02T03:04:05Z");
    cmd!(sh, "git init --quiet --initial-branch=main").quiet().run().context("failed to make a repository")?;
    cmd!(sh, "git add --all").quiet().run().context("failed to add files to the repository")?;
    cmd!(sh, "git -c user.name=Slipway -c user.email=slipway@localhost commit --quiet --message Everything")
        .quiet()
        .run()
        .context("failed to commit")
}
