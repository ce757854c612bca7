//! Django settings that are assigned as quoted strings. Python is not run: a computed setting is unknown.

use std::collections::BTreeMap;

/// Returns the value of a setting that is assigned as a quoted string; `None` where the setting is absent or has
/// several different values.
pub fn text_setting(texts: &BTreeMap<String, String>, name: &str) -> Option<String> {
    let mut found = texts.values().flat_map(|text| text.lines()).filter_map(|line| assigned(line, name));
    let first = found.next()?;
    found.all(|other| other == first).then(|| first.to_owned())
}

fn assigned<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let value = line.strip_prefix(name)?.trim_start().strip_prefix('=')?.trim();
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let (inner, rest) = value.get(1..)?.split_once(quote)?;
    let rest = rest.trim_start();
    (rest.is_empty() || rest.starts_with('#')).then_some(inner)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::text_setting;

    #[test]
    fn only_plain_texts_are_known() {
        for (lines, expected) in [
            ("STATIC_URL = \"/static/\"\n", Some("/static/")),
            ("STATIC_URL='/s/'  # c\n", Some("/s/")),
            ("STATIC_URL = env(\"X\")\n", None),
            ("STATIC_URL = \"/a/\" + x\n", None),
            ("    STATIC_URL = \"/inner/\"\n", None),
            ("STATIC_URLS = \"/a/\"\n", None),
            ("STATIC_URL = \"/a/\"\nSTATIC_URL = \"/b/\"\n", None),
        ] {
            let texts = BTreeMap::from([("settings.py".to_owned(), lines.to_owned())]);
            assert_eq!(text_setting(&texts, "STATIC_URL").as_deref(), expected, "{lines}");
        }
    }
}
