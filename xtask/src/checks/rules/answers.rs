//! Responses to visitors: the page, its stylesheet, and the release in the health check.

use serde_json::Value;

use super::super::facts::{Answer, Fact, Facts};
use super::super::judgement::{Judgement, Problems, Unknown, quoted};
use super::super::{Rule, Scope};

/// Minimum `max-age` in seconds of an immutable file: 300 days.
const LONG: u64 = 300 * 86_400;

pub(in crate::checks) const RULES: &[Rule] = &[
    Rule::new(Scope::Service, "page", "the page answers through the load balancer", page),
    Rule::new(
        Scope::Service,
        "stylesheet",
        "the stylesheet that the page names is served, and may be cached permanently",
        stylesheet,
    ),
    Rule::new(Scope::Service, "health-release", "the health check returns the service's release", health),
    Rule::new(Scope::Service, "no-server-error", "no response is a server error", errors),
];

fn answer(fact: &Fact<Answer>) -> Fact<&Answer> {
    fact.as_ref().map_err(Clone::clone)
}

/// Adds a problem for a missing response, and returns whether it is missing.
fn is_silent(answer: &Answer, facts: &Facts<'_>, problems: &mut Problems) -> bool {
    if let Some(why) = &answer.silence {
        problems.fail(format!("{} does not answer: {why}", answer.url), facts.command("status"));
    }
    answer.silence.is_some()
}

fn page(facts: &Facts<'_>) -> Judgement {
    let page = answer(&facts.observed()?.page)?;
    let mut problems = Problems::default();
    if is_silent(page, facts, &mut problems) {
        return problems.or("");
    }
    match page.status {
        200 => {}
        400 => problems.fail(
            format!("{} answers 400: Django does not take its host name", page.url),
            "add the name to `ALLOWED_HOSTS` in `[variables]` of the environment",
        ),
        301 | 302 | 307 | 308 => {
            let to = page.headers.get("location").map(String::as_str).unwrap_or("nowhere");
            problems.fail(format!("{} redirects to {to}", page.url), "verify the page that people get in the end");
        }
        status => {
            let hint = facts.command("logs");
            problems.fail(format!("{} answers {status}", page.url), hint);
        }
    }
    problems.or(format!("{} answers 200", page.url))
}

fn stylesheet(facts: &Facts<'_>) -> Judgement {
    let file = answer(&facts.observed()?.stylesheet)?;
    let mut problems = Problems::default();
    if is_silent(file, facts, &mut problems) {
        return problems.or("");
    }
    if file.status != 200 {
        let text = format!("{} answers {}: the page is shown without its style", file.url, file.status);
        problems.fail(text, "both images must be of one build: cargo xtask build, then cargo xtask deploy");
        return problems.or("");
    }
    let kind = file.headers.get("content-type").map(String::as_str).unwrap_or_default();
    if !kind.starts_with("text/css") {
        let text = format!("{} is `{kind}`, and browsers take only text/css for a stylesheet", file.url);
        problems.fail(text, "include mime.types in nginx.conf");
    }
    let cache = file.headers.get("cache-control").map(String::as_str).unwrap_or_default();
    let age = cache.split(',').find_map(|part| part.trim().strip_prefix("max-age=")?.parse::<u64>().ok());
    if !cache.contains("immutable") || age.is_none_or(|age| age < LONG) {
        let text = format!("{} may be kept as `{cache}`: browsers ask for it again and again", file.url);
        problems.warn(text, "serve hashed names with `public, max-age=31536000, immutable`");
    }
    problems.or(format!("{} is served and may be cached permanently", file.url))
}

fn health(facts: &Facts<'_>) -> Judgement {
    let observed = facts.observed()?;
    let health = answer(&observed.health)?;
    let wanted = observed.release.as_deref().map_err(Clone::clone)?;
    let mut problems = Problems::default();
    if is_silent(health, facts, &mut problems) {
        return problems.or("");
    }
    let body: Value = serde_json::from_str(&health.body).unwrap_or_default();
    let found = body.get("release").and_then(Value::as_str);
    if health.status != 200 {
        let text = format!("{} answers {}", health.url, health.status);
        problems.fail(text, facts.command("logs"));
    }
    if found != Some(wanted) {
        let text = format!("release `{}` answers, and the service is to run `{wanted}`", found.unwrap_or("unknown"));
        problems.fail(text, "wait until the deployment is over, and verify again");
    }
    problems.or(format!("release `{wanted}` answers"))
}

fn errors(facts: &Facts<'_>) -> Judgement {
    let observed = facts.observed()?;
    let all = [&observed.page, &observed.stylesheet, &observed.health];
    let answers: Vec<&Answer> = all.into_iter().flatten().collect();
    if answers.is_empty() {
        return Err(Unknown::new("no request was made"));
    }
    let mut problems = Problems::default();
    for answer in answers.iter().filter(|answer| answer.status >= 500) {
        let text = format!("{} answers {}", answer.url, answer.status);
        problems.fail(text, facts.command("logs"));
    }
    problems.or(format!("no server error at {}", quoted(answers.iter().map(|answer| &answer.url))))
}
