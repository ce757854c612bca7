//! Query: a form in, XML out. Names with dots are structures, `member` with numbers is a list.

use hyper::body::Bytes;
use roxmltree::{Document, Node};

use super::api::{Call, Protocol};
use super::sign::Written;
use super::{Aws, CallError, Why};
use crate::effects::http::{Answer, encoded};

/// An element of an answer.
pub(in crate::effects) type Element<'a> = Node<'a, 'a>;

impl Aws {
    /// Calls a service that speaks Query, waits for its answer, and has its result read; `None` says that it is not what it
    /// should be.
    pub(in crate::effects) fn call_query<T>(
        &self,
        call: Call,
        members: &[(&str, &str)],
        read: impl FnOnce(Element<'_>) -> Option<T>,
    ) -> Result<T, CallError> {
        let Protocol::Query(version) = call.api.protocol() else {
            return Err(self.error(call, Why::Unwritten("the service does not speak Query".to_owned())));
        };
        let mut form = format!("Action={}&Version={version}", call.action);
        for (name, value) in members {
            form.push_str(&format!("&{}={}", encoded(name), encoded(value)));
        }
        let content_type = "application/x-www-form-urlencoded; charset=utf-8";
        let written = Written { content_type, target: None, body: Bytes::from(form) };
        let body = self.shared.runtime.block_on(self.send(call, &written))?;
        let unreadable = |why: &str| self.error(call, Why::Unreadable(why.to_owned()));
        let text = str::from_utf8(&body).map_err(|_| unreadable("it is no UTF-8"))?;
        let document = Document::parse(text).map_err(|error| unreadable(&error.to_string()))?;
        let result = child(document.root_element(), &format!("{}Result", call.action));
        let result = result.ok_or_else(|| unreadable("it has no result"))?;
        read(result).ok_or_else(|| unreadable("the result lacks a member"))
    }
}

/// The text of a child.
pub(in crate::effects) fn text(element: Element<'_>, name: &str) -> Option<String> {
    Some(child(element, name)?.text().unwrap_or_default().trim().to_owned())
}

/// The number that a child's text is.
pub(in crate::effects) fn number<T: std::str::FromStr>(element: Element<'_>, name: &str) -> Option<T> {
    text(element, name)?.parse().ok()
}

/// What a list has; nothing where there is no list of that name.
pub(in crate::effects) fn members<'a>(element: Element<'a>, name: &str) -> impl Iterator<Item = Element<'a>> {
    let list = child(element, name);
    list.into_iter().flat_map(|list| list.children().filter(|node| is(*node, "member")))
}

/// The child of that name. Services give their elements a namespace, which tells nothing apart.
pub(in crate::effects) fn child<'a>(element: Element<'a>, name: &str) -> Option<Element<'a>> {
    element.children().find(|node| is(*node, name))
}

fn is(node: Element<'_>, name: &str) -> bool {
    node.is_element() && node.tag_name().name() == name
}

/// Code and words of a refusal: `<ErrorResponse><Error><Code>…</Code><Message>…</Message>`, within `<Errors>` for some.
pub(super) fn refusal(answer: &Answer) -> Option<(String, String)> {
    let document = Document::parse(str::from_utf8(&answer.body).ok()?).ok()?;
    let error = document.descendants().find(|node| is(*node, "Error"))?;
    Some((text(error, "Code")?, text(error, "Message").unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use hyper::body::Bytes;
    use hyper::{HeaderMap, StatusCode};

    use super::{Answer, Document, child, members, number, refusal, text};

    fn check(body: &str, expected: Option<(&str, &str)>) {
        let body = Bytes::from(body.to_owned());
        let answer = Answer { status: StatusCode::BAD_REQUEST, headers: HeaderMap::new(), body };
        let expected = expected.map(|(code, message)| (code.to_owned(), message.to_owned()));
        assert_eq!(refusal(&answer), expected);
    }

    #[test]
    fn refusals_in_every_form_that_aws_has() {
        let elb = r#"<ErrorResponse xmlns="http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/"><Error>
            <Type>Sender</Type><Code>TargetGroupNotFound</Code><Message>One or more target groups not found</Message>
            </Error><RequestId>1</RequestId></ErrorResponse>"#;
        check(elb, Some(("TargetGroupNotFound", "One or more target groups not found")));
        let ec2 = "<Response><Errors><Error><Code>RequestLimitExceeded</Code></Error></Errors></Response>";
        check(ec2, Some(("RequestLimitExceeded", "")));
        check("<ErrorResponse/>", None);
        check("upstream connect error", None);
    }

    #[test]
    fn elements_lists_and_numbers() {
        let xml = r#"<R xmlns="x"><A><member><Name>one</Name><Port>80</Port></member><member><Name/></member></A></R>"#;
        let document = Document::parse(xml).unwrap();
        let root = document.root_element();
        let all: Vec<_> = members(root, "A").map(|one| (text(one, "Name"), number::<u16>(one, "Port"))).collect();
        assert_eq!(all, [(Some("one".to_owned()), Some(80)), (Some(String::new()), None)]);
        assert_eq!(members(root, "B").count(), 0);
        assert!(child(root, "B").is_none());
    }
}
