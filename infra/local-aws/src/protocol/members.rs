//! Decoder of a call's members into types. An error names the path of the member (`containerDefinitions[0].portMapings`) and has
//! the code and the words of the service. Rules about values are checked by the services.

use std::borrow::Borrow;
use std::fmt::{self, Write};

use serde::Deserialize;
use serde::de::value::StrDeserializer;
use serde::de::{self, DeserializeSeed, IntoDeserializer, MapAccess, SeqAccess, Unexpected, Visitor};
use serde::forward_to_deserialize_any;
use serde_json::{Map, Value};

use crate::api::Service;
use crate::error::{Answer, AwsError};
use crate::store::unknown::UnknownMember;

/// Decodes the members of a call to `service`. Unknown members are refused: a member without effect must not look accepted.
///
/// # Errors
/// `SerializationException` for wrong types, the service's own code for unknown and missing members.
pub fn members<T: for<'a> Deserialize<'a>>(service: Service, input: impl Borrow<Value>) -> Answer<T> {
    decode(input.borrow()).map_err(|failure| failure.answer(service))
}

/// Decodes the members of a call to `service` and takes the unknown ones out of `input`.
///
/// # Errors
/// As `members`, unknown members excepted.
pub fn members_and_unknown<T: for<'a> Deserialize<'a>>(
    service: Service,
    input: &mut Value,
) -> Answer<(T, Vec<UnknownMember>)> {
    let mut unknown = Vec::new();
    loop {
        let failure = match decode(input) {
            Ok(decoded) => return Ok((decoded, unknown)),
            Err(failure) => failure,
        };
        let Flaw::Unknown(name) = &failure.flaw else { return Err(failure.answer(service)) };
        let parent = failure.pointer();
        let value =
            input.pointer_mut(&parent).and_then(Value::as_object_mut).and_then(|found| found.shift_remove(name));
        // Each round removes one member, so the loop ends.
        let Some(value) = value else { return Err(failure.answer(service)) };
        unknown.push(UnknownMember { parent, name: name.clone(), value });
    }
}

fn decode<T: for<'a> Deserialize<'a>>(input: &Value) -> Result<T, Failure> {
    let nothing = Value::Object(Map::new());
    T::deserialize(Node(if input.is_null() { &nothing } else { input }))
}

/// Returns a required member.
///
/// # Errors
/// The service's own, where it is absent.
pub fn required<T>(service: Service, name: &str, value: Option<T>) -> Answer<T> {
    value.ok_or_else(|| missing(service, name))
}

fn missing(service: Service, name: &str) -> AwsError {
    unfit(service, "null", name, "Member must not be null")
}

/// AWS's sentence about a member whose value breaks a rule of the service's model.
pub fn unfit(service: Service, value: &str, name: &str, rule: &str) -> AwsError {
    let value = if value == "null" { value.to_owned() } else { format!("'{value}'") };
    let message =
        format!("1 validation error detected: Value {value} at '{name}' failed to satisfy constraint: {rule}");
    AwsError::client(invalid(service), message)
}

/// The error code of a service for an invalid member.
pub fn invalid(service: Service) -> &'static str {
    match service {
        Service::Ecr | Service::Ecs | Service::Logs => "InvalidParameterException",
        Service::Scheduler | Service::Ssm => "ValidationException",
        Service::Elb | Service::Sts => "ValidationError",
    }
}

/// The error of a member.
#[derive(Debug)]
enum Flaw {
    Unknown(String),
    Missing(&'static str),
    Kind(String),
    Other(String),
}

/// One step of a path.
#[derive(Debug)]
enum Step {
    Member(String),
    Index(usize),
}

/// The error of a member, and its path, innermost step first.
#[derive(Debug)]
struct Failure {
    path: Vec<Step>,
    flaw: Flaw,
}

impl Failure {
    fn new(flaw: Flaw) -> Failure {
        Failure { path: Vec::new(), flaw }
    }

    /// Adds the enclosing member or element to the path.
    fn within(mut self, step: Step) -> Failure {
        self.path.push(step);
        self
    }

    /// `containerDefinitions[0].name`, empty for the call itself.
    fn place(&self, name: &str) -> String {
        let mut text = String::new();
        for step in self.path.iter().rev() {
            match step {
                Step::Index(index) => _ = write!(text, "[{index}]"),
                Step::Member(name) if text.is_empty() => text.push_str(name),
                Step::Member(name) => _ = write!(text, ".{name}"),
            }
        }
        if !text.is_empty() && !name.is_empty() {
            text.push('.');
        }
        text + name
    }

    /// The path as a JSON pointer (RFC 6901).
    fn pointer(&self) -> String {
        let step = |step: &Step| match step {
            Step::Index(index) => format!("/{index}"),
            Step::Member(name) => format!("/{}", name.replace('~', "~0").replace('/', "~1")),
        };
        self.path.iter().rev().map(step).collect()
    }

    fn answer(&self, service: Service) -> AwsError {
        match &self.flaw {
            Flaw::Kind(_) => AwsError::client("SerializationException", self.to_string()),
            _ if service == Service::Ecs => AwsError::client("InvalidParameterException", self.to_string()),
            Flaw::Unknown(name) => {
                let message = format!("The member '{}' is not supported by the local emulator", self.place(name));
                AwsError::client(invalid(service), message)
            }
            Flaw::Missing(name) => missing(service, &self.place(name)),
            Flaw::Other(_) => AwsError::client("SerializationException", self.to_string()),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.flaw {
            Flaw::Unknown(name) => write!(f, "Unknown parameter in input: \"{}\".", self.place(name)),
            Flaw::Missing(name) => write!(f, "Missing required parameter in input: \"{}\".", self.place(name)),
            Flaw::Kind(text) | Flaw::Other(text) if self.path.is_empty() => f.write_str(text),
            Flaw::Kind(text) | Flaw::Other(text) => write!(f, "{}: {text}", self.place("")),
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

/// The JSON value to decode. A `null` member counts as absent, as in AWS's JSON protocols.
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
        let step = Step::Index(self.index);
        self.index += 1;
        seed.deserialize(Node(value)).map(Some).map_err(|failure| failure.within(step))
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
        seed.deserialize(Node(value)).map_err(|failure| failure.within(Step::Member(name.clone())))
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
        let error = members::<Outer>(Service::Ecs, input).unwrap_err();
        (error.code, error.message)
    }

    #[test]
    fn nulls_are_absent() {
        let read: Outer = members(
            Service::Ecs,
            json!({"someList": [{"name": "a", "kind": "BLUE"}, {"name": "b", "kind": null}], "number": null}),
        )
        .unwrap();
        let wanted = vec![Inner { name: "a".into(), kind: Some(Kind::Blue) }, Inner { name: "b".into(), kind: None }];
        assert_eq!(read, Outer { some_list: wanted, number: None });
    }

    #[test]
    fn errors_name_the_path() {
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

    #[test]
    fn each_service_has_its_own_code_and_words() {
        let check = |service, input: Value| {
            let error = members::<Outer>(service, input).unwrap_err();
            (error.code, error.message)
        };
        let (code, message) = check(Service::Ssm, json!({}));
        assert_eq!(code, "ValidationException");
        assert!(message.contains("Value null at 'someList'"), "{message}");
        let (code, message) = check(Service::Logs, json!({ "someList": [{ "colour": 1 }] }));
        assert_eq!(code, "InvalidParameterException");
        assert!(message.contains("'someList[0].colour'"), "{message}");
        for wrong in [json!({ "someList": 1 }), json!({ "someList": [], "number": "ten" }), json!([]), json!("c")] {
            assert_eq!(check(Service::Logs, wrong.clone()).0, "SerializationException", "{wrong}");
        }
    }

    #[test]
    fn unknown_members_are_taken_out_with_their_place() {
        let mut input = json!({"a/b": 1, "someList": [{"name": "a"}, {"name": "b", "new": {"c": []}}]});
        let (read, unknown) = members_and_unknown::<Outer>(Service::Ecs, &mut input).unwrap();
        assert_eq!(read.some_list.len(), 2);
        let mut document = input;
        assert_eq!(document, json!({"someList": [{"name": "a"}, {"name": "b"}]}));
        unknown.iter().for_each(|member| member.put_into(&mut document));
        assert_eq!(document, json!({"someList": [{"name": "a"}, {"name": "b", "new": {"c": []}}], "a/b": 1}));
        assert!(members_and_unknown::<Outer>(Service::Ecs, &mut json!({"new": 1})).is_err());
    }
}
