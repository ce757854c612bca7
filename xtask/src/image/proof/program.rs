//! The check that the image's command can start: resolution on `PATH` as in a runtime, then as in the kernel: links,
//! execute bits, scripts and their interpreters, the loader of a dynamic program.

use super::account::Account;
use super::finding::{self, Findings, Rule, printable};
use super::root::{File, Lost, Resolved, Root};
use crate::image::layer::entry::Content;
use crate::image::layout::Config;

/// `PATH` if the config sets none, as in container runtimes.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Maximum depth of scripts as interpreters of scripts: the limit of Linux.
const MAX_INTERPRETERS: usize = 5;

struct Search<'a> {
    root: &'a Root,
    account: &'a Account,
    directories: Vec<Vec<u8>>,
    working_dir: Vec<u8>,
}

/// The reason why a program cannot start, and its rule.
type Trouble = (&'static Rule, String);

/// Checks the first word of the entrypoint, or of the command if there is no entrypoint. The further words are
/// arguments, and their meaning to a script is unknown.
pub(super) fn judge(config: &Config, root: &Root, account: &Account, findings: &mut Findings) {
    let (origin, word) = match (config.entrypoint.first(), config.cmd.first()) {
        (Some(word), _) => ("entrypoint", word),
        (None, Some(word)) => ("command", word),
        (None, None) => {
            findings.add(&finding::NO_COMMAND, || "the image has neither entrypoint nor command".to_owned());
            return;
        }
    };
    // The last assignment of a variable applies.
    let path = config.env.iter().rev().find_map(|line| line.strip_prefix("PATH=")).unwrap_or(DEFAULT_PATH);
    let mut working_dir = b"/".to_vec();
    working_dir.extend_from_slice(config.working_dir.as_bytes());
    let directories = path.split(':').map(|directory| directory.as_bytes().to_vec()).collect();
    let search = Search { root, account, directories, working_dir };
    if let Err((rule, why)) = search.program(word.as_bytes()).and_then(|found| search.start(&found, 0)) {
        findings.add(rule, || format!("{origin} `{}`: {why}", printable(word.as_bytes())));
    }
}

impl Search<'_> {
    /// Finds the file for a word: on `PATH` unless it contains a slash.
    fn program(&self, word: &[u8]) -> Result<Resolved, Trouble> {
        if word.contains(&b'/') {
            return self.at(&self.absolute(word));
        }
        let mut refused = None;
        let directories = if word.is_empty() { &[] } else { self.directories.as_slice() };
        for directory in directories {
            let mut path = self.absolute(directory);
            path.push(b'/');
            path.extend_from_slice(word);
            match self.at(&path) {
                Ok(found) => return Ok(found),
                Err(trouble) if *trouble.0 == finding::PROGRAM_NOT_EXECUTABLE => refused = refused.or(Some(trouble)),
                _ => {}
            }
        }
        Err(refused.unwrap_or_else(|| {
            let path = self.directories.join(&b':');
            (
                &finding::PROGRAM_MISSING,
                format!("`{}` is in no directory of PATH ({})", printable(word), printable(&path)),
            )
        }))
    }

    /// Finds a file at an absolute path that the user may execute.
    fn at(&self, path: &[u8]) -> Result<Resolved, Trouble> {
        let shown = printable(path);
        let found = self.root.resolve(path).map_err(|lost| {
            let why = match lost {
                Lost::Missing => "does not exist in the image, or is a link to nothing",
                Lost::NotADirectory => "passes through something that is no directory",
                Lost::Loop => "is a loop of symbolic links",
            };
            (&finding::PROGRAM_MISSING, format!("`{shown}` {why}"))
        })?;
        let Some(file) = self.root.file(found.node) else {
            return Err((&finding::PROGRAM_NOT_EXECUTABLE, format!("`{shown}` is not a regular file")));
        };
        if !self.account.may_execute(file.access) {
            let mode = file.access.mode & 0o7777;
            return Err((
                &finding::PROGRAM_NOT_EXECUTABLE,
                format!("`{shown}` has mode {mode:04o}: the image's user may not execute it"),
            ));
        }
        let closed =
            found.through.iter().filter_map(|node| self.root.directory(*node)).find(|a| !self.account.may_execute(*a));
        if let Some(access) = closed {
            let mode = access.mode & 0o7777;
            return Err((
                &finding::PROGRAM_NOT_EXECUTABLE,
                format!("`{shown}` lies in a directory of mode {mode:04o} that the image's user may not enter"),
            ));
        }
        Ok(found)
    }

    /// Checks a file as the kernel does when it executes it.
    fn start(&self, found: &Resolved, depth: usize) -> Result<(), Trouble> {
        let Some(file) = self.root.file(found.node) else { return Ok(()) };
        let shown = printable(&found.path);
        match &file.content {
            Content::Elf(elf) => match elf.loader() {
                Some(loader) if self.root.resolve(loader).is_err() => {
                    let loader = printable(loader);
                    let text =
                        format!("`{shown}`{} needs the loader `{loader}`, which is not in the image", self.layer(file));
                    Err((&finding::LOADER_MISSING, text))
                }
                _ => Ok(()),
            },
            Content::Script(line) => self.script(&shown, file, line, depth),
            Content::Accounts(_) => Err((&finding::PROGRAM_FORMAT, format!("`{shown}` is a list of accounts"))),
            Content::Other(what) => Err((&finding::PROGRAM_FORMAT, format!("`{shown}`{} is {what}", self.layer(file)))),
        }
    }

    fn script(&self, shown: &str, file: &File, line: &[u8], depth: usize) -> Result<(), Trouble> {
        if line.ends_with(b"\r") {
            let text = format!("the first line of `{shown}`{} ends in CR LF (Windows line ending)", self.layer(file));
            return Err((&finding::SCRIPT_CRLF, text));
        }
        if depth >= MAX_INTERPRETERS {
            return Err((
                &finding::SCRIPT_INTERPRETER,
                format!("`{shown}` is interpreted by a script, and so on, too deep for Linux"),
            ));
        }
        let words: Vec<&[u8]> =
            line.split(|byte| matches!(byte, b' ' | b'\t')).filter(|word| !word.is_empty()).collect();
        let Some(interpreter) = words.first() else {
            return Err((&finding::SCRIPT_INTERPRETER, format!("`{shown}` names no interpreter after `#!`")));
        };
        let blame = |(rule, why): Trouble| {
            let rule = if [finding::PROGRAM_MISSING, finding::PROGRAM_NOT_EXECUTABLE].contains(rule) {
                &finding::SCRIPT_INTERPRETER
            } else {
                rule
            };
            (rule, format!("the interpreter of `{shown}`{}: {why}", self.layer(file)))
        };
        let found = self.at(&self.absolute(interpreter)).map_err(blame)?;
        self.start(&found, depth + 1)?;
        if !interpreter.ends_with(b"/env") {
            return Ok(());
        }
        // Without -S, env uses the whole rest of the line as one name.
        let name = match words.get(1..).unwrap_or_default() {
            [b"-S", rest @ ..] => rest.iter().find(|word| !word.contains(&b'=')).map(|word| word.to_vec()),
            rest => Some(rest.join(&b' ')),
        };
        let found = self.program(&name.unwrap_or_default()).map_err(blame)?;
        self.start(&found, depth + 1)
    }

    fn absolute(&self, path: &[u8]) -> Vec<u8> {
        if path.first() == Some(&b'/') {
            return path.to_vec();
        }
        let mut absolute = self.working_dir.clone();
        absolute.push(b'/');
        absolute.extend_from_slice(path);
        absolute
    }

    fn layer(&self, file: &File) -> String {
        self.root.layer_of(file).map(|digest| format!(" (layer {})", digest.short())).unwrap_or_default()
    }
}
