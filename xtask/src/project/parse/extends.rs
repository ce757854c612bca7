//! `extends` of an environment: its file and those that it extends, merged into one document. Every value keeps its
//! place: each text starts in the document's bytes where the texts before it end, so a problem names the right file.

use toml::de::{DeTable, DeValue};

use super::super::EnvironmentName;
use super::problems::{Problems, listed, quoted};
use super::{SHARED, SharedFiles, suggestions, syntax};

/// Placeholder for the environment's name in the strings of a template.
const PLACEHOLDER: &str = "{name}";

/// The texts of the environment's file and of all that it extends, nearest first. Each begins with as many line ends
/// as the texts before it have bytes, so that places in it are places in the text of `problems`.
pub(super) fn texts(problems: &mut Problems, name: EnvironmentName, shared: &SharedFiles) -> Vec<String> {
    let mut texts = vec![problems.text().to_owned()];
    let mut visited: Vec<String> = Vec::new();
    loop {
        let Some(text) = texts.last() else { return texts };
        let Ok(document) = DeTable::parse(text) else { return texts };
        let Some((_, value)) = document.get_ref().iter().find(|(key, _)| key.get_ref() == "extends") else {
            return texts;
        };
        let at = value.span();
        let Some(base) = value.get_ref().as_str().map(str::to_owned) else {
            problems.add(at, "`extends`: expected a string", "write `extends = \"base\"`");
            return texts;
        };
        let is_own_name = visited.is_empty() && base == name.as_str() && !shared.contains_key(&base);
        if is_own_name || visited.last() == Some(&base) {
            problems.add(
                at,
                format!("`{base}` extends itself"),
                format!("name a file in `{SHARED}`, or remove `extends`"),
            );
            return texts;
        }
        if let Some(from) = visited.iter().position(|name| *name == base) {
            let circle: Vec<&str> = visited.iter().skip(from).map(String::as_str).chain([base.as_str()]).collect();
            let message = format!("the files extend each other in a circle: `{}`", circle.join("` -> `"));
            problems.add(at, message, "remove `extends` here");
            return texts;
        }
        let Some(next) = shared.get(&base) else {
            let names: Vec<&str> = shared.keys().map(String::as_str).collect();
            let otherwise = match names.as_slice() {
                [] => format!("write it: the folder `{SHARED}` has no files"),
                names => format!("the files in `{SHARED}` are {}", listed(names)),
            };
            let file = format!("{SHARED}/{base}.toml");
            let hint = suggestions::hint(&base, names.iter().copied(), otherwise);
            problems.add(at, format!("there is no file {}", quoted(&file)), hint);
            return texts;
        };
        let start = problems.append(&format!("{SHARED}/{base}.toml"), next);
        let added = problems.text().get(start..).unwrap_or_default();
        texts.push(format!("{}{added}", "\n".repeat(start)));
        visited.push(base);
    }
}

/// One document of all texts: tables are merged, and of every other value the nearest one counts.
pub(super) fn merged<'t>(texts: &'t [String], name: EnvironmentName, problems: &Problems) -> Option<DeTable<'t>> {
    let mut merged: Option<DeTable<'t>> = None;
    for text in texts {
        let document = syntax::parse_text(text, problems)?.into_inner();
        match &mut merged {
            Some(merged) => merge(merged, document),
            None => merged = Some(document),
        }
    }
    if let (Some(merged), Some(_)) = (&mut merged, name.template()) {
        merged.iter_mut().for_each(|(_, value)| substitute(value.get_mut(), name));
    }
    merged
}

fn merge<'t>(nearer: &mut DeTable<'t>, base: DeTable<'t>) {
    for (key, value) in base {
        match nearer.get_mut(key.get_ref().as_ref()).map(toml::Spanned::get_mut) {
            None => drop(nearer.insert(key, value)),
            Some(DeValue::Table(nearer)) => {
                if let DeValue::Table(base) = value.into_inner() {
                    merge(nearer, base);
                }
            }
            Some(_) => {}
        }
    }
}

/// Writes the environment's name where a string of the template has the placeholder.
fn substitute(value: &mut DeValue<'_>, name: EnvironmentName) {
    match value {
        DeValue::String(text) if text.contains(PLACEHOLDER) => {
            *text = text.replace(PLACEHOLDER, name.as_str()).into();
        }
        DeValue::Array(array) => array.iter_mut().for_each(|value| substitute(value.get_mut(), name)),
        DeValue::Table(table) => table.iter_mut().for_each(|(_, value)| substitute(value.get_mut(), name)),
        _ => {}
    }
}
