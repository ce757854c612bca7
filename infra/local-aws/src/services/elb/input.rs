//! Members of a call in the Query protocol: all leaves are texts. Unknown members are refused, never ignored.

use std::net::IpAddr;
use std::ops::RangeInclusive;

use serde_json::{Map, Value};

use super::{unsupported, validation};
use crate::error::Answer;
use crate::store::task_definition::Tag;

/// The members of a structure.
#[derive(Clone, Debug)]
pub(super) struct Input(Map<String, Value>);

impl Input {
    pub(super) fn of(value: Value) -> Answer<Input> {
        match value {
            Value::Object(members) => Ok(Input(members)),
            Value::Null => Ok(Input(Map::new())),
            _ => Err(validation("a structure was expected")),
        }
    }

    /// Refuses members that are not listed.
    pub(super) fn only(&self, known: &[&str]) -> Answer<()> {
        match self.0.keys().find(|key| !known.contains(&key.as_str())) {
            Some(key) => Err(unsupported(format!("The member '{key}'"))),
            None => Ok(()),
        }
    }

    pub(super) fn text(&self, name: &str) -> Answer<Option<&str>> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(validation(format!("The value of '{name}' is not a text"))),
        }
    }

    pub(super) fn required(&self, name: &str) -> Answer<&str> {
        self.text(name)?.filter(|text| !text.is_empty()).ok_or_else(|| {
            validation(format!(
                "1 validation error detected: Value null at '{}' failed to satisfy constraint: Member must not be null",
                lower_first(name)
            ))
        })
    }

    /// A text that may have one value only, such as `Protocol`.
    pub(super) fn only_value(&self, name: &str, value: &str) -> Answer<()> {
        match self.text(name)? {
            Some(other) if other != value => Err(unsupported(format!("{name} '{other}'"))),
            _ => Ok(()),
        }
    }

    pub(super) fn number(&self, name: &str, range: RangeInclusive<u32>) -> Answer<Option<u32>> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        match text.parse::<u32>() {
            Ok(number) if range.contains(&number) => Ok(Some(number)),
            Ok(_) => Err(validation(format!("{name} '{text}' must be in the range {}-{}", range.start(), range.end()))),
            Err(_) => Err(validation(format!("'{text}' is not a valid value for '{name}'"))),
        }
    }

    pub(super) fn port(&self, name: &str) -> Answer<Option<u16>> {
        // AWS: 1 to 65535.
        Ok(self.number(name, 1..=65535)?.and_then(|port| u16::try_from(port).ok()))
    }

    fn list(&self, name: &str) -> Answer<&[Value]> {
        match self.0.get(name) {
            Some(Value::Array(values)) => Ok(values),
            None | Some(Value::Null) => Ok(&[]),
            // An empty list is an empty text in a form.
            Some(Value::String(text)) if text.is_empty() => Ok(&[]),
            Some(_) => Err(validation(format!("The value of '{name}' is not a list"))),
        }
    }

    pub(super) fn texts(&self, name: &str) -> Answer<Vec<&str>> {
        let text = |value: &'_ Value| value.as_str().map(str::to_owned);
        let list = self.list(name)?;
        if list.iter().any(|value| text(value).is_none()) {
            return Err(validation(format!("The value of '{name}' is not a list of texts")));
        }
        Ok(list.iter().filter_map(Value::as_str).collect())
    }

    pub(super) fn structures(&self, name: &str) -> Answer<Vec<Input>> {
        self.list(name)?.iter().cloned().map(Input::of).collect()
    }

    pub(super) fn structure(&self, name: &str) -> Answer<Option<Input>> {
        self.0.get(name).cloned().filter(|value| !value.is_null()).map(Input::of).transpose()
    }

    /// `Tags`, as a call that makes something has them.
    pub(super) fn tags(&self) -> Answer<Vec<Tag>> {
        let mut tags: Vec<Tag> = Vec::new();
        for given in self.structures("Tags")? {
            given.only(&["Key", "Value"])?;
            let tag = Tag {
                key: given.required("Key")?.to_owned(),
                value: given.text("Value")?.unwrap_or_default().to_owned(),
            };
            // AWS's limits of `Tag`.
            if tag.key.chars().count() > 128 || tag.value.chars().count() > 256 {
                return Err(validation(format!("The tag '{}' is too long", tag.key)));
            }
            if tags.iter().any(|other| other.key == tag.key) {
                return Err(crate::error::AwsError::client(
                    "DuplicateTagKeys",
                    "A tag key was specified more than once",
                ));
            }
            tags.push(tag);
        }
        Ok(tags)
    }

    /// `Id` and `Port` of a `TargetDescription`.
    pub(super) fn target(&self, default: u16) -> Answer<(IpAddr, u16)> {
        self.only(&["Id", "Port", "AvailabilityZone"])?;
        let id = self.required("Id")?;
        let address =
            id.parse().map_err(|_| validation(format!("The IP address '{id}' is not a valid IPv4 address")))?;
        Ok((address, self.port("Port")?.unwrap_or(default)))
    }
}

/// AWS's validation names members as its own code does.
fn lower_first(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_ascii_lowercase()).into_iter().chain(letters).collect()
}
