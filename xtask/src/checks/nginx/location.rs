//! Servers and locations: ports, paths, and how each location handles a request.

use super::syntax::Directive;

/// A `server` block.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Server {
    /// Its `listen` directives.
    pub listens: Vec<Listen>,
    /// Its locations, nested ones included.
    pub locations: Vec<Location>,
}

/// A `listen` directive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listen {
    /// The address; `None` means every address.
    pub address: Option<String>,
    /// The port.
    pub port: u16,
    /// Maximum of connections that wait to be accepted; nginx's default is 511.
    pub backlog: Option<u32>,
}

impl Listen {
    /// Returns whether clients outside of the task can reach it.
    pub fn is_public(&self) -> bool {
        !self
            .address
            .as_deref()
            .is_some_and(|address| address.starts_with("127.") || address == "localhost" || address == "[::1]")
    }
}

/// How nginx selects a location.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Matcher {
    /// `= /path`.
    Exact,
    /// `^~ /path`: takes precedence over regular expressions.
    Decisive,
    /// `/path`: applies where no regular expression matches.
    Prefix,
    /// `~` or `~*`.
    Expression,
}

/// A `location` block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// How nginx selects it.
    pub matcher: Matcher,
    /// The path or expression.
    pub path: String,
    /// `alias`.
    pub alias: Option<String>,
    /// The status of a `return`.
    pub returns: Option<u16>,
    /// Whether requests are passed to another server.
    pub passes: bool,
    /// File and line.
    pub place: String,
}

pub(super) fn server(directive: &Directive) -> Result<Server, String> {
    let mut server = Server::default();
    for inner in &directive.block {
        if inner.name == "listen" {
            server.listens.push(listen(inner)?);
        }
    }
    locations(&directive.block, &mut server.locations)?;
    // nginx's default for a server without `listen`.
    if server.listens.is_empty() {
        server.listens.push(Listen { address: None, port: 80, backlog: None });
    }
    Ok(server)
}

fn listen(directive: &Directive) -> Result<Listen, String> {
    let text = directive.first();
    let (address, port) = match text.rsplit_once(':') {
        Some((address, port)) if !port.ends_with(']') => (Some(address.to_owned()), port),
        _ => (None, text),
    };
    let address = address.filter(|address| address != "*" && address != "0.0.0.0" && address != "[::]");
    let backlog = directive.arguments.iter().find_map(|word| word.strip_prefix("backlog=")?.parse().ok());
    match port.parse() {
        Ok(port) => Ok(Listen { address, port, backlog }),
        // An address without a port listens on port 80.
        Err(_) if address.is_none() => Ok(Listen { address: Some(text.to_owned()), port: 80, backlog }),
        Err(_) => Err(directive.wrong("names no port")),
    }
}

fn locations(directives: &[Directive], found: &mut Vec<Location>) -> Result<(), String> {
    for directive in directives.iter().filter(|directive| directive.name == "location") {
        let words: Vec<&str> = directive.arguments.iter().map(String::as_str).collect();
        let (matcher, path) = match words.as_slice() {
            ["=", path] => (Matcher::Exact, *path),
            ["^~", path] => (Matcher::Decisive, *path),
            ["~" | "~*", path] => (Matcher::Expression, *path),
            [path] => (Matcher::Prefix, *path),
            _ => return Err(directive.wrong("is no location")),
        };
        let own = |name: &str| directive.block.iter().find(|inner| inner.name == name);
        found.push(Location {
            matcher,
            path: path.to_owned(),
            alias: own("alias").map(|inner| inner.first().to_owned()),
            returns: own("return").and_then(|inner| inner.first().parse().ok()),
            passes: directive.block.iter().any(|inner| inner.name.ends_with("_pass")),
            place: directive.place.clone(),
        });
        locations(&directive.block, found)?;
    }
    Ok(())
}

impl Server {
    /// Returns the location that certainly serves a path: an exact match, or the longest prefix where no regular
    /// expression can match. `None` where an expression may match, or no location does.
    pub fn location_of(&self, path: &str) -> Option<&Location> {
        let exact = self.locations.iter().find(|at| at.matcher == Matcher::Exact && at.path == path);
        let prefixes = self.locations.iter().filter(|at| matches!(at.matcher, Matcher::Decisive | Matcher::Prefix));
        let longest = prefixes.filter(|at| path.starts_with(&at.path)).max_by_key(|at| at.path.len());
        let has_expressions = self.locations.iter().any(|at| at.matcher == Matcher::Expression);
        exact.or_else(|| longest.filter(|at| at.matcher == Matcher::Decisive || !has_expressions))
    }

    /// Returns whether any location serves a path.
    pub fn takes(&self, path: &str) -> bool {
        self.locations.iter().any(|at| match at.matcher {
            Matcher::Exact => at.path == path,
            Matcher::Decisive | Matcher::Prefix => path.starts_with(&at.path),
            // Regular expressions are not evaluated: they count as a match.
            Matcher::Expression => true,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::read;

    fn server(text: &str) -> super::Server {
        let texts = BTreeMap::from([("f".to_owned(), format!("http {{ server {{ {text} }} }}"))]);
        read("f", &texts).unwrap().servers.remove(0)
    }

    #[test]
    fn ports_and_addresses() {
        for (text, expected) in [
            ("listen 8080 default_server backlog=1024;", "- 8080 1024"),
            ("listen 127.0.0.1:8081;", "127.0.0.1 8081 0"),
            ("listen *:80;", "- 80 0"),
            ("listen [::]:8080;", "- 8080 0"),
            ("listen localhost;", "localhost 80 0"),
            ("", "- 80 0"),
        ] {
            let server = server(text);
            let at = server.listens.first().unwrap();
            let address = at.address.as_deref().unwrap_or("-");
            assert_eq!(format!("{address} {} {}", at.port, at.backlog.unwrap_or(0)), expected, "{text}");
        }
    }

    #[test]
    fn the_location_that_a_path_gets_to() {
        let text = "location = /up { return 200; } location ^~ /static/ { alias /srv/; } location / { uwsgi_pass a; }";
        for (text, path, expected) in [
            (text, "/up", Some("/up")),
            (text, "/static/x", Some("/static/")),
            (text, "/page", Some("/")),
            ("location / { } location ~ x { }", "/page", None),
            ("location ^~ /a { } location ~ x { }", "/ab", Some("/a")),
            ("location /b { }", "/a", None),
        ] {
            let server = server(text);
            assert_eq!(server.location_of(path).map(|at| at.path.as_str()), expected, "{text} {path}");
        }
        assert!(!server("location /b { }").takes("/a"));
    }
}
