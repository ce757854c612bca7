//! Typed reading of one TOML table. Every key that is read is thereby known; the others are unknown.
//! Not here: what values mean.

use std::ops::{Range, RangeInclusive};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::problems::{Problems, listed, quoted};
use super::{suggestions, variables};

/// A key with its value, each with its place.
#[derive(Clone)]
pub(super) struct Entry<'t> {
    /// The key; elements of an array have their array's.
    pub(super) key: &'t str,
    /// The bytes of the key.
    pub(super) key_at: Range<usize>,
    value: &'t DeValue<'t>,
    at: Range<usize>,
    problems: &'t Problems,
}

impl<'t> Entry<'t> {
    /// The value is wrong.
    pub(super) fn refuse(&self, message: impl Into<String>, hint: impl Into<String>) {
        self.problems.add(self.at.clone(), message, hint);
    }

    /// The key is wrong.
    pub(super) fn refuse_key(&self, message: impl Into<String>, hint: impl Into<String>) {
        self.problems.add(self.key_at.clone(), message, hint);
    }

    /// The value is wrong and may be a secret: it appears in no message.
    pub(super) fn refuse_unseen(&self, message: impl Into<String>, hint: impl Into<String>) {
        self.conceal();
        self.refuse_key(message, hint);
    }

    /// Keeps the value out of all messages.
    fn conceal(&self) {
        conceal(self.value, self.at.clone(), self.problems);
    }

    /// The bytes of the value.
    pub(super) fn at(&self) -> Range<usize> {
        self.at.clone()
    }

    /// The value where it is a string; no complaint where it is not.
    pub(super) fn as_str(&self) -> Option<&'t str> {
        self.value.as_str()
    }

    /// Whether the value is a table; no complaint where it is not.
    pub(super) fn is_table(&self) -> bool {
        self.value.is_table()
    }

    /// A string.
    pub(super) fn string(&self) -> Option<&'t str> {
        let hint = match self.value {
            DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_) | DeValue::Datetime(_) => {
                let key = if self.is_element() { String::new() } else { format!("{} = ", self.key) };
                format!("write it as a string: `{key}\"{}\"`", self.written())
            }
            _ => format!("write `{} = \"...\"`", self.key),
        };
        self.typed(self.value.as_str(), "a string", hint)
    }

    /// An integer of that range, both ends included. `unit` says in hints what is counted.
    pub(super) fn integer(&self, allowed: RangeInclusive<u32>, unit: &str) -> Option<u32> {
        let range = format!("an integer from {} to {}{unit}", allowed.start(), allowed.end());
        let hint = match self.value.as_str() {
            Some(text) if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) => {
                format!("leave out the quotes: `{text}`")
            }
            _ => range.clone(),
        };
        let integer = self.typed(self.value.as_integer(), "an integer", hint)?;
        let value = i128::from_str_radix(integer.as_str(), integer.radix()).ok().and_then(|v| u32::try_from(v).ok());
        match value.filter(|value| allowed.contains(value)) {
            Some(value) => Some(value),
            None => {
                self.refuse(format!("`{}` is out of range: {}", self.key, quoted(&integer.to_string())), range);
                None
            }
        }
    }

    /// `true` or `false`.
    pub(super) fn boolean(&self) -> Option<bool> {
        self.typed(self.value.as_bool(), "a boolean", "write `true` or `false`, without quotes".to_owned())
    }

    /// The elements of an array, each under the array's key.
    pub(super) fn array(&self) -> Option<Vec<Entry<'t>>> {
        let hint = format!("write it between brackets: `{} = [...]`", self.key);
        let array = self.typed(self.value.as_array(), "an array", hint)?;
        let element = |value: &'t Spanned<DeValue<'t>>| Entry {
            key: self.key,
            key_at: value.span(),
            value: value.get_ref(),
            at: value.span(),
            problems: self.problems,
        };
        Some(array.iter().map(element).collect())
    }

    /// A table; `label` names it in messages, such as `[project]`.
    pub(super) fn table(&self, label: impl Into<String>) -> Option<Table<'t>> {
        let label = label.into();
        let hint = format!("write it as a table: `{label}`");
        let table = self.typed(self.value.as_table(), "a table", hint)?;
        Some(Table::new(table, label, self.key_at.clone(), self.problems))
    }

    /// Whether this is an element of an array: its key is not written where it stands.
    fn is_element(&self) -> bool {
        self.key_at == self.at
    }

    /// The value as the file has it.
    fn written(&self) -> &'t str {
        self.problems.text().get(self.at.clone()).unwrap_or_default()
    }

    fn typed<T>(&self, value: Option<T>, expected: &str, hint: String) -> Option<T> {
        if value.is_none() {
            let found = match self.value {
                DeValue::String(_) => "a string",
                DeValue::Integer(_) => "an integer",
                DeValue::Float(_) => "a float",
                DeValue::Boolean(_) => "a boolean",
                DeValue::Datetime(_) => "a date",
                DeValue::Array(_) => "an array",
                DeValue::Table(_) => "a table",
            };
            if self.key == "secrets" || variables::looks_secret(self.key) {
                self.conceal();
            }
            // A table written with a header has the header for its place, which says more than its first line.
            let at = if self.at.is_empty() { self.key_at.clone() } else { self.at.clone() };
            self.problems.add(at, format!("`{}`: expected {expected}, found {found}", self.key), hint);
        }
        value
    }
}

/// The place of a table may be that of its key alone, so what is in it is concealed piece by piece.
fn conceal(value: &DeValue<'_>, at: Range<usize>, problems: &Problems) {
    match value {
        DeValue::Table(table) => table.values().for_each(|value| conceal(value.get_ref(), value.span(), problems)),
        DeValue::Array(array) => array.iter().for_each(|value| conceal(value.get_ref(), value.span(), problems)),
        _ => problems.conceal(at),
    }
}

/// Keys of earlier versions with their names of today.
const RENAMED: [(&str, &str); 1] = [("stand-ins", "substitutes")];

fn is_renamed(key: &str, known: &[&str]) -> bool {
    RENAMED.iter().any(|(old, new)| *old == key && known.contains(new))
}

/// A table being read.
pub(super) struct Table<'t> {
    label: String,
    at: Range<usize>,
    entries: Vec<Entry<'t>>,
    known: Vec<&'static str>,
    missing: Vec<(&'static str, String)>,
    problems: &'t Problems,
}

impl<'t> Table<'t> {
    /// `at` is the place for what is missing: the key in the table's header.
    pub(super) fn new(
        table: &'t DeTable<'t>,
        label: impl Into<String>,
        at: Range<usize>,
        problems: &'t Problems,
    ) -> Table<'t> {
        let entry = |(key, value): (&'t Spanned<_>, &'t Spanned<_>)| {
            let name: &'t std::borrow::Cow<'t, str> = key.get_ref();
            Entry { key: name.as_ref(), key_at: key.span(), value: value.get_ref(), at: value.span(), problems }
        };
        let mut entries: Vec<Entry<'t>> = table.iter().map(entry).collect();
        entries.sort_by_key(|entry| entry.key_at.start);
        Table { label: label.into(), at, entries, known: Vec::new(), missing: Vec::new(), problems }
    }

    /// The document itself has no header, so what is missing in it is reported where it begins.
    fn is_root(&self) -> bool {
        self.at == (0..0)
    }

    /// All entries in the order of the file, for tables whose keys are the user's.
    pub(super) fn entries(&self) -> &[Entry<'t>] {
        &self.entries
    }

    /// The entry of a key that may be left out.
    pub(super) fn optional(&mut self, key: &'static str) -> Option<Entry<'t>> {
        self.known.push(key);
        if self.is_root() {
            self.problems.know_at_top(key);
        }
        self.entries.iter().find(|entry| entry.key == key).cloned()
    }

    /// The entry of a key that earlier versions had, taken out so that it is not reported as unknown.
    pub(super) fn replaced(&mut self, key: &str) -> Option<Entry<'t>> {
        let index = self.entries.iter().position(|entry| entry.key == key)?;
        Some(self.entries.remove(index))
    }

    /// The entry of a key that must be there; `hint` shows what to write. `finish` reports its absence.
    pub(super) fn required(&mut self, key: &'static str, hint: impl Into<String>) -> Option<Entry<'t>> {
        let entry = self.optional(key);
        if entry.is_none() {
            self.missing.push((key, hint.into()));
        }
        entry
    }

    /// The table under a key that may be left out.
    pub(super) fn table(&mut self, key: &'static str) -> Option<Table<'t>> {
        let label = match self.label.strip_prefix('[').and_then(|label| label.strip_suffix(']')) {
            Some(parent) => format!("[{parent}.{key}]"),
            None => format!("[{key}]"),
        };
        self.optional(key)?.table(label)
    }

    /// The table as a whole is wrong.
    pub(super) fn refuse(&self, message: impl Into<String>, hint: impl Into<String>) {
        self.problems.add(self.at.clone(), message, hint);
    }

    /// Refuses every key that was not read, and reports those that are missing. A missing key that is there under
    /// a misspelled name is one problem, not two.
    pub(super) fn finish(self) {
        let mut meant = Vec::new();
        for entry in &self.entries {
            if let Some((_, new)) = RENAMED.iter().find(|(old, new)| *old == entry.key && self.known.contains(new)) {
                entry.refuse_key(format!("{} is now called `{new}`", quoted(entry.key)), format!("write `{new}`"));
                meant.push(*new);
            }
        }
        for entry in
            self.entries.iter().filter(|entry| !self.known.contains(&entry.key) && !is_renamed(entry.key, &self.known))
        {
            let nearest = suggestions::nearest(entry.key, self.known.iter().copied());
            meant.extend(nearest);
            let may_be_secret = nearest == Some("secrets") || variables::looks_secret(entry.key);
            if may_be_secret || entry.as_str().is_some_and(variables::carries_secret) {
                entry.conceal();
            }
            let known = format!("`{}` has the keys {}", self.label, listed(&self.known));
            let hint = suggestions::hint(entry.key, self.known.iter().copied(), known);
            self.problems.add_unknown(entry, &self.label, hint);
        }
        for (key, hint) in self.missing.into_iter().filter(|(key, _)| !meant.contains(key)) {
            self.problems.add(self.at.clone(), format!("missing key `{key}` in `{}`", self.label), hint);
        }
    }
}
