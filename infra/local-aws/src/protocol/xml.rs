//! Values as XML, as the Query protocol has them: members as elements, lists as `<member>`, nothing for `null`.

use serde_json::Value;

/// A document while it is written.
#[derive(Debug)]
pub(super) struct Text(String);

impl Text {
    pub(super) fn new() -> Text {
        Text(String::new())
    }

    /// The root, with its namespace.
    pub(super) fn open_in(&mut self, name: &str, namespace: &str) {
        self.0.push_str(&format!("<{name} xmlns=\"{namespace}\">"));
    }

    pub(super) fn open(&mut self, name: &str) {
        self.0.push_str(&format!("<{name}>"));
    }

    pub(super) fn close(&mut self, name: &str) {
        self.0.push_str(&format!("</{name}>\n"));
    }

    pub(super) fn leaf(&mut self, name: &str, text: &str) {
        self.open(name);
        escape(text, &mut self.0);
        self.close(name);
    }

    /// A value under its name.
    pub(super) fn member(&mut self, name: &str, value: &Value) {
        match value {
            Value::Null => {}
            Value::Bool(truth) => self.leaf(name, if *truth { "true" } else { "false" }),
            Value::Number(number) => self.leaf(name, &number.to_string()),
            Value::String(text) => self.leaf(name, text),
            Value::Array(elements) => {
                self.open(name);
                elements.iter().for_each(|element| self.member("member", element));
                self.close(name);
            }
            Value::Object(members) => {
                self.open(name);
                members.iter().for_each(|(name, value)| self.member(name, value));
                self.close(name);
            }
        }
    }

    pub(super) fn finish(self) -> String {
        self.0
    }
}

/// Characters that XML 1.0 does not have, even escaped, are replaced.
fn escape(text: &str, into: &mut String) {
    for letter in text.chars() {
        match letter {
            '&' => into.push_str("&amp;"),
            '<' => into.push_str("&lt;"),
            '>' => into.push_str("&gt;"),
            '"' => into.push_str("&quot;"),
            '\r' => into.push_str("&#13;"),
            '\t' | '\n' => into.push(letter),
            '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => into.push('\u{fffd}'),
            _ => into.push(letter),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_become_elements() {
        let mut text = Text::new();
        text.member("R", &json!({ "A": "<&>\u{1}", "B": [1, { "C": true }], "D": null, "E": [], "F": {} }));
        let flat = text.finish().replace('\n', "");
        assert_eq!(
            flat,
            "<R><A>&lt;&amp;&gt;\u{fffd}</A><B><member>1</member><member><C>true</C></member></B><E></E><F></F></R>"
        );
    }
}
