//! The stylesheet link of an HTML page. Simple string search instead of an HTML parser: only unambiguous links count.

/// Returns the address of the first stylesheet on the same host, as written in the page.
pub fn stylesheet(html: &str) -> Option<&str> {
    let links = html.split("<link").skip(1).filter_map(|rest| rest.split('>').next());
    links.filter(|link| attribute(link, "rel") == Some("stylesheet")).find_map(|link| {
        attribute(link, "href").filter(|address| address.starts_with('/') && !address.starts_with("//"))
    })
}

fn attribute<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    let mut rest = tag;
    loop {
        let at = rest.find(name)?;
        let (before, after) = (rest.get(..at)?, rest.get(at + name.len()..)?);
        let stands_alone = before.ends_with(|c: char| c.is_whitespace());
        if let Some(value) = after.trim_start().strip_prefix('=').filter(|_| stands_alone) {
            let value = value.trim_start();
            return match value.chars().next() {
                Some(quote @ ('"' | '\'')) => value.get(1..)?.split(quote).next(),
                _ => value.split([' ', '/']).next(),
            };
        }
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    use super::stylesheet;

    #[test]
    fn the_first_stylesheet_of_a_page() {
        for (html, expected) in [
            (
                "<link rel=\"icon\" href=\"/i.svg\"><link rel=\"stylesheet\" href=\"/static/a.css\">",
                Some("/static/a.css"),
            ),
            ("<link href='/b.css' rel='stylesheet'>", Some("/b.css")),
            ("<link rel=stylesheet data-href=\"/no\" href=\"/c.css\">", Some("/c.css")),
            ("<link rel=\"stylesheet\" href=\"//cdn/x.css\">", None),
            ("<p>none</p>", None),
        ] {
            assert_eq!(stylesheet(html), expected, "{html}");
        }
    }
}
