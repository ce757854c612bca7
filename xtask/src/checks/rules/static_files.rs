//! Static files: collected in one image, copied into the other, and served at `STATIC_URL`.

use super::super::facts::Facts;
use super::super::judgement::{Judgement, Problems, quoted, unknown};
use super::super::nginx::{Location, Matcher};
use super::super::{Rule, Scope};

pub(in crate::checks) const RULES: &[Rule] = &[
    Rule::new(
        Scope::Environment,
        "static-collected",
        "nginx's image copies the folder that `collectstatic` fills",
        collected,
    ),
    Rule::new(
        Scope::Environment,
        "static-alias",
        "nginx serves the folder into which its image copies the files",
        alias,
    ),
    Rule::new(Scope::Environment, "static-location", "nginx has a location for Django's `STATIC_URL`", location),
    Rule::new(
        Scope::Environment,
        "alias-slash",
        "location and alias both end with a slash, so that no neighboring file is served",
        slashes,
    ),
];

fn folder(path: &str) -> &str {
    path.trim_end_matches('/')
}

fn aliases<'a>(facts: &'a Facts<'_>) -> Result<Vec<(&'a Location, &'a str)>, super::super::Unknown> {
    let nginx = &facts.front()?.nginx;
    let found: Vec<_> = nginx.locations().filter_map(|at| Some((at, at.alias.as_deref()?))).collect();
    if found.is_empty() { unknown("nginx serves no files by `alias`") } else { Ok(found) }
}

fn collected(facts: &Facts<'_>) -> Judgement {
    let files = facts.static_files()?;
    let Some(root) = &files.collected else { return unknown("no stage sets `STATIC_ROOT`") };
    let mut problems = Problems::default();
    if !files.copied.iter().any(|copy| folder(&copy.source) == folder(root)) {
        let copied = files.copied.iter().map(|copy| copy.source.as_str());
        let found = if files.copied.is_empty() { "nothing".to_owned() } else { quoted(copied) };
        let text = format!("`collectstatic` fills `{root}`, and nginx's image copies {found}");
        problems.fail(text, format!("copy `{root}/` in nginx's Dockerfile"));
    }
    problems.or(format!("nginx's image copies `{root}`"))
}

fn alias(facts: &Facts<'_>) -> Judgement {
    let files = facts.static_files()?;
    let aliases = aliases(facts)?;
    let mut problems = Problems::default();
    for (location, path) in &aliases {
        let filled = files.copied.iter().any(|copy| {
            let to = folder(&copy.destination);
            folder(path) == to || folder(path).strip_prefix(to).is_some_and(|rest| rest.starts_with('/'))
        });
        if !filled {
            let copied = files.copied.iter().map(|copy| copy.destination.as_str());
            let found = if files.copied.is_empty() {
                "nothing is copied".to_owned()
            } else {
                format!("the image has {}", quoted(copied))
            };
            let text = format!("{}: nginx serves `{path}`, and {found}: every file is a 404", location.place);
            problems.fail(text, "make `alias` and the destination of `COPY --from` one folder");
        }
    }
    problems.or(format!("nginx serves {}", quoted(aliases.iter().map(|(_, path)| path))))
}

fn location(facts: &Facts<'_>) -> Judgement {
    let files = facts.static_files()?;
    let Some(url) = &files.url else { return unknown("`STATIC_URL` is not a plain text in Django's settings") };
    let aliases = aliases(facts)?;
    let mut problems = Problems::default();
    let path = match url.split_once("://") {
        Some(_) => return unknown(format!("`STATIC_URL` is {url}, another host")),
        None => format!("/{}", url.trim_start_matches('/')),
    };
    let serves = |location: &Location| match location.matcher {
        Matcher::Decisive | Matcher::Prefix => path.starts_with(&location.path),
        Matcher::Exact | Matcher::Expression => false,
    };
    if !aliases.iter().any(|(location, _)| serves(location)) {
        let found = quoted(aliases.iter().map(|(location, _)| &location.path));
        let text = format!("Django's pages name files below {path}, and nginx serves them below {found}");
        problems.fail(text, format!("make the location `^~ {path}`"));
    }
    problems.or(format!("nginx serves what pages name below {path}"))
}

fn slashes(facts: &Facts<'_>) -> Judgement {
    let aliases = aliases(facts)?;
    let mut problems = Problems::default();
    for (location, path) in aliases.iter().filter(|(at, _)| matches!(at.matcher, Matcher::Decisive | Matcher::Prefix)) {
        let what = match (location.path.ends_with('/'), path.ends_with('/')) {
            (true, true) => continue,
            (false, true) => format!("{}../ is served too: what lies beside `{path}` can be read", location.path),
            (false, false) => format!("{}-private/ is served too: `{path}-private` can be read", location.path),
            (true, false) => format!("names run into `{path}`: every file is a 404"),
        };
        let text = format!("{}: {what}", location.place);
        problems.fail(text, format!("write `location ^~ {}/` and `alias {}/;`", folder(&location.path), folder(path)));
    }
    problems.or("locations with an alias end with a slash, and so do their aliases")
}
