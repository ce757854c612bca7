//! REST-JSON: the action in method and path, members in path, query and body, errors with their code in a header.

use axum::http::{HeaderValue, Method, Uri};
use axum::response::Response;
use serde_json::{Map, Value, json};

use super::json::ERROR_TYPE;
use super::{Call, Refusal, json as documents, respond};
use crate::api::Service;
use crate::error::{Answer, AwsError};

const CONTENT_TYPE: &str = "application/json";

/// An action of EventBridge Scheduler.
struct Route {
    method: Method,
    /// The first part of the path.
    folder: &'static str,
    /// The member in the rest of the path, if there is one.
    member: Option<&'static str>,
    action: &'static str,
    /// Parameters of the query, and the members that they are.
    query: &'static [(&'static str, &'static str)],
}

const TOKEN: (&str, &str) = ("clientToken", "ClientToken");
const GROUP: (&str, &str) = ("groupName", "GroupName");
const PAGE: [(&str, &str); 3] =
    [("MaxResults", "MaxResults"), ("NamePrefix", "NamePrefix"), ("NextToken", "NextToken")];

#[rustfmt::skip]
const ROUTES: [Route; 12] = [
    Route { method: Method::GET, folder: "schedules", member: None, action: "ListSchedules",
        query: &[PAGE[0], PAGE[1], PAGE[2], ("ScheduleGroup", "GroupName"), ("State", "State")] },
    Route { method: Method::POST, folder: "schedules", member: Some("Name"), action: "CreateSchedule", query: &[] },
    Route { method: Method::GET, folder: "schedules", member: Some("Name"), action: "GetSchedule", query: &[GROUP] },
    Route { method: Method::PUT, folder: "schedules", member: Some("Name"), action: "UpdateSchedule", query: &[] },
    Route { method: Method::DELETE, folder: "schedules", member: Some("Name"), action: "DeleteSchedule",
        query: &[GROUP, TOKEN] },
    Route { method: Method::GET, folder: "schedule-groups", member: None, action: "ListScheduleGroups", query: &PAGE },
    Route { method: Method::POST, folder: "schedule-groups", member: Some("Name"), action: "CreateScheduleGroup",
        query: &[] },
    Route { method: Method::GET, folder: "schedule-groups", member: Some("Name"), action: "GetScheduleGroup",
        query: &[] },
    Route { method: Method::DELETE, folder: "schedule-groups", member: Some("Name"), action: "DeleteScheduleGroup",
        query: &[TOKEN] },
    Route { method: Method::GET, folder: "tags", member: Some("ResourceArn"), action: "ListTagsForResource", query: &[] },
    Route { method: Method::POST, folder: "tags", member: Some("ResourceArn"), action: "TagResource", query: &[] },
    Route { method: Method::DELETE, folder: "tags", member: Some("ResourceArn"), action: "UntagResource",
        query: &[("TagKeys", "TagKeys")] },
];

/// Reads a call.
pub(crate) fn call(method: &Method, uri: &Uri, body: &[u8]) -> Answer<Call> {
    let path = uri.path().trim_start_matches('/');
    let (folder, name) = path.split_once('/').map_or((path, None), |(folder, name)| (folder, Some(name)));
    let route = ROUTES
        .iter()
        .find(|route| route.method == *method && route.folder == folder && route.member.is_some() == name.is_some());
    let unknown = || AwsError { status: 404, ..AwsError::client("UnknownOperationException", "") };
    let route = route.ok_or_else(unknown)?;
    let mut members = match body {
        [] => Map::new(),
        body => match documents::input(body)? {
            Value::Object(members) => members,
            _ => Map::new(),
        },
    };
    if let Some((member, name)) = route.member.zip(name) {
        members.insert(member.to_owned(), json!(decoded(name)));
    }
    for (parameter, value) in form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()) {
        let known = route.query.iter().find(|(name, _)| *name == parameter);
        let member = known.map_or(&*parameter, |(_, member)| *member);
        // Of all parameters, only this one is a number.
        let number = if member == "MaxResults" { value.parse::<i64>().ok() } else { None };
        members.insert(member.to_owned(), number.map_or_else(|| json!(value), |number| json!(number)));
    }
    Ok(Call { service: Service::Scheduler, action: route.action.to_owned(), input: Value::Object(members) })
}

/// Decodes `%XX` in a path, where `+` and `&` mean themselves.
fn decoded(path: &str) -> String {
    let value = format!("p={}", path.replace('+', "%2B").replace('&', "%26"));
    form_urlencoded::parse(value.as_bytes()).next().map(|(_, value)| value.into_owned()).unwrap_or_default()
}

pub(crate) fn answer(output: &Value) -> Response {
    respond(200, CONTENT_TYPE, output.to_string())
}

pub(crate) fn refusal(refusal: &Refusal) -> Response {
    let Refusal { code, status, message } = refusal;
    let mut response = respond(*status, CONTENT_TYPE, json!({ "Message": message }).to_string());
    if let Ok(code) = HeaderValue::from_str(code) {
        response.headers_mut().insert(ERROR_TYPE, code);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(method: &Method, uri: &str, body: &str) -> Result<(String, Value), (&'static str, u16)> {
        let call = call(method, &uri.parse().unwrap(), body.as_bytes());
        call.map(|call| (call.action, call.input)).map_err(|error| (error.code, error.status))
    }

    #[test]
    fn reads_members_of_path_query_and_body() {
        let ok = |action: &str, input: Value| Ok((action.to_owned(), input));
        assert_eq!(
            read(&Method::POST, "/schedules/a%2Db", r#"{"State":"ENABLED","Name":"other"}"#),
            ok("CreateSchedule", json!({ "State": "ENABLED", "Name": "a-b" }))
        );
        assert_eq!(
            read(&Method::DELETE, "/schedules/a+b%26?groupName=g&clientToken=t", ""),
            ok("DeleteSchedule", json!({ "Name": "a+b&", "GroupName": "g", "ClientToken": "t" }))
        );
        assert_eq!(
            read(&Method::GET, "/schedules?ScheduleGroup=g&MaxResults=5", ""),
            ok("ListSchedules", json!({ "GroupName": "g", "MaxResults": 5 }))
        );
        assert_eq!(
            read(&Method::GET, "/schedule-groups?MaxResults=all", ""),
            ok("ListScheduleGroups", json!({ "MaxResults": "all" }))
        );
        let arn = "arn:aws:scheduler:r:1:schedule-group/g";
        assert_eq!(
            read(&Method::GET, &format!("/tags/{}", arn.replace('/', "%2F")), ""),
            ok("ListTagsForResource", json!({ "ResourceArn": arn }))
        );
    }

    #[test]
    fn rejects_paths_without_an_action() {
        for (method, uri) in [
            (Method::POST, "/schedules"),
            (Method::PATCH, "/schedules/a"),
            (Method::PUT, "/schedule-groups/a"),
            (Method::GET, "/other"),
        ] {
            assert_eq!(read(&method, uri, ""), Err(("UnknownOperationException", 404)), "{uri}");
        }
        assert_eq!(read(&Method::POST, "/schedules/a", "[]"), Err(("SerializationException", 400)));
    }
}
