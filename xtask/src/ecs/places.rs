//! Line of each member and element in a JSON text: JSON pointer (RFC 6901) → line. The text has already been parsed by
//! serde_json, which reports neither lines nor duplicate keys.

use std::collections::BTreeMap;

/// Lines of a text, counted from 1.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places {
    lines: BTreeMap<String, usize>,
    twice: Vec<String>,
}

impl Places {
    /// Returns the places of a well-formed text. Of an invalid text, returns those before the error.
    pub fn of(text: &str) -> Places {
        let mut scanner = Scanner { text, at: 0, line: 1, places: Places::default() };
        scanner.value("");
        scanner.places
    }

    /// Returns the line of a member's key or of an element. Values from a placeholder have the placeholder's line.
    pub fn line(&self, pointer: &str) -> usize {
        let mut pointer = pointer;
        loop {
            if let Some(line) = self.lines.get(pointer) {
                return *line;
            }
            match pointer.rsplit_once('/') {
                Some((parent, _)) => pointer = parent,
                None => return 1,
            }
        }
    }

    /// Returns the duplicate keys of objects. Their line is that of the second occurrence.
    pub fn twice(&self) -> &[String] {
        &self.twice
    }
}

/// Returns the pointer of a member or element below `parent`.
pub fn below(parent: &str, token: &str) -> String {
    format!("{parent}/{}", token.replace('~', "~0").replace('/', "~1"))
}

/// Returns the pointer in readable form: `containerDefinitions[0].image`.
pub fn path(pointer: &str) -> String {
    let mut path = String::new();
    for token in pointer.split('/').skip(1) {
        let token = token.replace("~1", "/").replace("~0", "~");
        if !path.is_empty() && !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_digit()) {
            path.push_str(&format!("[{token}]"));
        } else {
            let dot = if path.is_empty() { "" } else { "." };
            path.push_str(&format!("{dot}{token}"));
        }
    }
    path
}

/// A scanner of JSON. Its recursion is bounded by serde_json's limit of 128.
struct Scanner<'t> {
    text: &'t str,
    at: usize,
    line: usize,
    places: Places,
}

impl Scanner<'_> {
    fn value(&mut self, pointer: &str) {
        self.space();
        self.places.lines.insert(pointer.to_owned(), self.line);
        match self.peek() {
            Some(b'{') => self.object(pointer),
            Some(b'[') => self.array(pointer),
            Some(b'"') => drop(self.string()),
            _ => {
                while self.peek().is_some_and(|byte| !matches!(byte, b',' | b'}' | b']') && !byte.is_ascii_whitespace())
                {
                    self.at += 1;
                }
            }
        }
    }

    fn object(&mut self, pointer: &str) {
        self.at += 1;
        loop {
            self.space();
            let line = self.line;
            let Some(key) = self.string() else { break };
            let pointer = below(pointer, &key);
            if self.places.lines.contains_key(&pointer) {
                self.places.twice.push(pointer.clone());
            }
            self.space();
            self.at += 1;
            self.value(&pointer);
            self.places.lines.insert(pointer, line);
            self.space();
            if self.next() != Some(b',') {
                return;
            }
        }
        self.at += 1;
    }

    fn array(&mut self, pointer: &str) {
        self.at += 1;
        self.space();
        if self.peek() == Some(b']') {
            self.at += 1;
            return;
        }
        for index in 0.. {
            self.value(&below(pointer, &index.to_string()));
            self.space();
            if self.next() != Some(b',') {
                return;
            }
        }
    }

    /// Reads a string at the current position, if one starts there.
    fn string(&mut self) -> Option<String> {
        if self.peek() != Some(b'"') {
            return None;
        }
        let start = self.at;
        self.at += 1;
        while let Some(byte) = self.next() {
            match byte {
                b'\\' => self.at += 1,
                b'"' => break,
                _ => {}
            }
        }
        serde_json::from_str(self.text.get(start..self.at)?).ok()
    }

    fn space(&mut self) {
        while let Some(byte) = self.peek().filter(u8::is_ascii_whitespace) {
            self.line += usize::from(byte == b'\n');
            self.at += 1;
        }
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek();
        self.at += 1;
        byte
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::{Places, below, path};

    #[test]
    fn every_member_and_element_has_its_line() {
        let text = "{\n  \"a\": 1,\n  \"list\": [\n    {},\n    {\"b\\\"/~\": \"x,}]\\\\\",\n     \"c\": [[], [null,\n true]]}\n  ],\n\n  \"end\":\n  -1.5e3\n}\n";
        serde_json::from_str::<serde_json::Value>(text).unwrap();
        let places = Places::of(text);
        for (pointer, line) in [
            ("", 1),
            ("/a", 2),
            ("/list", 3),
            ("/list/0", 4),
            ("/list/1", 5),
            ("/list/1/b\"~1~0", 5),
            ("/list/1/c", 6),
            ("/list/1/c/0", 6),
            ("/list/1/c/1/0", 6),
            ("/list/1/c/1/1", 7),
            ("/end", 10),
            ("/a/from/a/placeholder", 2),
            ("/nowhere", 1),
        ] {
            assert_eq!(places.line(pointer), line, "{pointer}");
        }
        assert_eq!(places.lines.len(), 12);
        assert_eq!(places.twice().len(), 0);
    }

    #[test]
    fn a_key_that_stands_twice_is_found_in_its_object_only() {
        let places = Places::of("{\"a\": {\"a\": 1},\n\"b\": {},\n\"a\": 2}");
        assert_eq!((places.twice(), places.line("/a")), (&["/a".to_owned()][..], 3));
    }

    #[test]
    fn any_text_has_an_end() {
        for text in ["", "{", "[", "[1,", "{\"a\"", "{\"a\":", "\"\\", "{]", "[{\"a\":[}]", "}", "é"] {
            Places::of(text);
        }
    }

    #[test]
    fn pointers_as_people_write_them() {
        let pointer = below(&below(&below("", "containerDefinitions"), "0"), "dockerLabels");
        assert_eq!(path(&pointer), "containerDefinitions[0].dockerLabels");
        assert_eq!(path(&below(&pointer, "a/b~c")), "containerDefinitions[0].dockerLabels.a/b~c");
        assert_eq!(path(""), "");
    }
}
