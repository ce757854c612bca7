//! The reach of one target of a Dockerfile: stages, base images, and the paths that it reads from the context and from
//! named contexts. An instruction that cannot be resolved reaches everything: a needless build is acceptable, a missed
//! one is not.

use std::collections::{BTreeMap, BTreeSet};

use super::lines::{self, Instruction};
use super::variables::Variables;
use super::{BaseFacts, ContextReach, Dockerfile, flags, unquoted};
use crate::error::Failure;
use crate::image::Platform;

/// The target, and the facts about it from outside the Dockerfile.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// The stage; the last one if `None`.
    pub target: Option<&'a str>,
    /// Build arguments of the configuration.
    pub args: &'a BTreeMap<String, String>,
    /// The image's platform.
    pub platform: Platform,
    /// Names of the named contexts.
    pub contexts: &'a BTreeSet<String>,
    /// The resolved base images, with their facts if known. A base without facts may have triggers and may set any
    /// variable. If a base is missing here, only the names of bases in the result are reliable.
    pub bases: &'a BTreeMap<String, Option<BaseFacts>>,
}

/// Stages, base images and paths that a target can reach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reach {
    /// Base images by name, after expansion.
    pub bases: BTreeMap<String, BaseUse>,
    /// The reach in the build context.
    pub context: ContextReach,
    /// The reach in each named context that is used, relative to that context.
    pub named: BTreeMap<String, ContextReach>,
    /// The stages in order, by name or number.
    pub stages: Vec<String>,
}

/// The first use of a base image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseUse {
    /// Line in the Dockerfile, from 1.
    pub line: usize,
    /// `FROM --platform`, as written. `None`: the image's platform.
    pub platform: Option<String>,
}

impl Dockerfile {
    /// Computes the reach of the target. Returns usage failures with file and line: an unknown target, a base image
    /// whose name cannot be resolved, a variable where BuildKit does not allow one.
    pub fn reach(&self, question: &Question<'_>) -> Result<Reach, Failure> {
        let mut walk = Walk {
            dockerfile: self,
            question,
            globals: self.globals(question),
            ends: BTreeMap::new(),
            reach: Reach {
                bases: BTreeMap::new(),
                context: ContextReach::default(),
                named: BTreeMap::new(),
                stages: Vec::new(),
            },
        };
        walk.visit(self.stage(question.target)?)?;
        let names = self.stage_names();
        walk.reach.stages = walk.ends.keys().filter_map(|index| names.get(*index).cloned()).collect();
        Ok(walk.reach)
    }

    fn globals(&self, question: &Question<'_>) -> Variables {
        let platform = question.platform;
        let mut globals = Variables::default();
        for (name, value) in [
            ("TARGETPLATFORM", Some(platform.to_string())),
            ("TARGETOS", Some(platform.os().to_owned())),
            ("TARGETARCH", Some(platform.architecture().to_owned())),
            ("TARGETVARIANT", Some(String::new())),
            ("TARGETSTAGE", Some(question.target.unwrap_or("default").to_owned())),
            // These differ from machine to machine.
            ("BUILDPLATFORM", None),
            ("BUILDOS", None),
            ("BUILDARCH", None),
            ("BUILDVARIANT", None),
        ] {
            globals.args.insert(name.to_owned(), value);
        }
        for instruction in &self.globals {
            declare(&mut globals, &Variables::default(), instruction, question.args, self.escape);
        }
        globals
    }
}

/// State that a stage passes to a stage based on it.
#[derive(Clone, Debug, Default)]
struct End {
    env: BTreeMap<String, Option<String>>,
    open: bool,
    triggers: Vec<Instruction>,
}

struct Walk<'a> {
    dockerfile: &'a Dockerfile,
    question: &'a Question<'a>,
    globals: Variables,
    ends: BTreeMap<usize, End>,
    reach: Reach,
}

/// The source that `--from` or `FROM` refers to.
enum Source {
    Stage(usize),
    Named(String),
    Scratch,
    Image(String),
}

impl Walk<'_> {
    fn visit(&mut self, index: usize) -> Result<End, Failure> {
        if let Some(end) = self.ends.get(&index) {
            return Ok(end.clone());
        }
        let dockerfile = self.dockerfile;
        let Some(stage) = dockerfile.stages.get(index) else { return Ok(End::default()) };
        let base = self.globals.expand(&stage.base, dockerfile.escape).filter(|base| !base.is_empty());
        let base = base.ok_or_else(|| {
            dockerfile
                .refuse(stage.line, &format!("the base image `{}` has no name that is the same everywhere", stage.base))
                .hint("give its `ARG` before the first `FROM` a default, or set it in `args` of `infra/slipway.toml`")
        })?;
        let mut parent = End::default();
        match self.resolve(&base, index) {
            Source::Stage(below) => parent = self.visit(below)?,
            Source::Scratch => {}
            Source::Named(name) => {
                self.reach.named.insert(name, ContextReach::Everything);
                parent.open = true;
                self.reach_everything(index)?;
            }
            Source::Image(image) => {
                let resolved = self.question.bases.get(&image);
                let facts = resolved.and_then(Option::as_ref);
                parent.open = facts.is_none();
                if let Some(facts) = facts {
                    let known = |(name, value): (&String, &String)| (name.clone(), Some(value.clone()));
                    parent.env = facts.variables.iter().map(known).collect();
                }
                if facts.is_none_or(|facts| facts.has_triggers) {
                    self.reach_contexts();
                    if resolved.is_some() {
                        self.reach_stages(index)?;
                    }
                }
                self.use_base(image, stage.line, stage.platform.clone());
            }
        }
        let mut variables = Variables { env: parent.env, args: BTreeMap::new(), open: parent.open };
        let mut triggers = Vec::new();
        for instruction in parent.triggers.iter().chain(&stage.instructions) {
            match instruction.keyword.as_str() {
                "ARG" => {
                    declare(&mut variables, &self.globals, instruction, self.question.args, dockerfile.escape);
                }
                "ENV" => set(&mut variables, &instruction.rest, dockerfile.escape),
                "COPY" | "ADD" => self.copy(index, instruction, &variables)?,
                "RUN" => self.mounts(index, instruction, &variables)?,
                "ONBUILD" => triggers.push(trigger(instruction)),
                _ => {}
            }
        }
        let end = End { env: variables.env, open: variables.open, triggers };
        self.ends.insert(index, end.clone());
        Ok(end)
    }

    /// Adds everything that unknown instructions can reach: triggers of a base image may copy from the context, from
    /// any named context and from any earlier stage.
    fn reach_everything(&mut self, index: usize) -> Result<(), Failure> {
        self.reach_contexts();
        self.reach_stages(index)
    }

    fn reach_contexts(&mut self) {
        self.reach.context = ContextReach::Everything;
        for name in self.question.contexts {
            self.reach.named.insert(name.clone(), ContextReach::Everything);
        }
    }

    fn reach_stages(&mut self, end: usize) -> Result<(), Failure> {
        (0..end).try_for_each(|above| self.visit(above).map(drop))
    }

    fn resolve(&self, name: &str, index: usize) -> Source {
        // A named context replaces a stage or an image of the same name.
        let short = name.trim_start_matches("docker.io/").trim_start_matches("library/");
        let short = short.strip_suffix(":latest").unwrap_or(short);
        if let Some(context) = self.question.contexts.iter().find(|key| *key == name || *key == short) {
            return Source::Named(context.clone());
        }
        match self.dockerfile.named_before(name, index) {
            Some(stage) => Source::Stage(stage),
            None if name.eq_ignore_ascii_case("scratch") => Source::Scratch,
            None => Source::Image(name.to_owned()),
        }
    }

    fn use_base(&mut self, image: String, line: usize, platform: Option<String>) {
        self.reach.bases.entry(image).or_insert(BaseUse { line, platform });
    }

    /// Resolves `--from` or `from=`. Returns the reach of the context that the paths belong to, if the source is a
    /// context.
    fn follow(&mut self, from: Option<&str>, index: usize, line: usize) -> Result<Option<&mut ContextReach>, Failure> {
        let Some(from) = from.filter(|from| !from.is_empty()) else { return Ok(Some(&mut self.reach.context)) };
        if from.contains('$') {
            return Err(self
                .dockerfile
                .refuse(line, &format!("`from={from}`: BuildKit fills in no variables here"))
                .hint("name a stage of its own: `FROM <image with variables> AS <name>`"));
        }
        match self.resolve(from, index) {
            Source::Stage(stage) => self.visit(stage).map(|_| None),
            Source::Named(name) => Ok(Some(self.reach.named.entry(name).or_default())),
            Source::Scratch => Ok(None),
            Source::Image(image) => {
                self.use_base(image, line, None);
                Ok(None)
            }
        }
    }

    fn copy(&mut self, index: usize, instruction: &Instruction, variables: &Variables) -> Result<(), Failure> {
        let escape = self.dockerfile.escape;
        let (flags, rest) = flags(&instruction.rest);
        let from = flags.iter().find(|(name, _)| name == "from").and_then(|(_, value)| value.as_deref()).map(unquoted);
        let json = serde_json::from_str::<Vec<String>>(rest).ok().filter(|_| rest.starts_with('['));
        let words = json.unwrap_or_else(|| rest.split_whitespace().map(str::to_owned).collect());
        let Some((_, sources)) = words.split_last().filter(|(_, sources)| !sources.is_empty()) else {
            let why = format!("`{}` takes at least a source and a destination", instruction.keyword);
            return Err(self.dockerfile.refuse(instruction.line, &why));
        };
        let remote = |word: &str| {
            let schemes = ["http://", "https://", "git://", "ssh://", "git@"];
            instruction.keyword == "ADD" && schemes.iter().any(|scheme| word.starts_with(scheme))
        };
        let Some(reach) = self.follow(from.as_deref(), index, instruction.line)? else { return Ok(()) };
        for word in sources {
            if lines::is_here_document(word, escape) || remote(word) {
                continue;
            }
            match variables.expand(word, escape) {
                // Whether the pattern keeps an escape depends on the version of BuildKit.
                Some(source) if !word.contains([escape, '\\']) => {
                    if !remote(&source) {
                        reach.add(&source);
                    }
                }
                _ => *reach = ContextReach::Everything,
            }
        }
        Ok(())
    }

    fn mounts(&mut self, index: usize, instruction: &Instruction, variables: &Variables) -> Result<(), Failure> {
        let escape = self.dockerfile.escape;
        for (_, value) in flags(&instruction.rest).0.into_iter().filter(|(name, _)| name == "mount") {
            let value = value.unwrap_or_default();
            // A comma inside quotes does not separate fields. This is rare, so the mount counts as reaching everything.
            if value.contains(['"', '\'']) {
                self.reach_everything(index)?;
                continue;
            }
            let fields: BTreeMap<String, &str> = value
                .split(',')
                .map(|field| field.split_once('=').unwrap_or((field, "")))
                .map(|(key, value)| (key.trim().to_ascii_lowercase(), value))
                .collect();
            let kind = fields.get("type").copied().unwrap_or("bind").to_ascii_lowercase();
            let from = fields.get("from").copied();
            // A cache may be filled from a stage, and starts empty otherwise. A type with a variable may be any type.
            let reads = match kind.as_str() {
                "cache" => from.is_some(),
                "secret" | "ssh" | "tmpfs" => false,
                _ => true,
            };
            if !reads {
                continue;
            }
            let Some(reach) = self.follow(from, index, instruction.line)? else { continue };
            let source = fields.get("source").or_else(|| fields.get("src")).copied().unwrap_or("/");
            match variables.expand(source, escape).filter(|_| !source.contains([escape, '\\'])) {
                Some(source) => reach.add(&source),
                None => *reach = ContextReach::Everything,
            }
        }
        Ok(())
    }
}

/// Returns the instruction inside `ONBUILD`.
fn trigger(instruction: &Instruction) -> Instruction {
    let (keyword, rest) =
        instruction.rest.split_once(|c: char| c.is_ascii_whitespace()).unwrap_or((&instruction.rest, ""));
    Instruction { keyword: keyword.to_ascii_uppercase(), rest: rest.trim().to_owned(), line: instruction.line }
}

/// Handles `ARG`: the configuration's value, else the default, else that of an `ARG` before the first `FROM`.
fn declare(
    variables: &mut Variables,
    globals: &Variables,
    instruction: &Instruction,
    args: &BTreeMap<String, String>,
    escape: char,
) {
    for word in lines::words(&instruction.rest, escape) {
        let (name, default) = word.split_once('=').map_or((word.as_str(), None), |(name, value)| (name, Some(value)));
        // The caller of the build sets these in addition to the configuration.
        let outside = name.to_ascii_lowercase().ends_with("_proxy")
            || name == "SOURCE_DATE_EPOCH"
            || name.starts_with("BUILDKIT_");
        let value = match (args.get(name), default, globals.args.get(name)) {
            (Some(value), _, _) => Some(value.clone()),
            _ if outside => None,
            (None, Some(default), _) => variables.expand(default, escape),
            (None, None, Some(global)) => global.clone(),
            (None, None, None) if variables.args.contains_key(name) => None,
            (None, None, None) => continue,
        };
        variables.args.insert(name.to_owned(), value);
    }
}

/// Handles both forms of `ENV`. All values of one instruction use the variables as they were before it.
fn set(variables: &mut Variables, rest: &str, escape: char) {
    let words = lines::words(rest, escape);
    let before = variables.clone();
    if words.first().is_some_and(|first| !first.contains('=')) {
        let (name, value) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        variables.env.insert(name.to_owned(), before.expand(value.trim(), escape));
        return;
    }
    for word in words {
        if let Some((name, value)) = word.split_once('=') {
            variables.env.insert(name.to_owned(), before.expand(value, escape));
        }
    }
}
