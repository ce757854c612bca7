//! Strings of a template, rendered with minijinja. Unknown names are reported before rendering, and a string that is
//! one expression keeps the type of its value.

use std::collections::BTreeSet;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior};
use serde_json::Value;

use super::Values;
use crate::project::parse::suggestions;

/// An error message and its hint.
type Wrong = (String, String);

/// A renderer of strings with one set of values.
pub(super) struct Expressions<'a> {
    values: &'a Values,
    names: Vec<String>,
    engine: Environment<'static>,
    context: minijinja::Value,
}

impl Expressions<'_> {
    pub(super) fn new(values: &Values) -> Expressions<'_> {
        let mut engine = Environment::new();
        engine.set_undefined_behavior(UndefinedBehavior::Strict);
        // The last line end of a script is kept.
        let syntax = SyntaxConfig::builder().keep_trailing_newline(true).build();
        engine.set_syntax(syntax.expect("the usual delimiters are fine"));
        let context = minijinja::Value::from(Serde(values.known().clone()));
        Expressions { values, names: values.names(), engine, context }
    }

    /// Returns the value of a string: the string itself if it has no placeholder.
    pub(super) fn render(&self, text: &str) -> Result<Value, Vec<Wrong>> {
        if !["{{", "{%", "{#"].iter().any(|open| text.contains(open)) {
            return Ok(Value::String(text.to_owned()));
        }
        match alone(text) {
            Some(expression) => self.alone(expression),
            None => self.mixed(text),
        }
    }

    fn alone(&self, text: &str) -> Result<Value, Vec<Wrong>> {
        let expression = self.engine.compile_expression(text).map_err(|error| vec![syntax(&error)])?;
        let used = expression.undeclared_variables(true).into_iter().collect();
        self.refuse_unknown(&used)?;
        let value = expression.eval(self.context.clone()).map_err(|error| self.failed(&error, &used))?;
        if value.is_undefined() {
            return Err(self.undefined(text, &used));
        }
        serde_json::to_value(&value).map_err(|error| vec![(error.to_string(), "write a plain value".to_owned())])
    }

    fn mixed(&self, text: &str) -> Result<Value, Vec<Wrong>> {
        let template = self.engine.template_from_str(text).map_err(|error| vec![syntax(&error)])?;
        let used = template.undeclared_variables(true).into_iter().collect();
        self.refuse_unknown(&used)?;
        template.render(self.context.clone()).map(Value::String).map_err(|error| self.failed(&error, &used))
    }

    /// Rejects names that exist in no environment.
    fn refuse_unknown(&self, used: &BTreeSet<String>) -> Result<(), Vec<Wrong>> {
        let globals: BTreeSet<&str> = self.engine.globals().map(|(name, _)| name).collect();
        let unknown = used.iter().filter(|name| !globals.contains(name.as_str()) && !self.is_known(name));
        let wrong: Vec<Wrong> = unknown.map(|name| self.unknown(name)).collect();
        if wrong.is_empty() { Ok(()) } else { Err(wrong) }
    }

    fn unknown(&self, name: &str) -> Wrong {
        let group = name.split_once('.').map_or("", |(group, _)| group);
        let siblings: Vec<&str> =
            self.names.iter().filter(|known| known.split('.').next() == Some(group)).map(String::as_str).collect();
        let otherwise = match siblings.as_slice() {
            [] => "docs/guide/task-definition.md lists all placeholders".to_owned(),
            siblings => format!("there are `{}`", siblings.join("`, `")),
        };
        let hint = suggestions::hint(name, &self.names, otherwise);
        (format!("there is no value `{name}`"), hint)
    }

    /// Returns whether a name has a value, or would have one with other settings.
    fn is_known(&self, name: &str) -> bool {
        let mut parts = name.split('.');
        let first = parts.next().unwrap_or_default();
        if self.values.absent().contains_key(first) {
            return true;
        }
        let mut value = self.values.known().get(first);
        for part in parts {
            value = match value {
                Some(Value::Object(group)) => group.get(part),
                // minijinja resolves attributes of lists and texts.
                other => return other.is_some(),
            };
        }
        value.is_some()
    }

    fn failed(&self, error: &minijinja::Error, used: &BTreeSet<String>) -> Vec<Wrong> {
        if error.kind() == minijinja::ErrorKind::UndefinedError {
            return self.undefined("the placeholder", used);
        }
        vec![(detail(error), "expressions are minijinja's: numbers, strings, lists, filters".to_owned())]
    }

    fn undefined(&self, text: &str, used: &BTreeSet<String>) -> Vec<Wrong> {
        let absent = self.values.absent();
        let named = used.iter().filter_map(|name| absent.get_key_value(name.split('.').next().unwrap_or_default()));
        let wrong: Vec<Wrong> =
            named.map(|(name, remedy)| (format!("`{name}` has no value here"), remedy.clone())).collect();
        if wrong.is_empty() {
            let hint = "docs/guide/task-definition.md lists all placeholders".to_owned();
            return vec![(format!("`{}` has no value", text.trim()), hint)];
        }
        wrong
    }
}

/// Returns the expression of a string that is exactly one placeholder.
fn alone(text: &str) -> Option<&str> {
    let inner = text.strip_prefix("{{")?.strip_suffix("}}")?;
    // `{{-` trims the surrounding text, so the string is not one expression.
    (!inner.contains("{{") && !inner.contains("{%") && !inner.starts_with('-')).then_some(inner)
}

fn syntax(error: &minijinja::Error) -> Wrong {
    (format!("not a placeholder: {}", detail(error)), "write `{{ name }}`, such as `{{ images.app }}`".to_owned())
}

fn detail(error: &minijinja::Error) -> String {
    error.detail().map_or_else(|| error.kind().to_string(), str::to_owned)
}
