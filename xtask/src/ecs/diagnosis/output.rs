//! The most informative line in the output of a stopped container. Reads Python's tracebacks, JSON lines in the format
//! of Django and uWSGI, nginx's error log, and plain text.

use serde_json::Value;

use super::CauseId;
use crate::ecs::LogLine;

/// How informative a line is; of two equal lines the later one wins.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Weight {
    /// Shutdown messages of servers.
    Chatter,
    Plain,
    Error,
    Fatal,
    Exception,
}

/// Returns the line that best explains why the container stopped, without its logger's envelope.
pub(super) fn telling(lines: &[LogLine]) -> Option<String> {
    let mut best: Option<(Weight, String)> = None;
    let mut in_traceback = false;
    for (is_error, text) in lines.iter().flat_map(|line| unwrapped(&line.message)) {
        if text.trim().is_empty() {
            continue;
        }
        if text.starts_with("Traceback (most recent call last)") {
            in_traceback = true;
            continue;
        }
        // The frames of a traceback are indented, the exception is not.
        if in_traceback && text.starts_with([' ', '\t']) {
            continue;
        }
        let weight = if in_traceback || is_exception(&text) { Weight::Exception } else { weigh(&text, is_error) };
        in_traceback = false;
        if best.as_ref().is_none_or(|(so_far, _)| *so_far <= weight) {
            best = Some((weight, text.trim().to_owned()));
        }
    }
    best.map(|(_, text)| without_time(text))
}

/// Returns the cause that the most informative line shows.
pub(super) fn symptom(telling: &str) -> Option<CauseId> {
    let text = telling.to_lowercase();
    let has = |parts: &[&str]| parts.iter().any(|part| text.contains(part));
    if has(&["exec format error"]) {
        return Some(CauseId::ExecFormatError);
    }
    if has(&["no space left on device"]) {
        return Some(CauseId::DiskFull);
    }
    if has(&["read-only file system"]) {
        return Some(CauseId::ReadOnlyFileSystem);
    }
    // Messages of libpq, psycopg and MySQL.
    let database = [
        "connection to server",
        "could not connect to server",
        "could not translate host name",
        "can't connect to mysql server",
        "failed to resolve host",
        "password authentication failed",
        "connection timeout expired",
    ];
    (has(&database) && has(&["operationalerror", "databaseerror", "fatal:", "database"]))
        .then_some(CauseId::DatabaseUnreachable)
}

/// Returns whether the shell or runtime reports a program for another processor, in any line.
pub(super) fn shows_foreign_program(lines: &[LogLine]) -> bool {
    lines.iter().any(|line| line.message.to_lowercase().contains("exec format error"))
}

/// Returns the line in which Django rejects a `Host` header.
pub(super) fn refused_host(lines: &[LogLine]) -> Option<&str> {
    let signs = ["DisallowedHost", "Invalid HTTP_HOST header"];
    let lines = lines.iter().map(|line| line.message.as_str());
    lines.into_iter().find(|line| signs.iter().any(|sign| line.contains(sign)))
}

/// Returns the line itself, or message and traceback of a JSON object, each with a flag for an error level.
fn unwrapped(line: &str) -> Vec<(bool, String)> {
    if !line.starts_with('{') {
        return vec![(false, line.to_owned())];
    }
    let Ok(Value::Object(members)) = serde_json::from_str(line) else {
        // uWSGI inserts messages into its JSON template without escaping quotation marks.
        let inner = line.split_once("\"message\":\"").and_then(|(_, rest)| rest.rsplit_once("\"}"));
        return vec![(false, inner.map_or(line, |(message, _)| message).to_owned())];
    };
    let text = |names: &[&str]| names.iter().find_map(|name| members.get(*name)?.as_str());
    let level = text(&["level", "levelname", "severity"]).unwrap_or_default();
    let is_error = ["ERROR", "CRITICAL", "FATAL"].iter().any(|name| level.eq_ignore_ascii_case(name));
    let parts = [text(&["message", "msg", "event"]), text(&["traceback", "exc_info", "exception", "stack_trace"])];
    let lines = parts.into_iter().flatten().flat_map(str::lines).map(|part| (is_error, part.to_owned()));
    let lines: Vec<_> = lines.collect();
    if lines.is_empty() { vec![(is_error, line.to_owned())] } else { lines }
}

/// Returns whether a line has the form `module.NameError: text`, the last line of a Python traceback.
fn is_exception(text: &str) -> bool {
    let Some((name, _)) = text.split_once(": ") else { return false };
    let is_name = name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_'));
    let last = name.rsplit('.').next().unwrap_or_default();
    is_name
        && last.starts_with(|c: char| c.is_ascii_uppercase())
        && (last.ends_with("Error") || last.ends_with("Exception") || last == "ImproperlyConfigured")
}

fn weigh(text: &str, is_error: bool) -> Weight {
    let lower = text.to_lowercase();
    let has = |parts: &[&str]| parts.iter().any(|part| lower.contains(part));
    if has(&["[emerg]", "[alert]", "[crit]", "exec format error"]) {
        return Weight::Fatal;
    }
    if has(&["goodbye to uwsgi", "uwsgi exited", "vacuum", "game over", "unable to load app", "during handling of"]) {
        return Weight::Chatter;
    }
    let looks_wrong = is_error || has(&["[error]", "error:", "fatal", "permission denied", "not found", "bind()"]);
    if looks_wrong { Weight::Error } else { Weight::Plain }
}

/// Removes nginx's prefix of date, time and process ids: the message starts at the level.
fn without_time(text: String) -> String {
    let is_dated = text.starts_with(|c: char| c.is_ascii_digit());
    match text.find("[e").or_else(|| text.find("[alert]")).or_else(|| text.find("[crit]")) {
        Some(at) if is_dated => text.get(at..).map(str::to_owned).unwrap_or(text),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<LogLine> {
        text.lines().map(|line| LogLine { message: line.into(), ..LogLine::default() }).collect()
    }

    fn check(text: &str, expected: &str) {
        assert_eq!(telling(&lines(text)).as_deref(), Some(expected), "{text}");
    }

    #[test]
    fn the_line_that_tells_most_is_found() {
        let traceback = "Traceback (most recent call last):\n  File \"/app/manage.py\", line 8, in main\n    import x\n\
                         ModuleNotFoundError: No module named 'x'";
        check(traceback, "ModuleNotFoundError: No module named 'x'");
        check(
            &format!(
                "{traceback}\nunable to load app 0 (mountpoint='') (callable not found or import error)\n*** no app loaded. GAME OVER ***\nVACUUM: unix socket removed."
            ),
            "ModuleNotFoundError: No module named 'x'",
        );
        // The first exception comes before the last one of the chain.
        check(
            &format!(
                "{traceback}\n\nDuring handling of the above exception, another exception occurred:\n\nTraceback (most recent call last):\n  File \"x\"\nlinks.Missing"
            ),
            "links.Missing",
        );
        check(
            "starting\nCommandError: Conflicting migrations detected; multiple leaf nodes",
            "CommandError: Conflicting migrations detected; multiple leaf nodes",
        );
        check(
            "2026/01/01 12:00:00 [emerg] 1#1: host not found in upstream \"app\" in /etc/nginx/nginx.conf:12\nbye",
            "[emerg] 1#1: host not found in upstream \"app\" in /etc/nginx/nginx.conf:12",
        );
        check(
            "nginx: [emerg] unknown directive \"lsten\" in /etc/nginx/nginx.conf:3",
            "nginx: [emerg] unknown directive \"lsten\" in /etc/nginx/nginx.conf:3",
        );
        check("exec /app/run: exec format error", "exec /app/run: exec format error");
        check("sh: 1: gunicorn: not found\n\n", "sh: 1: gunicorn: not found");
        check("one\ntwo\n   \n", "two");
        assert_eq!(telling(&[]), None);
    }

    #[test]
    fn json_lines_are_unwrapped() {
        let django = r#"{"time":"t","level":"ERROR","logger":"x","message":"boot failed","traceback":"Traceback (most recent call last):\n  File \"a\", line 1\ndjango.core.exceptions.ImproperlyConfigured: 2 problems in the environment variables"}"#;
        let after = r#"{"time":"t","level":"INFO","logger":"uwsgi","message":"goodbye to uWSGI."}"#;
        check(
            &format!("{django}\n{after}"),
            "django.core.exceptions.ImproperlyConfigured: 2 problems in the environment variables",
        );
        // uWSGI's template, line by line, with unescaped quotation marks.
        let wrapped = |text: &str| format!(r#"{{"time":"t","level":"INFO","logger":"uwsgi","message":"{text}"}}"#);
        let text = ["Traceback (most recent call last):", "  File \"wsgi.py\", line 3", "KeyError: 'SECRET_KEY'"]
            .map(wrapped)
            .join("\n");
        check(&text, "KeyError: 'SECRET_KEY'");
        check(r#"{"level":"CRITICAL","message":"no database"}"#, "no database");
        check(r#"{"level":"INFO","message":"started"}"#, "started");
        check(r#"{"no":"message"}"#, r#"{"no":"message"}"#);
        check("{broken", "{broken");
    }

    #[test]
    fn symptoms_are_read_from_the_telling_line_alone() {
        let table = [
            ("OSError: [Errno 30] Read-only file system: '/app/x'", Some(CauseId::ReadOnlyFileSystem)),
            ("OSError: [Errno 28] No space left on device", Some(CauseId::DiskFull)),
            (
                "django.db.utils.OperationalError: connection to server at \"10.0.0.5\", port 5432 failed: Connection refused",
                Some(CauseId::DatabaseUnreachable),
            ),
            ("django.db.utils.OperationalError: no such table: links", None),
            ("ModuleNotFoundError: No module named 'x'", None),
            ("connection to server lost, reconnecting", None),
        ];
        for (line, expected) in table {
            assert_eq!(symptom(line), expected, "{line}");
        }
    }
}
