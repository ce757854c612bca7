//! Docker's `.dockerignore` rules: the paths of a build context that are sent to the builder. Evaluated from the root
//! of the context downwards, as in BuildKit, because a verdict depends on the rules that matched the parent.

pub(crate) mod pattern;

use camino::Utf8Path;

use crate::error::Failure;
use pattern::{Pattern, clean};

/// The rules of one ignore file, in order.
#[derive(Clone, Debug, Default)]
pub struct Ignore {
    rules: Vec<Rule>,
}

#[derive(Clone, Debug)]
struct Rule {
    pattern: Pattern,
    /// `!`: includes the path again.
    exception: bool,
}

/// The verdict on one directory, and the state that is needed to judge its entries.
#[derive(Clone, Debug, Default)]
pub struct Verdict {
    excluded: bool,
    matched: Vec<bool>,
}

impl Verdict {
    /// Returns whether the directory itself is excluded. An exception may still include an entry of it.
    pub fn is_excluded(&self) -> bool {
        self.excluded
    }
}

impl Ignore {
    /// Parses an ignore file; `path` is for messages. Returns a usage failure with file and line for a pattern that
    /// Docker rejects, and for a pattern that Docker's documentation and matcher read differently: a guess could miss a
    /// file.
    pub fn parse(text: &str, path: &Utf8Path) -> Result<Ignore, Failure> {
        let mut rules = Vec::new();
        for (number, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
            // A comment starts at the first column only: ` #x` is a pattern.
            if line.starts_with('#') || line.trim().is_empty() {
                continue;
            }
            let line = line.trim();
            let (exception, text) = match line.strip_prefix('!') {
                Some(rest) => (true, rest.trim()),
                None => (false, line),
            };
            let refuse = |why: String| {
                Failure::usage(format!("{path}:{}: `{line}`: {why}", number + 1))
                    .hint("the rules are at https://docs.docker.com/build/concepts/context/#dockerignore-files")
            };
            if exception && matches!(text, "" | "/") {
                return Err(refuse("an exception without a pattern".to_owned()));
            }
            let cleaned = clean(text);
            let relative = cleaned.strip_prefix('/').filter(|rest| !rest.is_empty()).unwrap_or(&cleaned);
            let pattern = Pattern::compile(relative).map_err(|why| refuse(why.to_string()))?;
            rules.push(Rule { pattern, exception });
        }
        Ok(Ignore { rules })
    }

    /// Returns the verdict on the context's root, where every walk starts. The root cannot be excluded.
    pub fn root(&self) -> Verdict {
        Verdict { excluded: false, matched: vec![false; self.rules.len()] }
    }

    /// Returns the verdict on a directory, given the verdict on its parent.
    pub fn judge(&self, parent: &Verdict, path: &str) -> Verdict {
        let mut matched = vec![false; self.rules.len()];
        let excluded = self.apply(parent, path, |rule| {
            if let Some(flag) = matched.get_mut(rule) {
                *flag = true;
            }
        });
        Verdict { excluded, matched }
    }

    /// Returns whether a file or link is excluded, given the verdict on its directory.
    pub fn excludes(&self, parent: &Verdict, path: &str) -> bool {
        self.apply(parent, path, |_| {})
    }

    /// Returns whether an exception could include a path below an excluded directory. If not, the walk skips the
    /// directory: the rules that excluded it apply to all its entries.
    pub fn may_keep_below(&self, directory: &str) -> bool {
        self.rules.iter().any(|rule| rule.exception && rule.pattern.can_match_below(directory))
    }

    /// Applies the rules: the last match wins, and a rule that matched a parent matches its entries. A rule that cannot
    /// change the verdict is neither evaluated nor remembered, as in BuildKit's matcher. This is observable: a later
    /// rule that repeats an earlier one does not cancel an exception between them.
    fn apply(&self, parent: &Verdict, path: &str, mut remember: impl FnMut(usize)) -> bool {
        let mut excluded = false;
        for (index, rule) in self.rules.iter().enumerate() {
            let inherited = parent.matched.get(index).copied().unwrap_or(false);
            if inherited || (rule.exception == excluded && rule.pattern.matches(path)) {
                remember(index);
                excluded = !rule.exception;
            }
        }
        excluded
    }
}

#[cfg(test)]
mod tests {
    use super::Ignore;

    fn kept(ignore: &str, path: &str) -> bool {
        let rules = Ignore::parse(ignore, ".dockerignore".into()).unwrap();
        let mut verdict = rules.root();
        for (at, _) in path.match_indices('/') {
            verdict = rules.judge(&verdict, &path[..at]);
            if verdict.is_excluded() && !rules.may_keep_below(&path[..at]) {
                return false;
            }
        }
        !rules.excludes(&verdict, path)
    }

    #[test]
    fn applies_last_rule_and_nested_exceptions() {
        assert!(!kept("node_modules", "node_modules/a/b.js"));
        assert!(kept("*\n!app", "app/manage.py"));
        assert!(kept("app\n!app/keep/this", "app/keep/this/file"));
        assert!(!kept("app\n!app/keep/this", "app/keep/other"));
        assert!(!kept("*\n!app\napp/secret", "app/secret/key"));
        // A rule that repeats an earlier one was not evaluated on the parent and does not apply to the child.
        assert!(kept("foo\n!**/x.txt\nfoo", "foo/x.txt"));
    }

    #[test]
    fn rejects_bad_pattern_with_line() {
        let error = Ignore::parse("# fine\n\na\n[x\n", "app/.dockerignore".into()).unwrap_err();
        assert!(error.to_string().starts_with("app/.dockerignore:4: `[x`"), "{error}");
        for bad in ["!", "! ", "!/"] {
            assert!(Ignore::parse(bad, "f".into()).is_err(), "{bad}");
        }
    }
}
