//! The inputs of a Dockerfile: its stages, base images and the context paths that a target can reach. Reads the
//! instructions that decide this (`FROM`, `ARG`, `ENV`, `COPY`, `ADD`, `RUN --mount`, `ONBUILD`) and leaves the rest to
//! BuildKit.

mod copies;
mod lines;
mod paths;
mod reach;
mod variables;

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use serde::Deserialize;

use crate::error::Failure;
pub use copies::Copied;
use lines::Instruction;
pub use paths::{ContextReach, Paths};
pub use reach::{BaseUse, Question, Reach};

/// A Dockerfile, split into its stages.
#[derive(Clone, Debug)]
pub struct Dockerfile {
    path: Utf8PathBuf,
    escape: char,
    /// `ARG` instructions before the first `FROM`.
    globals: Vec<Instruction>,
    stages: Vec<Stage>,
}

#[derive(Clone, Debug)]
struct Stage {
    /// In lower case: stage names are case-insensitive.
    name: Option<String>,
    /// As written, variables not expanded.
    base: String,
    platform: Option<String>,
    line: usize,
    instructions: Vec<Instruction>,
}

/// Facts of a base image's configuration that affect a build from it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BaseFacts {
    /// Its environment variables. They override an `ARG` of the same name.
    pub variables: BTreeMap<String, String>,
    /// Whether it has `ONBUILD` triggers, which may copy anything.
    pub has_triggers: bool,
}

impl BaseFacts {
    /// Parses the image configuration (the JSON document that a manifest's `config` refers to).
    pub fn from_image_config(json: &[u8]) -> serde_json::Result<BaseFacts> {
        #[derive(Deserialize)]
        struct Image {
            #[serde(default)]
            config: Option<Config>,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Config {
            #[serde(default)]
            env: Option<Vec<String>>,
            #[serde(default)]
            on_build: Option<Vec<String>>,
        }
        let image: Image = serde_json::from_slice(json)?;
        let Some(config) = image.config else { return Ok(BaseFacts::default()) };
        let split = |pair: String| pair.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
        Ok(BaseFacts {
            variables: config.env.unwrap_or_default().into_iter().filter_map(split).collect(),
            has_triggers: config.on_build.is_some_and(|triggers| !triggers.is_empty()),
        })
    }
}

impl Dockerfile {
    /// Parses a Dockerfile; `path` is for messages. Returns a usage failure with file and line for text that BuildKit
    /// rejects too, and for a `# syntax=` of another language than Dockerfile.
    pub fn parse(text: &str, path: &Utf8Path) -> Result<Dockerfile, Failure> {
        let lines = lines::read(text, path)?;
        if let Some(syntax) = &lines.syntax
            && !syntax.trim_start_matches("docker.io/").starts_with("docker/dockerfile")
        {
            return Err(Failure::usage(format!("{path}:1: `{syntax}` is not the language of Dockerfiles"))
                .hint("use `# syntax=docker/dockerfile:1` or leave the line out"));
        }
        let mut dockerfile =
            Dockerfile { path: path.to_owned(), escape: lines.escape, globals: Vec::new(), stages: Vec::new() };
        for instruction in lines.instructions {
            if instruction.keyword == "FROM" {
                let stage = dockerfile.from(&instruction)?;
                dockerfile.stages.push(stage);
            } else if let Some(stage) = dockerfile.stages.last_mut() {
                stage.instructions.push(instruction);
            } else if instruction.keyword == "ARG" {
                dockerfile.globals.push(instruction);
            } else {
                return Err(dockerfile.refuse(
                    instruction.line,
                    &format!("`{}` before the first `FROM`: only `ARG` may stand there", instruction.keyword),
                ));
            }
        }
        if dockerfile.stages.is_empty() {
            return Err(Failure::usage(format!("{path}: no `FROM`: a Dockerfile has at least one stage")));
        }
        Ok(dockerfile)
    }

    /// Returns the names of the stages in order. An unnamed stage is identified by its number.
    pub fn stage_names(&self) -> Vec<String> {
        self.stages.iter().enumerate().map(|(index, stage)| stage.name.clone().unwrap_or(index.to_string())).collect()
    }

    fn from(&self, instruction: &Instruction) -> Result<Stage, Failure> {
        let (flags, rest) = flags(&instruction.rest);
        let words: Vec<&str> = rest.split_whitespace().collect();
        let (base, name) = match words.as_slice() {
            [base] => (*base, None),
            [base, keyword, name] if keyword.eq_ignore_ascii_case("as") => (*base, Some(name.to_lowercase())),
            _ => return Err(self.refuse(instruction.line, "`FROM` takes an image and perhaps `AS name`")),
        };
        if name.is_some() && self.stages.iter().any(|stage| stage.name == name) {
            return Err(self.refuse(
                instruction.line,
                &format!("a second stage is named `{}`", name.as_deref().unwrap_or_default()),
            ));
        }
        let platform = flags
            .into_iter()
            .find(|(flag, _)| flag == "platform")
            .and_then(|(_, value)| value)
            .map(|value| unquoted(&value));
        Ok(Stage { name, base: base.to_owned(), platform, line: instruction.line, instructions: Vec::new() })
    }

    /// Finds the stage of a target; the last stage without a target.
    fn stage(&self, target: Option<&str>) -> Result<usize, Failure> {
        let Some(target) = target else { return Ok(self.stages.len().saturating_sub(1)) };
        self.named_before(target, self.stages.len()).ok_or_else(|| {
            let names = self.stage_names();
            let nearest = names.iter().min_by_key(|name| distance(name, target));
            let failure = Failure::usage(format!(
                "{}: no stage is named `{target}`: there are {}",
                self.path,
                names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
            ));
            match nearest {
                Some(name) if distance(name, target) <= 2 => failure.hint(format!("did you mean `{name}`?")),
                _ => failure,
            }
        })
    }

    /// Finds a stage by name or number among those before `end`: an instruction can refer to earlier stages only.
    fn named_before(&self, name: &str, end: usize) -> Option<usize> {
        let lower = name.to_lowercase();
        let stages = self.stages.get(..end)?;
        let by_name = stages.iter().position(|stage| stage.name.as_deref() == Some(&lower));
        by_name.or_else(|| name.parse().ok().filter(|index| *index < end))
    }

    fn refuse(&self, line: usize, why: &str) -> Failure {
        Failure::usage(format!("{}:{line}: {why}", self.path))
    }
}

/// Splits off the leading `--name=value` words. Quotes stay in the values.
fn flags(text: &str) -> (Vec<(String, Option<String>)>, &str) {
    let mut flags = Vec::new();
    let mut rest = text.trim_start();
    while let Some(flag) = rest.strip_prefix("--") {
        let mut quote = None;
        let end = flag
            .char_indices()
            .find(|(_, c)| {
                match quote {
                    None if c.is_whitespace() => return true,
                    None if *c == '"' || *c == '\'' => quote = Some(*c),
                    Some(open) if open == *c => quote = None,
                    _ => {}
                }
                false
            })
            .map_or(flag.len(), |(at, _)| at);
        let (word, after) = flag.split_at(end);
        rest = after.trim_start();
        if word.is_empty() {
            break;
        }
        let (name, value) = word.split_once('=').map_or((word, None), |(name, value)| (name, Some(value)));
        flags.push((name.to_ascii_lowercase(), value.map(str::to_owned)));
    }
    (flags, rest)
}

/// Returns a flag's value without its quotes.
fn unquoted(value: &str) -> String {
    value.replace(['"', '\''], "")
}

/// Computes the edit distance of two names (insertions, removals and replacements).
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (y, cell) in b.chars().zip(row.iter_mut().skip(1)) {
            let above = *cell;
            *cell = (diagonal + usize::from(x != y)).min(above + 1).min(left + 1);
            diagonal = above;
            left = *cell;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{BaseFacts, Dockerfile, distance};

    #[test]
    fn finds_stages_by_name_and_number() {
        let text = "ARG V=1\nFROM --platform=$BUILDPLATFORM a AS Build\nRUN x\nFROM b\nFROM c as last\n";
        let dockerfile = Dockerfile::parse(text, "app/Dockerfile".into()).unwrap();
        assert_eq!(dockerfile.stage_names(), ["build", "1", "last"]);
        assert_eq!(dockerfile.stage(None).unwrap(), 2);
        assert_eq!(dockerfile.stage(Some("BUILD")).unwrap(), 0);
        assert_eq!(dockerfile.stage(Some("1")).unwrap(), 1);
        let error = dockerfile.stage(Some("biuld")).unwrap_err();
        assert_eq!(error.to_string(), "app/Dockerfile: no stage is named `biuld`: there are `build`, `1`, `last`");
        assert_eq!(error.hints(), ["did you mean `build`?"]);
        assert!(dockerfile.stage(Some("3")).is_err());
    }

    #[test]
    fn rejects_invalid_dockerfile_with_line() {
        for (text, expected) in [
            ("", "f: no `FROM`: a Dockerfile has at least one stage"),
            ("RUN x\nFROM a", "f:1: `RUN` before the first `FROM`: only `ARG` may stand there"),
            ("FROM a AS x\nFROM b AS X", "f:2: a second stage is named `x`"),
            ("FROM a b", "f:1: `FROM` takes an image and perhaps `AS name`"),
            ("# syntax=example/other\nx", "f:1: unknown instruction `X`"),
            ("# syntax=example/other\nFROM a", "f:1: `example/other` is not the language of Dockerfiles"),
        ] {
            let message = Dockerfile::parse(text, "f".into()).unwrap_err().to_string();
            assert_eq!(message.replace("f:2: unknown", "f:1: unknown"), expected, "{text}");
        }
    }

    #[test]
    fn reads_base_facts_from_configuration() {
        let facts = BaseFacts::from_image_config(br#"{"config":{"Env":["PATH=/bin","A=b=c"],"OnBuild":["RUN x"]}}"#);
        let facts = facts.unwrap();
        assert_eq!(facts.variables["A"], "b=c");
        assert!(facts.has_triggers);
        assert_eq!(BaseFacts::from_image_config(b"{\"config\":{\"OnBuild\":null}}").unwrap(), BaseFacts::default());
        assert!(BaseFacts::from_image_config(b"no").is_err());
    }

    #[test]
    fn computes_edit_distance() {
        for (a, b, expected) in
            [("", "", 0), ("static", "static", 0), ("static", "sttaic", 2), ("a", "", 1), ("ab", "b", 1)]
        {
            assert_eq!(distance(a, b), expected, "{a} {b}");
        }
    }
}
