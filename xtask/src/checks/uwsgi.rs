//! uWSGI's configuration, as far as the rules need it. `$(NAME)` is replaced by a given variable; without one it stays
//! unknown, because the entrypoint may set it. Not here: whether the values fit (`rules`).

use std::collections::BTreeMap;

/// The options of the section `[uwsgi]`, in their order. An option can occur several times.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UwsgiFacts {
    options: Vec<(String, String)>,
}

/// Reads an ini file. Unset variables keep their `$(NAME)`.
///
/// # Errors
/// Returns the first line that is not an option, with its number.
pub fn read(name: &str, text: &str, variables: &BTreeMap<String, String>) -> Result<UwsgiFacts, String> {
    let mut options = Vec::new();
    let mut is_ours = false;
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with([';', '#']) {
            continue;
        }
        if let Some(section) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            is_ours = section == "uwsgi";
            continue;
        }
        let Some((option, value)) = line.split_once('=') else {
            return Err(format!("{name}:{}: `{line}` is no option", number + 1));
        };
        if is_ours {
            options.push((option.trim().replace('_', "-"), filled(value.trim(), variables)));
        }
    }
    Ok(UwsgiFacts { options })
}

/// Replaces `$(NAME)` with variables.
fn filled(value: &str, variables: &BTreeMap<String, String>) -> String {
    let mut text = String::new();
    let mut rest = value;
    while let Some((before, after)) = rest.split_once("$(") {
        let Some((name, behind)) = after.split_once(')') else { break };
        text.push_str(before);
        match variables.get(name) {
            Some(value) => text.push_str(value),
            None => text.push_str(&format!("$({name})")),
        }
        rest = behind;
    }
    text.push_str(rest);
    text
}

impl UwsgiFacts {
    /// Returns the last value of an option, which is the one that uWSGI uses; `None` where it is unset or unknown.
    pub fn get(&self, option: &str) -> Option<&str> {
        let found = self.options.iter().rev().find(|(name, _)| name == option).map(|(_, value)| value.as_str());
        found.filter(|value| !value.contains("$("))
    }

    /// Returns every value of an option, unknown ones included.
    pub fn all<'a>(&'a self, option: &'a str) -> impl Iterator<Item = &'a str> {
        self.options.iter().filter(move |(name, _)| name == option).map(|(_, value)| value.as_str())
    }

    /// Returns the value of a numeric option.
    pub fn number(&self, option: &str) -> Option<u32> {
        self.get(option)?.parse().ok()
    }

    /// Returns whether a boolean option is on.
    pub fn is_on(&self, option: &str) -> bool {
        self.get(option).is_some_and(|value| matches!(value, "true" | "1" | "yes" | "on"))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::read;

    #[test]
    fn options_have_their_last_value_and_variables_are_filled_in() {
        let variables = BTreeMap::from([("SOCKET".to_owned(), "127.0.0.1:8000".to_owned())]);
        let text = "; c\n[other]\nsocket = :1\n[uwsgi]\nsocket = $(SOCKET)\nworker_reload_mercy = 25\nthreads = $(N)\n\
                    master = true\nlog-encoder = a\nlog-encoder = b=c\n";
        let facts = read("f", text, &variables).unwrap();
        assert_eq!(facts.get("socket"), Some("127.0.0.1:8000"));
        assert_eq!(facts.number("worker-reload-mercy"), Some(25));
        assert_eq!((facts.get("threads"), facts.number("harakiri")), (None, None));
        assert!(facts.is_on("master") && !facts.is_on("vacuum"));
        assert!(facts.all("log-encoder").eq(["a", "b=c"]));
        assert_eq!(read("f", "[uwsgi]\nmaster\n", &variables).unwrap_err(), "f:2: `master` is no option");
    }

    #[test]
    fn our_own_file_is_read() {
        let facts = read("uwsgi.ini", include_str!("../../../app/uwsgi.ini"), &BTreeMap::new()).unwrap();
        assert_eq!(facts.number("buffer-size"), Some(32768));
        assert_eq!(facts.get("hook-master-start"), Some("unix_signal:15 gracefully_kill_them_all"));
        assert_eq!(facts.get("socket"), None);
    }
}
