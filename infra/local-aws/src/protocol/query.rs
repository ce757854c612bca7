//! Query: action and members as a form, answers as XML. Names with dots are structures, `member` with numbers is a list.

use std::collections::BTreeMap;

use axum::response::Response;
use serde_json::{Map, Value};

use super::{Call, Refusal, respond, xml};
use crate::api::Service;
use crate::error::{Answer, AwsError};

const CONTENT_TYPE: &str = "text/xml";

/// Structures within structures. The deepest member of ELB (`Conditions.member.1.QueryStringConfig.Values.member.1.Key`)
/// has eight parts.
const DEPTH: usize = 16;

/// Version and namespace of a service's model.
fn model(service: Service) -> (&'static str, &'static str) {
    match service {
        Service::Elb => ("2015-12-01", "http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/"),
        _ => ("2011-06-15", "https://sts.amazonaws.com/doc/2011-06-15/"),
    }
}

/// Reads a form. The service is the one that the signature names, or the one that has the version.
pub(crate) fn call(named: Option<Service>, body: &[u8]) -> Answer<Call> {
    let mut tree = Tree::default();
    let (mut action, mut version) = (String::new(), String::new());
    for (name, value) in form_urlencoded::parse(body) {
        match name.as_ref() {
            "Action" => action = value.into_owned(),
            "Version" => version = value.into_owned(),
            _ => tree.insert(&name, &value)?,
        }
    }
    let by_version = || [Service::Elb, Service::Sts].into_iter().find(|service| model(*service).0 == version);
    let service = named.or_else(by_version);
    if action.is_empty() {
        return Err(AwsError::client("MissingAction", "The request must contain the parameter Action"));
    }
    let unknown = || {
        let version = if version.is_empty() { "NO_VERSION_SPECIFIED" } else { &version };
        AwsError::client("InvalidAction", format!("Could not find operation {action} for version {version}"))
    };
    let service =
        service.filter(|service| model(*service).0 == version && super::is_query(*service)).ok_or_else(unknown)?;
    if !service.has(&action) {
        return Err(unknown());
    }
    Ok(Call { service, action, input: tree.into_value() })
}

/// The members of a form while they come in.
#[derive(Debug, Default)]
struct Tree {
    text: Option<String>,
    children: BTreeMap<String, Tree>,
}

impl Tree {
    fn insert(&mut self, name: &str, value: &str) -> Answer<()> {
        let malformed = || AwsError::client("ValidationError", format!("The parameter '{name}' is malformed"));
        if name.split('.').count() > DEPTH || name.split('.').any(str::is_empty) {
            return Err(malformed());
        }
        let mut node = self;
        for part in name.split('.') {
            if node.text.is_some() {
                return Err(malformed());
            }
            node = node.children.entry(part.to_owned()).or_default();
        }
        if !node.children.is_empty() || node.text.replace(value.to_owned()).is_some() {
            return Err(malformed());
        }
        Ok(())
    }

    fn into_value(self) -> Value {
        if let Some(text) = self.text {
            return Value::String(text);
        }
        let mut children = self.children;
        if children.len() == 1
            && let Some(list) = children.remove("member")
        {
            return list.into_list();
        }
        let members: Map<String, Value> =
            children.into_iter().map(|(name, child)| (name, child.into_value())).collect();
        Value::Object(members)
    }

    /// Elements by their numbers, from 1; numbers that are left out do not count, as with AWS. `Names.member=` is an
    /// empty list.
    fn into_list(self) -> Value {
        let mut elements: Vec<(u32, Value)> = Vec::new();
        for (number, child) in self.children {
            match number.parse() {
                Ok(number) => elements.push((number, child.into_value())),
                Err(_) => return Value::Object([(number, child.into_value())].into_iter().collect()),
            }
        }
        elements.sort_by_key(|(number, _)| *number);
        Value::Array(elements.into_iter().map(|(_, value)| value).collect())
    }
}

pub(crate) fn answer(service: Option<Service>, action: &str, output: &Value, id: &str) -> Response {
    let (_, space) = model(service.unwrap_or(Service::Sts));
    let mut text = xml::Text::new();
    text.open_in(&format!("{action}Response"), space);
    text.member(&format!("{action}Result"), output);
    text.open("ResponseMetadata");
    text.leaf("RequestId", id);
    text.close("ResponseMetadata");
    text.close(&format!("{action}Response"));
    respond(200, CONTENT_TYPE, text.finish())
}

pub(crate) fn refusal(service: Option<Service>, refusal: &Refusal, id: &str) -> Response {
    let (_, space) = model(service.unwrap_or(Service::Sts));
    let mut text = xml::Text::new();
    text.open_in("ErrorResponse", space);
    text.open("Error");
    text.leaf("Type", if refusal.status < 500 { "Sender" } else { "Receiver" });
    text.leaf("Code", &refusal.code);
    text.leaf("Message", &refusal.message);
    text.close("Error");
    text.leaf("RequestId", id);
    text.close("ErrorResponse");
    respond(refusal.status, CONTENT_TYPE, text.finish())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(form: &str) -> Result<Value, &'static str> {
        let form = format!("Action=DescribeTargetGroups&Version=2015-12-01&{form}");
        call(None, form.as_bytes()).map(|call| call.input).map_err(|error| error.code)
    }

    #[test]
    fn names_with_dots_are_structures_and_lists() {
        assert_eq!(read(""), Ok(json!({})));
        assert_eq!(
            read("Names.member.2=b&Names.member.1=a&Names.member.10=c"),
            Ok(json!({ "Names": ["a", "b", "c"] }))
        );
        let deep = read("Tags.member.1.Key=k&Tags.member.1.Value=a%26b+c&Matcher.HttpCode=200");
        assert_eq!(deep, Ok(json!({ "Matcher": { "HttpCode": "200" }, "Tags": [{ "Key": "k", "Value": "a&b c" }] })));
        assert_eq!(read("Names="), Ok(json!({ "Names": "" })));
    }

    #[test]
    fn forms_that_contradict_themselves_are_refused() {
        let deep = "a.".repeat(1000);
        for wrong in ["A=1&A.B=2", "A.B=2&A=1", "A=1&A=2", ".=1", "A..B=1", &format!("{deep}b=1")] {
            assert_eq!(read(wrong), Err("ValidationError"), "{wrong}");
        }
    }

    #[test]
    fn actions_and_versions_that_nobody_has_are_refused() {
        let check = |form: &str| call(Some(Service::Elb), form.as_bytes()).map(|call| call.service).map_err(|e| e.code);
        assert_eq!(check("Action=DescribeTargetGroups&Version=2015-12-01"), Ok(Service::Elb));
        assert_eq!(check("Action=DescribeTargetGroups&Version=2012-06-01"), Err("InvalidAction"));
        assert_eq!(check("Action=DescribeTargetGroups"), Err("InvalidAction"));
        assert_eq!(check("Action=MakeCoffee&Version=2015-12-01"), Err("InvalidAction"));
        assert_eq!(check("Version=2015-12-01"), Err("MissingAction"));
        assert_eq!(check("%%%=&&&"), Err("MissingAction"));
        // A service that speaks JSON has no forms.
        assert_eq!(call(Some(Service::Ecs), b"Action=ListTasks&Version=2014-11-13").unwrap_err().code, "InvalidAction");
    }
}
