//! Members of a call into types. An error names the path: `containerDefinitions[0].portMapings`. What a member may be is not
//! checked here.

use std::fmt;

use serde::Deserialize;
use serde::de::value::StrDeserializer;
use serde::de::{self, DeserializeSeed, IntoDeserializer, MapAccess, SeqAccess, Unexpected, Visitor};
use serde::forward_to_deserialize_any;
use serde_json::{Map, Value};

use crate::error::{Answer, AwsError};

/// Reads the members of a call. `null` is as good as absent, as in AWS's JSON protocols.
pub(super) fn members<T: for<'a> Deserialize<'a>>(input: &Value) -> Answer<T> {
    let nothing = Value::Object(Map::new());
    let input = if input.is_null() { &nothing } else { input };
    T::deserialize(Node(input)).map_err(Failure::answer)
}

/// What is wrong with a member.
#[derive(Debug)]
enum Flaw {
    Unknown(String),
    Missing(&'static str),
    Kind(String),
    Other(String),
}

/// What is wrong, and where.
#[derive(Debug)]
struct Failure {
    path: String,
    flaw: Flaw,
}

impl Failure {
    fn new(flaw: Flaw) -> Failure {
        Failure { path: String::new(), flaw }
    }

    /// On its way out of a member or an element.
    fn within(mut self, step: &str) -> Failure {
        let separator = if self.path.is_empty() || self.path.starts_with('[') { "" } else { "." };
        self.path = format!("{step}{separator}{}", self.path);
        self
    }

    fn answer(self) -> AwsError {
        match &self.flaw {
            Flaw::Kind(_) => AwsError::client("SerializationException", self.to_string()),
            _ => AwsError::client("InvalidParameterException", self.to_string()),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = |name: &str| if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) };
        match &self.flaw {
            Flaw::Unknown(name) => write!(f, "Unknown parameter in input: \"{}\".", place(name)),
            Flaw::Missing(name) => write!(f, "Missing required parameter in input: \"{}\".", place(name)),
            Flaw::Kind(text) | Flaw::Other(text) if self.path.is_empty() => f.write_str(text),
            Flaw::Kind(text) | Flaw::Other(text) => write!(f, "{}: {text}", self.path),
        }
    }
}

impl std::error::Error for Failure {}

impl de::Error for Failure {
    fn custom<T: fmt::Display>(text: T) -> Failure {
        Failure::new(Flaw::Other(text.to_string()))
    }

    fn invalid_type(found: Unexpected<'_>, wanted: &dyn de::Expected) -> Failure {
        Failure::new(Flaw::Kind(format!("{found} can not be converted to {wanted}")))
    }

    fn unknown_variant(variant: &str, wanted: &'static [&'static str]) -> Failure {
        Failure::new(Flaw::Other(format!("\"{variant}\" should be one of [{}]", wanted.join(","))))
    }

    fn unknown_field(name: &str, _: &'static [&'static str]) -> Failure {
        Failure::new(Flaw::Unknown(name.to_owned()))
    }

    fn missing_field(name: &'static str) -> Failure {
        Failure::new(Flaw::Missing(name))
    }
}

/// A JSON value that is read.
struct Node<'a>(&'a Value);

impl<'de> de::Deserializer<'de> for Node<'de> {
    type Error = Failure;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match self.0 {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Number(number) => match (number.as_u64(), number.as_i64(), number.as_f64()) {
                (Some(value), _, _) => visitor.visit_u64(value),
                (None, Some(value), _) => visitor.visit_i64(value),
                (None, None, value) => visitor.visit_f64(value.unwrap_or(f64::NAN)),
            },
            Value::String(text) => visitor.visit_borrowed_str(text),
            Value::Array(values) => visitor.visit_seq(List { values: values.iter(), index: 0 }),
            Value::Object(members) => visitor.visit_map(Members { members: members.iter(), next: None }),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        if self.0.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Failure> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        match self.0 {
            Value::String(text) => {
                let text: StrDeserializer<'_, Failure> = text.as_str().into_deserializer();
                text.deserialize_enum(name, variants, visitor)
            }
            _ => self.deserialize_any(visitor),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct identifier ignored_any
    }
}

struct List<'a> {
    values: std::slice::Iter<'a, Value>,
    index: usize,
}

impl<'a> SeqAccess<'a> for List<'a> {
    type Error = Failure;

    fn next_element_seed<T: DeserializeSeed<'a>>(&mut self, seed: T) -> Result<Option<T::Value>, Failure> {
        let Some(value) = self.values.next() else { return Ok(None) };
        let step = format!("[{}]", self.index);
        self.index += 1;
        seed.deserialize(Node(value)).map(Some).map_err(|failure| failure.within(&step))
    }
}

struct Members<'a> {
    members: serde_json::map::Iter<'a>,
    next: Option<(&'a String, &'a Value)>,
}

impl<'a> MapAccess<'a> for Members<'a> {
    type Error = Failure;

    fn next_key_seed<K: DeserializeSeed<'a>>(&mut self, seed: K) -> Result<Option<K::Value>, Failure> {
        self.next = self.members.find(|(_, value)| !value.is_null());
        let Some((name, _)) = self.next else { return Ok(None) };
        let name: StrDeserializer<'a, Failure> = name.as_str().into_deserializer();
        seed.deserialize(name).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'a>>(&mut self, seed: V) -> Result<V::Value, Failure> {
        let (name, value) = self.next.take().ok_or_else(|| de::Error::custom("a value before its name"))?;
        seed.deserialize(Node(value)).map_err(|failure| failure.within(name))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    struct Outer {
        some_list: Vec<Inner>,
        #[serde(default)]
        number: Option<u16>,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    struct Inner {
        name: String,
        #[serde(default)]
        kind: Option<Kind>,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(rename_all = "UPPERCASE")]
    enum Kind {
        Red,
        Blue,
    }

    fn refusal(input: &Value) -> (&'static str, String) {
        let error = members::<Outer>(input).unwrap_err();
        (error.code, error.message)
    }

    #[test]
    fn members_are_read_and_nulls_are_absent() {
        let read: Outer =
            members(&json!({"someList": [{"name": "a", "kind": "BLUE"}, {"name": "b", "kind": null}], "number": null}))
                .unwrap();
        let wanted = vec![Inner { name: "a".into(), kind: Some(Kind::Blue) }, Inner { name: "b".into(), kind: None }];
        assert_eq!(read, Outer { some_list: wanted, number: None });
    }

    #[test]
    fn an_error_says_where() {
        let cases = [
            (json!({"someList": [{"name": "a"}, {"nmae": "b"}]}), "InvalidParameterException", "\"someList[1].nmae\""),
            (json!({"someList": [{}]}), "InvalidParameterException", "\"someList[0].name\""),
            (
                json!({"someList": [{"name": "a", "kind": "GREEN"}]}),
                "InvalidParameterException",
                "someList[0].kind: \"GREEN\" should be one of [RED,BLUE]",
            ),
            (
                json!({"someList": [{"name": 7}]}),
                "SerializationException",
                "someList[0].name: integer `7` can not be converted to a string",
            ),
            (json!({"someList": {}}), "SerializationException", "someList: map"),
            (json!({"someList": [], "number": 1.5}), "SerializationException", "number: floating point `1.5`"),
            (json!({"someList": [], "number": -1}), "InvalidParameterException", "number: invalid value: integer `-1`"),
            (json!({"someList": [], "number": 70000}), "InvalidParameterException", "number: invalid value"),
            (json!([]), "InvalidParameterException", "invalid length 0"),
            (json!("text"), "SerializationException", "string \"text\""),
            (json!(null), "InvalidParameterException", "\"someList\""),
        ];
        for (input, code, part) in cases {
            let (found, message) = refusal(&input);
            assert_eq!(found, code, "{input}: {message}");
            assert!(message.contains(part), "{input}: {message}");
        }
    }
}
