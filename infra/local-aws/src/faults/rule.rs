//! One fault as it is requested: a document of `/_local/faults`. Pure.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Fault, Point};

/// A requested fault: where, when, how often, what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rule {
    /// `ecr`, `ecs`, `elasticloadbalancing`, `logs`, `scheduler`, `ssm`, `sts`: as a signature names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// Such as `UpdateService`; every action of the service where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// Of the registry, such as `PUT upload`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// The first request that it affects, counted from now: 1 is the next.
    #[serde(default = "one")]
    pub nth: u32,
    /// The count of affected requests in a row.
    #[serde(default = "one")]
    pub times: u32,
    /// The kind of fault.
    pub kind: Kind,
    /// With `fail`: AWS's code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// With `fail`: HTTP status, default 500.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// With `fail`: the sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// With `delay`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub milliseconds: Option<u64>,
    /// With `drop`: how much of the request's body is still read, default nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
}

fn one() -> u32 {
    1
}

/// The kinds of faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Too many requests.
    Throttle,
    /// An error of choice.
    Fail,
    /// A wait.
    Delay,
    /// The connection ends before anything is done.
    Drop,
    /// The connection ends after everything is done.
    LoseAnswer,
}

impl Rule {
    /// Returns the error of an inconsistent document.
    pub fn problem(&self) -> Option<&'static str> {
        let belongs = |given: bool, kind: Kind| !given || self.kind == kind;
        match self {
            Rule { service: None, operation: None, .. } => {
                Some("`service` or `operation` is required: it names where the fault happens")
            }
            Rule { service: Some(_), operation: Some(_), .. } => Some("it happens at a `service` or an `operation`"),
            Rule { service: None, action: Some(_), .. } => Some("an `action` belongs to a `service`"),
            Rule { nth: 0, .. } | Rule { times: 0, .. } => Some("`nth` and `times` count from 1"),
            Rule { kind: Kind::Fail, code: None, .. } => Some("`fail` needs a `code`"),
            Rule { kind: Kind::Delay, milliseconds: None, .. } => Some("`delay` needs `milliseconds`"),
            Rule { status: Some(status), .. } if !(400..600).contains(status) => Some("`status` is 400 to 599"),
            _ => {
                let of_fail = self.code.is_some() || self.status.is_some() || self.message.is_some();
                let fits = belongs(of_fail, Kind::Fail)
                    && belongs(self.milliseconds.is_some(), Kind::Delay)
                    && belongs(self.bytes.is_some(), Kind::Drop);
                (!fits).then_some("`code`, `status`, `message`, `milliseconds` or `bytes` belong to another `kind`")
            }
        }
    }

    /// Counts a request and returns the effect on it.
    pub(super) fn happens_at(&mut self, point: Point<'_>) -> Option<Fault> {
        let is_here = match point {
            Point::Api { service, action } => {
                self.service.as_deref() == Some(service.signing_name())
                    && self.action.as_deref().is_none_or(|wanted| wanted == action)
            }
            Point::Registry { operation } => self.operation.as_deref() == Some(operation),
        };
        if !is_here || self.times == 0 {
            return None;
        }
        if self.nth > 1 {
            self.nth -= 1;
            return None;
        }
        self.times -= 1;
        Some(match self.kind {
            Kind::Throttle => Fault::Throttle,
            Kind::Fail => Fault::Fail {
                code: self.code.clone().unwrap_or_default(),
                status: self.status.unwrap_or(500),
                message: self.message.clone().unwrap_or_else(|| "A fault on request".to_owned()),
            },
            Kind::Delay => Fault::Delay(Duration::from_millis(self.milliseconds.unwrap_or_default())),
            Kind::Drop => Fault::Drop { after_bytes: self.bytes.unwrap_or_default() },
            Kind::LoseAnswer => Fault::LoseAnswer,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn documents_that_make_no_sense_are_refused() {
        let check = |document: serde_json::Value| serde_json::from_value::<Rule>(document).unwrap().problem();
        assert_eq!(check(json!({ "service": "ecs", "kind": "throttle" })), None);
        assert_eq!(check(json!({ "operation": "PUT upload", "kind": "drop", "bytes": 5, "nth": 2 })), None);
        assert_eq!(check(json!({ "service": "ecs", "kind": "fail", "code": "X", "status": 503 })), None);
        for wrong in [
            json!({ "kind": "throttle" }),
            json!({ "kind": "throttle", "service": "ecs", "operation": "PUT upload" }),
            json!({ "kind": "throttle", "operation": "PUT upload", "action": "A" }),
            json!({ "kind": "throttle", "service": "ecs", "times": 0 }),
            json!({ "kind": "throttle", "service": "ecs", "bytes": 1 }),
            json!({ "kind": "fail", "service": "ecs" }),
            json!({ "kind": "fail", "service": "ecs", "code": "X", "status": 200 }),
            json!({ "kind": "delay", "service": "ecs" }),
        ] {
            assert!(check(wrong.clone()).is_some(), "{wrong}");
        }
        assert!(serde_json::from_value::<Rule>(json!({ "service": "ecs", "kind": "explode" })).is_err());
        assert!(serde_json::from_value::<Rule>(json!({ "service": "ecs", "kind": "drop", "byte": 1 })).is_err());
    }
}
