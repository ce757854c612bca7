//! Copies from other stages and named contexts, and paths that commands set through a variable. Connects the path where
//! files are generated with the path where they are served. Variables are not expanded.

use super::lines::{self, Instruction};
use super::{Dockerfile, flags, unquoted};
use crate::error::Failure;

/// One source of a `COPY --from`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copied {
    /// The stage, image or named context.
    pub from: String,
    /// The path in that source.
    pub source: String,
    /// The destination path.
    pub destination: String,
}

impl Dockerfile {
    /// Returns every `COPY --from` of a stage; of the last stage without a target.
    ///
    /// # Errors
    /// Returns a usage failure if the stage does not exist.
    pub fn copies(&self, target: Option<&str>) -> Result<Vec<Copied>, Failure> {
        let mut copies = Vec::new();
        for instruction in self.instructions(target)?.iter().filter(|instruction| instruction.keyword == "COPY") {
            let (flags, rest) = flags(&instruction.rest);
            let Some(from) = flags.into_iter().find(|(flag, _)| flag == "from").and_then(|(_, value)| value) else {
                continue;
            };
            let words = match serde_json::from_str::<Vec<String>>(rest) {
                Ok(words) => words,
                Err(_) => lines::words(rest, self.escape).iter().map(|word| unquoted(word)).collect(),
            };
            let Some((destination, sources)) = words.split_last() else { continue };
            copies.extend(sources.iter().map(|source| Copied {
                from: unquoted(&from),
                source: source.clone(),
                destination: destination.clone(),
            }));
        }
        Ok(copies)
    }

    /// Returns the last value that a stage assigns to a variable, in `ENV`, in `ARG` or before a command of `RUN`.
    ///
    /// # Errors
    /// Returns a usage failure if the stage does not exist.
    pub fn assigned(&self, target: Option<&str>, name: &str) -> Result<Option<String>, Failure> {
        let value = |word: String| {
            let rest = word.strip_prefix(name)?;
            Some(unquoted(rest.strip_prefix('=')?))
        };
        let assigning = |instruction: &&Instruction| ["ENV", "ARG", "RUN"].contains(&instruction.keyword.as_str());
        let words = self.instructions(target)?.iter().filter(assigning);
        Ok(words.flat_map(|instruction| lines::words(&instruction.rest, self.escape)).filter_map(value).next_back())
    }

    fn instructions(&self, target: Option<&str>) -> Result<&[Instruction], Failure> {
        let stage = self.stage(target)?;
        Ok(self.stages.get(stage).map(|stage| stage.instructions.as_slice()).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::Dockerfile;

    #[test]
    fn finds_copies_and_assigned_variables() {
        let text = "FROM a AS static\nENV STATIC_ROOT=/first\nRUN X=1 STATIC_ROOT=\"/static\" python m && y\n\
                    FROM b\nCOPY x /y\nCOPY --chmod=0444 --from=static /static/ /more /srv/\nCOPY --from=c [\"a b\", \"/d\"]\n";
        let dockerfile = Dockerfile::parse(text, "f".into()).unwrap();
        let copies: Vec<String> = dockerfile
            .copies(None)
            .unwrap()
            .iter()
            .map(|copy| format!("{}:{} {}", copy.from, copy.source, copy.destination))
            .collect();
        assert_eq!(copies, ["static:/static/ /srv/", "static:/more /srv/", "c:a b /d"]);
        assert_eq!(dockerfile.copies(Some("static")).unwrap(), []);
        assert_eq!(dockerfile.assigned(Some("static"), "STATIC_ROOT").unwrap().as_deref(), Some("/static"));
        assert_eq!(dockerfile.assigned(None, "STATIC_ROOT").unwrap(), None);
        assert!(dockerfile.copies(Some("nowhere")).is_err());
    }
}
