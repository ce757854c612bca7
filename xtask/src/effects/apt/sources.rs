//! The host's apt sources: reads both file formats and writes them for another suite of the same archive.
//! Only addresses, components and keyrings are kept; options such as `trusted=yes` are not.

/// One archive that the host trusts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Base addresses.
    pub uris: Vec<String>,
    /// Suites, such as `bookworm` and `bookworm-updates`.
    pub suites: Vec<String>,
    /// Components, such as `main`.
    pub components: Vec<String>,
    /// Keyring paths, or an embedded key with its line breaks; empty means apt's global keyrings.
    pub signed_by: String,
}

/// Parses a `*.sources` file (deb822): stanzas of `Field: value` with continuation lines.
pub fn parse_deb822(text: &str) -> Vec<Source> {
    let without_comments: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    without_comments.split(|line| line.trim().is_empty()).filter_map(parse_stanza).collect()
}

fn parse_stanza(lines: &[&str]) -> Option<Source> {
    let field = |name: &str| -> String {
        let mut value = String::new();
        let mut inside = false;
        for line in lines {
            if line.starts_with([' ', '\t']) {
                if inside {
                    value.push('\n');
                    value.push_str(line);
                }
            } else if let Some((key, rest)) = line.split_once(':') {
                inside = key.trim().eq_ignore_ascii_case(name);
                if inside {
                    value = rest.trim().to_owned();
                }
            }
        }
        value
    };
    let words = |name: &str| field(name).split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let is_disabled = matches!(field("Enabled").to_ascii_lowercase().as_str(), "no" | "false" | "0" | "off");
    if is_disabled || !words("Types").iter().any(|kind| kind == "deb") {
        return None;
    }
    let source = Source {
        uris: words("URIs"),
        suites: words("Suites"),
        components: words("Components"),
        signed_by: field("Signed-By"),
    };
    (!source.uris.is_empty() && !source.suites.is_empty()).then_some(source)
}

/// Parses a `*.list` file: `deb [options] address suite component…` on each line.
pub fn parse_one_line(text: &str) -> Vec<Source> {
    text.lines().filter_map(parse_line).collect()
}

fn parse_line(line: &str) -> Option<Source> {
    let line = line.split('#').next()?.trim();
    let rest = line.strip_prefix("deb")?;
    let rest = rest.strip_prefix([' ', '\t'])?.trim_start();
    let (options, rest) = match rest.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?,
        None => ("", rest),
    };
    let signed_by = options
        .split_whitespace()
        .find_map(|option| option.strip_prefix("signed-by="))
        .map(|paths| paths.replace(',', " "))
        .unwrap_or_default();
    let mut words = rest.split_whitespace().map(str::to_owned);
    Some(Source { uris: vec![words.next()?], suites: vec![words.next()?], components: words.collect(), signed_by })
}

/// Returns the distribution's own sources, changed to another suite. `<codename>`, `-updates` and `-security` are
/// kept; other suites (backports, third parties) are dropped. Suites named `stable` and the like count as the
/// codename, since the host runs that release. `id` is the distribution's, such as `debian`.
pub fn for_suite(host: &[Source], id: &str, codename: &str, suite: &str) -> Vec<Source> {
    let turn = |name: &String| -> Option<String> {
        let rest = [codename, "stable", "testing"].iter().find_map(|base| name.strip_prefix(base))?;
        // A rolling suite has no separate updates.
        let is_rolling = suite == "sid";
        (rest.is_empty() || !is_rolling && matches!(rest, "-updates" | "-security")).then(|| format!("{suite}{rest}"))
    };
    let turned: Vec<Source> = host
        .iter()
        .filter(|source| source.components.iter().any(|component| component == "main"))
        .map(|source| Source { suites: source.suites.iter().filter_map(turn).collect(), ..source.clone() })
        .filter(|source| !source.suites.is_empty())
        .collect();
    // Third parties name their suites after the release too; the distribution's keyring distinguishes them. An archive
    // with a company's own keyring is used when no other exists.
    let keyring = format!("{id}-archive-");
    let is_own = |source: &Source| {
        source.signed_by.is_empty() || source.signed_by.contains('\n') || source.signed_by.contains(&keyring)
    };
    let own: Vec<Source> = turned.iter().filter(|source| is_own(source)).cloned().collect();
    let mut chosen = if own.is_empty() { turned } else { own };
    chosen.dedup();
    if chosen.iter().any(|source| source.suites.iter().any(|name| name == suite)) { chosen } else { Vec::new() }
}

/// Writes sources in the deb822 format, which supports embedded keys.
pub fn render(sources: &[Source]) -> String {
    let stanza = |source: &Source| {
        let mut text = format!(
            "Types: deb\nURIs: {}\nSuites: {}\nComponents: {}\n",
            source.uris.join(" "),
            source.suites.join(" "),
            source.components.join(" ")
        );
        if !source.signed_by.is_empty() {
            text.push_str(&format!("Signed-By: {}\n", source.signed_by));
        }
        text
    };
    sources.iter().map(stanza).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::{Source, for_suite, parse_deb822, parse_one_line, render};

    fn source(suites: &[&str], signed_by: &str) -> Source {
        Source {
            uris: vec!["http://mirror.test/debian".into()],
            suites: suites.iter().map(|s| (*s).to_owned()).collect(),
            components: vec!["main".into(), "contrib".into()],
            signed_by: signed_by.into(),
        }
    }

    #[test]
    fn deb822_stanzas_comments_and_disabled_ones() {
        let text = "# header\nTypes: deb deb-src\n# a comment inside\nURIs: http://mirror.test/debian\n\
                    Suites: bookworm bookworm-updates\nComponents: main contrib\nSigned-By: /k.gpg\nTrusted: yes\n\n\
                    Types: deb\nURIs: http://other.test\nSuites: x\nEnabled: no\n\nTypes: deb-src\nURIs: http://s.test\nSuites: x\n";
        assert_eq!(parse_deb822(text), [source(&["bookworm", "bookworm-updates"], "/k.gpg")]);
    }

    #[test]
    fn an_embedded_key_survives_reading_and_writing() {
        let text = "Types: deb\nURIs: http://mirror.test/debian\nSuites: noble\nComponents: main contrib\nSigned-By:\n \
                    -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n mQ==\n -----END PGP PUBLIC KEY BLOCK-----\n";
        let read = parse_deb822(text);
        assert!(read[0].signed_by.contains("\n mQ=="));
        assert_eq!(parse_deb822(&render(&read)), read);
    }

    #[test]
    fn one_line_entries() {
        let text = "deb [arch=amd64 signed-by=/k.gpg trusted=yes] http://mirror.test/debian bookworm main contrib # c\n\
                    deb-src http://mirror.test/debian bookworm main\n#deb http://x y z\ndebris\n\
                    deb http://mirror.test/debian bookworm-updates main contrib\ndeb http://only.test\n";
        assert_eq!(parse_one_line(text), [source(&["bookworm"], "/k.gpg"), source(&["bookworm-updates"], "")]);
    }

    #[test]
    fn only_the_suite_changes_and_third_parties_stay_out() {
        let own = "/usr/share/keyrings/debian-archive-keyring.gpg";
        let host = [
            source(&["bookworm", "bookworm-updates", "bookworm-backports"], own),
            source(&["bookworm-security"], own),
            source(&["nodistro"], own),
            source(&["bookwormish"], ""),
            source(&["bookworm"], "/third-party.gpg"),
        ];
        let turned = for_suite(&host, "debian", "bookworm", "trixie");
        assert_eq!(turned, [source(&["trixie", "trixie-updates"], own), source(&["trixie-security"], own)]);
        assert_eq!(for_suite(&host, "debian", "bookworm", "sid"), [source(&["sid"], own)]);
        assert_eq!(for_suite(&host[1..4], "debian", "bookworm", "trixie"), []);
        // A company's mirror with its own keyring is used when no other exists.
        assert_eq!(for_suite(&host[4..], "debian", "bookworm", "trixie"), [source(&["trixie"], "/third-party.gpg")]);
        assert!(!render(&turned).to_lowercase().contains("trusted"));
    }
}
